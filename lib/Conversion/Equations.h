//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The equations of one segment (docs/spec.md), as linalg on tensors.
///
/// Products are formed transposed: their innermost loop runs over queries, so
/// that softmax and division work on whole vectors of queries and nothing is
/// reduced across lanes.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CONVERSION_EQUATIONS_H
#define INFINI_ATTN_LIB_CONVERSION_EQUATIONS_H

#include "LinalgBuilder.h"

#include "infini_attn/Dialect/InfiniAttn.h"

namespace mlir::infini_attn {

/// What the equations share for one operation.
struct SegmentContext {
  /// Type that the factors of a product are rounded to [S17].
  Type factor;
  /// Valid tokens of each row (B x i64), or null [S14].
  Value lengths;
  double epsilon = 0;
};

/// Rotary embedding of an operation [S11], or null frequencies.
struct Rotary {
  Value frequencies;
  RotaryStyle style = RotaryStyle::Interleaved;
};

/// Where the queries stand: query i of row b at `rows[b] + i`, or at `first +
/// i` without rows.
struct QueryPositions {
  Value rows;  ///< B x i64 or null
  Value first; ///< i64
};

/// A product that is still to be divided: `numerator` is B x Hkv x G x Dv x Nq,
/// `divisor` B x Hkv x G x Nq and 0 where the quotient is to be 0.
struct Quotient {
  Value numerator, divisor;
};

struct LocalOptions {
  QueryPositions positions;
  Value scale; ///< f32
  Rotary rotary;
  bool keysRotated = false;
  bool returnLse = false;
  Value transposedQueries; ///< Q^T in f32 where it exists already, or null
};

/// A_dot, and the log-sum-exp (B x Hkv x G x Nq) where it is asked for.
struct LocalAttention {
  Quotient result;
  Value lse;
};

/// The type that factors of products are rounded to [S17], for activations of
/// \p element; nothing for a precision that has no such type.
std::optional<Type> factorType(std::optional<Precision> precision,
                               Type element);

/// How many parts in bf16 \p precision splits a factor into, or 1.
int64_t partsOf(std::optional<Precision> precision);
/// Says that \p op is lowered to products of f32 where \p precision asks for
/// products of parts: no less exact [S17].
void remarkOnPlainProducts(Operation *op, std::optional<Precision> precision);

/// The factor of the scores, f32: \p scale, or 1 / sqrt(Dk) [S10].
Value makeScale(LinalgBuilder &b, Value q, FloatAttr scale);

/// Heads of x, its dimension \p dim of size Hq, as Hkv x G: query head h
/// belongs to key/value head h / G [S12].
Value groupHeads(LinalgBuilder &b, Value x, int64_t dim, OpFoldResult keyHeads);
/// The inverse, as a tensor of \p type.
Value ungroupHeads(LinalgBuilder &b, Value grouped, int64_t dim, Type type);

/// Q^T (B x Hkv x G x Dk x Nq) in f32.
Value transposeQueries(LinalgBuilder &b, Value q);

/// A_dot = softmax(scale * rope(Q) rope(K)^T + causal mask) V [S3].
LocalAttention attendLocally(LinalgBuilder &b, const SegmentContext &context,
                             const LocalOptions &options, Value q, Value k,
                             Value v);

/// A_mem = sigma(Q) M / (sigma(Q) z) [S4], of Q or of Q^T, as the letters say.
Quotient retrieve(LinalgBuilder &b, const SegmentContext &context, Indexed q,
                  Value memory, Value normalizer);

/// M' and z' of [S6], [S7]: the init (memory, normalizer) plus this segment,
/// whose delta rule reads `readMemory`, `readNormalizer`.
std::pair<Value, Value> update(LinalgBuilder &b, const SegmentContext &context,
                               UpdateRule rule, Value k, Value v,
                               Value readMemory, Value readNormalizer,
                               Value memory, Value normalizer);

/// Cosines and sines of position * frequency [S11]: Dr / 2 x N, or that for
/// each row.
struct AngleTables {
  Value cosines, sines;
  StringRef letters;
};
AngleTables makeAngleTables(LinalgBuilder &b, Value frequencies,
                            OpFoldResult tokens,
                            const QueryPositions &positions);

/// A function of one f32 in a payload.
using Scalar = function_ref<Value(Value)>;

/// toFactor(rope(x))^T of \p xt = x^T, (..., D, N) in f32. `letters` are the
/// leading dimensions.
Value rotate(LinalgBuilder &b, RotaryStyle style, const AngleTables &tables,
             Value xt, StringRef letters, Scalar toFactor);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_CONVERSION_EQUATIONS_H
