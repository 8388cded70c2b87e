//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The pipelines of InfiniAttn, each one list of stages.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_PIPELINES_PIPELINES_H
#define INFINI_ATTN_PIPELINES_PIPELINES_H

#include "infini_attn/Codegen/CPU/Targets.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace mlir::infini_attn {

/// Options of infini-attn-to-cpu-pipeline.
struct CPUPipelineOptions : public PassPipelineOptions<CPUPipelineOptions> {
  Option<std::string> target{
      *this, "target",
      llvm::cl::desc("kind of CPU: amx, avx512-bf16, avx512, avx2, avx, "
                     "generic, amx-granted, amx-emulated"),
      llvm::cl::init("avx512")};
};

/// infini_attn to linalg, both on tensors: the equations, nothing optimized.
void buildDecomposition(OpPassManager &pm);

/// infini_attn on tensors to linalg on buffers, with upstream passes from there
/// to the llvm dialect: sequential loops, for any target. The plain path that
/// others are compared with.
void buildToLinalgPipeline(OpPassManager &pm);

/// infini_attn on tensors to functions on buffers: register tiles, vectors,
/// threads.
void buildCPUFunctions(OpPassManager &pm, const cpu::Target &target);

/// Those functions to the llvm dialect. Each becomes the same with or without
/// the others beside it.
void buildCPUFunctionsToLLVM(OpPassManager &pm, const cpu::Target &target);

/// The one after the other.
void buildToCPUPipeline(OpPassManager &pm, const cpu::Target &target);

/// Registers both by name.
void registerPipelines();

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_PIPELINES_PIPELINES_H
