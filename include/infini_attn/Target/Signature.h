//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What a compiled function takes and returns, as arrays.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_TARGET_SIGNATURE_H
#define INFINI_ATTN_TARGET_SIGNATURE_H

#include "infini_attn/IO/Array.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::infini_attn {

/// A tensor or a scalar of a function's signature.
struct Parameter {
  std::string name; ///< infini_attn.name, or arg<number>
  infini::DType type = infini::DType::F32;
  llvm::SmallVector<int64_t> shape; ///< kDynamic where it is not known
  bool isScalar = false;            ///< passed by value; an index is an i64
};

struct Signature {
  std::vector<Parameter> arguments, results;
};

/// The signature of `function`; an error where a type is neither a ranked
/// tensor nor a scalar of an element type that arrays have.
llvm::Expected<Signature> makeSignature(func::FuncOp function);

/// Whether `array` may be passed for `parameter`.
llvm::Error checkArgument(const Parameter &parameter,
                          const infini::Array &array);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_TARGET_SIGNATURE_H
