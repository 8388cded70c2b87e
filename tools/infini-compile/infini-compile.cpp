//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Compiles a module of infini_attn for a CPU, ahead of time.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/IO/OutputFile.h"
#include "infini_attn/Pipelines/Pipelines.h"
#include "infini_attn/Target/CPU.h"
#include "infini_attn/Target/ModuleInput.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
namespace cl = llvm::cl;

enum class Emit { Infini, Linalg, LLVM, Asm, Obj, Shared };

static cl::OptionCategory category("infini-compile options");

static cl::opt<std::string> inputPath(cl::Positional, cl::init("-"),
                                      cl::desc("<input .mlir, - is stdin>"),
                                      cl::cat(category));
static cl::opt<std::string>
    outputPath("o", cl::init("-"), cl::desc("output file (default: stdout)"),
               cl::value_desc("file"), cl::cat(category));
static cl::opt<std::string> targetName("target", cl::init("cpu"),
                                       cl::desc("kind of machine: cpu"),
                                       cl::value_desc("kind"),
                                       cl::cat(category));
static cl::opt<Emit>
    emit("emit", cl::desc("what to write:"), cl::init(Emit::Obj),
         cl::values(clEnumValN(Emit::Infini, "infini", "the module, checked"),
                    clEnumValN(Emit::Linalg, "linalg", "linalg on tensors"),
                    clEnumValN(Emit::LLVM, "llvm", "LLVM IR, optimized"),
                    clEnumValN(Emit::Asm, "asm", "assembly"),
                    clEnumValN(Emit::Obj, "obj", "an object file (default)"),
                    clEnumValN(Emit::Shared, "shared",
                               "a shared library with its runtime")),
         cl::cat(category));
static cl::opt<std::string>
    triple("mtriple",
           cl::desc("target triple, e.g. aarch64-linux-gnu "
                    "(default: this machine)"),
           cl::value_desc("triple"), cl::cat(category));
static cl::opt<std::string>
    cpu("mcpu",
        cl::desc("CPU, e.g. znver4 or native (default: native, or the oldest "
                 "one of --mtriple)"),
        cl::value_desc("cpu"), cl::cat(category));
static cl::opt<std::string>
    features("mattr", cl::desc("CPU features, e.g. +avx512f,-amx-tile"),
             cl::value_desc("features"), cl::cat(category));
static cl::opt<bool>
    emulateAMX("emulate-amx",
               cl::desc("products in the form of AMX, by vectors: a test of "
                        "the form for machines without it"),
               cl::cat(category));
static cl::opt<std::string>
    headerPath("header", cl::desc("also write a C header for the functions"),
               cl::value_desc("file.h"), cl::cat(category));

static constexpr const char *kTool = "infini-compile";

static int fail(llvm::Error error) {
  return infini_attn::reportError(kTool, std::move(error));
}

static int fail(const Twine &message) {
  return fail(llvm::createStringError(message));
}

static std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out);
  out << "\n";
  return text;
}

static bool definesFunction(ModuleOp module) {
  return llvm::any_of(module.getOps<func::FuncOp>(), [](func::FuncOp function) {
    return function.isPublic() && !function.isDeclaration();
  });
}

/// The text, the object or the library that --emit asks for.
static llvm::Expected<llvm::SmallVector<char, 0>>
compile(ModuleOp module, const infini_attn::CPUTarget &target,
        StringRef runtimeArchive) {
  llvm::SmallVector<char, 0> output;
  if (emit == Emit::Infini) {
    llvm::append_range(output, print(module));
    return output;
  }
  if (emit == Emit::Linalg) {
    PassManager pm(module.getContext());
    infini_attn::buildDecomposition(pm);
    if (failed(pm.run(module)))
      return llvm::createStringError("expected a module that can be compiled");
    llvm::append_range(output, print(module));
    return output;
  }
  if (emit == Emit::Shared) {
    auto objects = infini_attn::compileForCPU(module, target);
    if (!objects)
      return objects.takeError();
    return infini_attn::linkShared(*objects, runtimeArchive);
  }
  if (failed(infini_attn::lowerForCPU(module, target)))
    return llvm::createStringError("expected a module that can be compiled");
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule =
      infini_attn::translateForCPU(module, context, target);
  if (!llvmModule)
    return llvm::createStringError("expected a module that can be compiled");
  if (emit == Emit::LLVM) {
    llvm::raw_svector_ostream out(output);
    llvmModule->print(out, nullptr);
    return output;
  }
  return infini_attn::emitForCPU(*llvmModule, target,
                                 emit == Emit::Asm
                                     ? llvm::CodeGenFileType::AssemblyFile
                                     : llvm::CodeGenFileType::ObjectFile);
}

/// The runtime archive: beside this program in a build or an installation.
static std::string findRuntime(const char *argv0) {
  std::string self = llvm::sys::fs::getMainExecutable(
      argv0, reinterpret_cast<void *>(&findRuntime));
  llvm::SmallString<128> path(
      llvm::sys::path::parent_path(llvm::sys::path::parent_path(self)));
  llvm::sys::path::append(path, "lib", "libInfiniAttnRuntime.a");
  return std::string(path);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  infini_attn::exitOnFatalErrors(kTool);
  cl::HideUnrelatedOptions(category);
  if (!infini_attn::parseCommandLine(
          kTool, argc, argv,
          "Compiles Infini-attention in MLIR for a CPU.\n\n"
          "  infini-compile model.mlir -o model.so --emit=shared "
          "--header=model.h\n"
          "  infini-compile model.mlir --emit=asm "
          "--mtriple=aarch64-linux-gnu\n\n"
          "Each public function f becomes _mlir_ciface_f; the header says how "
          "to "
          "call it.\n"))
    return 1;
  if (targetName != "cpu")
    return fail("expected --target=cpu, which is what this build has, got '" +
                targetName + "'");
  bool isText = emit == Emit::Infini || emit == Emit::Linalg ||
                emit == Emit::LLVM || emit == Emit::Asm;
  if (!isText && outputPath == "-")
    return fail("expected -o FILE for a binary output");

  if (!headerPath.empty() && headerPath == outputPath)
    return fail("expected two files for -o and --header, got '" + outputPath +
                "' twice");

  llvm::Expected<infini_attn::CPUTarget> target =
      infini_attn::CPUTarget::create({triple, cpu, features, emulateAMX});
  if (!target)
    return fail(target.takeError());

  const llvm::Triple &machine = target->machine().getTargetTriple();
  if (emit == Emit::Shared &&
      machine.getArch() !=
          llvm::Triple(llvm::sys::getProcessTriple()).getArch())
    return fail("expected this machine's kind of target for a shared library, "
                "got '" +
                machine.str() + "'");

  infini_attn::ModuleInput input(kTool);
  if (llvm::Error error = input.readFile(inputPath))
    return fail(std::move(error));

  bool isCode = emit != Emit::Infini && emit != Emit::Linalg;
  if (isCode && !definesFunction(input.module()))
    return fail("expected a public function in '" + inputPath + "', got none");

  std::string header;
  if (!headerPath.empty()) {
    llvm::Expected<std::string> text = infini_attn::writeCHeader(
        input.module(), llvm::sys::path::stem(headerPath));
    if (!text)
      return fail(text.takeError());
    header = std::move(*text);
  }
  llvm::Expected<llvm::SmallVector<char, 0>> output =
      compile(input.module(), *target, findRuntime(argv[0]));
  if (!output)
    return fail(input.explain(output.takeError()));
  if (!header.empty())
    if (llvm::Error error = infini::writeFile(headerPath, header))
      return fail(std::move(error));
  if (llvm::Error error = infini::writeFile(
          outputPath, StringRef(output->data(), output->size())))
    return fail(std::move(error));
  return 0;
}
