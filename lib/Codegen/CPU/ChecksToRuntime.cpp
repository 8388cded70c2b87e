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
#include "infini_attn/Dialect/InfiniAttn.h"

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
/// Values that infini_check takes.
static constexpr size_t kValues = 3;

namespace {
struct ChecksToRuntime
    : public cpu::impl::InfiniAttnChecksToRuntimeBase<ChecksToRuntime> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<Operation *> checks;
    messages.clear();
    module.walk([&](Operation *op) {
      if (isa<cf::AssertOp, CheckOp>(op))
        checks.push_back(op);
    });
    for (Operation *op : checks) {
      if (auto check = dyn_cast<CheckOp>(op))
        call(check, check.getOk(), check.getMessage(), check.getValues());
      else if (auto check = cast<cf::AssertOp>(op))
        call(check, check.getArg(), check.getMsg(), {});
      op->erase();
    }
    if (checks.empty() || module.lookupSymbol(kCheck))
      return;
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    SmallVector<Type> types{b.getI32Type(),
                            LLVM::LLVMPointerType::get(&getContext())};
    types.append(kValues, b.getI64Type());
    func::FuncOp::create(b, module.getLoc(), kCheck,
                         b.getFunctionType(types, {}))
        .setPrivate();
  }

  /// Calls infini_check before \p op; zeros are the values that it has not.
  void call(Operation *op, Value ok, StringRef text, ValueRange values) {
    OpBuilder b(op);
    Location loc = op->getLoc();
    StringAttr &name = messages[text];
    if (!name)
      name = addMessage(loc, text);
    Type pointer = LLVM::LLVMPointerType::get(&getContext());
    SmallVector<Value> arguments{
        arith::ExtUIOp::create(b, loc, b.getI32Type(), ok),
        LLVM::AddressOfOp::create(b, loc, pointer, name)};
    for (Value value : values)
      arguments.push_back(
          value.getType().isIndex()
              ? arith::IndexCastOp::create(b, loc, b.getI64Type(), value)
              : value);
    while (arguments.size() < 2 + kValues)
      arguments.push_back(
          arith::ConstantIntOp::create(b, loc, b.getI64Type(), 0));
    func::CallOp::create(b, loc, kCheck, TypeRange(), arguments);
  }

  StringAttr addMessage(Location loc, StringRef message) {
    OpBuilder b = OpBuilder::atBlockBegin(getOperation().getBody());
    std::string text = (message + StringRef("\0", 1)).str();
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), text.size());
    auto global = LLVM::GlobalOp::create(
        b, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal,
        ("infini_check_message_" + Twine(messages.size())).str(),
        b.getStringAttr(text));
    return global.getSymNameAttr();
  }

  llvm::StringMap<StringAttr> messages;
};
} // namespace
