//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Turns functions over whole sequences into functions over one chunk of
/// tokens, with the state as arguments and results.
///
//===----------------------------------------------------------------------===//

#include "StreamState.h"
#include "TokenDimensions.h"

#include "infini_attn/Dialect/KnownValues.h"
#include "infini_attn/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::infini_attn {
#define GEN_PASS_DEF_INFINIATTNSTREAM
#include "infini_attn/Transforms/Passes.h.inc"
} // namespace mlir::infini_attn

using namespace mlir;
using namespace mlir::infini_attn;

//===----------------------------------------------------------------------===//
// What a function must be
//===----------------------------------------------------------------------===//

static LogicalResult checkAttention(AttentionOp op) {
  for (auto [name, value] :
       {std::pair<StringRef, Value>{"memory", op.getMemory()},
        {"normalizer", op.getNormalizer()}})
    if (!isKnownZero(value))
      return op.emitOpError("expected a ")
             << name << " filled with 0, got another (a stream begins with "
             << "what its init function returns)";
  for (Value result : {op.getNewMemory(), op.getNewNormalizer()})
    for (Operation *user : result.getUsers())
      if (!isa<func::ReturnOp>(user))
        return op.emitOpError("expected a new memory that is only returned, "
                              "got a use by '")
               << user->getName() << "'";
  if (op.getLengths() && !isa<BlockArgument>(op.getLengths()))
    return op.emitOpError("expected lengths that are an argument of the "
                          "function, got a computed value");
  return success();
}

static LogicalResult checkFunction(func::FuncOp function, ModuleOp module) {
  if (!function.getBody().hasOneBlock())
    return function.emitOpError("expected one block, got ")
           << function.getBody().getBlocks().size();
  if (!SymbolTable::symbolKnownUseEmpty(function, module))
    return function.emitOpError("expected a function that nobody calls, got a "
                                "use of its name");
  for (StringRef suffix : {"_init", "_step", "_prefill", "_flush"})
    if (std::string name = (function.getName() + suffix).str();
        module.lookupSymbol(name))
      return function.emitOpError("expected the name @")
             << name << " to be free, got another of that name";
  WalkResult walk = function.walk([&](AttentionOp op) {
    if (op->getParentOp() != function) {
      op.emitOpError("expected to be in the body of a function, got '")
          << op->getParentOp()->getName() << "' around it";
      return WalkResult::interrupt();
    }
    return WalkResult(checkAttention(op));
  });
  return failure(walk.wasInterrupted());
}

/// Gives each user its own copy of values without content, which would tie the
/// dimensions of unrelated users together.
static void duplicateFilledTensors(func::FuncOp function) {
  SmallVector<Operation *> ops;
  for (Operation &op : function.getBody().front())
    if (isa<tensor::EmptyOp, linalg::FillOp>(op) ||
        (isa<arith::ConstantOp>(op) &&
         isa<RankedTensorType>(op.getResult(0).getType())))
      ops.push_back(&op);
  // Users first, so that each copy of a fill gets its own empty tensor.
  for (Operation *op : llvm::reverse(ops)) {
    if (op->getNumResults() != 1)
      continue;
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : op->getResult(0).getUses())
      uses.push_back(&use);
    for (OpOperand *use : ArrayRef(uses).drop_front(uses.empty() ? 0 : 1)) {
      OpBuilder builder(op);
      use->set(builder.clone(*op)->getResult(0));
    }
  }
}

//===----------------------------------------------------------------------===//
// The step
//===----------------------------------------------------------------------===//

namespace {
/// Builds the step function of one function.
class StepBuilder {
public:
  StepBuilder(func::FuncOp function, const TokenDimensions &dims,
              ArrayRef<Type> stateTypes)
      : function(function), dims(dims), stateTypes(stateTypes),
        builder(function) {}

  func::FuncOp build();

private:
  /// The type with a dynamic token dimension, where `value` has one.
  Type chunkType(Value value) const;
  void createFunction();
  /// `sizes` with the number of tokens of a chunk as that of dimension `dim`.
  SmallVector<OpFoldResult> withTokens(ArrayRef<OpFoldResult> sizes,
                                       int64_t dim);
  SmallVector<OpFoldResult> mapped(ArrayRef<OpFoldResult> values) const;
  void cloneOp(Operation &op);
  Value cloneTokenOp(Operation &op, int64_t dim);
  void cloneAttention(AttentionOp op);
  void cloneReturn(func::ReturnOp op);

  func::FuncOp function;
  const TokenDimensions &dims;
  ArrayRef<Type> stateTypes;
  OpBuilder builder;
  func::FuncOp step;
  IRMapping mapping;
  Value tokens;
  unsigned nextState = 0;
  SmallVector<Value> newState;
};
} // namespace

Type StepBuilder::chunkType(Value value) const {
  std::optional<int64_t> dim = dims.lookup(value);
  if (!dim)
    return value.getType();
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[*dim] = ShapedType::kDynamic;
  return type.clone(shape);
}

void StepBuilder::createFunction() {
  SmallVector<Type> inputs, results;
  for (BlockArgument argument : function.getArguments())
    inputs.push_back(chunkType(argument));
  llvm::append_range(inputs, stateTypes);
  step = func::FuncOp::create(builder, function.getLoc(),
                              (function.getName() + "_step").str(),
                              builder.getFunctionType(inputs, results));
  Block *body = step.addEntryBlock();
  for (auto [index, argument] : llvm::enumerate(function.getArguments())) {
    mapping.map(argument, body->getArgument(index));
    step.setArgAttrs(index, function.getArgAttrDict(index));
  }
  nameStateArguments(step, stateTypes.size());
  builder.setInsertionPointToStart(body);
}

SmallVector<OpFoldResult>
StepBuilder::mapped(ArrayRef<OpFoldResult> values) const {
  return llvm::map_to_vector(values, [&](OpFoldResult value) -> OpFoldResult {
    if (auto dynamic = dyn_cast<Value>(value))
      return mapping.lookup(dynamic);
    return value;
  });
}

SmallVector<OpFoldResult> StepBuilder::withTokens(ArrayRef<OpFoldResult> sizes,
                                                  int64_t dim) {
  SmallVector<OpFoldResult> result = mapped(sizes);
  result[dim] = tokens;
  return result;
}

/// An operation that states the size of its token dimension, or null.
Value StepBuilder::cloneTokenOp(Operation &op, int64_t dim) {
  Location loc = op.getLoc();
  auto type = dyn_cast<RankedTensorType>(chunkType(op.getResult(0)));
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return tensor::EmptyOp::create(builder, loc,
                                   withTokens(empty.getMixedSizes(), dim),
                                   type.getElementType(), type.getEncoding());
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto value = cast<SplatElementsAttr>(constant.getValue());
    Value element = arith::ConstantOp::create(
        builder, loc, cast<TypedAttr>(value.getSplatValue<Attribute>()));
    SmallVector<OpFoldResult> sizes;
    for (int64_t size : value.getType().getShape())
      sizes.push_back(builder.getIndexAttr(size));
    Value into = tensor::EmptyOp::create(builder, loc, withTokens(sizes, dim),
                                         type.getElementType());
    return linalg::FillOp::create(builder, loc, element, into).getResult(0);
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return tensor::ExpandShapeOp::create(
        builder, loc, type, mapping.lookup(expand.getSrc()),
        expand.getReassociationIndices(),
        withTokens(expand.getMixedOutputShape(), dim));
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    return tensor::ExtractSliceOp::create(
        builder, loc, type, mapping.lookup(slice.getSource()),
        mapped(slice.getMixedOffsets()),
        withTokens(slice.getMixedSizes(), *dims.lookup(slice.getSource())),
        mapped(slice.getMixedStrides()));
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return tensor::InsertSliceOp::create(
        builder, loc, mapping.lookup(insert.getSource()),
        mapping.lookup(insert.getDest()), mapped(insert.getMixedOffsets()),
        withTokens(insert.getMixedSizes(), dim),
        mapped(insert.getMixedStrides()));
  return {};
}

void StepBuilder::cloneAttention(AttentionOp op) {
  auto state = step.getArguments()
                   .take_back(stateTypes.size())
                   .slice(nextState, kStateTensors);
  nextState += kStateTensors;
  SmallVector<Type> types{chunkType(op.getO())};
  llvm::append_range(types, ValueRange(state).getTypes());
  auto chunk = AttentionStepOp::create(
      builder, op.getLoc(), types, mapping.lookup(op.getQ()),
      mapping.lookup(op.getK()), mapping.lookup(op.getV()),
      mapping.lookup(op.getGate()), mapping.lookupOrNull(op.getLengths()),
      mapping.lookupOrNull(op.getRotaryFrequencies()),
      mapping.lookup(op.getInit()), state[kMemory], state[kNormalizer],
      state[kPendingMemory], state[kPendingNormalizer], state[kKeys],
      state[kValues], state[kCount], op.getSegmentLengthAttr(),
      op.getRuleAttr(), op.getScaleAttr(), op.getEpsilonAttr(),
      op.getRotaryStyleAttr(), op.getPrecisionAttr());
  mapping.map(op.getO(), chunk.getO());
  llvm::append_range(newState, chunk->getResults().drop_front());
}

void StepBuilder::cloneReturn(func::ReturnOp op) {
  // The memory after the tokens is a part of the state.
  SmallVector<Value> results;
  for (Value value : op.getOperands())
    if (auto attention = value.getDefiningOp<AttentionOp>();
        !attention || value == attention.getO())
      results.push_back(mapping.lookup(value));
  llvm::append_range(results, newState);
  func::ReturnOp::create(builder, op.getLoc(), results);
  step.setFunctionType(builder.getFunctionType(step.getArgumentTypes(),
                                               ValueRange(results).getTypes()));
}

void StepBuilder::cloneOp(Operation &op) {
  if (auto attention = dyn_cast<AttentionOp>(op))
    return cloneAttention(attention);
  if (auto ret = dyn_cast<func::ReturnOp>(op))
    return cloneReturn(ret);
  if (op.getNumResults() == 1)
    if (std::optional<int64_t> dim = dims.lookup(op.getResult(0)))
      if (Value result = cloneTokenOp(op, *dim))
        return mapping.map(op.getResult(0), result);
  Operation *clone = builder.clone(op, mapping);
  for (auto [result, original] :
       llvm::zip_equal(clone->getResults(), op.getResults()))
    result.setType(chunkType(original));
}

func::FuncOp StepBuilder::build() {
  createFunction();
  for (BlockArgument argument : function.getArguments())
    if (std::optional<int64_t> dim = dims.lookup(argument)) {
      tokens = tensor::DimOp::create(builder, function.getLoc(),
                                     mapping.lookup(argument), *dim);
      break;
    }
  if (!tokens) {
    function.emitOpError("expected an argument with a token dimension");
    step.erase();
    return {};
  }
  for (Operation &op : function.getBody().front())
    cloneOp(op);
  return step;
}

//===----------------------------------------------------------------------===//
// The prefill
//===----------------------------------------------------------------------===//

static void eraseDeadOps(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

/// A step whose output is not used reads no queries: what computes them can go.
static void dropUnusedQueries(func::FuncOp function) {
  for (auto op : function.getOps<AttentionStepOp>()) {
    auto type = op.getQ().getType();
    if (!op.getO().use_empty() || type.isDynamicDim(1) || type.isDynamicDim(3))
      continue;
    OpBuilder b(op);
    Location loc = op.getLoc();
    SmallVector<OpFoldResult> sizes{tensor::getMixedSize(b, loc, op.getK(), 0),
                                    b.getIndexAttr(type.getDimSize(1)),
                                    tensor::getMixedSize(b, loc, op.getK(), 2),
                                    b.getIndexAttr(type.getDimSize(3))};
    op.getQMutable().assign(
        tensor::EmptyOp::create(b, loc, sizes, type.getElementType()));
  }
}

/// The step without its outputs.
static func::FuncOp createPrefill(OpBuilder &builder, func::FuncOp step,
                                  StringRef name, unsigned stateCount) {
  auto prefill = cast<func::FuncOp>(builder.clone(*step));
  prefill.setName(name);
  auto ret = cast<func::ReturnOp>(prefill.getBody().front().getTerminator());
  ret->setOperands(SmallVector<Value>(ret.getOperands().take_back(stateCount)));
  prefill.setFunctionType(builder.getFunctionType(prefill.getArgumentTypes(),
                                                  ret.getOperandTypes()));
  eraseDeadOps(prefill.getBody().front());
  dropUnusedQueries(prefill);
  eraseDeadOps(prefill.getBody().front());
  return prefill;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// What is fed by chunks is the first argument alone.
static LogicalResult checkFed(func::FuncOp function,
                              const TokenDimensions &dims) {
  auto refuse = [&](Value argument, const Twine &got) {
    unsigned number = cast<BlockArgument>(argument).getArgNumber();
    auto name = function.getArgAttrOfType<StringAttr>(
        number, InfiniAttnDialect::kArgNameAttr);
    return function.emitOpError("expected tokens in its first argument only, "
                                "got ")
           << got << " argument "
           << (name ? name.str() : "arg" + std::to_string(number));
  };
  for (auto op : function.getOps<AttentionOp>())
    if (op.getLengths())
      return refuse(op.getLengths(), "lengths in");
  for (BlockArgument argument : function.getArguments().drop_front(
           std::min(1u, function.getNumArguments())))
    if (std::optional<int64_t> dim = dims.lookup(argument))
      return refuse(argument, "them in dimension " + Twine(*dim) + " of");
  return success();
}

/// Replaces `function` by its four functions over chunks.
static LogicalResult streamFunction(func::FuncOp function, ModuleOp module,
                                    bool tokensInFirstArgument) {
  if (failed(checkFunction(function, module)))
    return failure();
  duplicateFilledTensors(function);
  TokenDimensions dims;
  if (failed(dims.compute(function)) ||
      (tokensInFirstArgument && failed(checkFed(function, dims))))
    return failure();
  SmallVector<Type> stateTypes;
  for (auto op : function.getOps<AttentionOp>()) {
    FailureOr<SmallVector<Type>> types = getStateTypes(op);
    if (failed(types))
      return failure();
    stateTypes.append(*types);
  }

  OpBuilder b(function);
  Location loc = function.getLoc();
  auto named = [&](StringRef suffix) {
    return (function.getName() + suffix).str();
  };
  func::FuncOp init = createInit(b, loc, named("_init"), stateTypes);
  func::FuncOp step = StepBuilder(function, dims, stateTypes).build();
  if (!step)
    return failure();
  eraseDeadOps(step.getBody().front());
  func::FuncOp prefill =
      createPrefill(b, step, named("_prefill"), stateTypes.size());
  func::FuncOp flush = createFlush(b, loc, named("_flush"), stateTypes);
  for (func::FuncOp made : {init, step, prefill, flush})
    made.setVisibility(function.getVisibility());
  function.erase();
  return success();
}

namespace {
struct Stream : public infini_attn::impl::InfiniAttnStreamBase<Stream> {
  using InfiniAttnStreamBase::InfiniAttnStreamBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> functions;
    for (auto candidate : module.getOps<func::FuncOp>()) {
      bool attends = false;
      candidate.walk([&](AttentionOp) { attends = true; });
      if (this->function.empty() ? candidate.isPublic() && attends
                                 : candidate.getName() == this->function)
        functions.push_back(candidate);
      if (candidate.getName() == this->function && !attends) {
        candidate.emitOpError("expected an attention, got none");
        return signalPassFailure();
      }
    }
    if (!this->function.empty() && functions.empty()) {
      module.emitError("expected a function @")
          << this->function << ", got a module without it";
      return signalPassFailure();
    }
    for (func::FuncOp candidate : functions)
      if (failed(streamFunction(candidate, module, tokensInFirstArgument)))
        return signalPassFailure();
  }
};
} // namespace
