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

#include "infini_attn/Runtime/Runtime.h"
#include "infini_attn/Target/ModuleInput.h"
#include "infini_attn/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <functional>
#include <limits>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <unistd.h>

using namespace mlir;
using infini::Binding;
using infini::DType;
namespace cl = llvm::cl;

namespace {
struct Flags {
  cl::OptionCategory category{"infini-run options"};

  cl::opt<std::string> inputPath{cl::Positional, cl::init(""),
                                 cl::desc("[input .mlir]"), cl::cat(category)};
  cl::opt<std::string> entry{
      "entry", cl::desc("function to run (default: the only public one)"),
      cl::value_desc("function"), cl::cat(category)};
  cl::list<std::string> inputs{
      "input", cl::desc("npy file of an argument, by its name or in order"),
      cl::value_desc("[name=]file.npy"), cl::cat(category)};
  cl::opt<std::string> weights{
      "weights", cl::desc("safetensors file of arguments, by name"),
      cl::value_desc("file.safetensors"), cl::cat(category)};
  cl::list<std::string> outputs{
      "output", cl::desc("npy files of the results, in order"),
      cl::value_desc("file.npy,..."), cl::CommaSeparated, cl::cat(category)};
  cl::opt<unsigned> repeat{
      "repeat",
      cl::desc("calls; prints the time of compiling, and their minimum and "
               "median"),
      cl::value_desc("n"), cl::init(1), cl::cat(category)};
  cl::opt<unsigned> threads{"threads", cl::desc("threads (default: all)"),
                            cl::value_desc("n"), cl::init(0),
                            cl::cat(category)};
  cl::opt<std::string> dtype{
      "dtype",
      cl::desc("cast f32 inputs to bf16 or f16; results come back "
               "as f32"),
      cl::value_desc("type"), cl::cat(category)};
  cl::opt<std::string> targetName{"target", cl::init("cpu"),
                                  cl::desc("where to run: cpu"),
                                  cl::value_desc("kind"), cl::cat(category)};
  cl::opt<bool> stream{"stream",
                       cl::desc("feed the tokens, the first argument, chunk by "
                                "chunk, in constant memory"),
                       cl::cat(category)};
  cl::opt<int64_t> chunk{"chunk",
                         cl::desc("tokens of a row in one step of --stream"),
                         cl::value_desc("n"), cl::init(512), cl::cat(category)};
  cl::opt<int64_t> generate{
      "generate",
      cl::desc("tokens to generate after the last, the most likely each"),
      cl::value_desc("k"), cl::init(0), cl::cat(category)};
  cl::opt<bool> progress{"progress",
                         cl::desc("show progress (default: on a terminal)"),
                         cl::cat(category)};
  cl::opt<std::string> jsonPath{
      "json",
      cl::desc("write tokens, seconds, tokens_per_s and peak_mb "
               "of --stream"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> opName{"op",
                              cl::desc("run one operation instead of a file"),
                              cl::value_desc("name"), cl::cat(category)};
  cl::list<std::string> settings{
      "set", cl::desc("attribute of --op, e.g. rule=delta"),
      cl::value_desc("key=value"), cl::cat(category)};
};
} // namespace

/// The flags, once LLVM's own are forgotten: libLLVM registers many, among them
/// a --threads.
static Flags &flags() {
  static Flags *instance = [] {
    cl::ResetCommandLineParser();
    return new Flags();
  }();
  return *instance;
}

static constexpr const char *kTool = "infini-run";

static int fail(llvm::Error error) {
  return infini_attn::reportError(kTool, std::move(error));
}

/// NAME=FILE where what stands before the first = is a name.
static Binding parseBinding(StringRef text) {
  auto [name, path] = text.split('=');
  bool isName = text.contains('=') && !name.empty() && !name.contains('/');
  return isName ? Binding{name.str(), path.str(), {}}
                : Binding{"", text.str(), {}};
}

/// Each result has a file of its own. What is no regular file takes any number.
static llvm::Error checkOutputs(ArrayRef<std::string> outputs) {
  std::vector<std::string> files(outputs);
  if (!flags().jsonPath.empty())
    files.push_back(flags().jsonPath);
  llvm::StringSet<> seen;
  for (StringRef file : files) {
    if (file.empty())
      return llvm::createStringError("expected --output=FILE,..., got an empty "
                                     "name");
    llvm::SmallString<128> path(file);
    // Without a working directory all names stay as they were given.
    if (llvm::sys::fs::make_absolute(path))
      path = file;
    llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/true);
    bool isSpecial =
        llvm::sys::fs::exists(path) && !llvm::sys::fs::is_regular_file(path);
    if (!isSpecial && !seen.insert(path).second)
      return llvm::createStringError("expected a file for each output, got '" +
                                     file + "' twice");
  }
  return llvm::Error::success();
}

/// Options that would be ignored are errors.
static llvm::Error checkUsed() {
  Flags &all = flags();
  using Options = std::initializer_list<std::reference_wrapper<cl::Option>>;
  auto refuse = [](Options options, bool isUsed,
                   StringRef needed) -> llvm::Error {
    for (const cl::Option &option : options)
      if (option.getNumOccurrences() > 0 && !isUsed)
        return llvm::createStringError("expected --" + option.ArgStr +
                                       " only with " + needed);
    return llvm::Error::success();
  };
  if (auto error = refuse({all.settings}, !all.opName.empty(), "--op"))
    return error;
  if (auto error = refuse({all.stream, all.entry, all.weights},
                          all.opName.empty(), "an input file"))
    return error;
  if (auto error = refuse({all.chunk, all.generate, all.jsonPath, all.progress},
                          all.stream, "--stream"))
    return error;
  return refuse({all.repeat}, !all.stream, "a run without --stream");
}

static llvm::Expected<infini::RunOptions> gatherOptions() {
  infini::RunOptions options;
  if (flags().targetName != "cpu")
    return llvm::createStringError(
        "expected --target=cpu, which is what this build has, got '" +
        flags().targetName + "'");
  if (flags().inputPath.empty() == flags().opName.empty())
    return llvm::createStringError(
        "expected an input file or --op=NAME, got " +
        Twine(flags().opName.empty() ? "none" : "both"));
  if (llvm::Error error = checkUsed())
    return std::move(error);
  if (flags().threads > INFINI_MAX_THREADS)
    return llvm::createStringError("expected --threads from 0 to " +
                                   Twine(INFINI_MAX_THREADS) + ", got " +
                                   Twine(flags().threads.getValue()));
  if (flags().repeat < 1)
    return llvm::createStringError("expected --repeat >= 1, got 0");
  if (flags().chunk < 1)
    return llvm::createStringError("expected --chunk >= 1, got " +
                                   Twine(flags().chunk.getValue()));
  if (flags().generate < 0)
    return llvm::createStringError("expected --generate >= 0, got " +
                                   Twine(flags().generate.getValue()));
  if (!flags().dtype.empty()) {
    if (flags().dtype != "bf16" && flags().dtype != "f16" &&
        flags().dtype != "f32")
      return llvm::createStringError(
          "expected --dtype=f32, bf16 or f16, got '" + flags().dtype + "'");
    options.dtype = flags().dtype == "bf16"  ? DType::BF16
                    : flags().dtype == "f16" ? DType::F16
                                             : DType::F32;
  }
  for (StringRef input : flags().inputs) {
    options.inputs.push_back(parseBinding(input));
    if (options.inputs.back().path.empty())
      return llvm::createStringError("expected --input=[NAME=]FILE, got '" +
                                     input + "'");
  }
  options.weights = flags().weights;
  options.outputs.assign(flags().outputs.begin(), flags().outputs.end());
  if (llvm::Error error = checkOutputs(options.outputs))
    return std::move(error);
  options.repeat = flags().repeat;
  options.chunk = flags().chunk;
  options.generate = flags().generate;
  options.showProgress = flags().progress.getNumOccurrences() > 0
                             ? flags().progress.getValue()
                             : isatty(STDERR_FILENO) != 0;
  options.json = flags().jsonPath;
  return options;
}

/// Reads the file, or a module of one operation.
static llvm::Error readModule(infini_attn::ModuleInput &input,
                              infini::RunOptions &options) {
  if (flags().opName.empty())
    return input.readFile(flags().inputPath);
  llvm::Expected<std::string> text = infini::makeOpModule(
      flags().opName, options.inputs,
      std::vector<std::string>(flags().settings), options.dtype);
  if (!text)
    return text.takeError();
  return input.read(
      llvm::MemoryBuffer::getMemBufferCopy(*text, "--op=" + flags().opName));
}

/// The function to run: --entry, or the only public one.
static llvm::Expected<std::string> findEntry(ModuleOp module) {
  SmallVector<StringRef> names;
  for (auto function : module.getOps<func::FuncOp>())
    if (function.isPublic() && !function.isDeclaration())
      names.push_back(function.getName());
  std::string wanted =
      flags().opName.empty() ? flags().entry.getValue() : std::string("run");
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
  if (flags().stream) {
    PassManager pm(module.getContext());
    infini_attn::InfiniAttnStreamOptions streamOptions;
    streamOptions.function = *name;
    streamOptions.tokensInFirstArgument = true; // all that is fed by chunks
    pm.addPass(infini_attn::createInfiniAttnStream(streamOptions));
    if (failed(pm.run(module)))
      return llvm::createStringError("expected a function that streams, got '" +
                                     *name + "'");
  }
  infini_attn::CPUOptions here;
  here.inProcess = true;
  llvm::Expected<infini_attn::CPUTarget> target =
      infini_attn::CPUTarget::create(here);
  if (!target)
    return target.takeError();
  llvm::Expected<std::unique_ptr<infini_attn::Session>> session =
      infini_attn::Session::create(module, *target);
  if (!session)
    return session.takeError();
  infini_set_threads(flags().threads);
  return flags().stream ? infini::runStream(**session, options)
                        : infini::runFunction(**session, options);
}

/// Keeps freed memory in the process. A compiled function allocates its buffers
/// anew in each call; given back to the system each time, they cost a third of
/// the time of a step in page faults.
static void keepFreedMemory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  keepFreedMemory();
  infini_attn::exitOnFatalErrors(kTool);
  cl::HideUnrelatedOptions(flags().category);
  if (!infini_attn::parseCommandLine(
          kTool, argc, argv,
          "Compiles Infini-attention in MLIR in this process and runs it.\n\n"
          "  infini-run layer.mlir --entry=f --input=q=q.npy --output=o.npy\n"
          "  infini-run lm.mlir --weights=w.safetensors --input=tokens.npy "
          "--stream "
          "--generate=5\n"
          "  infini-run --op=attention --set=segment_length=128 "
          "--set=rule=delta "
          "\\\n"
          "    --input=q=q.npy --input=k=k.npy --input=v=v.npy "
          "--input=gate=g.npy "
          "\\\n"
          "    --output=o.npy,M.npy,z.npy\n"))
    return 1;
  llvm::Expected<infini::RunOptions> options = gatherOptions();
  if (!options)
    return fail(options.takeError());

  options->begin = std::chrono::steady_clock::now();
  infini_attn::ModuleInput input(kTool);
  if (llvm::Error error = readModule(input, *options))
    return fail(std::move(error));
  if (llvm::Error error = run(input.module(), std::move(*options)))
    return fail(input.explain(std::move(error)));
  return 0;
}
