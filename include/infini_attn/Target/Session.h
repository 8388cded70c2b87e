//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Compiles a module in this process and calls its functions on arrays.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_TARGET_SESSION_H
#define INFINI_ATTN_TARGET_SESSION_H

#include "infini_attn/Target/CPU.h"
#include "infini_attn/Target/Signature.h"

#include "llvm/ADT/StringMap.h"

namespace mlir::infini_attn {

/// Compiled functions of a module, ready to be called.
class Session {
public:
  /// Compiles `module` (which is consumed) for this machine. Errors of the
  /// passes are diagnostics of the module's context, which must outlive the
  /// session.
  static llvm::Expected<std::unique_ptr<Session>>
  create(ModuleOp module, const CPUTarget &target);
  ~Session();

  /// The signature of a public function; an error where there is none of this
  /// name, or it has an argument or a result that no array stands for.
  llvm::Expected<const Signature *> lookup(llvm::StringRef function) const;

  /// Links the code of a function, which its first call would do otherwise.
  llvm::Error link(llvm::StringRef function);

  /// Calls a function. A scalar is an array of no dimensions. Arguments of
  /// another type or shape, or whose sizes do not fit together in an operation
  /// of infini_attn, or a check of the compiled code that failed, are errors.
  llvm::Expected<std::vector<infini::Array>>
  call(llvm::StringRef function, llvm::ArrayRef<infini::Array> arguments);

private:
  struct Code;
  Session();
  std::unique_ptr<Code> code;
  llvm::StringMap<Signature> signatures;
  llvm::StringMap<std::string> uncallable; ///< why
};

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_TARGET_SESSION_H
