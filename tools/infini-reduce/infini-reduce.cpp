//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Reduces a failing module to a small one.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/IO/OutputFile.h"
#include "infini_attn/InitAll.h"
#include "infini_attn/Target/ModuleInput.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Reducer/Passes.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

using namespace mlir;
namespace cl = llvm::cl;

static cl::OptionCategory category("infini-reduce options");
static cl::opt<std::string> inputPath(cl::Positional, cl::init("-"),
                                      cl::desc("<input .mlir, - is stdin>"),
                                      cl::cat(category));
static cl::opt<std::string>
    outputPath("o", cl::init("-"), cl::desc("output file (default: stdout)"),
               cl::value_desc("file"), cl::cat(category));

static constexpr const char *kTool = "infini-reduce";

static int fail(llvm::Error error) {
  return infini_attn::reportError(kTool, std::move(error));
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  infini_attn::exitOnFatalErrors(kTool);
  infini_attn::registerToolPasses();
  registerReducerPasses();
  PassPipelineCLParser pipeline("", "passes that reduce:");
  infini_attn::showOnly({"help", "help-hidden", "o"});
  if (!infini_attn::parseCommandLine(
          kTool, argc, argv,
          "Reduces a failing module to a small one.\n\n"
          "  infini-reduce in.mlir -o out.mlir "
          "--reduction-tree='traversal-mode=0 test=interesting.sh'\n\n"
          "interesting.sh FILE exits with 1 where the file still fails. "
          "--help-hidden shows the other passes.\n"))
    return 1;
  if (!pipeline.hasAnyOccurrences())
    return fail(llvm::createStringError(
        "expected a pass that reduces, such as --reduction-tree, got none"));
  infini_attn::ModuleInput input(kTool);
  if (llvm::Error error = input.readFile(inputPath))
    return fail(std::move(error));
  MLIRContext *context = input.module().getContext();
  // That a module is not interesting is no warning but why nothing is written.
  ScopedDiagnosticHandler noWarnings(context, [](Diagnostic &diagnostic) {
    return success(diagnostic.getSeverity() == DiagnosticSeverity::Warning);
  });
  PassManager pm(context);
  std::string message;
  if (failed(pipeline.addToPipeline(pm, [&](const Twine &text) {
        message = text.str();
        return failure();
      })))
    return fail(llvm::createStringError(message));
  if (failed(pm.run(input.module())))
    return fail(input.explain(llvm::createStringError(
        "expected a module that the test finds interesting (exit code 1)")));
  std::string text;
  llvm::raw_string_ostream out(text);
  input.module().print(out);
  out << "\n";
  if (llvm::Error error = infini::writeFile(outputPath, text))
    return fail(std::move(error));
  return 0;
}
