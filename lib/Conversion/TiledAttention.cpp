//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TiledSegment.h"

#include "infini_attn/Dialect/RuntimeChecks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

/// Queries that were scaled before are not rounded once more after.
static bool scalesQueries(Type factor) { return factor.isF32(); }

AngleTables TiledAttention::angles(Value tokens, Value from) {
  Value position = b.createOrFold<arith::IndexCastOp>(b.getI64Type(), from);
  return makeAngleTables(b, frequencies, getAsOpFoldResult(tokens),
                         {Value(), position});
}

/// \p x, n x d, as factors of products in f32: their elements enter a product
/// one at a time, so that they are widened here, once a segment.
Value TiledAttention::factors(Value x, OpFoldResult width) {
  OpFoldResult count = b.size(x, 2), zero = b.getIndexAttr(0);
  Value rows = b.tokens(x, zero, zero, count);
  bool isF32 = getElementTypeOrSelf(x).isF32();
  if (isF32 && factor.isF32())
    return rows;
  return b.generic("nd", {{rows, "nd"}}, {b.empty({count, width}), "nd"},
                   [&](ValueRange args) {
                     return isF32 ? b.roundTo(factor, args[0])
                                  : b.widen(args[0]);
                   });
}

/// rope(K), n x d: turned over, rotated and turned back, once a segment.
Value TiledAttention::rotatedKeys() {
  if (!rotary.frequencies || keysRotated)
    return factors(k, keyWidth);
  OpFoldResult count = b.size(k, 2), zero = b.getIndexAttr(0);
  Value rows = b.tokens(k, zero, zero, count);
  Value kt = b.generic("dn", {{rows, "nd"}}, {b.empty({keyWidth, count}), "dn"},
                       [&](ValueRange args) { return b.widen(args[0]); });
  kt = rotate(b, rotary.style, angles(b.toIndex(count), b.index(0)), kt, "",
              [&](Value x) { return b.roundTo(factor, x); });
  return b.generic("nd", {{kt, "dn"}}, {b.empty({count, keyWidth}), "nd"},
                   [](ValueRange args) { return args[0]; });
}

/// x^T of a block of queries, d x q, 0 past the last one
Value TiledAttention::turnedQueries(const Block &block) {
  OpFoldResult count = getAsOpFoldResult(block.count), zero = b.getIndexAttr(0),
               one = b.getIndexAttr(1);
  Value rows = b.tokens(q, getAsOpFoldResult(block.head),
                        getAsOpFoldResult(block.query), count);
  Value panel = b.filled({keyWidth, b.getIndexAttr(kQueries)}, 0);
  Value part = b.corner(panel, zero, keyWidth, count);
  part = b.generic("dq", {{rows, "qd"}}, {part, "dq"},
                   [&](ValueRange args) { return b.widen(args[0]); });
  return b.insertCorner(part, panel);
}

/// rope(Q)^T, d x q, scaled where that rounds nothing twice
Value TiledAttention::queryPanel(const Block &block, Value turned) {
  auto toFactor = [&](Value x) -> Value {
    if (scalesQueries(factor))
      x = arith::MulFOp::create(b, x, base2);
    return b.roundTo(factor, x);
  };
  if (!rotary.frequencies)
    return b.generic("dq", {{turned, "dq"}},
                     {b.empty({keyWidth, b.getIndexAttr(kQueries)}), "dq"},
                     [&](ValueRange args) { return toFactor(args[0]); });
  AngleTables tables = queryAngles;
  for (Value *table : {&tables.cosines, &tables.sines}) {
    // The panel is rotated whole; past the last query the angles do not matter.
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
                 pairs = b.size(*table, 0),
                 count = getAsOpFoldResult(block.count);
    Value columns = tensor::ExtractSliceOp::create(
        b, *table, Sizes{zero, getAsOpFoldResult(block.query)},
        Sizes{pairs, count}, Sizes{one, one});
    Value room = b.filled({pairs, b.getIndexAttr(kQueries)}, 0);
    *table = b.insertCorner(columns, room);
  }
  return rotate(b, rotary.style, tables, turned, "", toFactor);
}

/// sigma(Q)^T, d x q, never rotated [S11]
Value TiledAttention::featurePanel(Value turned) {
  return b.generic(
      "dq", {{turned, "dq"}},
      {b.empty({keyWidth, b.getIndexAttr(kQueries)}), "dq"},
      [&](ValueRange args) { return b.roundTo(factor, b.sigma(args[0])); });
}

/// exp(score - max), of exponents of 2
Value TiledAttention::weight(Value score, Value max) {
  return b.exp2OfNonPositive(arith::SubFOp::create(b, score, max),
                             /*degree=*/factor.isF32() ? 6 : 4);
}

Running TiledAttention::keyBlock(const Block &block, Value panel, Value key,
                                 Value count, bool isMasked, Running running) {
  OpFoldResult width = b.getIndexAttr(kQueries),
               rows = getAsOpFoldResult(count), from = getAsOpFoldResult(key);
  Value keyRows = b.corner(keys, from, rows, keyWidth);
  Value valueRows = b.corner(values, from, rows, valueWidth);

  // S^T[n, q] = sum_d K[n, d] Q^T[d, q]
  Value room = b.corner(running.scores, b.getIndexAttr(0), rows, width);
  room = linalg::FillOp::create(b, b.f32(0), room).getResult(0);
  Value scores =
      b.contract("nqd", {keyRows, "nd"}, {panel, "dq"}, {room, "nq"});

  // Query q of the block sees key n of it: n <= q + (position - key).
  Value ahead =
      arith::IndexCastOp::create(b, b.getI32Type(), b.sub(block.position, key));
  auto score = [&](Value value, unsigned keyLoop, unsigned queryLoop) -> Value {
    if (!scalesQueries(factor))
      value = arith::MulFOp::create(b, value, base2);
    if (!isMasked)
      return value;
    auto place = [&](unsigned loop) -> Value {
      return arith::IndexCastOp::create(b, b.getI32Type(),
                                        linalg::IndexOp::create(b, loop));
    };
    Value sees = arith::CmpIOp::create(
        b, arith::CmpIPredicate::sle, place(keyLoop),
        arith::AddIOp::create(b, place(queryLoop), ahead));
    return arith::SelectOp::create(
        b, sees, value, b.f32(-std::numeric_limits<double>::infinity()));
  };

  // m'[q] = max(m[q], max_n S^T[n, q]), and the factor exp(m - m') of what was
  // summed relative to m
  Value lowest = b.filled({width}, std::numeric_limits<float>::lowest());
  Value blockMax = b.generic(
      "qn", {{scores, "nq"}}, {lowest, "q"}, [&](ValueRange args) -> Value {
        return arith::MaxNumFOp::create(b, args[1], score(args[0], 1, 0));
      });
  SmallVector<Value> updated = b.generic(
      "q", {{blockMax, "q"}},
      ArrayRef<Indexed>{
          {running.max, "q"}, {running.sum, "q"}, {b.empty({width}), "q"}},
      [&](ValueRange args) -> SmallVector<Value> {
        Value max = arith::MaxNumFOp::create(b, args[1], args[0]);
        Value rescale = weight(args[1], max);
        Value sum = arith::MulFOp::create(b, args[2], rescale);
        return {max, sum, rescale};
      });
  Value max = updated[0], sum = updated[1], rescale = updated[2];
  // P^T[n, q] = exp(S^T[n, q] - m'[q]), a factor of the next product [S17]
  Value weights =
      b.generic("nq", {{max, "q"}}, {scores, "nq"}, [&](ValueRange args) {
        return b.roundTo(factor, weight(score(args[1], 0, 1), args[0]));
      });
  // l[q] = exp(m - m') l[q] + sum_n P^T[n, q]
  sum = b.generic("qn", {{weights, "nq"}}, {sum, "q"},
                  [&](ValueRange args) -> Value {
                    return arith::AddFOp::create(b, args[1], args[0]);
                  });
  // O^T[v, q] = exp(m - m') O^T[v, q] + sum_n V[n, v] P^T[n, q]
  Value output = b.generic("vq", {{rescale, "q"}}, {running.output, "vq"},
                           [&](ValueRange args) -> Value {
                             return arith::MulFOp::create(b, args[0], args[1]);
                           });
  output =
      b.contract("vqn", {valueRows, "nv"}, {weights, "nq"}, {output, "vq"});
  return {max, sum, output, b.insertCorner(weights, running.scores)};
}

Running TiledAttention::attend(const Block &block, Value panel) {
  OpFoldResult width = b.getIndexAttr(kQueries);
  Running start;
  // From the lowest number, not from -inf: exp(-inf - m) is 0 then.
  start.max = b.filled({width}, std::numeric_limits<float>::lowest());
  start.sum = b.filled({width}, 0);
  start.output = b.filled({valueWidth, width}, 0);
  start.scores = b.empty({b.getIndexAttr(kKeys), width});

  // All queries see the keys up to the first one's place; the rest are masked.
  Value whole = b.min(block.position, keyCount);
  Value end = b.min(b.add(block.position, block.count), keyCount);
  SmallVector<Value> carried{start.max, start.sum, start.output, start.scores};
  for (auto [from, to, isMasked] :
       {std::tuple{b.index(0), whole, false}, {whole, end, true}})
    carried = b.loop(from, to, kKeys, carried,
                     [&, to = to, isMasked = isMasked](
                         Value key, ValueRange args) -> SmallVector<Value> {
                       Value count = b.min(b.sub(to, key), b.index(kKeys));
                       Running next =
                           keyBlock(block, panel, key, count, isMasked,
                                    {args[0], args[1], args[2], args[3]});
                       return {next.max, next.sum, next.output, next.scores};
                     });
  return {carried[0], carried[1], carried[2], carried[3]};
}

/// Whether query \p loop of a block is none of padding; null where all are.
Value TiledAttention::isValid(const Block &block, unsigned loop) {
  if (!length)
    return {};
  Value place = arith::AddIOp::create(b, linalg::IndexOp::create(b, loop),
                                      block.position);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, place, length);
}

/// numerator / (divisor[q] + epsilon), 0 where the divisor is 0 or the query
/// padding [S9], [S14]
Value TiledAttention::share(const Block &block, Value divisor, Value numerator,
                            double epsilon) {
  return b.generic(
      "q", {{divisor, "q"}}, {b.empty({b.getIndexAttr(kQueries)}), "q"},
      [&](ValueRange args) -> Value {
        Value share = b.share(numerator, args[0], epsilon);
        if (Value valid = isValid(block, 0))
          share = arith::SelectOp::create(b, valid, share, b.f32(0));
        return share;
      });
}

/// A block of queries of one head, in its place of \p init
Value TiledAttention::finish(const Block &block, Value init) {
  OpFoldResult count = getAsOpFoldResult(block.count),
               width = b.getIndexAttr(kQueries), zero = b.getIndexAttr(0);
  SmallVector<std::pair<Value, Value>> parts; // v x q, and its factor q
  Value turned = turnedQueries(block);
  Value localShare = b.f32(1);
  if (read.memory) {
    // g = sigmoid(gate) [S5]
    Value gate = tensor::ExtractOp::create(b, read.gate, block.head);
    Value weight = b.sigmoid(gate);
    localShare = arith::SubFOp::create(b, b.f32(1), weight);
    // (sigma(Q) M)^T[v, q] = sum_d M[d, v] sigma(Q)^T[d, q], and by z [S4]
    Value features = featurePanel(turned);
    Value numerator = b.contract("vqd", {read.memory, "dv"}, {features, "dq"},
                                 {b.filled({valueWidth, width}, 0), "vq"});
    Value divisor = b.contract("qd", {read.normalizer, "d"}, {features, "dq"},
                               {b.filled({width}, 0), "q"});
    parts.push_back({numerator, share(block, divisor, weight, read.epsilon)});
  }
  Running local = attend(block, queryPanel(block, turned));
  parts.push_back({local.output, share(block, local.sum, localShare, 0)});

  // O^T[v, q] = sum of the parts, each times its factor, in the last one's
  // place
  SmallVector<Indexed> inputs{{parts.back().second, "q"}};
  if (parts.size() > 1) {
    inputs.push_back({parts.front().first, "vq"});
    inputs.push_back({parts.front().second, "q"});
  }
  Value mixed = b.generic(
      "vq", inputs, {parts.back().first, "vq"}, [&](ValueRange args) -> Value {
        Value o = b.times(args.back(), args[0]);
        return args.size() == 2
                   ? o
                   : arith::AddFOp::create(b, b.times(args[1], args[2]), o)
                         .getResult();
      });

  OpFoldResult head = getAsOpFoldResult(block.head),
               query = getAsOpFoldResult(block.query);
  Value into = b.tokens(init, head, query, count);
  Type element = getElementTypeOrSelf(init);
  Value o = b.generic(
      "qv", {{b.corner(mixed, zero, valueWidth, count), "vq"}}, {into, "qv"},
      [&](ValueRange args) { return b.narrow(element, args[0]); });
  return b.insertTokens(o, init, head, query, count);
}

Value TiledAttention::build(Value init) {
  Value queries = b.toIndex(b.size(q, 2)), heads = b.toIndex(b.size(q, 1));
  keyCount = b.toIndex(b.size(k, 2));
  if (length)
    keyCount = b.min(keyCount, length);
  base2 = arith::MulFOp::create(b, scale, b.f32(1.4426950408889634));
  if (rotary.frequencies) {
    frequencies = boundFrequencies(b, b.getLoc(), rotary.frequencies, keyWidth);
    queryAngles = angles(queries, first);
  }
  keys = rotatedKeys();
  values = factors(v, valueWidth);
  return b.loop(b.index(0), heads, 1, init,
                [&](Value head, ValueRange outer) -> SmallVector<Value> {
                  return b.loop(
                      b.index(0), queries, kQueries, outer,
                      [&](Value query, ValueRange args) -> SmallVector<Value> {
                        Value left = b.sub(queries, query);
                        Block block{head, query, b.min(left, b.index(kQueries)),
                                    b.add(first, query)};
                        return {finish(block, args[0])};
                      });
                })[0];
}
