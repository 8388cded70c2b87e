//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Refuses arguments of the C interface that are not row-major.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNCHECKLAYOUTS
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

static constexpr StringLiteral kWrapperPrefix = "_mlir_ciface_";
static constexpr StringLiteral kCheck = "infini_check";

/// The rank of a memref descriptor {pointer, pointer, offset, sizes, strides}.
static std::optional<unsigned> descriptorRank(Type type) {
  auto descriptor = dyn_cast<LLVM::LLVMStructType>(type);
  if (!descriptor || descriptor.isIdentified())
    return std::nullopt;
  ArrayRef<Type> fields = descriptor.getBody();
  if ((fields.size() != 3 && fields.size() != 5) ||
      !isa<LLVM::LLVMPointerType>(fields[0]) ||
      !isa<LLVM::LLVMPointerType>(fields[1]) || !fields[2].isInteger(64))
    return std::nullopt;
  if (fields.size() == 3)
    return 0;
  auto sizes = dyn_cast<LLVM::LLVMArrayType>(fields[3]);
  if (!sizes || fields[4] != fields[3])
    return std::nullopt;
  return sizes.getNumElements();
}

namespace {
/// The condition that a descriptor is of a row-major array.
class RowMajor {
public:
  RowMajor(ImplicitLocOpBuilder &b, Value descriptor)
      : b(b), descriptor(descriptor) {}

  Value holds(unsigned rank) {
    Value zero = constant(0), one = constant(1), stride = one, isEmpty, fits;
    for (int64_t dim = int64_t(rank) - 1; dim >= 0; --dim) {
      Value size = field({3, dim});
      // The stride of one row is never used, and no stride of no rows.
      Value isRight = either(equal(field({4, dim}), stride), equal(size, one));
      fits = fits ? LLVM::AndOp::create(b, fits, isRight).getResult() : isRight;
      Value isNone = equal(size, zero);
      isEmpty = isEmpty ? either(isEmpty, isNone) : isNone;
      stride = LLVM::MulOp::create(b, stride, size);
    }
    Value begins = equal(field({2}), zero);
    if (!fits)
      return begins;
    return LLVM::AndOp::create(b, begins, either(fits, isEmpty));
  }

private:
  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(b, b.getI64IntegerAttr(value));
  }
  Value field(ArrayRef<int64_t> position) {
    return LLVM::ExtractValueOp::create(b, descriptor, position);
  }
  Value equal(Value lhs, Value rhs) {
    return LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::eq, lhs, rhs);
  }
  Value either(Value lhs, Value rhs) { return LLVM::OrOp::create(b, lhs, rhs); }

  ImplicitLocOpBuilder &b;
  Value descriptor;
};

struct CheckLayouts
    : public cpu::impl::InfiniAttnCheckLayoutsBase<CheckLayouts> {
  void runOnOperation() override {
    SmallVector<LLVM::CallOp> calls;
    for (auto function : getOperation().getOps<LLVM::LLVMFuncOp>())
      if (function.getName().starts_with(kWrapperPrefix) &&
          !function.isExternal())
        for (auto call : function.getOps<LLVM::CallOp>())
          calls.push_back(call);
    for (LLVM::CallOp call : calls)
      checkArguments(call);
  }

  /// Calls what the wrapper is for only where all arguments are row-major.
  void checkArguments(LLVM::CallOp call) {
    ImplicitLocOpBuilder b(call.getLoc(), call);
    Block *entry = call->getBlock();
    // A result that is not a scalar comes through the first argument.
    bool hasResults = llvm::any_of(*entry, [&](Operation &op) {
      auto store = dyn_cast<LLVM::StoreOp>(op);
      return store && store.getAddr() == entry->getArgument(0);
    });
    Value all;
    for (auto load :
         llvm::make_early_inc_range(entry->getOps<LLVM::LoadOp>())) {
      auto argument = dyn_cast<BlockArgument>(load.getAddr());
      std::optional<unsigned> rank = descriptorRank(load.getType());
      if (!argument || !rank)
        continue;
      Value holds = RowMajor(b, load).holds(*rank);
      report(b, holds, argument.getArgNumber() - hasResults);
      all = all ? LLVM::AndOp::create(b, all, holds).getResult() : holds;
    }
    if (!all)
      return;
    Block *valid = entry->splitBlock(call);
    auto *invalid = new Block;
    valid->getParent()->push_back(invalid);
    b.setInsertionPointToEnd(entry);
    LLVM::CondBrOp::create(b, all, valid, invalid);
    // No results: null pointers and sizes of 0.
    b.setInsertionPointToEnd(invalid);
    IRMapping none;
    for (Value result : call.getResults())
      none.map(result, LLVM::ZeroOp::create(b, result.getType()));
    for (Operation &op : llvm::drop_begin(*valid))
      b.clone(op, none);
  }

  void report(ImplicitLocOpBuilder &b, Value holds, unsigned number) {
    std::string text = "expected argument " + std::to_string(number) +
                       " of a function in row-major order, got other strides "
                       "or an offset";
    ModuleOp module = getOperation();
    std::string name = "infini_layout_message_" + std::to_string(number);
    if (!module.lookupSymbol(name)) {
      auto top =
          ImplicitLocOpBuilder::atBlockBegin(b.getLoc(), module.getBody());
      std::string bytes = text + '\0';
      LLVM::GlobalOp::create(
          top, LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size()),
          /*isConstant=*/true, LLVM::Linkage::Internal, name,
          b.getStringAttr(bytes));
    }
    Type pointer = LLVM::LLVMPointerType::get(&getContext());
    if (!module.lookupSymbol(kCheck)) {
      auto top =
          ImplicitLocOpBuilder::atBlockBegin(b.getLoc(), module.getBody());
      Type value = b.getI64Type();
      LLVM::LLVMFuncOp::create(
          top, kCheck,
          LLVM::LLVMFunctionType::get(
              LLVM::LLVMVoidType::get(&getContext()),
              {b.getI32Type(), pointer, value, value, value}));
    }
    Value ok = LLVM::ZExtOp::create(b, b.getI32Type(), holds);
    Value message = LLVM::AddressOfOp::create(b, pointer, name);
    Value none = LLVM::ConstantOp::create(b, b.getI64IntegerAttr(0));
    LLVM::CallOp::create(b, TypeRange(), kCheck,
                         ValueRange{ok, message, none, none, none});
  }
};
} // namespace
