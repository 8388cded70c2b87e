//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The language server: diagnostics, definitions and hover in an editor.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/InitAll.h"
#include "infini_attn/Target/Diagnostics.h"

#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  // Those of LLVM; the server's own come with its main function.
  mlir::infini_attn::showOnly({"help", "help-hidden"});
  mlir::DialectRegistry registry;
  mlir::infini_attn::registerToolDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
