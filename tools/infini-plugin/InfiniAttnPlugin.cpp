//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The dialect and its passes as a plugin for a stock mlir-opt.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/InitAll.h"

#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;

static void registerPasses() { infini_attn::registerAllPasses(); }

static void registerDialects(DialectRegistry *registry) {
  infini_attn::registerAllDialects(*registry);
  // So that a transform script finds the passes with the dialect alone.
  registerPasses();
}

extern "C" LLVM_ATTRIBUTE_WEAK DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "InfiniAttn", LLVM_VERSION_STRING,
          registerDialects};
}

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "InfiniAttn", LLVM_VERSION_STRING,
          registerPasses};
}
