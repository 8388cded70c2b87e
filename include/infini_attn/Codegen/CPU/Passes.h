//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Passes from linalg to CPU code.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_CODEGEN_CPU_PASSES_H
#define INFINI_ATTN_CODEGEN_CPU_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::infini_attn::cpu {

/// What a target multiplies pairs of bf16 with.
enum class PairProductUnit {
  FMA,     ///< none: widened, two FMA
  X86Dot,  ///< AVX512-BF16
  NEONDot, ///< BF16 of AArch64
  AMX      ///< AMX-BF16
};

#define GEN_PASS_DECL
#include "infini_attn/Codegen/CPU/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "infini_attn/Codegen/CPU/Passes.h.inc"

} // namespace mlir::infini_attn::cpu

#endif // INFINI_ATTN_CODEGEN_CPU_PASSES_H
