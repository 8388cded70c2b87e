//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Attention of a block of queries by products of f32: weights are powers of
/// the scores as they are where these are bounded.
///
//===----------------------------------------------------------------------===//

#include "TiledSegment.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

/// Scores are exponents of 2 up to here, of either sign, whose powers and their
/// sums are used as they are: twice as far from the ends of what an f32 holds.
static constexpr double kLargestScore = 64;

/// \p weights, n x q, with 0 where query q does not see key n: from the row on
/// that the first query does not see, which is past the last one mostly.
Value TiledAttention::hidden(Value weights, OpFoldResult rows, Value ahead) {
  Value count = b.toIndex(rows), next = b.add(ahead, b.index(1));
  next = arith::MaxSIOp::create(b, next, b.index(0));
  Value from = b.min(next, count);
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               left = getAsOpFoldResult(b.sub(count, from)),
               width = b.getIndexAttr(b.form.queries);
  // n <= q + ahead, with n = from + i
  Value shift =
      arith::IndexCastOp::create(b, b.getI32Type(), b.sub(from, ahead));
  Value part =
      b.generic("nq", {}, {b.corner(weights, from, left, width), "nq"},
                [&](ValueRange args) -> Value {
                  Value key = arith::AddIOp::create(b, place(b, 0), shift);
                  Value sees = arith::CmpIOp::create(
                      b, arith::CmpIPredicate::sle, key, place(b, 1));
                  return arith::SelectOp::create(b, sees, args[0], b.f32(0));
                });
  return tensor::InsertSliceOp::create(b, part, weights, Sizes{from, zero},
                                       Sizes{left, width}, Sizes{one, one});
}

/// S^T[n, q] = sum_d K[n, d] Q^T[d, q] of \p rows keys from \p key on, in the
/// first rows of \p room.
Value TiledAttention::scoresOf(Value panel, Value key, OpFoldResult rows,
                               Value room) {
  Value keyRows = b.corner(keys, key, rows, keyWidth);
  Value part =
      b.corner(room, b.getIndexAttr(0), rows, b.getIndexAttr(b.form.queries));
  part = linalg::FillOp::create(b, b.f32(0), part).getResult(0);
  return b.contract("nqd", {keyRows, "nd"}, {panel, "dq"}, {part, "nq"});
}

/// m[q]: 0 where no score of the block is past kLargestScore by |q| |k|, which
/// needs no look at the scores, else the largest that the query sees.
Value TiledAttention::reference(const Block &block, Value panel, Value end,
                                Value room) {
  OpFoldResult width = b.getIndexAttr(b.form.queries);
  Value largest =
      b.generic("q", {{querySquares(panel), "q"}}, {b.filled({}, 0), ""},
                [&](ValueRange args) -> Value {
                  return arith::MaximumFOp::create(b, args[1], args[0]);
                });
  largest = arith::MulFOp::create(
      b, tensor::ExtractOp::create(b, largest, ValueRange()),
      largestKeySquare(end));
  largest =
      arith::MulFOp::create(b, largest, arith::MulFOp::create(b, base2, base2));
  // Not where it is no number.
  Value isSmall = arith::CmpFOp::create(b, arith::CmpFPredicate::OLE, largest,
                                        b.f32(kLargestScore * kLargestScore));
  Value exactEnd = arith::SelectOp::create(b, isSmall, b.index(0), end);
  // From the lowest number, not from -inf: exp(-inf - m) is 0 then.
  Value start = arith::SelectOp::create(
      b, isSmall, b.f32(0), b.f32(std::numeric_limits<float>::lowest()));
  Value max = linalg::FillOp::create(b, start, b.empty({width})).getResult(0);
  return b.loop(b.index(0), exactEnd, b.form.keys, {max, room},
                [&](Value key, ValueRange args) -> SmallVector<Value> {
                  OpFoldResult rows =
                      b.min(b.sub(end, key), b.index(b.form.keys));
                  Value scores = scoresOf(panel, key, rows, args[1]);
                  Visible visible = visibleFrom(block, key);
                  Value most = b.generic(
                      "qn", {{scores, "nq"}}, {args[0], "q"},
                      [&](ValueRange values) -> Value {
                        return b.greater(
                            masked(arith::MulFOp::create(b, values[0], base2),
                                   visible, place(b, 1), place(b, 0)),
                            values[1]);
                      });
                  return {most, b.insertCorner(scores, args[1])};
                })[0];
}

/// exp(S - m) as a factor of a product [S17]: rounded to as many bits as the
/// factors have. Their exponents are those of f32.
Value TiledAttention::weight(Value score, Value max) {
  Value w = b.exp2(
      math::FmaOp::create(b, score, base2, arith::NegFOp::create(b, max)),
      factor);
  if (factor.isF32())
    return w;
  // Veltkamp: c - (c - w) with c = (2^s + 1) w drops the last s bits of w.
  int dropped = 24 - int(APFloat::semanticsPrecision(
                         cast<FloatType>(factor).getFloatSemantics()));
  Value c = arith::MulFOp::create(b, w, b.f32(std::ldexp(1.0, dropped) + 1));
  return arith::SubFOp::create(b, c, arith::SubFOp::create(b, c, w));
}

Running TiledAttention::keyBlock(Value panel, Value key, OpFoldResult rows,
                                 Value ahead, Value max, Running running) {
  Value scores = scoresOf(panel, key, rows, running.scores);
  // P^T[n, q] = exp(S^T[n, q] - m[q])
  Value weights =
      b.generic("nq", {{max, "q"}}, {scores, "nq"},
                [&](ValueRange args) { return weight(args[1], args[0]); });
  weights = hidden(weights, rows, ahead);
  // l[q] = l[q] + sum_n P^T[n, q]
  Value sum = b.generic("qn", {{weights, "nq"}}, {running.sum, "q"},
                        [&](ValueRange args) -> Value {
                          return arith::AddFOp::create(b, args[1], args[0]);
                        });
  // O^T[v, q] = O^T[v, q] + sum_n V[n, v] P^T[n, q]
  Value valueRows = b.corner(values, key, rows, valueWidth);
  Value output = b.contract("vqn", {valueRows, "nv"}, {weights, "nq"},
                            {running.output, "vq"});
  return {sum, output, b.insertCorner(weights, running.scores)};
}

Running TiledAttention::attend(const Block &block, Value panel) {
  OpFoldResult width = b.getIndexAttr(b.form.queries);
  int64_t step = b.form.keys;
  Value end = b.min(b.add(block.position, block.count), keyCount);
  Value max =
      reference(block, panel, end, b.empty({b.getIndexAttr(step), width}));
  SmallVector<Value> carried{b.filled({width}, 0),
                             b.filled({valueWidth, width}, 0),
                             b.empty({b.getIndexAttr(step), width})};
  carried =
      b.loop(b.index(0), end, step, carried, [&](Value key, ValueRange args) {
        OpFoldResult rows = b.min(b.sub(end, key), b.index(step));
        Running after = keyBlock(panel, key, rows, b.sub(block.position, key),
                                 max, {args[0], args[1], args[2]});
        return SmallVector<Value>{after.sum, after.output, after.scores};
      });
  return {carried[0], carried[1], carried[2]};
}
