//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// AMX tiles, also those that loops carry, as values of LLVM.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/AMX/Transforms.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNAMXTOLLVM
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

static bool hasTile(TypeRange types) {
  return llvm::any_of(types, llvm::IsaPred<amx::TileType>);
}

namespace {
struct AMXToLLVM : public cpu::impl::InfiniAttnAMXToLLVMBase<AMXToLLVM> {
  void runOnOperation() override {
    MLIRContext &context = getContext();
    LLVMTypeConverter converter(&context);
    RewritePatternSet patterns(&context);
    populateAMXLegalizeForLLVMExportPatterns(converter, patterns);
    scf::populateSCFStructuralTypeConversions(converter, patterns);
    LLVMConversionTarget target(context);
    configureAMXLegalizeForExportTarget(target);
    target.addLegalDialect<LLVM::LLVMDialect>();
    // Loops that carry no tile keep the types that they have.
    target.addDynamicallyLegalOp<scf::ForOp>(
        [](scf::ForOp op) { return !hasTile(op.getResultTypes()); });
    target.addDynamicallyLegalOp<scf::YieldOp>(
        [](scf::YieldOp op) { return !hasTile(op.getOperandTypes()); });
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
