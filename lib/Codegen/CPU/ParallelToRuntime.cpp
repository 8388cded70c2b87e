//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Turns parallel loops into calls of infini_parallel_for.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNPARALLELTORUNTIME
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

static constexpr StringLiteral kParallelFor = "infini_parallel_for";
static constexpr StringLiteral kParallelForOuter = "infini_parallel_for_outer";

static Value cast(ImplicitLocOpBuilder &b, Value value, Type type) {
  if (value.getType() == type)
    return value;
  return UnrealizedConversionCastOp::create(b, type, value).getResult(0);
}

/// What the body of \p loop uses from outside. Constants are cloned into the
/// body rather than passed.
static llvm::SetVector<Value> capture(scf::ParallelOp loop) {
  llvm::SetVector<Value> values;
  getUsedValuesDefinedAbove(loop.getRegion(), values);
  for (auto bounds :
       {loop.getLowerBound(), loop.getUpperBound(), loop.getStep()})
    values.insert(bounds.begin(), bounds.end());
  return values;
}

static bool isConstant(Value value) {
  Operation *def = value.getDefiningOp();
  return def && def->hasTrait<OpTrait::ConstantLike>();
}

/// Iterations of each dimension of \p loop.
static SmallVector<Value> tripCounts(ImplicitLocOpBuilder &b, ValueRange lower,
                                     ValueRange upper, ValueRange step) {
  SmallVector<Value> counts;
  for (auto [from, to, by] : llvm::zip(lower, upper, step)) {
    Value span = arith::SubIOp::create(b, to, from);
    // A loop whose bounds cross has no iteration.
    Value zero = arith::ConstantIndexOp::create(b, 0);
    span = arith::MaxSIOp::create(b, span, zero);
    counts.push_back(arith::CeilDivUIOp::create(b, span, by));
  }
  return counts;
}

namespace {
struct ParallelToRuntime
    : public cpu::impl::InfiniAttnParallelToRuntimeBase<ParallelToRuntime> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    outlined.clear();
    SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
    // A loop inside of another is one of the function that the other becomes.
    // The outer ones all come first, so that equal ones are still equal.
    for (size_t i = 0; i < functions.size(); ++i)
      for (auto [number, loop] : llvm::enumerate(outermostLoops(functions[i])))
        if (func::FuncOp made = outline(loop, number))
          functions.push_back(made);
  }

  /// By the number of their operations.
  DenseMap<int64_t, SmallVector<func::FuncOp>> outlined;

  /// A function that does the same as \p function, or \p function itself, which
  /// the next may be compared with. A model's layers are alike.
  func::FuncOp findEqual(func::FuncOp function) {
    int64_t size = 0;
    function->walk([&](Operation *) { ++size; });
    for (func::FuncOp other : outlined[size])
      if (OperationEquivalence::isRegionEquivalentTo(
              &other.getBody(), &function.getBody(),
              OperationEquivalence::IgnoreLocations))
        return other;
    outlined[size].push_back(function);
    return function;
  }

  static SmallVector<scf::ParallelOp> outermostLoops(Operation *root) {
    SmallVector<scf::ParallelOp> loops;
    root->walk<WalkOrder::PreOrder>([&](scf::ParallelOp loop) {
      if (loop == root)
        return WalkResult::advance();
      if (loop.getNumReductions() == 0)
        loops.push_back(loop);
      return WalkResult::skip();
    });
    return loops;
  }

  /// The runtime's function that runs \p loop, declared where it is not.
  StringRef runtimeFunction(scf::ParallelOp loop) {
    StringRef name =
        outermostLoops(loop).empty() ? kParallelFor : kParallelForOuter;
    ModuleOp module = getOperation();
    if (!module.lookupSymbol(name)) {
      OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
      Type pointer = LLVM::LLVMPointerType::get(&getContext());
      func::FuncOp::create(
          b, module.getLoc(), name,
          b.getFunctionType({pointer, pointer, b.getI64Type()}, {}))
          .setPrivate();
    }
    return name;
  }

  /// Replaces \p loop by a call; returns the function of its body if it is one
  /// that was not there.
  func::FuncOp outline(scf::ParallelOp loop, unsigned number) {
    auto parent = loop->getParentOfType<func::FuncOp>();
    MLIRContext *context = &getContext();
    LowerToLLVMOptions options(context);
    LLVMTypeConverter converter(context, options);
    ImplicitLocOpBuilder b(loop.getLoc(), loop);
    Type pointer = LLVM::LLVMPointerType::get(context);

    llvm::SetVector<Value> captured = capture(loop);
    SmallVector<Value> passed;
    SmallVector<Type> fields;
    for (Value value : captured)
      if (!isConstant(value)) {
        passed.push_back(value);
        fields.push_back(converter.convertType(value.getType()));
      }
    auto structType = LLVM::LLVMStructType::getLiteral(context, fields);

    // The caller's side: fill the context, call.
    Value frame;
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(&parent.getBody().front());
      Value one = LLVM::ConstantOp::create(b, b.getI64Type(), 1);
      frame = LLVM::AllocaOp::create(b, pointer, structType, one);
    }
    Value packed = LLVM::PoisonOp::create(b, structType);
    for (auto [index, value] : llvm::enumerate(passed))
      packed = LLVM::InsertValueOp::create(
          b, packed, cast(b, value, fields[index]), index);
    LLVM::StoreOp::create(b, packed, frame);
    Value count = arith::ConstantIndexOp::create(b, 1);
    for (Value trips : tripCounts(b, loop.getLowerBound(), loop.getUpperBound(),
                                  loop.getStep()))
      count = arith::MulIOp::create(b, count, trips);
    auto type =
        b.getFunctionType({pointer, b.getI64Type(), b.getI64Type()}, {});
    std::string name = (parent.getName() + "_parallel_" + Twine(number)).str();
    auto body = func::ConstantOp::create(b, type, name);
    func::CallOp::create(
        b, runtimeFunction(loop), TypeRange(),
        ValueRange{cast(b, body, pointer), frame,
                   arith::IndexCastOp::create(b, b.getI64Type(), count)});

    // The body's side: unpack the context, loop over the range.
    func::FuncOp function;
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(parent);
      function = func::FuncOp::create(b, name, type);
      function.setPrivate();
      Block *entry = function.addEntryBlock();
      b.setInsertionPointToStart(entry);
      Value unpacked =
          LLVM::LoadOp::create(b, structType, entry->getArgument(0));
      IRMapping map;
      for (auto [index, value] : llvm::enumerate(passed))
        map.map(value, cast(b, LLVM::ExtractValueOp::create(b, unpacked, index),
                            value.getType()));
      for (Value value : captured)
        if (isConstant(value))
          b.clone(*value.getDefiningOp(), map);
      auto mapAll = [&](ValueRange values) {
        return llvm::map_to_vector(values,
                                   [&](Value v) { return map.lookup(v); });
      };
      SmallVector<Value> lower = mapAll(loop.getLowerBound()),
                         step = mapAll(loop.getStep());
      SmallVector<Value> counts =
          tripCounts(b, lower, mapAll(loop.getUpperBound()), step);
      auto toIndex = [&](Value value) {
        return arith::IndexCastOp::create(b, b.getIndexType(), value);
      };
      Value begin = toIndex(entry->getArgument(1)),
            end = toIndex(entry->getArgument(2));
      Value one = arith::ConstantIndexOp::create(b, 1);
      auto range = scf::ForOp::create(b, begin, end, one);
      func::ReturnOp::create(b);
      b.setInsertionPointToStart(range.getBody());
      // The last dimension runs fastest.
      Value rest = range.getInductionVar();
      for (size_t i = counts.size(); i-- > 0;) {
        Value trip =
            i == 0 ? rest
                   : arith::RemUIOp::create(b, rest, counts[i]).getResult();
        if (i > 0)
          rest = arith::DivUIOp::create(b, rest, counts[i]);
        Value iv = arith::AddIOp::create(
            b, lower[i], arith::MulIOp::create(b, trip, step[i]));
        map.map(loop.getInductionVars()[i], iv);
      }
      for (Operation &op : loop.getBody()->without_terminator())
        b.clone(op, map);
      hoistBuffers(range);
    }
    loop.erase();
    func::FuncOp equal = findEqual(function);
    if (equal == function)
      return function;
    body.setValueAttr(FlatSymbolRefAttr::get(equal));
    function.erase();
    return nullptr;
  }

  /// Iterations of a range follow each other: they share the buffers that each
  /// makes and frees.
  static void hoistBuffers(scf::ForOp range) {
    Block *body = range.getBody();
    for (Operation &op : llvm::make_early_inc_range(*body)) {
      auto alloc = dyn_cast<memref::AllocOp>(op);
      if (!alloc || alloc->getNumOperands() != 0)
        continue;
      auto isFree = [&](Operation *user) {
        return isa<memref::DeallocOp>(user) && user->getBlock() == body;
      };
      auto user = llvm::find_if(alloc->getUsers(), isFree);
      if (user == alloc->user_end())
        continue;
      (*user)->moveAfter(range);
      alloc->moveBefore(range);
    }
  }
};
} // namespace
