//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Gives public functions the calling convention of compiled code.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"
#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNPREPAREENTRY
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

namespace {
struct PrepareEntry
    : public cpu::impl::InfiniAttnPrepareEntryBase<PrepareEntry> {
  void runOnOperation() override {
    StringRef writable = bufferization::BufferizationDialect::kWritableAttrName;
    Builder b(&getContext());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function.isPublic() || function.isDeclaration())
        continue;
      function->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(),
                        b.getUnitAttr());
      for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
        // The names served the tools that bind arguments; below here nobody
        // knows the dialect.
        function.removeArgAttr(
            index,
            StringAttr::get(&getContext(), InfiniAttnDialect::kArgNameAttr));
        bool isInPlace = function.getArgAttr(
                             index, InfiniAttnDialect::kInPlaceAttr) != nullptr;
        if (isa<TensorType>(type) && !function.getArgAttr(index, writable))
          function.setArgAttr(index, writable, b.getBoolAttr(isInPlace));
      }
    }
  }
};
} // namespace
