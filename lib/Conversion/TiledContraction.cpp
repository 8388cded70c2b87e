//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TiledContraction.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;
using Values = SmallVector<Value>;

/// Columns of a panel of f32: three vectors of 16 lanes, six of 8, twelve of 4.
static constexpr int64_t kPanel = 48;
/// A group of pairs, and one of f32: its rows, columns, and the rows of its
/// panels that are taken at a time. Its sums and that part of a panel stay in
/// L1 (pairs: 32 and 16 KiB), into which the left factor streams from L2.
static constexpr int64_t kGroupRows = 256, kGroupColumns = 32,
                         kGroupDepth = 128, kSingleDepth = 256,
                         kSingleRows = 128;
/// Bytes of the left factor that a task keeps in L2, bounds of its rows, and
/// what they are a multiple of.
static constexpr int64_t kRoomBytes = 3 << 19, kLeastRows = 128,
                         kMostRows = 512, kRowStep = 64;
/// A product of fewer rows takes as many tasks as there are.
static constexpr int64_t kTasks = 8;

//===----------------------------------------------------------------------===//
// Parts of tensors
//===----------------------------------------------------------------------===//

/// The outermost parallel loop around \p op that \p value comes from outside
/// of, or null.
static Operation *loopPast(Operation *op, Value value) {
  Operation *found = nullptr;
  for (auto loop = op->getParentOfType<scf::ForallOp>(); loop;
       loop = loop->getParentOfType<scf::ForallOp>())
    if (!loop->isAncestor(value.getParentBlock()->getParentOp()))
      found = loop;
  return found;
}

TiledContraction::TiledContraction(TileBuilder &b,
                                   const Contraction &contraction,
                                   const TaskContraction &place)
    : b(b), c(contraction), place(place), tileSize(c.inPairs ? kPairTile : 1),
      packedTerms(c.inPairs ? 2 : 1),
      panelWidth(c.inPairs ? kPairTile : kPanel),
      groupWidth(c.inPairs ? kGroupColumns : kPanel),
      groupRows(c.inPairs ? kGroupRows : kSingleRows),
      groupDepth(c.inPairs ? kGroupDepth : kSingleDepth) {
  linalg::LinalgOp op = c.op;
  Value right = op->getOperand(c.right);
  for (Range range : op.createLoopRanges(b, b.getLoc()))
    extents.push_back(range.size);
  packsBefore = place.inTask ? loopPast(op, right) : nullptr;
  OpBuilder::InsertionGuard guard(b);
  if (packsBefore) {
    b.setInsertionPoint(packsBefore);
    for (auto [dim, loop] : llvm::enumerate(loopsOf(c.rightMap)))
      extents[loop] = b.size(right, dim);
  }
  termTiles = b.roundedUp(extents[c.term], tileSize);
  OpFoldResult terms = termTiles;
  for (unsigned loop : c.terms)
    terms = getAsOpFoldResult(times(terms, extents[loop]));
  depth = b.floorDiv(terms, packedTerms);
  if (!place.inTask)
    blockRows = taskRows(b, extents[c.row], mostRows(c));
}

/// Rows that a room of the left factor has.
OpFoldResult TiledContraction::roomRows(OpFoldResult count) {
  return place.inTask ? b.roundedUp(count, tileSize) : blockRows;
}

int64_t TiledContraction::mostRows(const Contraction &c) {
  linalg::LinalgOp op = c.op;
  int64_t count = 1;
  for (auto [loop, range] : llvm::enumerate(op.getStaticLoopRanges()))
    if (loop == c.term || llvm::is_contained(c.terms, loop)) {
      if (ShapedType::isDynamic(range))
        return kMostRows;
      count *= range;
    }
  return std::clamp<int64_t>(
      kRoomBytes / ((c.inPairs ? 2 : 4) * std::max<int64_t>(count, 1)) /
          kRowStep * kRowStep,
      kLeastRows, kMostRows);
}

OpFoldResult TiledContraction::taskRows(TileBuilder &b, OpFoldResult rows,
                                        int64_t most) {
  Value share = b.toIndex(b.roundedUp(b.ceilDiv(rows, kTasks), kRowStep));
  share = b.createOrFold<arith::MaxSIOp>(share, b.index(kLeastRows));
  return getAsOpFoldResult(b.min(share, b.index(most)));
}

Value TiledContraction::times(OpFoldResult x, OpFoldResult y) {
  return b.createOrFold<arith::MulIOp>(b.toIndex(x), b.toIndex(y));
}

/// How many of \p step are left from \p from to \p end.
OpFoldResult TiledContraction::upTo(OpFoldResult step, OpFoldResult end,
                                    Value from) {
  std::optional<int64_t> width = getConstantIntValue(step),
                         all = getConstantIntValue(end);
  if (width && all && *all > 0 && *all % *width == 0)
    return step;
  if (width && all && *all < *width)
    return end;
  return getAsOpFoldResult(b.min(b.sub(b.toIndex(end), from), b.toIndex(step)));
}

TiledContraction::Box TiledContraction::unit() {
  return {Sizes(extents.size(), b.getIndexAttr(0)),
          Sizes(extents.size(), b.getIndexAttr(1))};
}

SmallVector<unsigned> TiledContraction::loopsOf(AffineMap map) {
  SmallVector<unsigned> loops;
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    loops.push_back(map.getDimPosition(i));
  return loops;
}

/// The part of \p x, whose dimensions follow \p loops, in \p box: only the
/// dimensions of the loops in \p kept.
Value TiledContraction::slice(Value x, ArrayRef<unsigned> loops, const Box &box,
                              ArrayRef<unsigned> kept) {
  Sizes offsets, sizes, left;
  for (unsigned loop : loops) {
    offsets.push_back(box.from[loop]);
    sizes.push_back(box.size[loop]);
    if (llvm::is_contained(kept, loop))
      left.push_back(box.size[loop]);
  }
  auto type = RankedTensorType::get(decomposeMixedValues(left).first,
                                    getElementTypeOrSelf(x));
  return tensor::ExtractSliceOp::create(b, type, x, offsets, sizes,
                                        Sizes(loops.size(), b.getIndexAttr(1)));
}

TiledContraction::Slice TiledContraction::matrix(Value x, AffineMap map,
                                                 const Box &box, unsigned first,
                                                 unsigned second) {
  SmallVector<unsigned> loops = loopsOf(map);
  return {slice(x, loops, box, {first, second}),
          llvm::find(loops, second) < llvm::find(loops, first)};
}

Value TiledContraction::put(Value part, Value x, ArrayRef<unsigned> loops,
                            const Box &box) {
  Sizes offsets, sizes;
  for (unsigned loop : loops) {
    offsets.push_back(box.from[loop]);
    sizes.push_back(box.size[loop]);
  }
  return tensor::InsertSliceOp::create(b, part, x, offsets, sizes,
                                       Sizes(loops.size(), b.getIndexAttr(1)));
}

Value TiledContraction::copied(Slice x, Value into) {
  return b.generic("mn", {{x.value, x.isTurned ? "nm" : "mn"}}, {into, "mn"},
                   [&](ValueRange args) {
                     return args[0].getType() == args[1].getType()
                                ? args[0]
                                : b.widen(args[0]);
                   });
}

/// Loops over all of \p loops, whose indices \p box gets.
Values
TiledContraction::nest(ArrayRef<unsigned> loops, Box &box, ValueRange carried,
                       function_ref<Values(Value number, ValueRange)> body) {
  std::function<Values(size_t, Value, ValueRange)> inner =
      [&](size_t depth, Value number, ValueRange args) -> Values {
    if (depth == loops.size())
      return body(number, args);
    OpFoldResult extent = extents[loops[depth]];
    return b.loop(b.index(0), b.toIndex(extent), 1, args,
                  [&](Value i, ValueRange next) {
                    box.from[loops[depth]] = i;
                    Value at = b.add(times(number, extent), i);
                    return inner(depth + 1, at, next);
                  });
  };
  return inner(0, b.index(0), carried);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// \p count rows of a panel, from \p from on.
Value TiledContraction::panelOf(Value packed, const Box &box, Value panel,
                                Value from, OpFoldResult count,
                                OpFoldResult width) {
  Sizes offsets;
  for (unsigned loop : llvm::concat<const unsigned>(c.batch, c.columns))
    offsets.push_back(box.from[loop]);
  offsets.append({panel, from, b.getIndexAttr(0)});
  Sizes sizes(offsets.size(), b.getIndexAttr(1)), kept{count, width};
  llvm::copy(kept, sizes.end() - 2);
  auto type = RankedTensorType::get(decomposeMixedValues(kept).first,
                                    getElementTypeOrSelf(packed));
  return tensor::ExtractSliceOp::create(b, type, packed, offsets, sizes,
                                        Sizes(sizes.size(), b.getIndexAttr(1)));
}

/// \p sums with what the product adds to.
Value TiledContraction::withBefore(Value sums, Value slab, const Box &task,
                                   const Box &box) {
  linalg::LinalgOp op = c.op;
  // Without steps it lies where the result goes.
  Slice before =
      steps.empty()
          ? matrix(slab, c.outMap, placeIn(task, box), c.row, c.column)
          : matrix(op.getDpsInits()[0], c.outMap, box, c.row, c.column);
  Value part =
      b.corner(sums, b.getIndexAttr(0), box.size[c.row], box.size[c.column]);
  return b.insertCorner(copied(before, part), sums);
}

/// The sums of \p box, whose first row is row \p row of \p room, in a corner of
/// \p sums.
Value TiledContraction::sumsOf(Value room, const Box &task, const Box &box,
                               Value row, Value sums, Value slab) {
  Value part =
      b.corner(sums, b.getIndexAttr(0), b.roundedUp(box.size[c.row], tileSize),
               b.roundedUp(box.size[c.column], tileSize));
  part = linalg::FillOp::create(b, b.f32(0), part).getResult(0);
  if (!startsAtZero)
    part = withBefore(part, slab, task, box);
  part = b.loop(b.index(0), b.toIndex(depth), groupDepth, part,
                [&](Value at, ValueRange inner) -> Values {
                  return {products(room, box, row, at, inner[0])};
                })
             .front();
  return b.insertCorner(part, sums);
}

/// A group of columns, \p box, and one of rows after another. \p carried: the
/// result's part, a room for sums, and one for those of the product beside.
Values TiledContraction::group(Value room, const Box &task, Box box,
                               ValueRange carried) {
  return b.loop(
      b.index(0), b.toIndex(task.size[c.row]), groupRows, carried,
      [&](Value from, ValueRange args) -> Values {
        box.from[c.row] =
            getAsOpFoldResult(b.add(b.toIndex(task.from[c.row]), from));
        box.size[c.row] =
            upTo(b.getIndexAttr(groupRows), task.size[c.row], from);
        Values next{{}, sumsOf(room, task, box, from, args[1], args[0])};
        Value other;
        if (beside) {
          next.push_back(beside->sumsOf(room, task, box, from, args[2], {}));
          other = beside->stepsOf(next[2], box, {}, {});
        }
        next[0] = finish(next[1], task, box, args[0], other);
        return next;
      });
}

/// \p sums plus the products of some terms, from row \p at of the panels on, a
/// panel after another.
Value TiledContraction::products(Value room, const Box &box, Value row,
                                 Value at, Value sums) {
  OpFoldResult zero = b.getIndexAttr(0), packing = b.getIndexAttr(packedTerms);
  Sizes strides(2, b.getIndexAttr(1));
  OpFoldResult step = upTo(b.getIndexAttr(groupDepth), depth, at);
  OpFoldResult rows = b.size(sums, 0), width = b.size(sums, 1);
  Value x = tensor::ExtractSliceOp::create(
      b, room, Sizes{row, getAsOpFoldResult(times(at, packing))},
      Sizes{rows, getAsOpFoldResult(times(step, packing))}, strides);
  Value first = b.toIndex(b.floorDiv(box.from[c.column], panelWidth));
  return b
      .loop(
          b.index(0), b.toIndex(width), panelWidth, sums,
          [&](Value column, ValueRange args) -> Values {
            Value panel = b.add(
                first, b.toIndex(b.floorDiv(OpFoldResult(column), panelWidth)));
            OpFoldResult columns =
                c.inPairs ? b.getIndexAttr(panelWidth)
                          : upTo(b.getIndexAttr(panelWidth), width, column);
            Value y = panelOf(packed, box, panel, at, step, columns);
            Sizes offsets{zero, column}, sizes{rows, columns};
            Value part = tensor::ExtractSliceOp::create(b, args[0], offsets,
                                                        sizes, strides);
            part = c.inPairs
                       ? b.contractPairs(x, y, part)
                       : b.contract("mnk", {x, "mk"}, {y, "kn"}, {part, "mn"});
            return {tensor::InsertSliceOp::create(b, part, args[0], offsets,
                                                  sizes, strides)};
          })
      .front();
}

/// The product of the rows of \p task, written to \p slab.
Value TiledContraction::taskOf(const Box &task, Value slab) {
  Value room = place.room ? place.room : leftRoom(task, task.size[c.row]);
  OpFoldResult width = b.getIndexAttr(groupWidth);
  Values carried{slab};
  for (int i = 0; i < (beside ? 2 : 1); ++i)
    carried.push_back(b.empty({b.getIndexAttr(groupRows), width}));
  Box box = task;
  return nest(c.columns, box, carried,
              [&](Value, ValueRange args) {
                return b.loop(
                    b.index(0), b.toIndex(extents[c.column]), groupWidth, args,
                    [&](Value from, ValueRange next) {
                      box.from[c.column] = from;
                      box.size[c.column] = upTo(width, extents[c.column], from);
                      return group(room, task, box, next);
                    });
              })
      .front();
}

/// The right factor, packed before the loop of the task if that is possible.
void TiledContraction::pack() {
  OpBuilder::InsertionGuard guard(b);
  if (packsBefore)
    b.setInsertionPoint(packsBefore);
  packed = packedRight();
}

/// The whole product.
Value TiledContraction::blocks() {
  pack();
  if (beside)
    beside->pack();
  if (place.inTask) {
    Box task = unit();
    task.size[c.row] = extents[c.row];
    return taskOf(task, into);
  }
  SmallVector<unsigned> outer =
      llvm::to_vector(llvm::concat<const unsigned>(c.batch, c.rows));
  Sizes ends, steps1;
  for (unsigned loop : outer) {
    ends.push_back(extents[loop]);
    steps1.push_back(b.getIndexAttr(1));
  }
  ends.push_back(extents[c.row]);
  steps1.push_back(blockRows);
  auto forall = scf::ForallOp::create(b, Sizes(ends.size(), b.getIndexAttr(0)),
                                      ends, steps1, into, std::nullopt);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(forall.getBody());
    Box task = unit();
    for (auto [loop, index] : llvm::zip(outer, forall.getInductionVars()))
      task.from[loop] = index;
    Value first = forall.getInductionVars().back();
    task.from[c.row] = first;
    task.size[c.row] = upTo(blockRows, extents[c.row], first);
    Box whole = task;
    for (unsigned loop :
         llvm::concat<const unsigned>(c.columns, ArrayRef(c.column)))
      whole.size[loop] = extents[loop];
    Value all = forall.getRegionIterArgs()[0];
    Value slab = taskOf(task, slice(all, resultLoops, whole, resultLoops));
    Sizes offsets, sizes;
    for (unsigned loop : resultLoops) {
      offsets.push_back(whole.from[loop]);
      sizes.push_back(whole.size[loop]);
    }
    b.setInsertionPointToStart(forall.getTerminator().getBody());
    tensor::ParallelInsertSliceOp::create(
        b, slab, all, offsets, sizes, Sizes(sizes.size(), b.getIndexAttr(1)));
  }
  return forall.getResult(0);
}

/// The product and its steps as they were, with what they start from: nothing
/// of it is done where tiles are.
Value TiledContraction::untiled() {
  linalg::LinalgOp op = c.op;
  IRMapping map;
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  if (fill && !steps.empty())
    if (auto room = fill.output().getDefiningOp<tensor::EmptyOp>())
      b.clone(*room, map);
  if (fill)
    b.clone(*fill, map);
  Operation *last = b.clone(*op, map);
  for (Step &step : steps)
    last = b.clone(*step.op, map);
  return last->getResult(0);
}

Operation *TiledContraction::build() {
  findSteps();
  linalg::LinalgOp op = c.op;
  Operation *last =
      steps.empty() ? op.getOperation() : steps.back().op.getOperation();
  b.setInsertionPoint(last);
  if (place.inTask)
    findBeside();
  Value result;
  if (place.inTask || getConstantIntValue(extents[c.row])) {
    result = blocks();
  } else {
    Value isMany = arith::CmpIOp::create(b, arith::CmpIPredicate::sge,
                                         b.toIndex(extents[c.row]),
                                         b.index(c.leastRows()));
    auto choice = scf::IfOp::create(b, last->getResultTypes(), isMany,
                                    /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    for (Block *block : {choice.thenBlock(), choice.elseBlock()}) {
      b.setInsertionPointToStart(block);
      scf::YieldOp::create(b,
                           block == choice.thenBlock() ? blocks() : untiled());
    }
    result = choice.getResult(0);
  }
  last->getResult(0).replaceAllUsesWith(result);
  linalg::LinalgOp other = beside ? beside->c.op : nullptr;
  erase();
  if (beside)
    beside->erase();
  return other ? other.getOperation() : nullptr;
}

void TiledContraction::erase() {
  for (Step &step : llvm::reverse(steps))
    step.op->erase();
  linalg::LinalgOp op = c.op;
  op->erase();
}
