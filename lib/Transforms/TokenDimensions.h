//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Which dimension of each value of a function counts the tokens.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_TRANSFORMS_TOKENDIMENSIONS_H
#define INFINI_ATTN_LIB_TRANSFORMS_TOKENDIMENSIONS_H

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <optional>

namespace mlir::infini_attn {

/// Begins at the operands of `attention`, where tokens are dimension 2, and
/// follows them forwards and backwards through everything that acts on each
/// token alone. A value without such a dimension does not depend on tokens.
class TokenDimensions {
public:
  /// Fails with a diagnostic at the first operation that mixes tokens. The
  /// function has one block, and no empty or filled tensor of it has two users.
  LogicalResult compute(func::FuncOp function);

  /// The token dimension of \p value, if it has one.
  std::optional<int64_t> lookup(Value value) const {
    auto it = dims.find(value);
    return it == dims.end() ? std::nullopt : std::optional(it->second);
  }

private:
  /// Fails, naming what \p op does with tokens.
  static LogicalResult mixes(Operation *op, const Twine &got);
  LogicalResult set(Operation *op, Value value, int64_t dim);
  /// Both values, of the same shape, have the same token dimension.
  LogicalResult equate(Operation *op, Value lhs, Value rhs);

  LogicalResult visit(Operation *op);
  LogicalResult visitLinalg(linalg::LinalgOp op);
  LogicalResult visitElementwise(Operation *op);
  LogicalResult visitReshape(Operation *op, Value expanded, Value collapsed,
                             ArrayRef<ReassociationIndices> groups);
  LogicalResult visitSlice(OffsetSizeAndStrideOpInterface op, Value whole,
                           Value part, const llvm::SmallBitVector &dropped);
  LogicalResult visitUnknown(Operation *op);
  /// The number of tokens may size tensors, and be used for nothing else.
  LogicalResult checkUsesOfCount(tensor::DimOp op);

  DenseMap<Value, int64_t> dims;
  bool changed = false;
};

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_TRANSFORMS_TOKENDIMENSIONS_H
