//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Registration of everything InfiniAttn has, for tools and embedders.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_INITALL_H
#define INFINI_ATTN_INITALL_H

#include "infini_attn/Codegen/CPU/Passes.h"
#include "infini_attn/Conversion/Passes.h"
#include "infini_attn/Dialect/InfiniAttn.h"
#include "infini_attn/Pipelines/Pipelines.h"
#include "infini_attn/Transforms/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"

namespace mlir::infini_attn {

/// Adds the infini_attn dialect to `registry`.
inline void registerAllDialects(DialectRegistry &registry) {
  registry.insert<InfiniAttnDialect>();
}

/// Registers every pass and pipeline of InfiniAttn with the global registry.
inline void registerAllPasses() {
  registerInfiniAttnTransformsPasses();
  registerInfiniAttnConversionPasses();
  cpu::registerInfiniAttnCPUPasses();
  registerPipelines();
}

/// Adds to `registry` all that a model may hold: InfiniAttn's and MLIR's
/// dialects, with MLIR's extensions.
inline void registerToolDialects(DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  infini_attn::registerAllDialects(registry);
}

/// Registers every pass and pipeline of InfiniAttn and of MLIR.
inline void registerToolPasses() {
  mlir::registerAllPasses();
  infini_attn::registerAllPasses();
}

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_INITALL_H
