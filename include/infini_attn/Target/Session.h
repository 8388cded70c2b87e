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

#include "infini_attn/IO/Array.h"
#include "infini_attn/Target/CPU.h"

#include "llvm/ADT/StringMap.h"

namespace mlir::infini_attn {

/// A tensor or an index of a function's signature.
struct Parameter {
  std::string name; ///< infini_attn.name, or arg<number>
  infini::DType type = infini::DType::F32;
  llvm::SmallVector<int64_t> shape; ///< kDynamic where it is not known
  bool isIndex = false;
};

struct Signature {
  std::vector<Parameter> arguments, results;
};

/// Compiled functions of a module, ready to be called.
class Session {
public:
  /// Compiles `module` (which is consumed) for this machine. Errors of the
  /// passes are diagnostics of the module's context, which must outlive the
  /// session.
  static llvm::Expected<std::unique_ptr<Session>>
  create(ModuleOp module, const CPUTarget &target);
  ~Session();

  /// The signature of a public function, or null.
  const Signature *lookup(llvm::StringRef function) const;

  /// Calls a function. `arguments` are tensors or, for an index, an i64 scalar
  /// array. Arguments of another type or shape, or whose sizes do not fit
  /// together in an operation of infini_attn, or a check of the compiled code
  /// that failed, are errors.
  llvm::Expected<std::vector<infini::Array>>
  call(llvm::StringRef function, llvm::ArrayRef<infini::Array> arguments);

private:
  struct Code;
  Session();
  std::unique_ptr<Code> code;
  llvm::StringMap<Signature> signatures;
};

/// Whether `array` may be passed for `parameter`.
llvm::Error checkArgument(const Parameter &parameter,
                          const infini::Array &array);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_TARGET_SESSION_H
