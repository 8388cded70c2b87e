//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The kinds of CPU that there is code for.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_CODEGEN_CPU_TARGETS_H
#define INFINI_ATTN_CODEGEN_CPU_TARGETS_H

#include "infini_attn/Codegen/CPU/Passes.h"

#include <optional>

namespace mlir::infini_attn::cpu {

/// What passes need to know of a kind of CPU.
struct Target {
  llvm::StringLiteral name;
  /// Features that it needs, as LLVM names them.
  llvm::StringLiteral features;
  /// Width of a vector register.
  unsigned vectorBits;
  /// What multiplies pairs of bf16, or nothing where bf16 is best widened.
  std::optional<PairProductUnit> pairUnit;
  /// 2^x by vreduceps and vscalefps (AVX-512).
  bool hasScale = false;
  /// f32 is rounded to bf16 by an instruction.
  bool roundsToBF16 = false;
  /// The code's process has permission to use AMX: it need not ask for it, nor
  /// have another way.
  bool tilesGranted = false;

  /// Whether products of f32 are worth splitting into products of bf16: three
  /// or six dot products take longer than one of f32, so only for tiles, and
  /// for what stands for them in tests.
  bool splitsFactors() const {
    return pairUnit == PairProductUnit::AMX || pairUnit == PairProductUnit::FMA;
  }
};

/// All of them, the best first.
llvm::ArrayRef<Target> getTargets();

/// The target of this name, or null.
const Target *lookupTarget(llvm::StringRef name);

/// The names, separated by commas, for error messages.
std::string getTargetNames();

} // namespace mlir::infini_attn::cpu

#endif // INFINI_ATTN_CODEGEN_CPU_TARGETS_H
