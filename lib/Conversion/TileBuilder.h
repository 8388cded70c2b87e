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

/// Rows, columns and terms of a product of pairs are multiples of this.
inline constexpr int64_t kPairTile = 32;

/// How a target wants the tiles, and the factors of their products.
struct TileForm {
  /// Of a panel. By default three vectors of 16 lanes, six of 8, twelve of 4.
  int64_t queries = 48;
  /// Of a block: its scores with a panel of queries stay in L1.
  int64_t keys = 128;
  /// Products of pairs of bf16 (\ref TileBuilder::contractPairs) rather than of
  /// f32.
  bool inPairs = false;
  /// Of a factor of f32, in bf16, whose products are products of pairs
  /// (PairFactors.h); 1 where factors are not split.
  int64_t parts = 1;
};

/// Slices and loops on top of the equations' builder.
class TileBuilder : public LinalgBuilder {
public:
  TileBuilder(Location loc, OpBuilder &builder, TileForm form)
      : LinalgBuilder(loc, builder), form(form) {}

  const TileForm form;

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
  /// \p size / \p step up or down, what is left, and \p size up or down to a
  /// multiple.
  OpFoldResult ceilDiv(OpFoldResult size, int64_t step);
  OpFoldResult floorDiv(OpFoldResult size, int64_t step);
  OpFoldResult remainder(OpFoldResult size, int64_t step);
  OpFoldResult roundedUp(OpFoldResult size, int64_t step);
  OpFoldResult roundedDown(OpFoldResult size, int64_t step);
  /// Whether all sizes of \p x are known multiples of kPairTile.
  static bool hasWholeTiles(Value x);
  /// \p x, m x n, with rows and columns of 0 up to multiples of kPairTile; \p x
  /// itself where it has them.
  Value padded(Value x);
  /// What \p make writes into a place of \p rows x \p columns, in a corner of
  /// \p room, which is 0 elsewhere.
  Value inZeros(Value room, OpFoldResult rows, OpFoldResult columns,
                function_ref<Value(Value)> make);
  /// padded(), of what \p make writes into a place of m x n.
  Value padded(OpFoldResult rows, OpFoldResult columns, Type element,
               function_ref<Value(Value)> make);
  /// Without its leading dimensions of size 1, until \p rank are left.
  Value reduced(Value x, int64_t rank);

  /// out = payload of x[group * r + i, c] for each i < group, of what \p
  /// columns hold at c, and of out, which is "rc", or "c" and then a reduction.
  Value byRows(Value x, int64_t group, ArrayRef<Value> columns, Indexed out,
               Payload payload);
  /// Two rows of bf16 in one of i32, the first in the low bits: k / 2 x n of \p
  /// x, k x n in bf16, or in f32 and rounded. In \p into, if there is one.
  Value pairRows(Value x, Value into = {});
  /// Two columns of bf16 in one of i32, turned over: k / 2 x n of \p x, n x k.
  Value turnedPairs(Value x, Value into);
  /// Two numbers as such an element, f32 rounded, and the two f32 of one.
  Value pair(Value low, Value high);
  std::pair<Value, Value> unpair(Value pair);
  /// out[m, n] + sum over k of x[m, k] y[k, n], with x in bf16 and the rows of
  /// y in pairs: all sizes are multiples of kPairTile.
  Value contractPairs(Value x, Value y, Value out);

  /// for i = from; i < to; i += step, with values that it carries.
  SmallVector<Value>
  loop(Value from, Value to, int64_t step, ValueRange carried,
       function_ref<SmallVector<Value>(Value, ValueRange)> body);

private:
  OpFoldResult apply(AffineExpr expr, OpFoldResult operand);

  struct Part {
    SmallVector<OpFoldResult> offsets, sizes, strides;
  };
  Part tokensPart(Value x, OpFoldResult head, OpFoldResult from,
                  OpFoldResult count);
};

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_CONVERSION_TILEBUILDER_H
