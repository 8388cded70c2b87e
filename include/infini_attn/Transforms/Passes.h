//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Passes from infini_attn to infini_attn.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_TRANSFORMS_PASSES_H
#define INFINI_ATTN_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::infini_attn {

/// Order in which the segments of a sequence are computed.
enum class SegmentSchedule { Sequential, TwoPhase };

#define GEN_PASS_DECL
#include "infini_attn/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "infini_attn/Transforms/Passes.h.inc"

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_TRANSFORMS_PASSES_H
