//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The pipelines, as a table of contents: each is a list of stages, and each
/// stage says which dialects are alive when it begins.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Pipelines/Pipelines.h"

#include "infini_attn/Codegen/CPU/Passes.h"
#include "infini_attn/Conversion/Passes.h"
#include "infini_attn/Transforms/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::infini_attn;

/// Sequences and steps -> single segments.
static void addSegmentation(OpPassManager &pm) {
  pm.addPass(createInfiniAttnSegmentSequence());
  // Loops drop results that nobody uses: a step computes no such output.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createInfiniAttnExpandStep());
}

/// Operations of one segment -> linalg, scf, tensor
static void addEquations(OpPassManager &pm) {
  pm.addPass(createConvertInfiniAttnToLinalg());
  // Constants and casts that the decomposition left behind would hide static
  // shapes from the stages below. No CSE before bufferization: it would make
  // one accumulator of two that begin alike, and bufferization two again by a
  // copy.
  pm.addPass(createCanonicalizerPass());
}

/// infini_attn, linalg, tensor -> linalg, scf, tensor
void infini_attn::buildDecomposition(OpPassManager &pm) {
  addSegmentation(pm);
  addEquations(pm);
}

/// linalg, scf, tensor -> linalg, scf, memref
static void addBufferization(OpPassManager &pm) {
  pm.addPass(cpu::createInfiniAttnPrepareEntry());
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  options.unknownTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  // What was written where it belongs shows as a copy of a view onto itself:
  // after CSE, and that needs the views to be simple.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(cpu::createInfiniAttnSeparateResults());
  // A tile's buffers are made once a task.
  pm.addNestedPass<func::FuncOp>(bufferization::createBufferLoopHoistingPass());
  bufferization::buildBufferDeallocationPipeline(
      pm, bufferization::BufferDeallocationPipelineOptions());
  pm.addPass(cpu::createInfiniAttnReturnInPlace());
  pm.addPass(createConvertBufferizationToMemRefPass());
  pm.addPass(cpu::createInfiniAttnCopiesToLinalg());
}

/// arith, cf, func, math, memref, scf, vector -> llvm
static void addLLVMConversion(OpPassManager &pm, bool roundsToBF16 = false) {
  pm.addPass(cpu::createInfiniAttnAMXToLLVM());
  pm.addPass(cpu::createInfiniAttnExpandReshapes());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  // No library has functions of bf16; f16 is as it was.
  math::MathExtendToSupportedTypesOptions wide;
  wide.extraTypeStrs = {"f16"};
  wide.targetTypeStr = "f32";
  pm.addPass(math::createMathExtendToSupportedTypes(wide));
  // bf16 has no arithmetic of its own, and LLVM calls a function that few
  // systems have where the CPU cannot round to it: done in integers instead.
  arith::ArithEmulateUnsupportedFloatsOptions emulation;
  emulation.sourceTypeStrs = {"bf16"};
  emulation.targetTypeStr = "f32";
  pm.addPass(arith::createArithEmulateUnsupportedFloats(emulation));
  arith::ArithExpandOpsPassOptions expansion;
  expansion.includeBf16 = !roundsToBF16;
  pm.addPass(arith::createArithExpandOpsPass(expansion));
  pm.addPass(cpu::createInfiniAttnConvertToLLVM());
  pm.addPass(createReconcileUnrealizedCastsPass());
  // llvm: once a call, strides are asked for
  pm.addPass(cpu::createInfiniAttnCheckLayouts());
  // The casts of bf16 that are left are between integers
  pm.addPass(cpu::createInfiniAttnBFloatToInteger());
}

/// infini_attn, linalg, tensor: no access outside of a tensor and no division
/// by 0, whatever the data
static void addGuards(OpPassManager &pm) {
  // Arithmetic of tensors is that of their elements.
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(cpu::createInfiniAttnGuardLookups());
  pm.addPass(cpu::createInfiniAttnGuardDivisions());
  pm.addPass(cpu::createInfiniAttnGuardExtents());
  pm.addPass(cpu::createInfiniAttnGuardSlices());
}

void infini_attn::buildToLinalgPipeline(OpPassManager &pm) {
  addGuards(pm);
  pm.addPass(createInfiniAttnDistribute());
  buildDecomposition(pm);
  addBufferization(pm);
  // linalg, memref, scf -> memref, scf
  pm.addPass(createConvertLinalgToLoopsPass());
  pm.addNestedPass<func::FuncOp>(createForallToForLoopPass());
  // cf: failed checks are reported, where upstream's lowering would abort
  pm.addPass(cpu::createInfiniAttnChecksToRuntime());
  addLLVMConversion(pm);
}

void infini_attn::buildCPUFunctions(OpPassManager &pm,
                                    const cpu::Target &target) {
  addGuards(pm);
  // infini_attn, linalg, tensor: one task a batch row and head
  pm.addPass(createInfiniAttnDistribute());
  addSegmentation(pm);
  InfiniAttnTileOptions tileOptions;
  tileOptions.bf16Pairs = target.pairUnit.has_value();
  tileOptions.splitFactors = target.splitsFactors();
  pm.addPass(createInfiniAttnTile(tileOptions));
  addEquations(pm);
  // linalg, scf, tensor: fewer passes over memory
  pm.addPass(createInfiniAttnFuseElementwise());
  pm.addPass(createCanonicalizerPass());
  addBufferization(pm);
  // linalg, memref, scf -> memref, scf, vector
  pm.addNestedPass<func::FuncOp>(createForallToParallelLoopPass());
  cpu::InfiniAttnOutlineThinProductsOptions thinOptions;
  thinOptions.vectorBits = target.vectorBits;
  pm.addPass(cpu::createInfiniAttnOutlineThinProducts(thinOptions));
  if (target.pairUnit) {
    cpu::InfiniAttnPairProductsOptions pairOptions;
    pairOptions.unit = *target.pairUnit;
    pairOptions.vectorBits = target.vectorBits;
    pairOptions.tilesGranted = target.tilesGranted;
    pm.addPass(cpu::createInfiniAttnPairProducts(pairOptions));
  }
  cpu::InfiniAttnOutlineKernelsOptions outlineOptions;
  outlineOptions.vectorBits = target.vectorBits;
  pm.addPass(cpu::createInfiniAttnOutlineKernels(outlineOptions));
  cpu::InfiniAttnLinalgToVectorLoopsOptions vectorOptions;
  vectorOptions.vectorBits = target.vectorBits;
  pm.addPass(cpu::createInfiniAttnLinalgToVectorLoops(vectorOptions));
  cpu::InfiniAttnApproximateMathOptions mathOptions;
  mathOptions.hasScale = target.hasScale;
  pm.addPass(cpu::createInfiniAttnApproximateMath(mathOptions));
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  // memref, scf, vector -> func, llvm for the calls of the runtime
  pm.addPass(cpu::createInfiniAttnParallelToRuntime());
  pm.addPass(cpu::createInfiniAttnChecksToRuntime());
}

void infini_attn::buildCPUFunctionsToLLVM(OpPassManager &pm,
                                          const cpu::Target &target) {
  addLLVMConversion(pm, target.roundsToBF16);
}

void infini_attn::buildToCPUPipeline(OpPassManager &pm,
                                     const cpu::Target &target) {
  buildCPUFunctions(pm, target);
  buildCPUFunctionsToLLVM(pm, target);
}

void infini_attn::registerPipelines() {
  PassPipelineRegistration<>(
      "infini-attn-to-linalg-pipeline",
      "lower infini_attn to the llvm dialect by plain loops, for any target",
      buildToLinalgPipeline);
  registerPassPipeline(
      "infini-attn-to-cpu-pipeline",
      "lower infini_attn to the llvm dialect: register tiles, vectors, threads",
      [](OpPassManager &pm, StringRef text,
         function_ref<LogicalResult(const Twine &)> error) -> LogicalResult {
        CPUPipelineOptions options;
        if (failed(options.parseFromString(text)))
          return failure();
        const cpu::Target *target = cpu::lookupTarget(options.target);
        if (!target)
          return error("expected target to be one of " + cpu::getTargetNames() +
                       ", got '" + options.target + "'");
        buildToCPUPipeline(pm, *target);
        return success();
      },
      [](function_ref<void(const detail::PassOptions &)> handle) {
        handle(CPUPipelineOptions());
      });
}
