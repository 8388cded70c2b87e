//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Compiles a module in this process and runs it on arrays.
///
//===----------------------------------------------------------------------===//

#include "Run.h"

#include "infini_attn/InitAll.h"
#include "infini_attn/Runtime/Runtime.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

#include <unistd.h>

using namespace mlir;
using infini::Binding;
using infini::DType;
namespace cl = llvm::cl;

static cl::OptionCategory category("infini-run options");

static cl::opt<std::string> inputPath(cl::Positional, cl::init(""),
                                      cl::desc("[input .mlir]"),
                                      cl::cat(category));
static cl::opt<std::string>
    entry("entry", cl::desc("function to run (default: the only public one)"),
          cl::value_desc("function"), cl::cat(category));
static cl::list<std::string>
    inputs("input", cl::desc("npy file of an argument, by its name or in order"),
           cl::value_desc("[name=]file.npy"), cl::cat(category));
static cl::opt<std::string>
    weights("weights", cl::desc("safetensors file of arguments, by name"),
            cl::value_desc("file.safetensors"), cl::cat(category));
static cl::list<std::string>
    outputs("output", cl::desc("npy files of the results, in order"),
            cl::value_desc("file.npy,..."), cl::CommaSeparated,
            cl::cat(category));
static cl::opt<unsigned>
    repeat("repeat", cl::desc("calls; prints their minimum and median time"),
           cl::value_desc("n"), cl::init(1), cl::cat(category));
static cl::opt<unsigned> threads("threads",
                                 cl::desc("threads (default: all)"),
                                 cl::value_desc("n"), cl::init(0),
                                 cl::cat(category));
static cl::opt<std::string>
    dtype("dtype", cl::desc("cast f32 inputs to bf16 or f16; results come back "
                            "as f32"),
          cl::value_desc("type"), cl::cat(category));
static cl::opt<std::string> targetName("target", cl::init("cpu"),
                                       cl::desc("where to run: cpu"),
                                       cl::value_desc("kind"),
                                       cl::cat(category));
static cl::opt<bool>
    stream("stream", cl::desc("feed the tokens of the first --input chunk by "
                              "chunk, in constant memory"),
           cl::cat(category));
static cl::opt<int64_t> chunk("chunk",
                              cl::desc("tokens of a row in one step of --stream"),
                              cl::value_desc("n"), cl::init(512),
                              cl::cat(category));
static cl::opt<int64_t>
    generate("generate",
             cl::desc("tokens to generate after the last, the most likely each"),
             cl::value_desc("k"), cl::init(0), cl::cat(category));
static cl::opt<bool> progress("progress",
                              cl::desc("show progress (default: on a terminal)"),
                              cl::cat(category));
static cl::opt<std::string>
    jsonPath("json", cl::desc("write tokens, seconds, tokens_per_s and peak_mb "
                              "of --stream"),
             cl::value_desc("file"), cl::cat(category));
static cl::opt<std::string>
    opName("op", cl::desc("run one operation instead of a file"),
           cl::value_desc("name"), cl::cat(category));
static cl::list<std::string>
    settings("set", cl::desc("attribute of --op, e.g. rule=delta"),
             cl::value_desc("key=value"), cl::cat(category));

static int fail(const Twine &message) {
  llvm::errs() << "infini-run: error: " << message << "\n";
  return 1;
}
static int fail(llvm::Error error) {
  return fail(llvm::toString(std::move(error)));
}

/// NAME=FILE where what stands before the first = is a name.
static Binding parseBinding(StringRef text) {
  auto [name, path] = text.split('=');
  bool isName = text.contains('=') && !name.empty() && !name.contains('/');
  return isName ? Binding{name.str(), path.str()} : Binding{"", text.str()};
}

static llvm::Expected<infini::RunOptions> gatherOptions() {
  infini::RunOptions options;
  if (targetName != "cpu")
    return llvm::createStringError(
        "expected --target=cpu, which is what this build has, got '" +
        targetName + "'");
  if (inputPath.empty() == opName.empty())
    return llvm::createStringError("expected an input file or --op=NAME, got " +
                                   Twine(opName.empty() ? "none" : "both"));
  if (!opName.empty() && stream)
    return llvm::createStringError("expected --stream with an input file");
  if (repeat < 1)
    return llvm::createStringError("expected --repeat >= 1, got 0");
  if (chunk < 1)
    return llvm::createStringError("expected --chunk >= 1, got " +
                                   Twine(chunk.getValue()));
  if (generate < 0)
    return llvm::createStringError("expected --generate >= 0, got " +
                                   Twine(generate.getValue()));
  if (!dtype.empty()) {
    if (dtype != "bf16" && dtype != "f16" && dtype != "f32")
      return llvm::createStringError(
          "expected --dtype=f32, bf16 or f16, got '" + dtype + "'");
    options.dtype = dtype == "bf16"  ? DType::BF16
                    : dtype == "f16" ? DType::F16
                                     : DType::F32;
  }
  for (StringRef input : inputs)
    options.inputs.push_back(parseBinding(input));
  options.weights = weights;
  options.outputs.assign(outputs.begin(), outputs.end());
  options.repeat = repeat;
  options.chunk = chunk;
  options.generate = generate;
  options.showProgress = progress || isatty(STDERR_FILENO);
  options.json = jsonPath;
  return options;
}

/// The module's text: the file, or one operation.
static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readModule(const infini::RunOptions &options) {
  if (opName.empty()) {
    std::string message;
    std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(inputPath, &message);
    if (!file)
      return llvm::createStringError(message);
    return file;
  }
  llvm::Expected<std::string> text = infini::makeOpModule(
      opName, options.inputs, SmallVector<std::string>(settings), options.dtype);
  if (!text)
    return text.takeError();
  return llvm::MemoryBuffer::getMemBufferCopy(*text, "--op=" + opName);
}

/// The function to run: --entry, or the only public one.
static llvm::Expected<std::string> findEntry(ModuleOp module) {
  SmallVector<StringRef> names;
  for (auto function : module.getOps<func::FuncOp>())
    if (function.isPublic() && !function.isDeclaration())
      names.push_back(function.getName());
  std::string wanted = opName.empty() ? entry : "run";
  if (wanted.empty() && names.size() == 1)
    return names.front().str();
  if (llvm::is_contained(names, wanted))
    return wanted;
  return llvm::createStringError(
      "expected --entry to be one of the public functions (" +
      llvm::join(names, ", ") + "), got '" + wanted + "'");
}

static llvm::Error run(ModuleOp module, infini::RunOptions options) {
  llvm::Expected<std::string> name = findEntry(module);
  if (!name)
    return name.takeError();
  options.entry = *name;
  if (stream) {
    PassManager pm(module.getContext());
    infini_attn::InfiniAttnStreamOptions streamOptions;
    streamOptions.function = *name;
    pm.addPass(infini_attn::createInfiniAttnStream(streamOptions));
    if (failed(pm.run(module)))
      return llvm::createStringError("expected a function that streams, got '" +
                                     *name + "'");
  }
  llvm::Expected<infini_attn::CPUTarget> target =
      infini_attn::CPUTarget::create({});
  if (!target)
    return target.takeError();
  llvm::Expected<std::unique_ptr<infini_attn::Session>> session =
      infini_attn::Session::create(module, *target);
  if (!session)
    return session.takeError();
  infini_set_threads(threads);
  return stream ? infini::runStream(**session, options)
                : infini::runFunction(**session, options);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(
      argc, argv,
      "Compiles Infini-attention in MLIR in this process and runs it.\n\n"
      "  infini-run layer.mlir --entry=f --input=q=q.npy --output=o.npy\n"
      "  infini-run lm.mlir --weights=w.safetensors --input=tokens.npy --stream "
      "--generate=5\n"
      "  infini-run --op=attention --set=segment_length=128 --set=rule=delta \\\n"
      "    --input=q=q.npy --input=k=k.npy --input=v=v.npy --input=gate=g.npy \\\n"
      "    --output=o.npy,M.npy,z.npy\n");
  llvm::Expected<infini::RunOptions> options = gatherOptions();
  if (!options)
    return fail(options.takeError());

  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  infini_attn::registerAllDialects(registry);
  infini_attn::registerCPUTranslations(registry);
  MLIRContext context(registry);
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> buffer =
      readModule(*options);
  if (!buffer)
    return fail(buffer.takeError());
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module)
    return 1;
  if (llvm::Error error = run(*module, std::move(*options)))
    return fail(std::move(error));
  return 0;
}
