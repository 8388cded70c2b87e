//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Passes from infini_attn to linalg.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_CONVERSION_PASSES_H
#define INFINI_ATTN_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::infini_attn {

#define GEN_PASS_DECL
#include "infini_attn/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "infini_attn/Conversion/Passes.h.inc"

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_CONVERSION_PASSES_H
