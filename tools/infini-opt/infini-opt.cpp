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
#include "infini_attn/Target/Diagnostics.h"
#include "infini_attn/Target/ModuleFile.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/ToolOutputFile.h"

static constexpr const char *kTool = "infini-opt";

static int fail(const llvm::Twine &message) {
  return mlir::infini_attn::reportError(kTool,
                                        llvm::createStringError(message));
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  mlir::infini_attn::exitOnFatalErrors(kTool);
  mlir::DialectRegistry registry;
  mlir::infini_attn::registerToolDialects(registry);
  mlir::infini_attn::registerToolPasses();
  mlir::registerCLIOptions(kTool, registry);
  mlir::infini_attn::showOnly({"help", "help-hidden", "list-passes",
                               "load-dialect-plugin", "load-pass-plugin",
                               "mlir-print-ir-after-all", "o", "pass-pipeline",
                               "split-input-file", "verify-diagnostics"});
  auto [inputPath, outputPath] = mlir::parseCLIOptions(
      argc, argv,
      "Runs passes of infini_attn and of MLIR on a module.\n\n"
      "  infini-opt in.mlir --infini-attn-segment-sequence --canonicalize\n"
      "  infini-opt in.mlir -o out.mlir "
      "--pass-pipeline='builtin.module(infini-attn-to-linalg-pipeline)'\n\n"
      "Passes are options: --help-hidden shows them and all else that there "
      "is.\n");
  mlir::MlirOptMainConfig config =
      mlir::MlirOptMainConfig::createFromCLOptions();
  if (config.shouldShowDialects() || config.shouldListPasses())
    return mlir::asMainReturnCode(
        mlir::MlirOptMain(argc, argv, inputPath, outputPath, registry));
  // The input is mapped into memory while the output is written.
  if (inputPath != "-" && llvm::sys::fs::equivalent(inputPath, outputPath))
    return fail("expected an output file other than the input, got '" +
                outputPath + "'");
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> input =
      mlir::infini_attn::openModuleFile(inputPath);
  if (!input)
    return fail(llvm::toString(input.takeError()));
  std::string message;
  std::unique_ptr<llvm::ToolOutputFile> output =
      mlir::openOutputFile(outputPath, &message);
  if (!output)
    return fail(message);
  if (failed(
          mlir::MlirOptMain(output->os(), std::move(*input), registry, config)))
    return 1;
  output->keep();
  return 0;
}
