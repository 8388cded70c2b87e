//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// From a module of infini_attn to code for a CPU.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_TARGET_CPU_H
#define INFINI_ATTN_TARGET_CPU_H

#include "infini_attn/Codegen/CPU/Targets.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>
#include <string>

namespace llvm {
class Module;
class LLVMContext;
class MemoryBuffer;
} // namespace llvm

namespace mlir::infini_attn {

/// A CPU, described by what it can do. Empty strings mean this machine.
struct CPUOptions {
  std::string triple;   ///< e.g. aarch64-linux-gnu
  std::string cpu;      ///< e.g. znver4; a name alone may lie, features do not
  std::string features; ///< e.g. +avx512f,-amx-tile
  /// The form of AMX without its instructions, to test it anywhere.
  bool emulateAMX = false;
  /// Code for this process only. It is asked now whether it may use AMX, and
  /// has no way without, or none with it.
  bool inProcess = false;
};

/// A CPU that LLVM can make code for.
class CPUTarget {
public:
  /// Checks the triple, the CPU and each feature by name before LLVM sees them.
  static llvm::Expected<CPUTarget> create(const CPUOptions &options);

  llvm::TargetMachine &machine() const { return *targetMachine; }
  /// The kind of CPU that code is made for.
  const cpu::Target &kind() const { return *chosen; }
  /// The same for another thread.
  CPUTarget clone() const;

private:
  std::unique_ptr<llvm::TargetMachine> targetMachine;
  const cpu::Target *chosen = nullptr;
};

/// Registers what translation of compiled modules needs.
void registerCPUTranslations(DialectRegistry &registry);

/// Lowers `module` to the llvm dialect, in place. Errors are diagnostics.
LogicalResult lowerForCPU(ModuleOp module, const CPUTarget &target);

/// Translates a lowered module and optimizes it (-O3); null after a diagnostic.
std::unique_ptr<llvm::Module> translateForCPU(ModuleOp module,
                                              llvm::LLVMContext &context,
                                              const CPUTarget &target);

/// Assembly or an object of `module`.
llvm::Expected<llvm::SmallVector<char, 0>>
emitForCPU(llvm::Module &module, const CPUTarget &target,
           llvm::CodeGenFileType type);

/// An object file in memory.
using Object = llvm::SmallVector<char, 0>;

/// Adds to a module of LLVM that defines some of the functions.
using ExtendModule = llvm::function_ref<void(llvm::Module &)>;

/// The objects of a module, which is consumed. The threads of its context make
/// them; how many those are does not show. `extend` is called for the code of
/// each, by its thread.
llvm::Expected<llvm::SmallVector<Object>> compileForCPU(
    ModuleOp module, const CPUTarget &target,
    ExtendModule extend = [](llvm::Module &) {});

/// The shared library of objects together with the runtime archive.
llvm::Expected<llvm::SmallVector<char, 0>>
linkShared(llvm::ArrayRef<Object> objects, llvm::StringRef runtimeArchive);

/// A C header for the public functions of `module`, which is not lowered yet.
/// `name` goes into its include guard.
llvm::Expected<std::string> writeCHeader(ModuleOp module, llvm::StringRef name);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_TARGET_CPU_H
