//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorPayload.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::infini_attn;
using namespace mlir::infini_attn::cpu;

VectorPayload::VectorPayload(ImplicitLocOpBuilder &b, linalg::GenericOp op,
                             const VectorPlan &plan, const LoopNest &nest)
    : b(b), op(op), plan(plan), nest(nest) {
  for (OpOperand &operand : op->getOpOperands()) {
    Operand access;
    access.alongLanes = getAccess(op, operand, plan.vectorDim);
    if (plan.rowDim)
      access.alongRows = getAccess(op, operand, *plan.rowDim);
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (unsigned i = 0, e = map.getNumResults(); i < e; ++i)
      access.indices.push_back(map.getSubMap({i}));
    flatten(operand.get(), access);
    operands.push_back(std::move(access));
  }
}

/// Sees a buffer as the elements from its first one on. An address is one sum
/// then, whose terms are shared between the elements of a tile and leave the
/// loops that do not change them; the lowering of an access with several
/// indices has all of them each time, a third of an attention's code.
void VectorPayload::flatten(Value buffer, Operand &access) {
  access.buffer = buffer;
  auto type = dyn_cast<MemRefType>(buffer.getType());
  if (!type || !type.isStrided() || type.getRank() == 0 ||
      (type.getRank() == 1 && type.getLayout().isIdentity()))
    return;
  auto metadata = memref::ExtractStridedMetadataOp::create(b, buffer);
  access.offset = metadata.getConstifiedMixedOffset();
  access.strides = metadata.getConstifiedMixedStrides();
  // The place of the last element, and one.
  Value one = arith::ConstantIndexOp::create(b, 1), count = one;
  for (auto [size, stride] :
       llvm::zip(metadata.getConstifiedMixedSizes(), access.strides)) {
    Value last = b.createOrFold<arith::SubIOp>(toIndex(size), one);
    count = plus(count, times(last, toIndex(stride)));
  }
  count = plus(count, toIndex(*access.offset));
  auto flat = MemRefType::get({ShapedType::kDynamic}, type.getElementType(),
                              nullptr, type.getMemorySpace());
  access.buffer = memref::ReinterpretCastOp::create(
      b, flat, metadata.getBaseBuffer(), b.getIndexAttr(0), OpFoldResult(count),
      OpFoldResult(b.getIndexAttr(1)));
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

Value VectorPayload::toVector(Value value) {
  if (isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(b, vectorOf(value.getType()), value);
}

SmallVector<Value> VectorPayload::addressOf(OpOperand &operand, Value row,
                                            Value column) {
  SmallVector<OpFoldResult> loops;
  for (auto [dim, index] : llvm::enumerate(nest.indices)) {
    if (dim == plan.vectorDim)
      loops.push_back(column ? OpFoldResult(column) : b.getIndexAttr(0));
    else if (plan.rowDim && dim == *plan.rowDim)
      loops.push_back(row);
    else
      loops.push_back(index ? OpFoldResult(index) : b.getIndexAttr(0));
  }
  Operand &access = accessOf(operand);
  SmallVector<Value> address;
  for (AffineMap map : access.indices)
    address.push_back(toIndex(
        affine::makeComposedFoldedAffineApply(b, op.getLoc(), map, loops)));
  if (!access.offset)
    return address;
  // What changes most often is added last.
  SmallVector<unsigned> order =
      llvm::to_vector(llvm::seq<unsigned>(0, address.size()));
  llvm::stable_sort(order, [&](unsigned i, unsigned j) {
    return depthOf(access.indices[i]) < depthOf(access.indices[j]);
  });
  Value sum = toIndex(*access.offset);
  for (unsigned i : order)
    sum = plus(sum, times(address[i], toIndex(access.strides[i])));
  return {sum};
}

/// How far inside lies the innermost loop that \p index depends on.
unsigned VectorPayload::depthOf(AffineMap index) {
  unsigned depth = 0;
  for (auto [dim, kind] : llvm::enumerate(op.getIteratorTypesArray()))
    if (index.isFunctionOfDim(dim))
      depth =
          std::max(depth, dim == plan.vectorDim
                              ? (plan.kind == VectorPlan::Kind::Lanes ? 2u : 4u)
                          : kind == utils::IteratorType::reduction ? 3u
                                                                   : 1u);
  return depth;
}

Value VectorPayload::load(OpOperand &operand, Value row, Value column,
                          Value mask) {
  Value source = bufferOf(operand);
  auto type = dyn_cast<MemRefType>(source.getType());
  if (!type)
    return source;
  switch (accessOf(operand).alongLanes) {
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
Value VectorPayload::clampedLane(Value column, int64_t lane) {
  Value last = arith::SubIOp::create(b, nest.upper[plan.vectorDim],
                                     arith::ConstantIndexOp::create(b, 1));
  return arith::MinUIOp::create(
      b,
      arith::AddIOp::create(b, column, arith::ConstantIndexOp::create(b, lane)),
      last);
}

Value VectorPayload::gatherLanes(OpOperand &operand, Value row, Value column) {
  auto type = cast<MemRefType>(operand.get().getType());
  SmallVector<Value> lanes;
  for (int64_t lane = 0; lane < plan.lanes; ++lane)
    lanes.push_back(memref::LoadOp::create(
        b, bufferOf(operand),
        addressOf(operand, row, clampedLane(column, lane))));
  return vector::FromElementsOp::create(b, vectorOf(type.getElementType()),
                                        lanes);
}

/// Lanes past a tail are stored to its last element: before that, which is the
/// first one of them.
void VectorPayload::scatterLanes(OpOperand &init, Value value, Value row,
                                 Value column) {
  for (int64_t lane = plan.lanes - 1; lane >= 0; --lane)
    memref::StoreOp::create(
        b, vector::ExtractOp::create(b, value, ArrayRef<int64_t>{lane}),
        bufferOf(init), addressOf(init, row, clampedLane(column, lane)));
}

bool VectorPayload::isTransposed(OpOperand &operand, const RegisterTile &tile) {
  return static_cast<int64_t>(tile.rowIndex.size()) == plan.lanes &&
         accessOf(operand).alongLanes == Access::Strided &&
         accessOf(operand).alongRows == Access::Contiguous;
}

SmallVector<Value> cpu::transposeSquare(ImplicitLocOpBuilder &b,
                                        SmallVector<Value> rows) {
  int64_t lanes = rows.size(), half = lanes / 2;
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

/// The vectors of all rows of a square tile whose rows are contiguous in memory
/// along the other loop: loaded that way, then transposed.
SmallVector<Value> VectorPayload::loadTransposed(OpOperand &operand,
                                                 const RegisterTile &tile) {
  auto type = cast<MemRefType>(operand.get().getType());
  VectorType vector = vectorOf(type.getElementType());
  SmallVector<Value> rows;
  for (int64_t lane = 0; lane < plan.lanes; ++lane)
    rows.push_back(vector::LoadOp::create(
        b, vector, bufferOf(operand),
        addressOf(operand, tile.rowIndex.front(),
                  clampedLane(tile.columnIndex.front(), lane))));
  return transposeSquare(b, rows);
}

void VectorPayload::store(OpOperand &init, Value value, Value row, Value column,
                          Value mask) {
  value = toVector(value);
  if (accessOf(init).alongLanes == Access::Strided)
    return scatterLanes(init, value, row, column);
  SmallVector<Value> address = addressOf(init, row, column);
  if (mask)
    vector::MaskedStoreOp::create(b, bufferOf(init), address, mask, value);
  else
    vector::StoreOp::create(b, value, bufferOf(init), address);
}

//===----------------------------------------------------------------------===//
// Payload
//===----------------------------------------------------------------------===//

Value VectorPayload::cloneTableLoad(memref::LoadOp load, IRMapping &map,
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
Value VectorPayload::clonePayloadOp(Operation *inner, IRMapping &map, Value row,
                                    Value column, Value mask) {
  if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
    unsigned dim = index.getDim();
    if (plan.rowDim && dim == *plan.rowDim)
      return row;
    if (dim != plan.vectorDim)
      return nest.indices[dim];
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

void VectorPayload::evaluate(const RegisterTile &tile,
                             MutableArrayRef<Value> accumulators) {
  size_t rows = tile.rowIndex.size(), columns = tile.columnIndex.size();
  // What does not move along the rows (or the columns) is loaded once a tile.
  DenseMap<std::tuple<unsigned, size_t, size_t>, Value> loaded;
  auto loadOnce = [&](OpOperand &operand, size_t r, size_t c) {
    bool byRow = accessOf(operand).alongRows != Access::Uniform;
    bool byColumn = accessOf(operand).alongLanes != Access::Uniform;
    unsigned number = operand.getOperandNumber();
    if (isTransposed(operand, tile) && !loaded.contains({number, 0, 0}))
      for (auto [i, row] : llvm::enumerate(loadTransposed(operand, tile)))
        loaded[{number, i, 0}] = row;
    Value &value = loaded[{number, byRow ? r : 0, byColumn ? c : 0}];
    if (!value)
      value = load(operand, tile.rowIndex[r], tile.columnIndex[c], tile.mask);
    return value;
  };
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c)
      for (OpOperand *input : op.getDpsInputOperands())
        if (op.payloadUsesValueFromOperand(input))
          loadOnce(*input, r, c);

  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c) {
      IRMapping map;
      for (OpOperand *input : op.getDpsInputOperands())
        if (op.payloadUsesValueFromOperand(input))
          map.map(op.getMatchingBlockArgument(input), loadOnce(*input, r, c));
      for (auto [i, arg] : llvm::enumerate(op.getRegionOutputArgs()))
        if (Value old = accumulators[(i * rows + r) * columns + c])
          map.map(arg, old);
      for (auto [i, result] : llvm::enumerate(clonePayload(
               map, tile.rowIndex[r], tile.columnIndex[c], tile.mask)))
        accumulators[(i * rows + r) * columns + c] = result;
    }
}

/// What the payload yields for one vector of lanes, with its arguments in
/// \p map.
SmallVector<Value> VectorPayload::clonePayload(IRMapping &map, Value row,
                                               Value column, Value mask) {
  for (Operation &inner : op.getBody()->without_terminator())
    if (Value value = clonePayloadOp(&inner, map, row, column, mask))
      map.map(inner.getResult(0), value);
  return llvm::map_to_vector(
      op.getBody()->getTerminator()->getOperands(),
      [&](Value result) { return toVector(map.lookupOrDefault(result)); });
}

SmallVector<Value> VectorPayload::evaluate(ValueRange inputs, Value row,
                                           Value column) {
  IRMapping map;
  for (auto [input, value] : llvm::zip(op.getDpsInputOperands(), inputs))
    map.map(op.getMatchingBlockArgument(input), value);
  return clonePayload(map, row, column, {});
}
