//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The optimizer driver: every pass of InfiniAttn and of MLIR on a file.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/InitAll.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::infini_attn::registerToolDialects(registry);
  mlir::infini_attn::registerToolPasses();
  auto [input, output] = mlir::registerAndParseCLIOptions(
      argc, argv, "InfiniAttn optimizer driver\n", registry);
  // The input is mapped into memory while the output is written.
  if (input != "-" && llvm::sys::fs::equivalent(input, output)) {
    llvm::errs() << "infini-opt: error: expected an output file other than the "
                    "input, got '"
                 << output << "'\n";
    return 1;
  }
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, input, output, registry));
}
