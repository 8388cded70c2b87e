//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Results that are arguments changed in place.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"
#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNRETURNINPLACE
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

static void returnInPlace(func::FuncOp function) {
  StringAttr name =
      StringAttr::get(function.getContext(), InfiniAttnDialect::kInPlaceAttr);
  for (unsigned index = 0, e = function.getNumArguments(); index < e; ++index) {
    if (!function.getArgAttr(index, name))
      continue;
    function.removeArgAttr(index, name);
    for (Operation *user :
         llvm::make_early_inc_range(function.getArgument(index).getUsers())) {
      // A copy for a return and for nothing else.
      auto copy = dyn_cast<bufferization::CloneOp>(user);
      if (!copy || copy.getType() != copy.getInput().getType() ||
          !llvm::all_of(copy->getUsers(), llvm::IsaPred<func::ReturnOp>))
        continue;
      copy.replaceAllUsesWith(copy.getInput());
      copy.erase();
    }
  }
}

namespace {
struct ReturnInPlace
    : public cpu::impl::InfiniAttnReturnInPlaceBase<ReturnInPlace> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isDeclaration())
        returnInPlace(function);
  }
};
} // namespace
