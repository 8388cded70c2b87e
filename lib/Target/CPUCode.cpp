//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Pipelines/Pipelines.h"
#include "infini_attn/Target/CPU.h"

#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::infini_attn;

void infini_attn::registerCPUTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

LogicalResult infini_attn::lowerForCPU(ModuleOp module,
                                       const CPUTarget &target) {
  PassManager pm(module.getContext());
  CPUPipelineOptions options;
  options.vectorBits = target.vectorBits();
  buildToCPUPipeline(pm, options);
  return pm.run(module);
}

std::unique_ptr<llvm::Module>
infini_attn::translateForCPU(ModuleOp module, llvm::LLVMContext &context,
                             const CPUTarget &target) {
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(module, context);
  if (!llvmModule) {
    module.emitError("expected a module that translates to LLVM IR");
    return nullptr;
  }
  llvm::TargetMachine &machine = target.machine();
  llvmModule->setDataLayout(machine.createDataLayout());
  llvmModule->setTargetTriple(machine.getTargetTriple());
  for (llvm::Function &function : *llvmModule)
    if (!function.isDeclaration()) {
      function.addFnAttr("target-cpu", machine.getTargetCPU());
      function.addFnAttr("target-features", machine.getTargetFeatureString());
      if (target.vectorBits() == 512)
        function.addFnAttr("prefer-vector-width", "512");
    }
  std::string broken;
  llvm::raw_string_ostream stream(broken);
  if (llvm::verifyModule(*llvmModule, &stream)) {
    module.emitError("expected valid LLVM IR, got: ") << broken;
    return nullptr;
  }
  auto optimize = makeOptimizingTransformer(/*optLevel=*/3, /*sizeLevel=*/0,
                                            &machine);
  if (llvm::Error error = optimize(llvmModule.get())) {
    module.emitError("expected to optimize, got: ")
        << llvm::toString(std::move(error));
    return nullptr;
  }
  return llvmModule;
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
  passes.run(module);
  return code;
}

llvm::Error infini_attn::linkShared(llvm::ArrayRef<char> object, StringRef output,
                                    StringRef runtimeArchive) {
  if (!llvm::sys::fs::exists(runtimeArchive))
    return llvm::createStringError("expected the runtime archive, got no file '" +
                                   runtimeArchive + "'");
  llvm::ErrorOr<std::string> linker = llvm::sys::findProgramByName("clang-22");
  for (StringRef other : {"clang", "cc", "gcc"})
    if (!linker)
      linker = llvm::sys::findProgramByName(other);
  if (!linker)
    return llvm::createStringError(
        "expected a linker (clang-22, clang, cc or gcc) on the PATH, got none");

  llvm::SmallString<128> objectPath, libraryPath, errorPath;
  if (std::error_code code =
          llvm::sys::fs::createTemporaryFile("infini", "o", objectPath))
    return llvm::createStringError("expected a temporary file, got: " +
                                   code.message());
  llvm::FileRemover removeObject(objectPath);
  if (std::error_code code =
          llvm::sys::fs::createTemporaryFile("infini", "err", errorPath))
    return llvm::createStringError("expected a temporary file, got: " +
                                   code.message());
  llvm::FileRemover removeErrors(errorPath);
  if (llvm::Error error = llvm::writeToOutput(
          objectPath, [&](llvm::raw_ostream &out) {
            out.write(object.data(), object.size());
            return llvm::Error::success();
          }))
    return error;
  // Beside the output, so that the last step is a rename.
  llvm::sys::fs::createUniquePath(output + ".%%%%%%.tmp", libraryPath,
                                  /*MakeAbsolute=*/false);
  llvm::sys::RemoveFileOnSignal(libraryPath);
  llvm::FileRemover removeLibrary(libraryPath);
  SmallVector<StringRef> arguments{*linker,        "-shared",
                                   "-o",           libraryPath,
                                   objectPath};
  // All of it, also where the code calls none of it: the host does.
  arguments.append({"-Wl,--whole-archive", runtimeArchive,
                    "-Wl,--no-whole-archive", "-lm"});
  for (StringRef option : llvm::split(INFINI_OPENMP_LINK, ' '))
    arguments.push_back(option);
  std::optional<StringRef> redirects[] = {std::nullopt, std::nullopt,
                                          StringRef(errorPath)};
  std::string message;
  int code = llvm::sys::ExecuteAndWait(*linker, arguments, std::nullopt,
                                       redirects, 0, 0, &message);
  if (code != 0) {
    auto errors = llvm::MemoryBuffer::getFile(errorPath);
    StringRef text = errors ? (*errors)->getBuffer().trim() : StringRef(message);
    return llvm::createStringError("expected " + *linker +
                                   " to link the library, got: " +
                                   text.take_front(2000));
  }
  if (std::error_code failed = llvm::sys::fs::rename(libraryPath, output))
    return llvm::createStringError("expected to write '" + output +
                                   "', got: " + failed.message());
  removeLibrary.releaseFile();
  return llvm::Error::success();
}
