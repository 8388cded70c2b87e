//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StreamState.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::infini_attn;

/// The name of a StateTensor, without what it is the state of.
static StringRef getStateName(unsigned tensor) {
  static constexpr StringLiteral names[] = {
      "memory", "normalizer", "pending_memory", "pending_normalizer",
      "keys",   "values",     "count"};
  return names[tensor];
}

/// The size of dimension `dim` as far as one of `values` knows it.
static int64_t knownSize(ArrayRef<Value> values, unsigned dim) {
  for (Value value : values)
    if (int64_t size = cast<RankedTensorType>(value.getType()).getDimSize(dim);
        !ShapedType::isDynamic(size))
      return size;
  return ShapedType::kDynamic;
}

FailureOr<SmallVector<Type>> infini_attn::getStateTypes(AttentionOp op) {
  int64_t batch = knownSize({op.getQ(), op.getK(), op.getV(), op.getInit(),
                             op.getMemory(), op.getNormalizer()},
                            0);
  int64_t heads =
      knownSize({op.getK(), op.getV(), op.getMemory(), op.getNormalizer()}, 1);
  int64_t keyWidth = knownSize({op.getK(), op.getQ()}, 3);
  if (ShapedType::isDynamic(keyWidth))
    keyWidth = knownSize({op.getMemory(), op.getNormalizer()}, 2);
  int64_t valueWidth = knownSize({op.getV(), op.getInit(), op.getMemory()}, 3);
  if (ShapedType::isDynamicShape({heads, keyWidth, valueWidth}))
    return op.emitOpError("expected static sizes of key/value heads, keys and "
                          "values, got k of type ")
           << op.getK().getType() << " and v of type " << op.getV().getType();

  Builder b(op.getContext());
  int64_t length = op.getSegmentLength();
  Type element = op.getK().getType().getElementType();
  Type memory = RankedTensorType::get({batch, heads, keyWidth, valueWidth},
                                      b.getF32Type());
  Type normalizer =
      RankedTensorType::get({batch, heads, keyWidth}, b.getF32Type());
  return SmallVector<Type>{
      memory,
      normalizer,
      memory,
      normalizer,
      RankedTensorType::get({batch, heads, length, keyWidth}, element),
      RankedTensorType::get({batch, heads, length, valueWidth}, element),
      RankedTensorType::get({batch}, b.getI64Type())};
}

/// A tensor of `type` that holds zeros; a dynamic size is the batch.
static Value createZero(ImplicitLocOpBuilder &b, RankedTensorType type,
                        Value batch) {
  SmallVector<Value> sizes(type.getNumDynamicDims(), batch);
  Value empty = tensor::EmptyOp::create(b, type, sizes);
  Value zero =
      arith::ConstantOp::create(b, b.getZeroAttr(type.getElementType()));
  return linalg::FillOp::create(b, zero, empty).getResult(0);
}

func::FuncOp infini_attn::createInit(OpBuilder &builder, Location loc,
                                     StringRef name, TypeRange stateTypes) {
  ImplicitLocOpBuilder b(loc, builder);
  auto function = func::FuncOp::create(
      b, name, b.getFunctionType(b.getIndexType(), stateTypes));
  Block *body = function.addEntryBlock();
  b.setInsertionPointToStart(body);
  Value batch = body->getArgument(0);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value isSize =
      arith::CmpIOp::create(b, arith::CmpIPredicate::sge, batch, zero);
  cf::AssertOp::create(b, isSize, "expected a batch of 0 or more rows");
  batch = arith::MaxSIOp::create(b, batch, zero);
  SmallVector<Value> state;
  for (Type type : stateTypes)
    state.push_back(createZero(b, cast<RankedTensorType>(type), batch));
  func::ReturnOp::create(b, state);
  return function;
}

/// total + pending where the row's count is not 0.
static Value commitRows(ImplicitLocOpBuilder &b, Value total, Value pending,
                        Value count) {
  auto type = cast<RankedTensorType>(total.getType());
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  AffineMap row =
      AffineMap::get(type.getRank(), 0, b.getAffineDimExpr(0), b.getContext());
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  auto sum = linalg::GenericOp::create(
      b, type, ValueRange{pending, count}, total,
      ArrayRef{identity, row, identity}, loops,
      [](OpBuilder &nested, Location loc, ValueRange args) {
        ImplicitLocOpBuilder body(loc, nested);
        Value none = arith::ConstantOp::create(body, body.getI64IntegerAttr(0));
        Value isOpen = arith::CmpIOp::create(body, arith::CmpIPredicate::ne,
                                             args[1], none);
        Value committed = arith::AddFOp::create(body, args[2], args[0]);
        Value result =
            arith::SelectOp::create(body, isOpen, committed, args[2]);
        linalg::YieldOp::create(body, result);
      });
  return sum.getResult(0);
}

static Value clear(ImplicitLocOpBuilder &b, Value tensor) {
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
  return linalg::FillOp::create(b, zero, tensor).getResult(0);
}

func::FuncOp infini_attn::createFlush(OpBuilder &builder, Location loc,
                                      StringRef name, TypeRange stateTypes) {
  ImplicitLocOpBuilder b(loc, builder);
  auto function =
      func::FuncOp::create(b, name, b.getFunctionType(stateTypes, stateTypes));
  Block *body = function.addEntryBlock();
  b.setInsertionPointToStart(body);
  SmallVector<Value> results;
  for (size_t first = 0; first < stateTypes.size(); first += kStateTensors) {
    ValueRange state = body->getArguments().slice(first, kStateTensors);
    Value count = state[kCount];
    results.append(
        {commitRows(b, state[kMemory], state[kPendingMemory], count),
         commitRows(b, state[kNormalizer], state[kPendingNormalizer], count),
         clear(b, state[kPendingMemory]), clear(b, state[kPendingNormalizer]),
         state[kKeys], state[kValues], clear(b, count)});
  }
  func::ReturnOp::create(b, results);
  nameStateArguments(function, stateTypes.size());
  return function;
}

void infini_attn::nameStateArguments(func::FuncOp function,
                                     unsigned stateCount) {
  unsigned first = function.getNumArguments() - stateCount;
  for (unsigned i = 0; i < stateCount; ++i)
    function.setArgAttr(first + i, InfiniAttnDialect::kArgNameAttr,
                        StringAttr::get(function.getContext(),
                                        "state." + Twine(i / kStateTensors) +
                                            "." +
                                            getStateName(i % kStateTensors)));
}
