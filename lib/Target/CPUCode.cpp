//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/IO/OutputFile.h"
#include "infini_attn/Pipelines/Pipelines.h"
#include "infini_attn/Target/CPU.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

#include <deque>

using namespace mlir;
using namespace mlir::infini_attn;

void infini_attn::registerCPUTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

LogicalResult infini_attn::lowerForCPU(ModuleOp module,
                                       const CPUTarget &target) {
  PassManager pm(module.getContext());
  buildToCPUPipeline(pm, target.kind());
  // A third of the time of all passes would go to what infini-opt does in every
  // test; what comes out is verified, here and as LLVM IR.
  pm.enableVerifier(false);
  if (failed(pm.run(module)))
    return failure();
  return verify(module);
}

/// Calls the allocators of the runtime, which never give a null pointer. Done
/// last: the optimizer knows malloc and calloc (that nothing else points to
/// their memory), and no function of ours.
static void checkAllocations(llvm::Module &module) {
  for (StringRef name : {"malloc", "calloc", "free"})
    if (llvm::Function *function = module.getFunction(name);
        function && function->isDeclaration())
      function->setName("infini_" + name);
}

/// The part of LLVM's passes that does something for code whose loops, tiles
/// and vectors are chosen already. All of -O3 takes eight times as long for the
/// same speed; loops that have no vector form here get LLVM's.
static constexpr StringLiteral kPasses =
    "function(sroa,early-cse,loop-mssa(loop-rotate,licm),"
    "instcombine<no-verify-fixpoint>,loop-vectorize,early-cse<memssa>,"
    "simplifycfg)";

static llvm::Error optimize(llvm::Module &module,
                            llvm::TargetMachine &machine) {
  llvm::PassBuilder builder(&machine);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  llvm::ModulePassManager passes;
  if (llvm::Error error = builder.parsePassPipeline(passes, kPasses))
    return error;
  passes.run(module, modules);
  return llvm::Error::success();
}

std::unique_ptr<llvm::Module>
infini_attn::translateForCPU(ModuleOp module, llvm::LLVMContext &context,
                             const CPUTarget &target) {
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(module, context, "LLVMDialectModule",
                              /*disableVerification=*/true);
  if (!llvmModule) {
    module.emitError("expected a module that translates to LLVM IR");
    return nullptr;
  }
  llvm::TargetMachine &machine = target.machine();
  llvmModule->setDataLayout(machine.createDataLayout());
  llvmModule->setTargetTriple(machine.getTargetTriple());
  // LLVM schedules for CPUs without AVX otherwise: more loads at a time than
  // there are registers, where all 16 are in a tile (315 ms instead of 210).
  StringRef tuning =
      machine.getTargetCPU() == "x86-64" && target.kind().vectorBits == 256
          ? "x86-64-v3"
          : "";
  for (llvm::Function &function : *llvmModule)
    if (!function.isDeclaration()) {
      function.addFnAttr("target-cpu", machine.getTargetCPU());
      if (!tuning.empty())
        function.addFnAttr("tune-cpu", tuning);
      function.addFnAttr("target-features", machine.getTargetFeatureString());
      if (target.kind().vectorBits == 512)
        function.addFnAttr("prefer-vector-width", "512");
    }
  std::string broken;
  llvm::raw_string_ostream stream(broken);
  if (llvm::verifyModule(*llvmModule, &stream)) {
    module.emitError("expected valid LLVM IR, got: ") << broken;
    return nullptr;
  }
  if (llvm::Error error = optimize(*llvmModule, machine)) {
    module.emitError("expected to optimize, got: ")
        << llvm::toString(std::move(error));
    return nullptr;
  }
  checkAllocations(*llvmModule);
  return llvmModule;
}

/// Keeps the first error: LLVM's own handler would end the process.
static void keepError(const llvm::DiagnosticInfo *info, void *slot) {
  std::string &text = *static_cast<std::string *>(slot);
  if (info->getSeverity() != llvm::DS_Error || !text.empty())
    return;
  llvm::raw_string_ostream out(text);
  llvm::DiagnosticPrinterRawOStream printer(out);
  info->print(printer);
}

llvm::Expected<llvm::SmallVector<char, 0>>
infini_attn::emitForCPU(llvm::Module &module, const CPUTarget &target,
                        llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager passes;
  if (target.machine().addPassesToEmitFile(passes, stream, nullptr, type))
    return llvm::createStringError(
        "expected a target that emits this kind of file, got '" +
        target.machine().getTargetTriple().str() + "'");
  std::string error;
  module.getContext().setDiagnosticHandlerCallBack(keepError, &error);
  passes.run(module);
  module.getContext().setDiagnosticHandlerCallBack(nullptr);
  if (!error.empty())
    return llvm::createStringError("expected code for the target, got: " +
                                   error);
  return code;
}

/// A file in the system's temporary folder that vanishes with the object.
namespace {
struct TemporaryFile {
  explicit TemporaryFile(StringRef suffix) {
    code = llvm::sys::fs::createTemporaryFile("infini", suffix, path);
    if (!code) {
      remover.setFile(path);
      llvm::sys::RemoveFileOnSignal(path);
    }
  }
  ~TemporaryFile() { llvm::sys::DontRemoveFileOnSignal(path); }

  std::error_code code;
  llvm::SmallString<128> path;
  llvm::FileRemover remover;
};
} // namespace

static llvm::Expected<std::string> findLinker() {
  for (StringRef name : {"clang-22", "clang", "cc", "gcc"})
    if (llvm::ErrorOr<std::string> program = llvm::sys::findProgramByName(name))
      return *program;
  return llvm::createStringError(
      "expected a linker (clang-22, clang, cc or gcc) on the PATH, got none");
}

llvm::Expected<llvm::SmallVector<char, 0>>
infini_attn::linkShared(llvm::ArrayRef<Object> objects,
                        StringRef runtimeArchive) {
  if (!llvm::sys::fs::exists(runtimeArchive))
    return llvm::createStringError(
        "expected the runtime archive, got no file '" + runtimeArchive + "'");
  llvm::Expected<std::string> linker = findLinker();
  if (!linker)
    return linker.takeError();
  TemporaryFile library("so"), errors("err");
  std::deque<TemporaryFile> objectFiles;
  SmallVector<StringRef> arguments{*linker, "-shared", "-o", library.path};
  auto check = [](const TemporaryFile &file) {
    return file.code
               ? llvm::createStringError("expected a temporary file, got: " +
                                         file.code.message())
               : llvm::Error::success();
  };
  for (const TemporaryFile *file : {&library, &errors})
    if (llvm::Error error = check(*file))
      return std::move(error);
  for (const Object &object : objects) {
    const TemporaryFile &file = objectFiles.emplace_back("o");
    if (llvm::Error error = check(file))
      return std::move(error);
    if (llvm::Error error = infini::writeFile(
            file.path, StringRef(object.data(), object.size())))
      return std::move(error);
    arguments.push_back(file.path);
  }
  // All of it, also where the code calls none of it: the host does.
  arguments.append(
      {"-Wl,--whole-archive", runtimeArchive, "-Wl,--no-whole-archive", "-lm"});
  for (StringRef option : llvm::split(INFINI_OPENMP_LINK, ' '))
    arguments.push_back(option);
  std::optional<StringRef> redirects[] = {std::nullopt, std::nullopt,
                                          StringRef(errors.path)};
  std::string message;
  int code = llvm::sys::ExecuteAndWait(*linker, arguments, std::nullopt,
                                       redirects, 0, 0, &message);
  if (code != 0) {
    auto text = llvm::MemoryBuffer::getFile(errors.path);
    if (text && message.empty())
      message = (*text)->getBuffer().trim().split('\n').first.str();
    return llvm::createStringError("expected " + *linker +
                                   " to link the library, got: " + message);
  }
  auto linked = llvm::MemoryBuffer::getFile(library.path);
  if (!linked)
    return llvm::createStringError("expected the linked library, got: " +
                                   linked.getError().message());
  StringRef bytes = (*linked)->getBuffer();
  return llvm::SmallVector<char, 0>(bytes.begin(), bytes.end());
}
