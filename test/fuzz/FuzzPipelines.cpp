//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// libFuzzer target: any text is parsed; what parses must survive a round trip
/// and every pass and pipeline, with a diagnostic at most.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/InitAll.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

#include "llvm/Support/raw_ostream.h"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace mlir;

namespace {

constexpr const char *kPipelines[] = {
    "canonicalize,cse",
    "infini-attn-distribute",
    "infini-attn-fuse-segment",
    "infini-attn-segment-sequence{schedule=sequential}",
    "infini-attn-segment-sequence{schedule=two-phase}",
    "infini-attn-stream",
    "infini-attn-expand-step",
    "infini-attn-tile",
    "infini-attn-tile{bf16-pairs}",
    "infini-attn-tile{bf16-pairs split-factors}",
    "convert-infini-attn-to-linalg",
    "infini-attn-fuse-elementwise",
    "infini-attn-prepare-entry",
    "infini-attn-separate-results",
    "infini-attn-return-in-place",
    "infini-attn-guard-lookups",
    "infini-attn-guard-divisions",
    "infini-attn-guard-extents",
    "infini-attn-guard-slices",
    "infini-attn-copies-to-linalg",
    "infini-attn-outline-thin-products",
    "infini-attn-pair-products{unit=amx}",
    "infini-attn-amx-to-llvm",
    "infini-attn-outline-kernels",
    "infini-attn-linalg-to-vector-loops",
    "infini-attn-approximate-math",
    "infini-attn-expand-reshapes",
    "infini-attn-parallel-to-runtime",
    "infini-attn-checks-to-runtime",
    "infini-attn-convert-to-llvm",
    "infini-attn-check-layouts",
    "infini-attn-bfloat-to-integer",
    "infini-attn-to-linalg-pipeline",
    "infini-attn-to-cpu-pipeline",
    "infini-attn-to-cpu-pipeline{target=amx}",
};

/// The dialects that text may use: those of models. (Upstream's parsers of
/// others crash on some malformed text, linalg.transpose for one, which would
/// hide what is this project's own.)
const DialectRegistry &getInputDialects() {
  static const DialectRegistry registry = [] {
    DialectRegistry input;
    input.insert<arith::ArithDialect, func::FuncDialect, math::MathDialect,
                 scf::SCFDialect, tensor::TensorDialect>();
    infini_attn::registerAllDialects(input);
    return input;
  }();
  return registry;
}

/// Everything that passes may make, with all interfaces.
const DialectRegistry &getAllDialects() {
  static const DialectRegistry registry = [] {
    DialectRegistry all;
    infini_attn::registerToolDialects(all);
    infini_attn::registerToolPasses();
    return all;
  }();
  return registry;
}

void checkRoundTrip(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream(text) << module;
  ParserConfig config(module.getContext());
  if (parseSourceString<ModuleOp>(text, config))
    return;
  llvm::errs() << "expected printed IR to parse, got an error for:\n" << text;
  std::abort();
}

void runPipeline(ModuleOp module, llvm::StringRef pipeline) {
  OwningOpRef<ModuleOp> clone = module.clone();
  PassManager manager(module.getContext());
  if (failed(parsePassPipeline(pipeline, manager))) {
    llvm::errs() << "expected a pipeline that parses, got " << pipeline << "\n";
    std::abort();
  }
  (void)manager.run(*clone);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // A fresh context for each input, so that a crash depends on its input only.
  MLIRContext context(getInputDialects(), MLIRContext::Threading::DISABLED);
  ScopedDiagnosticHandler silence(&context, [](Diagnostic &) {});
  // The parser reads the NUL after the text, which libFuzzer's buffer lacks.
  std::string text(reinterpret_cast<const char *>(data), size);
  ParserConfig config(&context);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, config);
  if (!module)
    return 0;
  checkRoundTrip(*module);
  context.appendDialectRegistry(getAllDialects());
  for (const char *pipeline : kPipelines)
    runPipeline(*module, pipeline);
  return 0;
}
