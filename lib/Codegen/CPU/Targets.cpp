//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Targets.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::infini_attn;

/// A CPU is of the first kind whose features it has. One with AMX runs the dot
/// product of pairs at half the speed of f32 FMA: without its tiles bf16 is
/// widened there.
static constexpr llvm::StringLiteral kAMX =
    "+amx-tile,+amx-bf16,+avx512bf16,+avx512f,+avx512bw,+avx512dq,+avx512vl";
static constexpr cpu::Target kTargets[] = {
    {"amx", kAMX, 512, cpu::PairProductUnit::AMX, /*hasScale=*/true,
     /*roundsToBF16=*/true},
    {"avx512-bf16",
     "+avx512bf16,+avx512f,+avx512bw,+avx512dq,+avx512vl,-amx-bf16", 512,
     cpu::PairProductUnit::X86Dot, /*hasScale=*/true, /*roundsToBF16=*/true},
    {"avx512", "+avx512f,+avx512bw,+avx512dq,+avx512vl", 512, std::nullopt,
     /*hasScale=*/true},
    {"avx2", "+avx2,+fma", 256, std::nullopt},
    {"avx", "+avx", 256, std::nullopt},
    {"neon-bf16", "+neon,+bf16", 128, cpu::PairProductUnit::NEONDot,
     /*hasScale=*/false, /*roundsToBF16=*/true},
    {"generic", "", 128, std::nullopt},
    // Found by name only: AMX for a process that may use it, and its form on a
    // CPU of any kind.
    {"amx-granted", kAMX, 512, cpu::PairProductUnit::AMX, /*hasScale=*/true,
     /*roundsToBF16=*/true, /*tilesGranted=*/true},
    {"amx-emulated", "", 512, cpu::PairProductUnit::FMA},
};

llvm::ArrayRef<cpu::Target> cpu::getTargets() { return kTargets; }

const cpu::Target *cpu::lookupTarget(llvm::StringRef name) {
  const Target *found = llvm::find_if(
      kTargets, [&](const Target &target) { return target.name == name; });
  return found == std::end(kTargets) ? nullptr : found;
}

std::string cpu::getTargetNames() {
  return llvm::join(
      llvm::map_range(kTargets,
                      [](const Target &target) { return target.name.str(); }),
      ", ");
}
