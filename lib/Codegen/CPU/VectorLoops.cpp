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

#include "VectorPlan.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::infini_attn;
using namespace mlir::infini_attn::cpu;

/// Rows of a tile handed to a thread at once: 64 rows of a few hundred f32 stay
/// in L2 while the other operand streams past them.
static constexpr int64_t kRowBlock = 64;

namespace {
/// A tile of registers: rows, vectors of columns, and the mask of a tail.
struct RegisterTile {
  SmallVector<Value> rowIndex;    ///< value of the row loop, one a row
  SmallVector<Value> columnIndex; ///< value of the vector loop, one a vector
  Value mask;                     ///< null for whole vectors
};

/// Accumulators: one an output, row and column, in this order.
using Accumulators = SmallVector<Value>;

class LoopEmitter {
public:
  LoopEmitter(OpBuilder &builder, linalg::GenericOp op, const VectorPlan &plan)
      : b(op.getLoc(), builder), op(op), plan(plan), indices(op.getNumLoops()) {
  }

  void emit();

private:
  // Loops.
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  scf::ForOp forLoop(Value from, Value to, int64_t step, ValueRange carried,
                     function_ref<SmallVector<Value>(Value, ValueRange)> body);
  void emitOuter(ArrayRef<unsigned> outer, bool parallel);
  void emitRowBlock(Value block);
  void emitColumns(Value rowFrom, Value rowTo);
  void emitRows(Value rowFrom, Value rowTo, Value column, int64_t columns,
                Value mask);
  void emitTile(Value row, int64_t rows, Value column, int64_t columns,
                Value mask);
  void emitReduceTile(Value row, int64_t rows);
  Accumulators emitReductions(ArrayRef<unsigned> dims, Accumulators init,
                              function_ref<Accumulators(ArrayRef<Value>)> body);

  // Elements.
  VectorType vectorOf(Type element) {
    return VectorType::get({plan.lanes}, element);
  }
  Value toVector(Value value);
  SmallVector<Value> addressOf(OpOperand &operand, Value row, Value column);
  Value loadElement(OpOperand &operand, Value row, Value column, Value mask);
  Value gatherLanes(OpOperand &operand, Value row, Value column);
  bool isTransposed(OpOperand &operand, const RegisterTile &tile);
  SmallVector<Value> loadTransposed(OpOperand &operand,
                                    const RegisterTile &tile);
  Value clampedLane(Value column, int64_t lane);
  void storeElement(OpOperand &init, Value value, Value row, Value column,
                    Value mask);
  Value clonePayloadOp(Operation *inner, IRMapping &map, Value row,
                       Value column, Value mask);
  Value cloneTableLoad(memref::LoadOp load, IRMapping &map, Value column,
                       Value mask);
  void evaluate(const RegisterTile &tile, MutableArrayRef<Value> accumulators);
  Value combineLanes(Operation *combiner, Value vector);
  Value combine(Operation *combiner, Value lhs, Value rhs);
  TypedAttr neutralElement(Operation *combiner, Type type);

  ImplicitLocOpBuilder b;
  linalg::GenericOp op;
  VectorPlan plan;
  SmallVector<Value> upper;   ///< trip count of each loop
  SmallVector<Value> indices; ///< value of each loop, outside of the tile
};
} // namespace

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

scf::ForOp
LoopEmitter::forLoop(Value from, Value to, int64_t step, ValueRange carried,
                     function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, from, to, constant(step), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  // A loop that carries nothing comes with its terminator.
  if (!carried.empty())
    scf::YieldOp::create(b, next);
  return loop;
}

void LoopEmitter::emit() {
  for (Range range : cast<linalg::LinalgOp>(op.getOperation())
                         .createLoopRanges(b, op.getLoc()))
    upper.push_back(
        getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
  SmallVector<unsigned> outer;
  for (unsigned dim = 0, e = op.getNumLoops(); dim < e; ++dim)
    if (op.getIteratorTypesArray()[dim] == utils::IteratorType::parallel &&
        dim != plan.vectorDim && dim != plan.rowDim)
      outer.push_back(dim);
  emitOuter(outer, !op->getParentOfType<scf::ParallelOp>());
}

void LoopEmitter::emitOuter(ArrayRef<unsigned> outer, bool parallel) {
  SmallVector<Value> counts;
  for (unsigned dim : outer)
    counts.push_back(upper[dim]);
  if (plan.rowDim)
    counts.push_back(arith::CeilDivUIOp::create(b, upper[*plan.rowDim],
                                                constant(kRowBlock)));

  auto emitBody = [&](ValueRange ivs) {
    for (auto [dim, iv] : llvm::zip(outer, ivs))
      indices[dim] = iv;
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
      upper[*plan.rowDim]);
  emitColumns(from, to);
}

void LoopEmitter::emitColumns(Value rowFrom, Value rowTo) {
  if (plan.kind == VectorPlan::Kind::Reduce)
    return emitRows(rowFrom, rowTo, {}, 1, {});
  Value extent = upper[plan.vectorDim];
  int64_t step = plan.columns * plan.lanes;
  Value tail = arith::RemUIOp::create(b, extent, constant(step));
  Value whole = arith::SubIOp::create(b, extent, tail);
  forLoop(constant(0), whole, step, {}, [&](Value column, ValueRange) {
    emitRows(rowFrom, rowTo, column, plan.columns, {});
    return SmallVector<Value>();
  });
  std::optional<int64_t> known = getConstantIntValue(extent);
  if (known && *known % step == 0)
    return;
  forLoop(whole, extent, plan.lanes, {}, [&](Value column, ValueRange) {
    Value mask;
    if (!known || *known % plan.lanes != 0) {
      Value left = arith::SubIOp::create(b, extent, column);
      mask = vector::CreateMaskOp::create(b, vectorOf(b.getI1Type()), left);
    }
    emitRows(rowFrom, rowTo, column, 1, mask);
    return SmallVector<Value>();
  });
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
  forLoop(rowFrom, whole, plan.rows, {}, [&](Value row, ValueRange) {
    emitOne(row, plan.rows);
    return SmallVector<Value>();
  });
  if (plan.rows > 1)
    forLoop(whole, rowTo, 1, {}, [&](Value row, ValueRange) {
      emitOne(row, 1);
      return SmallVector<Value>();
    });
}

Accumulators
LoopEmitter::emitReductions(ArrayRef<unsigned> dims, Accumulators init,
                            function_ref<Accumulators(ArrayRef<Value>)> body) {
  if (dims.empty())
    return body(init);
  auto loop = forLoop(constant(0), upper[dims.front()], 1, init,
                      [&](Value iv, ValueRange carried) {
                        indices[dims.front()] = iv;
                        return emitReductions(dims.drop_front(),
                                              Accumulators(carried), body);
                      });
  return Accumulators(loop.getResults());
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void LoopEmitter::emitTile(Value row, int64_t rows, Value column,
                           int64_t columns, Value mask) {
  RegisterTile tile;
  tile.mask = mask;
  for (int64_t r = 0; r < rows; ++r)
    tile.rowIndex.push_back(
        row ? arith::AddIOp::create(b, row, constant(r)).getResult() : Value());
  for (int64_t c = 0; c < columns; ++c)
    tile.columnIndex.push_back(
        arith::AddIOp::create(b, column, constant(c * plan.lanes)));

  Accumulators accumulators;
  for (auto [fill, init] : llvm::zip(plan.fills, op.getDpsInitsMutable())) {
    bool isRead = op.payloadUsesValueFromOperand(&init);
    Value start = fill ? toVector(fill.value()) : Value();
    for (Value r : tile.rowIndex)
      for (Value c : tile.columnIndex)
        accumulators.push_back(isRead && !fill ? loadElement(init, r, c, mask)
                                               : start);
  }

  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  // An output that the payload does not read is written by the last iteration;
  // with reductions it still needs a value to carry.
  if (!reductions.empty()) {
    size_t tileSize = rows * columns;
    for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable()))
      for (Value &value :
           MutableArrayRef(accumulators).slice(i * tileSize, tileSize))
        if (!value)
          value = arith::ConstantOp::create(
              b, b.getZeroAttr(vectorOf(getElementTypeOrSelf(init.get()))));
  }
  accumulators = emitReductions(reductions, std::move(accumulators),
                                [&](ArrayRef<Value> carried) {
                                  Accumulators next(carried);
                                  evaluate(tile, next);
                                  return next;
                                });

  size_t i = 0;
  for (OpOperand &init : op.getDpsInitsMutable())
    for (Value r : tile.rowIndex)
      for (Value c : tile.columnIndex)
        storeElement(init, accumulators[i++], r, c, mask);
}

void LoopEmitter::emitReduceTile(Value row, int64_t rows) {
  RegisterTile tile;
  for (int64_t r = 0; r < rows; ++r)
    tile.rowIndex.push_back(
        row ? arith::AddIOp::create(b, row, constant(r)).getResult() : Value());
  Accumulators init;
  SmallVector<Operation *> combiners;
  for (unsigned i = 0, e = op.getNumDpsInits(); i < e; ++i) {
    combiners.push_back(getCombiner(op, i).first);
    Type element = getElementTypeOrSelf(op.getDpsInits()[i]);
    auto neutral = DenseElementsAttr::get(
        vectorOf(element), neutralElement(combiners[i], element));
    for (int64_t r = 0; r < rows; ++r)
      init.push_back(arith::ConstantOp::create(b, neutral));
  }

  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  llvm::erase(reductions, plan.vectorDim);
  Accumulators sums = emitReductions(
      reductions, init, [&](ArrayRef<Value> carried) -> Accumulators {
        Value extent = upper[plan.vectorDim];
        Value tail = arith::RemUIOp::create(b, extent, constant(plan.lanes));
        Value whole = arith::SubIOp::create(b, extent, tail);
        auto body = [&](Value column, ValueRange values, Value mask) {
          tile.columnIndex.assign({column});
          tile.mask = mask;
          Accumulators next(values);
          evaluate(tile, next);
          if (mask)
            for (auto [old, value] : llvm::zip(values, next))
              value = arith::SelectOp::create(b, mask, value, old);
          return next;
        };
        scf::ForOp main = forLoop(constant(0), whole, plan.lanes, carried,
                                  [&](Value column, ValueRange values) {
                                    return body(column, values, {});
                                  });
        scf::ForOp masked =
            forLoop(whole, extent, plan.lanes, main.getResults(),
                    [&](Value column, ValueRange values) {
                      Value left = arith::SubIOp::create(b, extent, column);
                      Value mask = vector::CreateMaskOp::create(
                          b, vectorOf(b.getI1Type()), left);
                      return body(column, values, mask);
                    });
        return Accumulators(masked.getResults());
      });

  size_t i = 0;
  for (auto [index, init] : llvm::enumerate(op.getDpsInitsMutable()))
    for (Value r : tile.rowIndex) {
      SmallVector<Value> address = addressOf(init, r, {});
      Value old = plan.fills[index]
                      ? plan.fills[index].value()
                      : memref::LoadOp::create(b, init.get(), address);
      Value sum = combine(combiners[index], old,
                          combineLanes(combiners[index], sums[i++]));
      memref::StoreOp::create(b, sum, init.get(), address);
    }
}

void cpu::emitVectorLoops(OpBuilder &b, linalg::GenericOp op,
                          const VectorPlan &plan) {
  LoopEmitter(b, op, plan).emit();
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

Value LoopEmitter::toVector(Value value) {
  if (isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(b, vectorOf(value.getType()), value);
}

SmallVector<Value> LoopEmitter::addressOf(OpOperand &operand, Value row,
                                          Value column) {
  SmallVector<OpFoldResult> loops;
  for (auto [dim, index] : llvm::enumerate(indices)) {
    if (dim == plan.vectorDim)
      loops.push_back(column ? OpFoldResult(column) : b.getIndexAttr(0));
    else if (plan.rowDim && dim == *plan.rowDim)
      loops.push_back(row);
    else
      loops.push_back(index ? OpFoldResult(index) : b.getIndexAttr(0));
  }
  SmallVector<Value> address;
  AffineMap map = op.getMatchingIndexingMap(&operand);
  for (AffineExpr expr : map.getResults()) {
    OpFoldResult index = affine::makeComposedFoldedAffineApply(
        b, op.getLoc(),
        AffineMap::get(map.getNumDims(), 0, expr, b.getContext()), loops);
    address.push_back(getValueOrCreateConstantIndexOp(b, op.getLoc(), index));
  }
  return address;
}

Value LoopEmitter::loadElement(OpOperand &operand, Value row, Value column,
                               Value mask) {
  Value source = operand.get();
  auto type = dyn_cast<MemRefType>(source.getType());
  if (!type)
    return source;
  switch (getAccess(op, operand, plan.vectorDim)) {
  case Access::Uniform:
    return memref::LoadOp::create(b, source, addressOf(operand, row, {}));
  case Access::Strided:
    return gatherLanes(operand, row, column);
  case Access::Contiguous:
    break;
  }
  SmallVector<Value> address = addressOf(operand, row, column);
  VectorType vector = vectorOf(type.getElementType());
  if (!mask)
    return vector::LoadOp::create(b, vector, source, address);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(vector));
  return vector::MaskedLoadOp::create(b, vector, source, address, mask, zero);
}

/// The loop index of \p lane of a vector at \p column. The lanes past a tail
/// repeat its last element: nothing outside of a buffer may be touched.
Value LoopEmitter::clampedLane(Value column, int64_t lane) {
  Value last = arith::SubIOp::create(b, upper[plan.vectorDim], constant(1));
  return arith::MinUIOp::create(
      b, arith::AddIOp::create(b, column, constant(lane)), last);
}

Value LoopEmitter::gatherLanes(OpOperand &operand, Value row, Value column) {
  auto type = cast<MemRefType>(operand.get().getType());
  SmallVector<Value> lanes;
  for (int64_t lane = 0; lane < plan.lanes; ++lane)
    lanes.push_back(memref::LoadOp::create(
        b, operand.get(), addressOf(operand, row, clampedLane(column, lane))));
  return vector::FromElementsOp::create(b, vectorOf(type.getElementType()),
                                        lanes);
}

bool LoopEmitter::isTransposed(OpOperand &operand, const RegisterTile &tile) {
  return plan.rowDim &&
         static_cast<int64_t>(tile.rowIndex.size()) == plan.lanes &&
         getAccess(op, operand, plan.vectorDim) == Access::Strided &&
         getAccess(op, operand, *plan.rowDim) == Access::Contiguous;
}

/// The vectors of all rows of a square tile whose rows are contiguous in memory
/// along the other loop: loaded that way, then interleaved log2(lanes) times.
SmallVector<Value> LoopEmitter::loadTransposed(OpOperand &operand,
                                               const RegisterTile &tile) {
  auto type = cast<MemRefType>(operand.get().getType());
  VectorType vector = vectorOf(type.getElementType());
  int64_t lanes = plan.lanes, half = lanes / 2;
  SmallVector<Value> rows;
  for (int64_t lane = 0; lane < lanes; ++lane)
    rows.push_back(vector::LoadOp::create(
        b, vector, operand.get(),
        addressOf(operand, tile.rowIndex.front(),
                  clampedLane(tile.columnIndex.front(), lane))));
  SmallVector<int64_t> low, high;
  for (int64_t lane = 0; lane < half; ++lane) {
    low.append({lane, lane + lanes});
    high.append({lane + half, lane + half + lanes});
  }
  for (int64_t stage = 1; stage < lanes; stage *= 2) {
    SmallVector<Value> next;
    for (int64_t i = 0; i < half; ++i)
      for (ArrayRef<int64_t> mask : {ArrayRef(low), ArrayRef(high)})
        next.push_back(
            vector::ShuffleOp::create(b, rows[i], rows[i + half], mask));
    rows = next;
  }
  return rows;
}

void LoopEmitter::storeElement(OpOperand &init, Value value, Value row,
                               Value column, Value mask) {
  value = toVector(value);
  SmallVector<Value> address = addressOf(init, row, column);
  if (mask)
    vector::MaskedStoreOp::create(b, init.get(), address, mask, value);
  else
    vector::StoreOp::create(b, value, init.get(), address);
}

//===----------------------------------------------------------------------===//
// Payload
//===----------------------------------------------------------------------===//

Value LoopEmitter::cloneTableLoad(memref::LoadOp load, IRMapping &map,
                                  Value column, Value mask) {
  SmallVector<Value> address;
  bool alongLanes = false;
  for (Value index : load.getIndices()) {
    Value mapped = map.lookupOrDefault(index);
    if (isa<VectorType>(mapped.getType())) {
      alongLanes = true;
      mapped = column;
    }
    address.push_back(mapped);
  }
  Value table = load.getMemref();
  if (!alongLanes)
    return memref::LoadOp::create(b, table, address);
  VectorType vector = vectorOf(load.getType());
  if (!mask)
    return vector::LoadOp::create(b, vector, table, address);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(vector));
  return vector::MaskedLoadOp::create(b, vector, table, address, mask, zero);
}

/// The value of `inner` for one vector of lanes. What is the same in all lanes
/// stays a scalar.
Value LoopEmitter::clonePayloadOp(Operation *inner, IRMapping &map, Value row,
                                  Value column, Value mask) {
  if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
    unsigned dim = index.getDim();
    if (plan.rowDim && dim == *plan.rowDim)
      return row;
    if (dim != plan.vectorDim)
      return indices[dim];
    Value step = vector::StepOp::create(b, vectorOf(b.getIndexType()));
    return arith::AddIOp::create(b, toVector(column), step);
  }
  if (auto load = dyn_cast<memref::LoadOp>(inner))
    return cloneTableLoad(load, map, column, mask);

  SmallVector<Value> operands;
  for (Value operand : inner->getOperands())
    operands.push_back(map.lookupOrDefault(operand));
  bool isVector = llvm::any_of(
      operands, [](Value v) { return isa<VectorType>(v.getType()); });

  // acc + a * b is one rounding: an fma in whole tiles and in tails alike.
  if (auto add = dyn_cast<arith::AddFOp>(inner))
    for (unsigned i : {0, 1}) {
      auto multiply = add->getOperand(i).getDefiningOp<arith::MulFOp>();
      auto other = dyn_cast<BlockArgument>(add->getOperand(1 - i));
      if (!multiply || !other || multiply->getBlock() != op.getBody() ||
          other.getArgNumber() < op.getNumDpsInputs() || !multiply->hasOneUse())
        continue;
      Value lhs = map.lookupOrDefault(multiply.getLhs()),
            rhs = map.lookupOrDefault(multiply.getRhs());
      if (isVector) {
        lhs = toVector(lhs);
        rhs = toVector(rhs);
        operands[1 - i] = toVector(operands[1 - i]);
      }
      return math::FmaOp::create(b, lhs, rhs, operands[1 - i]);
    }

  if (!isVector)
    return inner->getNumResults() == 0 ? (b.clone(*inner, map), Value())
                                       : b.clone(*inner, map)->getResult(0);
  for (Value &operand : operands)
    operand = toVector(operand);
  OperationState state(inner->getLoc(), inner->getName(), operands,
                       vectorOf(inner->getResult(0).getType()),
                       inner->getAttrs());
  if (inner->getPropertiesStorage())
    state.propertiesAttr = inner->getPropertiesAsAttribute();
  return b.create(state)->getResult(0);
}

void LoopEmitter::evaluate(const RegisterTile &tile,
                           MutableArrayRef<Value> accumulators) {
  size_t rows = tile.rowIndex.size(), columns = tile.columnIndex.size();
  // What does not move along the rows (or the columns) is loaded once a tile.
  DenseMap<std::tuple<unsigned, size_t, size_t>, Value> loaded;
  auto load = [&](OpOperand &operand, size_t r, size_t c) {
    bool byRow =
        plan.rowDim && getAccess(op, operand, *plan.rowDim) != Access::Uniform;
    bool byColumn = getAccess(op, operand, plan.vectorDim) != Access::Uniform;
    unsigned number = operand.getOperandNumber();
    if (isTransposed(operand, tile) && !loaded.contains({number, 0, 0}))
      for (auto [i, row] : llvm::enumerate(loadTransposed(operand, tile)))
        loaded[{number, i, 0}] = row;
    Value &value = loaded[{number, byRow ? r : 0, byColumn ? c : 0}];
    if (!value)
      value = loadElement(operand, tile.rowIndex[r], tile.columnIndex[c],
                          tile.mask);
    return value;
  };
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c)
      for (OpOperand *input : op.getDpsInputOperands())
        if (op.payloadUsesValueFromOperand(input))
          load(*input, r, c);

  auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c) {
      IRMapping map;
      for (OpOperand *input : op.getDpsInputOperands())
        if (op.payloadUsesValueFromOperand(input))
          map.map(op.getMatchingBlockArgument(input), load(*input, r, c));
      for (auto [i, arg] : llvm::enumerate(op.getRegionOutputArgs()))
        if (Value old = accumulators[(i * rows + r) * columns + c])
          map.map(arg, old);
      for (Operation &inner : op.getBody()->without_terminator()) {
        Value value = clonePayloadOp(&inner, map, tile.rowIndex[r],
                                     tile.columnIndex[c], tile.mask);
        if (value)
          map.map(inner.getResult(0), value);
      }
      for (auto [i, result] : llvm::enumerate(yield.getOperands()))
        accumulators[(i * rows + r) * columns + c] =
            toVector(map.lookupOrDefault(result));
    }
}

//===----------------------------------------------------------------------===//
// Reductions along the lanes
//===----------------------------------------------------------------------===//

TypedAttr LoopEmitter::neutralElement(Operation *combiner, Type type) {
  arith::AtomicRMWKind kind =
      TypeSwitch<Operation *, arith::AtomicRMWKind>(combiner)
          .Case<arith::AddFOp>([](auto) { return arith::AtomicRMWKind::addf; })
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
