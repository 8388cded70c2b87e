//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Emission of the loops of a VectorPlan:
///
///     parallel (outer loops, blocks of rows)
///       for a tile of columns            whole vectors, then a masked tail
///         for a tile of rows             plan.rows at a time, then one by one
///           load the accumulators
///           for the reductions
///             acc[row][column] = payload
///           store the accumulators
///
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "VectorPayload.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::infini_attn;
using namespace mlir::infini_attn::cpu;

/// Steps of a reduction in one iteration.
static constexpr int32_t kUnroll = 2;

/// Steps of a reduction from the prefetch of a factor to its use. A step of a
/// whole tile takes 12 cycles, a line from L2 some 15, but the sums and both
/// factors of an attention's products contend for L1: 210 GF without, 213 with
/// 4 steps, 221 with 8, 225 with 16 and 223 with 32, of 239 in L1.
static constexpr int64_t kPrefetch = 16;

namespace {
/// Accumulators: one an output, row and column, in this order.
using Accumulators = SmallVector<Value>;

class LoopEmitter {
public:
  LoopEmitter(OpBuilder &builder, linalg::GenericOp op, const VectorPlan &plan)
      : b(op.getLoc(), builder), op(op), plan(plan),
        payload(b, op, this->plan, nest) {
    nest.indices.resize(op.getNumLoops());
  }

  void emit();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  void emitOuter(ArrayRef<unsigned> outer, bool parallel);
  void emitRowBlock(Value block);
  void emitColumns(Value rowFrom, Value rowTo);
  void emitRows(Value rowFrom, Value rowTo, Value column, int64_t columns,
                Value mask);
  Accumulators emitStart(const RegisterTile &tile, size_t i, OpOperand &init,
                         ArrayRef<Value> sums = {});
  RegisterTile makeRows(Value row, int64_t rows);
  Value maskFrom(Value column);
  void emitTile(Value row, int64_t rows, Value column, int64_t columns,
                Value mask);
  void emitReduceTile(Value row, int64_t rows);
  void emitTransposedPrefetch(const RegisterTile &tile);
  void emitPrefetch(const RegisterTile &tile, Value row, int64_t rows,
                    unsigned dim, bool isFirst);
  void emitPanelPrefetch(const RegisterTile &tile, unsigned dim);
  Accumulators emitReductions(ArrayRef<unsigned> dims, ArrayRef<Value> init,
                              int64_t unroll,
                              function_ref<Accumulators(ArrayRef<Value>)> body);
  Value combineLanes(Operation *combiner, Value vector);
  Value combine(Operation *combiner, Value lhs, Value rhs);
  TypedAttr neutralElement(Operation *combiner, Type type);

  ImplicitLocOpBuilder b;
  linalg::GenericOp op;
  VectorPlan plan;
  LoopNest nest;
  VectorPayload payload;
};
} // namespace

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void LoopEmitter::emit() {
  for (Range range : cast<linalg::LinalgOp>(op.getOperation())
                         .createLoopRanges(b, op.getLoc()))
    nest.upper.push_back(
        getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
  SmallVector<unsigned> outer;
  for (unsigned dim = 0, e = op.getNumLoops(); dim < e; ++dim)
    if (op.getIteratorTypesArray()[dim] == utils::IteratorType::parallel &&
        dim != plan.vectorDim && dim != plan.rowDim)
      outer.push_back(dim);
  emitOuter(outer, !isSequential(op));
}

void LoopEmitter::emitOuter(ArrayRef<unsigned> outer, bool parallel) {
  SmallVector<Value> counts;
  for (unsigned dim : outer)
    counts.push_back(nest.upper[dim]);
  if (plan.rowDim)
    counts.push_back(arith::CeilDivUIOp::create(b, nest.upper[*plan.rowDim],
                                                constant(kRowBlock)));

  auto emitBody = [&](ValueRange ivs) {
    for (auto [dim, iv] : llvm::zip(outer, ivs))
      nest.indices[dim] = iv;
    if (plan.rowDim)
      emitRowBlock(ivs.back());
    else
      emitColumns({}, {});
  };
  if (counts.empty())
    return emitBody({});

  SmallVector<Value> zeros(counts.size(), constant(0)),
      ones(counts.size(), constant(1));
  OpBuilder::InsertionGuard guard(b);
  if (parallel) {
    auto loop = scf::ParallelOp::create(b, zeros, counts, ones);
    b.setInsertionPointToStart(loop.getBody());
    return emitBody(loop.getInductionVars());
  }
  SmallVector<Value> ivs;
  for (auto [zero, count, one] : llvm::zip(zeros, counts, ones)) {
    auto loop = scf::ForOp::create(b, zero, count, one);
    b.setInsertionPointToStart(loop.getBody());
    ivs.push_back(loop.getInductionVar());
  }
  emitBody(ivs);
}

void LoopEmitter::emitRowBlock(Value block) {
  Value from = arith::MulIOp::create(b, block, constant(kRowBlock));
  Value to = arith::MinUIOp::create(
      b, arith::AddIOp::create(b, from, constant(kRowBlock)),
      nest.upper[*plan.rowDim]);
  emitColumns(from, to);
}

void LoopEmitter::emitColumns(Value rowFrom, Value rowTo) {
  if (plan.kind == VectorPlan::Kind::Reduce)
    return emitRows(rowFrom, rowTo, {}, 1, {});
  Value extent = nest.upper[plan.vectorDim];
  std::optional<int64_t> known = getConstantIntValue(extent);
  // Masks cost nothing where registers for them exist: a vector that may end
  // early is not worth a copy of the tile for those that do not.
  bool isMasked = plan.lanes == 16 && !(known && *known % plan.lanes == 0);
  // As many whole tiles as there are, then smaller ones.
  Value from = constant(0);
  for (int64_t columns = plan.columns; columns > isMasked; --columns) {
    int64_t step = columns * plan.lanes;
    Value left = arith::SubIOp::create(b, extent, from);
    Value tail = arith::RemUIOp::create(b, left, constant(step));
    Value whole = b.createOrFold<arith::SubIOp>(extent, tail);
    emitLoop(b, from, whole, step, {}, [&](Value column, ValueRange) {
      emitRows(rowFrom, rowTo, column, columns, {});
      return SmallVector<Value>();
    });
    from = whole;
    if (known && *known % step == 0)
      return;
  }
  if (known && *known % plan.lanes == 0)
    return;
  emitLoop(b, from, extent, plan.lanes, {}, [&](Value column, ValueRange) {
    emitRows(rowFrom, rowTo, column, 1, maskFrom(column));
    return SmallVector<Value>();
  });
}

/// The lanes at \p column and after it that lie inside of the vector loop.
Value LoopEmitter::maskFrom(Value column) {
  Value left = arith::SubIOp::create(b, nest.upper[plan.vectorDim], column);
  return vector::CreateMaskOp::create(b, payload.vectorOf(b.getI1Type()), left);
}

void LoopEmitter::emitRows(Value rowFrom, Value rowTo, Value column,
                           int64_t columns, Value mask) {
  auto emitOne = [&](Value row, int64_t rows) {
    if (plan.kind == VectorPlan::Kind::Reduce)
      emitReduceTile(row, rows);
    else
      emitTile(row, rows, column, columns, mask);
  };
  if (!plan.rowDim)
    return emitOne({}, 1);
  Value count = arith::SubIOp::create(b, rowTo, rowFrom);
  Value tail = arith::RemUIOp::create(b, count, constant(plan.rows));
  Value whole = arith::SubIOp::create(b, rowTo, tail);
  emitLoop(b, rowFrom, whole, plan.rows, {}, [&](Value row, ValueRange) {
    emitOne(row, plan.rows);
    return SmallVector<Value>();
  });
  if (plan.rows > 1)
    emitLoop(b, whole, rowTo, 1, {}, [&](Value row, ValueRange) {
      emitOne(row, 1);
      return SmallVector<Value>();
    });
}

Accumulators
LoopEmitter::emitReductions(ArrayRef<unsigned> dims, ArrayRef<Value> init,
                            int64_t unroll,
                            function_ref<Accumulators(ArrayRef<Value>)> body) {
  if (dims.empty())
    return body(init);
  unsigned dim = dims.front();
  Value extent = nest.upper[dim];
  auto steps = [&](Value from, Value to, int64_t count, ValueRange start) {
    return emitLoop(
        b, from, to, count, start, [&](Value iv, ValueRange carried) {
          Accumulators values(carried);
          for (int64_t i = 0; i < count; ++i) {
            nest.indices[dim] =
                i == 0 ? iv : arith::AddIOp::create(b, iv, constant(i));
            values = emitReductions(dims.drop_front(), values, unroll, body);
          }
          return values;
        });
  };
  // The innermost steps are unrolled: fewer additions compete with the
  // products.
  if (dims.size() > 1 || unroll == 1)
    return steps(constant(0), extent, 1, init);
  std::optional<int64_t> known = getConstantIntValue(extent);
  if (known && *known % unroll == 0)
    return steps(constant(0), extent, unroll, init);
  Value whole = arith::SubIOp::create(
      b, extent, arith::RemUIOp::create(b, extent, constant(unroll)));
  return steps(whole, extent, 1, steps(constant(0), whole, unroll, init));
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// Whether \p operand moves to the next element in memory along loop \p dim.
static bool isNeighbour(linalg::GenericOp op, OpOperand &operand,
                        unsigned dim) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(cast<MemRefType>(operand.get().getType())
                 .getStridesAndOffset(strides, offset)))
    return false;
  AffineMap map = op.getMatchingIndexingMap(&operand);
  std::optional<unsigned> position =
      map.getResultPosition(getAffineDimExpr(dim, op.getContext()));
  return position && strides[*position] == 1;
}

RegisterTile LoopEmitter::makeRows(Value row, int64_t rows) {
  RegisterTile tile;
  for (int64_t r = 0; r < rows; ++r)
    tile.rowIndex.push_back(
        row ? arith::AddIOp::create(b, row, constant(r)).getResult() : Value());
  return tile;
}

/// What the accumulators of output \p i begin with: what it holds, or its fill;
/// null where the payload reads neither. Added to \p sums, where there are any.
Accumulators LoopEmitter::emitStart(const RegisterTile &tile, size_t i,
                                    OpOperand &init, ArrayRef<Value> sums) {
  linalg::FillOp fill = plan.fills[i];
  Value condition = plan.conditions[i];
  size_t count = tile.rowIndex.size() * tile.columnIndex.size();
  auto started = [&](size_t n, Value start) -> Value {
    return sums.empty() ? start : arith::AddFOp::create(b, start, sums[n]);
  };
  auto filled = [&] {
    if (!sums.empty() && matchPattern(fill.value(), m_AnyZeroFloat()))
      return Accumulators(sums);
    Value value = fill ? payload.toVector(fill.value()) : Value();
    Accumulators values;
    for (size_t n = 0; n < count; ++n)
      values.push_back(started(n, value));
    return values;
  };
  auto loaded = [&] {
    Accumulators values;
    for (Value r : tile.rowIndex)
      for (Value c : tile.columnIndex)
        values.push_back(
            started(values.size(), payload.load(init, r, c, tile.mask)));
    return values;
  };
  if (!op.payloadUsesValueFromOperand(&init) || (fill && !condition))
    return filled();
  if (!fill)
    return loaded();
  Type type = payload.vectorOf(getElementTypeOrSelf(init.get()));
  auto branch = scf::IfOp::create(b, SmallVector<Type>(count, type), condition,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, filled());
  b.setInsertionPointToStart(branch.elseBlock());
  Accumulators values = loaded();
  for (Value &value : values)
    value = payload.toVector(value);
  scf::YieldOp::create(b, values);
  return Accumulators(branch.getResults());
}

void LoopEmitter::emitTile(Value row, int64_t rows, Value column,
                           int64_t columns, Value mask) {
  RegisterTile tile = makeRows(row, rows);
  tile.mask = mask;
  for (int64_t c = 0; c < columns; ++c)
    tile.columnIndex.push_back(
        arith::AddIOp::create(b, column, constant(c * plan.lanes)));

  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  // A sum begins with 0, and what was there is added at the end: the sum of
  // many tiles is rounded once a tile then, not once a term.
  bool isSum = !reductions.empty() && op.getNumDpsInits() == 1 &&
               isa_and_nonnull<arith::AddFOp>(getCombiner(op, 0).first);
  Accumulators accumulators;
  for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable()))
    if (isSum)
      accumulators.assign(
          rows * columns,
          arith::ConstantOp::create(b, b.getZeroAttr(payload.vectorOf(
                                           getElementTypeOrSelf(init.get())))));
    else
      llvm::append_range(accumulators, emitStart(tile, i, init));

  if (reductions.empty() && plan.rowDim && rows == plan.lanes)
    emitTransposedPrefetch(tile);
  // An output that the payload does not read is written by the last iteration;
  // with reductions it still needs a value to carry.
  if (!reductions.empty()) {
    size_t tileSize = rows * columns;
    for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable()))
      for (Value &value :
           MutableArrayRef(accumulators).slice(i * tileSize, tileSize))
        if (!value)
          value = arith::ConstantOp::create(
              b, b.getZeroAttr(
                     payload.vectorOf(getElementTypeOrSelf(init.get()))));
  }
  // Smaller tiles are for what is left at the ends: not worth the code.
  bool isWhole = rows == plan.rows && columns == plan.columns && rows > 1;
  bool isFirst = true;
  accumulators = emitReductions(reductions, accumulators, isWhole ? kUnroll : 1,
                                [&](ArrayRef<Value> carried) {
                                  if (isWhole && !reductions.empty())
                                    emitPrefetch(tile, row, rows,
                                                 reductions.back(), isFirst);
                                  isFirst = false;
                                  Accumulators next(carried);
                                  payload.evaluate(tile, next);
                                  return next;
                                });

  if (isSum)
    accumulators = emitStart(tile, 0, op.getDpsInitsMutable()[0], accumulators);
  size_t i = 0;
  for (OpOperand &init : op.getDpsInitsMutable())
    for (Value r : tile.rowIndex)
      for (Value c : tile.columnIndex)
        payload.store(init, accumulators[i++], r, c, mask);
}

/// Asks for what tiles will multiply their vectors by, where the CPU does not
/// foresee it: where rows are neighbours in memory the lines some steps ahead,
/// one a step, and those as many steps ahead as there are; where steps are,
/// those of the next tile's rows, once a line. In a block of their own: LLVM's
/// scheduler takes a prefetch for a store that loads must not pass, and spills.
/// A prefetch may lie outside of the buffer.
void LoopEmitter::emitPrefetch(const RegisterTile &tile, Value row,
                               int64_t rows, unsigned dim, bool isFirst) {
  Value step = nest.indices[dim];
  auto emit = [&](OpOperand &operand, Value at, int locality) {
    memref::PrefetchOp::create(b, payload.bufferOf(operand),
                               payload.addressOf(operand, at, {}),
                               /*isWrite=*/false, locality,
                               /*isDataCache=*/true);
  };
  for (OpOperand *operand : op.getDpsInputOperands()) {
    auto type = dyn_cast<MemRefType>(operand->get().getType());
    if (!type || getAccess(op, *operand, plan.vectorDim) != Access::Uniform)
      continue;
    if (isNeighbour(op, *operand, *plan.rowDim)) {
      nest.indices[dim] = arith::AddIOp::create(b, step, constant(kPrefetch));
      emit(*operand, row, /*locality=*/3);
      // The next product's, into L2: blocks of values follow each other.
      if (isFirst) {
        // Two tiles share a line: each asks for every other step's.
        Value other = arith::AndIOp::create(
            b, arith::DivUIOp::create(b, row, constant(rows)), constant(1));
        nest.indices[dim] = arith::AddIOp::create(
            b, arith::AddIOp::create(b, step, other), nest.upper[dim]);
        emit(*operand, row, /*locality=*/2);
      }
      nest.indices[dim] = step;
    } else if (isFirst && isNeighbour(op, *operand, dim)) {
      Type element = type.getElementType();
      int64_t line =
          512 / (element.isIntOrFloat() ? element.getIntOrFloatBitWidth() : 64);
      Value place = arith::RemUIOp::create(b, step, constant(line));
      Value isLine = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, place,
                                           constant(0));
      auto branch = scf::IfOp::create(b, isLine);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      for (int64_t r = rows; r < 2 * rows; ++r)
        emit(*operand, arith::AddIOp::create(b, row, constant(r)),
             /*locality=*/3);
      emitPanelPrefetch(tile, dim);
    }
  }
}

/// Asks for a row of the panel that comes after this one, into L2: another in
/// each tile of rows, so that \p line of them have asked for all. A model's
/// right factors come from far, and are read once for a block of rows.
void LoopEmitter::emitPanelPrefetch(const RegisterTile &tile, unsigned dim) {
  for (OpOperand *operand : op.getDpsInputOperands()) {
    if (getAccess(op, *operand, plan.vectorDim) != Access::Contiguous)
      continue;
    Value step = nest.indices[dim];
    Value number = arith::DivUIOp::create(b, tile.rowIndex.front(),
                                          constant(tile.rowIndex.size()));
    nest.indices[dim] = arith::AddIOp::create(
        b, arith::AddIOp::create(b, step, nest.upper[dim]), number);
    for (Value column : tile.columnIndex)
      memref::PrefetchOp::create(
          b, payload.bufferOf(*operand),
          payload.addressOf(*operand, tile.rowIndex.front(), column),
          /*isWrite=*/false, /*locality=*/2, /*isDataCache=*/true);
    nest.indices[dim] = step;
  }
}

/// Asks for what the next square tile of a transposition reads: a line a row,
/// which the CPU does not foresee either.
void LoopEmitter::emitTransposedPrefetch(const RegisterTile &tile) {
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (getAccess(op, *input, plan.vectorDim) != Access::Strided)
      continue;
    for (int64_t lane = 0; lane < plan.lanes; ++lane) {
      Value column = arith::AddIOp::create(b, tile.columnIndex.front(),
                                           constant(plan.lanes + lane));
      memref::PrefetchOp::create(
          b, payload.bufferOf(*input),
          payload.addressOf(*input, tile.rowIndex.front(), column),
          /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
    }
  }
}

void LoopEmitter::emitReduceTile(Value row, int64_t rows) {
  RegisterTile tile = makeRows(row, rows);
  Accumulators init;
  SmallVector<Operation *> combiners;
  for (unsigned i = 0, e = op.getNumDpsInits(); i < e; ++i) {
    combiners.push_back(getCombiner(op, i).first);
    Type element = getElementTypeOrSelf(op.getDpsInits()[i]);
    auto neutral = DenseElementsAttr::get(
        payload.vectorOf(element), neutralElement(combiners[i], element));
    for (int64_t r = 0; r < rows; ++r)
      init.push_back(arith::ConstantOp::create(b, neutral));
  }

  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  llvm::erase(reductions, plan.vectorDim);
  Accumulators sums = emitReductions(
      reductions, init, /*unroll=*/1,
      [&](ArrayRef<Value> carried) -> Accumulators {
        Value extent = nest.upper[plan.vectorDim];
        Value tail = arith::RemUIOp::create(b, extent, constant(plan.lanes));
        Value whole = arith::SubIOp::create(b, extent, tail);
        auto body = [&](Value column, ValueRange values, Value mask) {
          tile.columnIndex.assign({column});
          tile.mask = mask;
          Accumulators next(values);
          payload.evaluate(tile, next);
          if (mask)
            for (auto [old, value] : llvm::zip(values, next))
              value = arith::SelectOp::create(b, mask, value, old);
          return next;
        };
        Accumulators main = emitLoop(b, constant(0), whole, plan.lanes, carried,
                                     [&](Value column, ValueRange values) {
                                       return body(column, values, {});
                                     });
        return emitLoop(b, whole, extent, plan.lanes, main,
                        [&](Value column, ValueRange values) {
                          return body(column, values, maskFrom(column));
                        });
      });

  size_t i = 0;
  for (auto [index, init] : llvm::enumerate(op.getDpsInitsMutable()))
    for (Value r : tile.rowIndex) {
      SmallVector<Value> address = payload.addressOf(init, r, {});
      linalg::FillOp fill = plan.fills[index];
      Value condition = plan.conditions[index];
      Value old = fill ? fill.value() : Value();
      if (!fill || condition) {
        Value held = memref::LoadOp::create(b, payload.bufferOf(init), address);
        old = fill ? arith::SelectOp::create(b, condition, old, held) : held;
      }
      Value sum = combine(combiners[index], old,
                          combineLanes(combiners[index], sums[i++]));
      memref::StoreOp::create(b, sum, payload.bufferOf(init), address);
    }
}

//===----------------------------------------------------------------------===//
// Reductions along the lanes
//===----------------------------------------------------------------------===//

TypedAttr LoopEmitter::neutralElement(Operation *combiner, Type type) {
  arith::AtomicRMWKind kind =
      TypeSwitch<Operation *, arith::AtomicRMWKind>(combiner)
          .Case<arith::AddFOp>([](auto) { return arith::AtomicRMWKind::addf; })
          .Case<arith::AddIOp>([](auto) { return arith::AtomicRMWKind::addi; })
          .Case<arith::OrIOp>([](auto) { return arith::AtomicRMWKind::ori; })
          .Case<arith::MaximumFOp>(
              [](auto) { return arith::AtomicRMWKind::maximumf; })
          .Case<arith::MaxNumFOp>(
              [](auto) { return arith::AtomicRMWKind::maxnumf; })
          .Case<arith::MinimumFOp>(
              [](auto) { return arith::AtomicRMWKind::minimumf; })
          .Default([](Operation *) { return arith::AtomicRMWKind::minnumf; });
  return arith::getIdentityValueAttr(kind, type, b, op.getLoc());
}

Value LoopEmitter::combine(Operation *combiner, Value lhs, Value rhs) {
  OperationState state(op.getLoc(), combiner->getName(), {lhs, rhs},
                       lhs.getType(), combiner->getAttrs());
  if (combiner->getPropertiesStorage())
    state.propertiesAttr = combiner->getPropertiesAsAttribute();
  return b.create(state)->getResult(0);
}

/// Folds the upper half of the lanes onto the lower half until one is left: a
/// fixed order, log2(lanes) deep.
Value LoopEmitter::combineLanes(Operation *combiner, Value vector) {
  for (int64_t half = plan.lanes / 2; half >= 1; half /= 2) {
    auto slice = [&](int64_t offset) {
      return vector::ExtractStridedSliceOp::create(
          b, vector, ArrayRef<int64_t>{offset}, ArrayRef<int64_t>{half},
          ArrayRef<int64_t>{1});
    };
    vector = combine(combiner, slice(0), slice(half));
  }
  return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{0});
}

void cpu::emitVectorLoops(OpBuilder &b, linalg::GenericOp op,
                          const VectorPlan &plan) {
  LoopEmitter(b, op, plan).emit();
}
