//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The module that a tool compiles.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_TARGET_MODULEINPUT_H
#define INFINI_ATTN_TARGET_MODULEINPUT_H

#include "infini_attn/Target/Diagnostics.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>

namespace llvm {
class MemoryBuffer;
} // namespace llvm

namespace mlir::infini_attn {

/// A module with the context that it lives in, where every dialect and what
/// compilation for a CPU needs are registered.
class ModuleInput {
public:
  /// `tool`: the name that messages begin with.
  explicit ModuleInput(llvm::StringRef tool);

  /// Reads the file `path`, or the standard input where it is `-`. Errors are
  /// those of the file and of its text.
  llvm::Error readFile(llvm::StringRef path);
  /// Reads `text`, whose name stands in errors.
  llvm::Error read(std::unique_ptr<llvm::MemoryBuffer> text);

  /// What was read.
  ModuleOp module() { return *parsed; }

  /// The first error that was reported about the module, or `otherwise`.
  llvm::Error explain(llvm::Error otherwise) const {
    return errors.explain(std::move(otherwise));
  }

private:
  MLIRContext context;
  FirstError errors;
  OwningOpRef<ModuleOp> parsed;
};

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_TARGET_MODULEINPUT_H
