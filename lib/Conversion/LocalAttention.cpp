//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Local attention of one segment.
///
//===----------------------------------------------------------------------===//

#include "Equations.h"

#include "infini_attn/Dialect/RuntimeChecks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

namespace {
/// The mask of [S3] and [S14] and the inputs that a payload needs for it.
struct CausalMask {
  LinalgBuilder &b;
  Value first;
  SmallVector<Indexed> inputs;
  bool hasRows;

  CausalMask(LinalgBuilder &b, const SegmentContext &context,
             const QueryPositions &positions)
      : b(b), first(positions.first), hasRows(positions.rows) {
    if (hasRows)
      inputs.push_back({positions.rows, "b"});
    if (context.lengths)
      inputs.push_back({context.lengths, "b"});
  }

  Value index(unsigned loop) const {
    return arith::IndexCastOp::create(b, b.getI64Type(),
                                      linalg::IndexOp::create(b, loop));
  }
  /// Position of the query of loop \p loop; \p args are the values of `inputs`.
  Value position(ValueRange args, unsigned loop) const {
    return arith::AddIOp::create(b, index(loop), hasRows ? args[0] : first);
  }
  Value isValid(ValueRange args, Value token) const {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, token,
                                 args[hasRows]);
  }
  /// Whether query q sees key n: n <= position(q). Keys of padding are seen
  /// only by queries that are padding themselves, whose result is 0.
  Value sees(ValueRange args, unsigned keyLoop, unsigned queryLoop) const {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::sle, index(keyLoop),
                                 position(args, queryLoop));
  }
};

/// The steps of A_dot. Where several payloads need the score of (n, q), they
/// take S^T first and the inputs of the mask last.
class LocalAttentionBuilder {
public:
  LocalAttentionBuilder(LinalgBuilder &b, const SegmentContext &context,
                        const LocalOptions &options, Value q, Value k, Value v)
      : b(b), context(context), options(options), q(q), k(k), v(v),
        mask(b, context, options.positions),
        scalesQueries(context.factor.isF32()) {
    queries = tensor::getMixedSizes(b, b.getLoc(), q);
    queries.pop_back();
    if (options.rotary.frequencies)
      frequencies = boundFrequencies(b, b.getLoc(), options.rotary.frequencies,
                                     b.size(q, 4));
  }

  LocalAttention build();

private:
  /// B x Hkv x G x \p size x Nq.
  Sizes transposedSizes(OpFoldResult size) {
    Sizes sizes = queries;
    sizes.insert(sizes.end() - 1, size);
    return sizes;
  }
  Value transposedQueries();
  Indexed keys();
  Value values();
  Value scores();
  Value rowMax(Value scores);
  Value weights(Value scores, Value max);
  Value sumOfWeights(Value weights);
  Value divisor(Value sum);
  Value lse(Value scores, Value max, Value divisor, Value sum);

  Value maskedScore(ValueRange args, unsigned keyLoop, unsigned queryLoop);
  Value weight(ValueRange args, unsigned keyLoop, unsigned queryLoop);
  SmallVector<Indexed> withMask(ArrayRef<Indexed> inputs) {
    SmallVector<Indexed> all(inputs);
    all.append(mask.inputs);
    return all;
  }

  LinalgBuilder &b;
  const SegmentContext &context;
  const LocalOptions &options;
  Value q, k, v;
  CausalMask mask;
  /// f32 queries are scaled before the product. Rounded ones are not: that
  /// would be a rounding more.
  bool scalesQueries;
  Sizes queries; ///< B, Hkv, G, Nq
  Value frequencies;
  AngleTables queryAngles;
};
} // namespace

//===----------------------------------------------------------------------===//
// Factors
//===----------------------------------------------------------------------===//

/// x^T[d, n] = toFactor(x[n, d]) in f32
static Value transpose(LinalgBuilder &b, Value x, StringRef letters,
                       Scalar toFactor) {
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), x);
  std::swap(sizes[letters.size()], sizes[letters.size() + 1]);
  std::string in = (letters + "nd").str(), out = (letters + "dn").str();
  return b.generic(out, {{x, in}}, {b.empty(sizes), out},
                   [&](ValueRange args) { return toFactor(b.widen(args[0])); });
}

Value infini_attn::transposeQueries(LinalgBuilder &b, Value q) {
  return transpose(b, q, "bhg", [](Value value) { return value; });
}

/// Q^T[d, q] = rope(q)[q, d]: contiguous along the queries
Value LocalAttentionBuilder::transposedQueries() {
  auto toFactor = [&](Value value) -> Value {
    if (scalesQueries)
      value = arith::MulFOp::create(b, value, options.scale);
    return b.roundTo(context.factor, value);
  };
  if (!options.rotary.frequencies)
    return transpose(b, q, "bhg", toFactor);
  queryAngles =
      makeAngleTables(b, frequencies, queries.back(), options.positions);
  Value qt = options.transposedQueries ? options.transposedQueries
                                       : transposeQueries(b, q);
  return rotate(b, options.rotary.style, queryAngles, qt, "bhg", toFactor);
}

/// rope(K). Its elements enter the product one at a time, in either layout.
Indexed LocalAttentionBuilder::keys() {
  if (!options.rotary.frequencies || options.keysRotated)
    return {b.rounded(context.factor, k), "bhnd"};
  AngleTables angles = queryAngles;
  // Queries of a whole segment stand where its keys do.
  if (mask.hasRows || !matchPattern(mask.first, m_Zero()))
    angles = makeAngleTables(
        b, frequencies, b.size(k, 2),
        {Value(), arith::ConstantOp::create(b, b.getI64IntegerAttr(0))});
  Value kt = transpose(b, k, "bh", [](Value value) { return value; });
  auto toFactor = [&](Value value) { return b.roundTo(context.factor, value); };
  return {rotate(b, options.rotary.style, angles, kt, "bh", toFactor), "bhdn"};
}

/// V, where rows of padding are 0, whatever bits they hold: 0 * NaN is NaN
/// [S14].
Value LocalAttentionBuilder::values() {
  if (!context.lengths)
    return b.rounded(context.factor, v);
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), v);
  return b.generic("bhnv", {{v, "bhnv"}, {context.lengths, "b"}},
                   {b.empty(sizes), "bhnv"}, [&](ValueRange args) -> Value {
                     Value value = b.roundTo(context.factor, b.widen(args[0]));
                     Value valid = arith::CmpIOp::create(
                         b, arith::CmpIPredicate::slt, mask.index(2), args[1]);
                     return arith::SelectOp::create(b, valid, value, b.f32(0));
                   });
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// S^T[n, q] = sum_d K[n, d] Q^T[d, q]
Value LocalAttentionBuilder::scores() {
  Value zeros = b.filled(transposedSizes(b.size(k, 2)), 0);
  Value qt = transposedQueries();
  return b.contract("bhgnqd", keys(), {qt, "bhgdq"}, {zeros, "bhgnq"});
}

/// scale * S^T[n, q], or -inf for a key that the query does not see
Value LocalAttentionBuilder::maskedScore(ValueRange args, unsigned keyLoop,
                                         unsigned queryLoop) {
  Value score = args.front();
  if (!scalesQueries)
    score = arith::MulFOp::create(b, score, options.scale);
  Value seen =
      mask.sees(args.take_back(mask.inputs.size() + 1), keyLoop, queryLoop);
  return arith::SelectOp::create(
      b, seen, score, b.f32(-std::numeric_limits<double>::infinity()));
}

/// m[q] = max_n S^T[n, q]. It starts from the lowest number, not from -inf:
/// then the weights of a query that sees no key are exp(-inf - m) = 0.
Value LocalAttentionBuilder::rowMax(Value scores) {
  Value lowest = b.filled(queries, std::numeric_limits<float>::lowest());
  return b.generic("bhgqn", withMask({{scores, "bhgnq"}}), {lowest, "bhgq"},
                   [&](ValueRange args) -> Value {
                     return arith::MaxNumFOp::create(b, args.back(),
                                                     maskedScore(args, 4, 3));
                   });
}

/// exp(S^T[n, q] - m[q])
Value LocalAttentionBuilder::weight(ValueRange args, unsigned keyLoop,
                                    unsigned queryLoop) {
  Value score = maskedScore(args, keyLoop, queryLoop);
  return math::ExpOp::create(
      b, arith::SubFOp::create(b, score, args[1]).getResult());
}

/// P^T[n, q] = exp(S^T[n, q] - m[q]) in the place of the scores, a factor of
/// the next product [S17]
Value LocalAttentionBuilder::weights(Value scores, Value max) {
  return b.generic("bhgnq", withMask({{scores, "bhgnq"}, {max, "bhgq"}}),
                   {scores, "bhgnq"}, [&](ValueRange args) {
                     return b.roundTo(context.factor, weight(args, 3, 4));
                   });
}

/// l[q] = sum_n P^T[n, q]: of the rounded weights, so that those of the product
/// sum to one.
Value LocalAttentionBuilder::sumOfWeights(Value weights) {
  return b.generic("bhgqn", {{weights, "bhgnq"}},
                   {b.filled(queries, 0), "bhgq"},
                   [&](ValueRange args) -> Value {
                     return arith::AddFOp::create(b, args[1], args[0]);
                   });
}

/// l[q], 0 for a query that is padding itself
Value LocalAttentionBuilder::divisor(Value sum) {
  if (!context.lengths)
    return sum;
  return b.generic(
      "bhgq", withMask({{sum, "bhgq"}}), {b.empty(queries), "bhgq"},
      [&](ValueRange args) -> Value {
        Value valid = mask.isValid(args.drop_front(),
                                   mask.position(args.drop_front(), 3));
        return arith::SelectOp::create(b, valid, args[0], b.f32(0));
      });
}

/// lse[q] = m[q] + log(l[q]) with l in f32, -inf where the divisor is 0
Value LocalAttentionBuilder::lse(Value scores, Value max, Value divisor,
                                 Value sum) {
  if (!context.factor.isF32())
    sum = b.generic(
        "bhgqn", withMask({{scores, "bhgnq"}, {max, "bhgq"}}),
        {b.filled(queries, 0), "bhgq"}, [&](ValueRange args) -> Value {
          return arith::AddFOp::create(b, args.back(), weight(args, 4, 3));
        });
  return b.generic("bhgq", {{max, "bhgq"}, {sum, "bhgq"}, {divisor, "bhgq"}},
                   {b.empty(queries), "bhgq"}, [&](ValueRange args) -> Value {
                     Value log = math::LogOp::create(b, args[1]);
                     Value isEmpty = arith::CmpFOp::create(
                         b, arith::CmpFPredicate::OEQ, args[2], b.f32(0));
                     return arith::SelectOp::create(
                         b, isEmpty,
                         b.f32(-std::numeric_limits<double>::infinity()),
                         arith::AddFOp::create(b, args[0], log));
                   });
}

LocalAttention LocalAttentionBuilder::build() {
  Value s = scores();
  Value m = rowMax(s);
  Value p = weights(s, m);
  Value l = sumOfWeights(p);
  // O^T[v, q] = sum_n V[n, v] P^T[n, q], to be divided by l[q]
  Value zeros = b.filled(transposedSizes(b.size(v, 3)), 0);
  Value o =
      b.contract("bhgvqn", {values(), "bhnv"}, {p, "bhgnq"}, {zeros, "bhgvq"});
  LocalAttention result;
  result.result = {o, divisor(l)};
  if (options.returnLse)
    result.lse = lse(s, m, result.result.divisor, l);
  return result;
}

LocalAttention infini_attn::attendLocally(LinalgBuilder &b,
                                          const SegmentContext &context,
                                          const LocalOptions &options, Value q,
                                          Value k, Value v) {
  return LocalAttentionBuilder(b, context, options, q, k, v).build();
}
