//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Factors of f32 as sums of parts in bf16, and their products.
///
///     x = x0 + x1 (+ x2),  x0 = bf16(x), x1 = bf16(x - x0), ...
///     x y = sum of xi yj with i + j < parts, the smallest first
///
/// Two parts have 16 digits of the 24 of f32, three have all of them. What is
/// left out of a product is below 2^-16 of it, or 2^-24.
///
/// Where an element is infinite, no number or so large that bf16 rounds it to
/// infinity, its parts are not: x - x0 is NaN there. Whoever multiplies parts
/// looks at the result, and computes it again from f32 factors where it is not
/// finite (\ref hasLarge).
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CONVERSION_PAIRFACTORS_H
#define INFINI_ATTN_LIB_CONVERSION_PAIRFACTORS_H

#include "TileBuilder.h"

namespace mlir::infini_attn {

/// The parts of a factor, the largest first. A left factor has m x k in bf16, a
/// right one k / 2 x n in pairs (i32); all sizes are multiples of kPairTile.
using Parts = SmallVector<Value>;

/// \p x, m x k in f32, as a left factor, and k x n as a right one.
Parts leftParts(TileBuilder &b, Value x);
Parts rightParts(TileBuilder &b, Value x);
/// A right factor in the place of \p into.
Parts rightParts(TileBuilder &b, Value x, ValueRange into);

/// The parts of a scalar of a payload, in bf16.
SmallVector<Value> splitToNearest(TileBuilder &b, Value x);

/// Two rows of weights, none of them negative, as the parts of a right factor.
/// All but the last part are cut off, not rounded: less work, and a NaN stays
/// one. The sums of the products are as good as others', since the other
/// factor's parts have both signs.
SmallVector<Value> splitWeights(TileBuilder &b, Value low, Value high);
/// The two numbers of such pairs.
std::pair<Value, Value> joinPairs(TileBuilder &b, ValueRange pairs);

/// The same part of each factor.
Parts cornerOf(TileBuilder &b, ValueRange parts, OpFoldResult from,
               OpFoldResult rows, OpFoldResult columns);

/// out[m, n] + the sum over k of x[m, k] y[k, n], without the products of parts
/// below the last kept order.
Value contractParts(TileBuilder &b, ValueRange x, ValueRange y, Value out);

/// outs = payload of x[2 r + i, c] of each x and i < 2, of what \p columns hold
/// at c, and of outs: "rc" each, or one "c" that is a reduction.
SmallVector<Value> byRowPairs(TileBuilder &b, ValueRange xs, ValueRange columns,
                              ValueRange outs, bool isReduction,
                              LinalgBuilder::Payloads payload);

/// 1 as an index if an element of \p xs (each m x n in f32) is no number or has
/// a magnitude of 2^127 or more, else 0. A sum of parts that overflowed is such
/// an element, too.
Value hasLarge(TileBuilder &b, ValueRange xs);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_CONVERSION_PAIRFACTORS_H
