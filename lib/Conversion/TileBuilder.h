//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Blocks of tensors, and loops over them, on top of the equations' builder.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CONVERSION_TILEBUILDER_H
#define INFINI_ATTN_LIB_CONVERSION_TILEBUILDER_H

#include "LinalgBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"

namespace mlir::infini_attn {

/// Queries of a panel: three vectors of 16 lanes, six of 8, twelve of 4.
inline constexpr int64_t kQueries = 48;
/// Keys of a block: their scores with a panel of queries, 24 KiB, stay in L1.
inline constexpr int64_t kKeys = 128;

/// Slices and loops on top of the equations' builder.
class TileBuilder : public LinalgBuilder {
public:
  using LinalgBuilder::LinalgBuilder;

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(*this, value);
  }
  Value toIndex(OpFoldResult size) {
    return getValueOrCreateConstantIndexOp(*this, getLoc(), size);
  }
  Value add(Value lhs, Value rhs) {
    return createOrFold<arith::AddIOp>(lhs, rhs);
  }
  Value sub(Value lhs, Value rhs) {
    return createOrFold<arith::SubIOp>(lhs, rhs);
  }
  Value min(Value lhs, Value rhs) {
    return createOrFold<arith::MinSIOp>(lhs, rhs);
  }

  /// x[0, head, from : from + count, :], as count x D.
  Value tokens(Value x, OpFoldResult head, OpFoldResult from,
               OpFoldResult count);
  /// The inverse: \p rows in the place of these tokens of \p x.
  Value insertTokens(Value rows, Value x, OpFoldResult head, OpFoldResult from,
                     OpFoldResult count);
  /// x[from : from + rows, :columns].
  Value corner(Value x, OpFoldResult from, OpFoldResult rows,
               OpFoldResult columns);
  /// \p part in the place of the first rows and columns of \p x.
  Value insertCorner(Value part, Value x);
  /// Without its leading dimensions of size 1, until \p rank are left.
  Value reduced(Value x, int64_t rank);

  /// for i = from; i < to; i += step, with values that it carries.
  SmallVector<Value>
  loop(Value from, Value to, int64_t step, ValueRange carried,
       function_ref<SmallVector<Value>(Value, ValueRange)> body);

private:
  struct Part {
    SmallVector<OpFoldResult> offsets, sizes, strides;
  };
  Part tokensPart(Value x, OpFoldResult head, OpFoldResult from,
                  OpFoldResult count);
};

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_CONVERSION_TILEBUILDER_H
