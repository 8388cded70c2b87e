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
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;
using Values = SmallVector<Value>;

/// Rows that share a panel of the right factor while it is in L1, and terms of
/// that panel.
static constexpr int64_t kGroupRows = 256, kGroupPairs = 128;
/// Bytes of the left factor that a task keeps in L2, and bounds of its rows.
static constexpr int64_t kRoomBytes = 1 << 20, kLeastRows = 128,
                         kMostRows = 512;
/// A product of fewer rows takes as many tasks as there are.
static constexpr int64_t kTasks = 8;

//===----------------------------------------------------------------------===//
// Parts of tensors
//===----------------------------------------------------------------------===//

TiledContraction::TiledContraction(TileBuilder &b,
                                   const Contraction &contraction)
    : b(b), c(contraction) {
  linalg::LinalgOp op = c.op;
  for (Range range : op.createLoopRanges(b, b.getLoc()))
    extents.push_back(range.size);
  termTiles = b.roundedUp(extents[c.term], kPairTile);
  OpFoldResult terms = termTiles;
  for (unsigned loop : c.terms)
    terms = getAsOpFoldResult(times(terms, extents[loop]));
  pairs = b.floorDiv(terms, 2);
  // Few rows: a share for each of some tasks.
  int64_t most = kMostRows;
  if (std::optional<int64_t> count = getConstantIntValue(terms))
    most = std::clamp<int64_t>(kRoomBytes / (2 * std::max<int64_t>(*count, 1)) /
                                   kGroupRows * kGroupRows,
                               kLeastRows, kMostRows);
  Value share =
      b.toIndex(b.roundedUp(b.ceilDiv(extents[c.row], kTasks), kPairTile));
  share = b.createOrFold<arith::MaxSIOp>(share, b.index(kLeastRows));
  blockRows = getAsOpFoldResult(b.min(share, b.index(most)));
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
                   [](ValueRange args) { return args[0]; });
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
// What is computed of the sums
//===----------------------------------------------------------------------===//

/// The one elementwise use of \p value that a tile of it is enough for.
static OpOperand *elementwiseUse(Value value) {
  if (!value.hasOneUse())
    return nullptr;
  OpOperand &use = *value.use_begin();
  auto op = dyn_cast<linalg::GenericOp>(use.getOwner());
  if (!op || op->getBlock() != value.getDefiningOp()->getBlock() ||
      !op.hasPureTensorSemantics() || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() || !op.isDpsInput(&use) ||
      op.hasIndexSemantics() ||
      !op.getMatchingIndexingMap(&use).isPermutation() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isPermutation() ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isProjectedPermutation(); }))
    return nullptr;
  // Scalars and matrices of what is in the loops only.
  for (Operation &inner : *op.getBody())
    if (inner.getNumRegions() != 0 || !isMemoryEffectFree(&inner))
      return nullptr;
  return &use;
}

void TiledContraction::findSteps() {
  linalg::LinalgOp op = c.op;
  OpOperand *init = op.getDpsInitOperand(0);
  resultLoops = loopsOf(c.outMap);
  auto fill = init->get().getDefiningOp<linalg::FillOp>();
  startsAtZero = fill && matchPattern(fill.value(), m_PosZeroFloat());
  into = startsAtZero ? fill.output() : init->get();
  Value result = op->getResult(0);
  while (OpOperand *use = elementwiseUse(result)) {
    Step step{cast<linalg::GenericOp>(use->getOwner()), use, {}};
    AffineMap from = step.op.getMatchingIndexingMap(use);
    step.loops.resize(step.op.getNumLoops());
    for (auto [dim, loop] : llvm::enumerate(resultLoops))
      step.loops[from.getDimPosition(dim)] = loop;
    OpOperand *out = step.op.getDpsInitOperand(0);
    SmallVector<unsigned> next;
    for (unsigned loop : loopsOf(step.op.getMatchingIndexingMap(out)))
      next.push_back(step.loops[loop]);
    // Lanes stay along the columns.
    if (next.back() != c.column)
      return;
    resultLoops = next;
    into = out->get();
    result = step.op->getResult(0);
    steps.push_back(step);
  }
}

/// \p box within the result of \p task.
TiledContraction::Box TiledContraction::placeIn(const Box &task,
                                                const Box &box) {
  Box place = box;
  place.from[c.row] = getAsOpFoldResult(
      b.sub(b.toIndex(box.from[c.row]), b.toIndex(task.from[c.row])));
  for (unsigned loop : llvm::concat<const unsigned>(c.batch, c.rows))
    place.from[loop] = b.getIndexAttr(0);
  return place;
}

/// The steps of the sums in \p block, written to their place in \p slab, the
/// part of the result that belongs to \p task.
Value TiledContraction::finish(Value block, const Box &task, const Box &box,
                               Value slab) {
  Box place = placeIn(task, box);
  Value value =
      b.corner(block, b.getIndexAttr(0), box.size[c.row], box.size[c.column]);
  Value out = slice(slab, resultLoops, place, {c.row, c.column});
  if (steps.empty())
    return put(copied({value, false}, out), slab, resultLoops, place);
  for (Step &step : steps) {
    bool isLast = &step == &steps.back();
    SmallVector<AffineMap> maps;
    Values inputs;
    Value init;
    for (OpOperand &operand : step.op->getOpOperands()) {
      SmallVector<unsigned> loops;
      SmallVector<AffineExpr> kept;
      for (unsigned loop : loopsOf(step.op.getMatchingIndexingMap(&operand))) {
        loops.push_back(step.loops[loop]);
        if (loops.back() == c.row || loops.back() == c.column)
          kept.push_back(b.getAffineDimExpr(loops.back() == c.column));
      }
      bool isInit = step.op.isDpsInit(&operand);
      if (isInit && isLast)
        init = out;
      else if (isInit)
        init = slice(operand.get(), loops, box, {c.row, c.column});
      else if (&operand == step.tile)
        inputs.push_back(value);
      else if (isa<RankedTensorType>(operand.get().getType()))
        inputs.push_back(slice(operand.get(), loops, box, {c.row, c.column}));
      else
        inputs.push_back(operand.get());
      maps.push_back(AffineMap::get(2, 0, kept, b.getContext()));
    }
    auto op = linalg::GenericOp::create(
        b, init.getType(), inputs, init, maps,
        SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
        [&](OpBuilder &nested, Location, ValueRange args) {
          IRMapping map;
          map.map(step.op.getBody()->getArguments(), args);
          for (Operation &inner : *step.op.getBody())
            nested.clone(inner, map);
        });
    value = op.getResult(0);
  }
  return put(value, slab, resultLoops, place);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// \p count pairs of a panel, from \p pair on.
Value TiledContraction::pairsOf(Value packed, const Box &box, Value panel,
                                Value pair, OpFoldResult count) {
  Sizes offsets;
  for (unsigned loop : llvm::concat<const unsigned>(c.batch, c.columns))
    offsets.push_back(box.from[loop]);
  offsets.append({panel, pair, b.getIndexAttr(0)});
  Sizes sizes(offsets.size(), b.getIndexAttr(1)),
      kept{count, b.getIndexAttr(kPairTile)};
  llvm::copy(kept, sizes.end() - 2);
  auto type =
      RankedTensorType::get(decomposeMixedValues(kept).first, b.getI32Type());
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

/// The 32 columns of \p box, one group of rows after another. \p carried: the
/// result's part and a room for sums.
Values TiledContraction::tile(Value room, Value packed, const Box &task,
                              Box box, Value panel, ValueRange carried) {
  OpFoldResult zero = b.getIndexAttr(0), width = b.getIndexAttr(kPairTile);
  Value count = b.toIndex(task.size[c.row]);
  return b.loop(
      b.index(0), count, kGroupRows, carried,
      [&](Value from, ValueRange args) -> Values {
        OpFoldResult rows =
            upTo(b.getIndexAttr(kGroupRows), task.size[c.row], from);
        OpFoldResult tiles = b.roundedUp(rows, kPairTile);
        box.from[c.row] =
            getAsOpFoldResult(b.add(b.toIndex(task.from[c.row]), from));
        box.size[c.row] = rows;
        Value sums = b.corner(args[1], zero, tiles, width);
        sums = linalg::FillOp::create(b, b.f32(0), sums).getResult(0);
        if (!startsAtZero)
          sums = withBefore(sums, args[0], task, box);
        sums = b.loop(b.index(0), b.toIndex(pairs), kGroupPairs, sums,
                      [&](Value pair, ValueRange inner) -> Values {
                        OpFoldResult step =
                            upTo(b.getIndexAttr(kGroupPairs), pairs, pair);
                        Value y = pairsOf(packed, box, panel, pair, step);
                        Value x = tensor::ExtractSliceOp::create(
                            b, room,
                            Sizes{from, getAsOpFoldResult(
                                            times(pair, b.getIndexAttr(2)))},
                            Sizes{tiles, getAsOpFoldResult(
                                             times(step, b.getIndexAttr(2)))},
                            Sizes(2, b.getIndexAttr(1)));
                        return {b.contractPairs(x, y, inner[0])};
                      })
                   .front();
        Value block = b.insertCorner(sums, args[1]);
        return {finish(block, task, box, args[0]), block};
      });
}

/// The whole product.
Value TiledContraction::blocks() {
  Value packed = packedRight();
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
    Value room = leftRoom(task, task.size[c.row]);
    Box whole = task;
    for (unsigned loop :
         llvm::concat<const unsigned>(c.columns, ArrayRef(c.column)))
      whole.size[loop] = extents[loop];
    Value all = forall.getRegionIterArgs()[0];
    Value slab = slice(all, resultLoops, whole, resultLoops);
    Value sums =
        b.empty({b.getIndexAttr(kGroupRows), b.getIndexAttr(kPairTile)});
    OpFoldResult width = b.getIndexAttr(kPairTile);
    Box box = task;
    slab = nest(c.columns, box, {slab, sums}, [&](Value, ValueRange args) {
             return b.loop(
                 b.index(0), b.toIndex(b.ceilDiv(extents[c.column], kPairTile)),
                 1, args, [&](Value panel, ValueRange next) {
                   Value from = times(panel, width);
                   box.from[c.column] = from;
                   box.size[c.column] = upTo(width, extents[c.column], from);
                   return tile(room, packed, task, box, panel, next);
                 });
           }).front();
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

void TiledContraction::build() {
  findSteps();
  linalg::LinalgOp op = c.op;
  Operation *last =
      steps.empty() ? op.getOperation() : steps.back().op.getOperation();
  b.setInsertionPoint(last);
  Value result;
  if (getConstantIntValue(extents[c.row])) {
    result = blocks();
  } else {
    Value isMany =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sge,
                              b.toIndex(extents[c.row]), b.index(kPairTile));
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
  for (Step &step : llvm::reverse(steps))
    step.op->erase();
  op->erase();
}
