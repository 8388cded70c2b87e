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

/// A product that is still to be divided: `numerator` is B x Hkv x G x Dv x Nq,
/// `reciprocal` B x Hkv x G x Nq and 0 where the quotient is to be 0.
struct Quotient {
  Value numerator, reciprocal;
};

/// The local attention, and what a log-sum-exp is made of (B x Hkv x G x Nq).
struct LocalAttention {
  Quotient result;
  Value rowMax, rowSum;
};

struct LocalOptions {
  Value queryOffset; ///< B x i64 or null: Nk - Nq
  Value scale;       ///< f32
  Rotary rotary;
  bool keysRotated = false;
};

/// q (B x Hq x N x D) as B x Hkv x G x N x D: query head h belongs to key/value
/// head h / G [S12].
Value groupHeads(LinalgBuilder &b, Value q, Value keyHeads);
/// The inverse.
Value ungroupHeads(LinalgBuilder &b, Value grouped, RankedTensorType type);

/// A_dot = softmax(scale * rope(Q) rope(K)^T + causal mask) V [S3].
LocalAttention attendLocally(LinalgBuilder &b, const SegmentContext &context,
                             const LocalOptions &options, Value q, Value k,
                             Value v);

/// A_mem = sigma(Q) M / (sigma(Q) z) [S4].
Quotient retrieve(LinalgBuilder &b, const SegmentContext &context, Value q,
                  Value memory, Value normalizer);

/// M' and z' of [S6], [S7]: the init (memory, normalizer) plus this segment,
/// whose delta rule reads `readMemory`, `readNormalizer`.
std::pair<Value, Value> update(LinalgBuilder &b, const SegmentContext &context,
                               UpdateRule rule, Value k, Value v,
                               Value readMemory, Value readNormalizer,
                               Value memory, Value normalizer);

/// Rotates x, transposed: (..., N, D) to (..., D, N) in f32. `letters` are the
/// leading dimensions of x; `offset` is added to the position of each token, an
/// i64 a row or null.
Value rotateTransposed(LinalgBuilder &b, const Rotary &rotary, Type factor,
                       Value x, StringRef letters, Value offset);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_CONVERSION_EQUATIONS_H
