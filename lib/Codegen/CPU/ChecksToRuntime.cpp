//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Reports failed checks to the host instead of aborting.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNCHECKSTORUNTIME
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

static constexpr StringLiteral kCheck = "infini_check";

namespace {
struct ChecksToRuntime
    : public cpu::impl::InfiniAttnChecksToRuntimeBase<ChecksToRuntime> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::StringMap<StringAttr> messages;
    SmallVector<cf::AssertOp> checks;
    module.walk([&](cf::AssertOp check) { checks.push_back(check); });
    for (cf::AssertOp check : checks) {
      OpBuilder b(check);
      Location loc = check.getLoc();
      StringAttr &name = messages[check.getMsg()];
      if (!name)
        name = addMessage(module, check, messages.size());
      Type pointer = LLVM::LLVMPointerType::get(&getContext());
      Value ok = arith::ExtUIOp::create(b, loc, b.getI32Type(), check.getArg());
      Value message = LLVM::AddressOfOp::create(b, loc, pointer, name);
      func::CallOp::create(b, loc, kCheck, TypeRange(),
                           ValueRange{ok, message});
      check.erase();
    }
    if (checks.empty() || module.lookupSymbol(kCheck))
      return;
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    auto type = b.getFunctionType(
        {b.getI32Type(), LLVM::LLVMPointerType::get(&getContext())}, {});
    func::FuncOp::create(b, module.getLoc(), kCheck, type).setPrivate();
  }

  StringAttr addMessage(ModuleOp module, cf::AssertOp check, size_t number) {
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    std::string text = (check.getMsg() + StringRef("\0", 1)).str();
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), text.size());
    auto global = LLVM::GlobalOp::create(
        b, check.getLoc(), type, /*isConstant=*/true, LLVM::Linkage::Internal,
        ("infini_check_message_" + Twine(number)).str(), b.getStringAttr(text));
    return global.getSymNameAttr();
  }
};
} // namespace
