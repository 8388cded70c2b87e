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

/// The rows of a left factor of \p size.
OpFoldResult TiledAttention::leftRows(OpFoldResult size) {
  return b.form.inPairs ? b.roundedUp(size, kPairTile) : size;
}

/// A panel, k x q in f32, as the right factor of a product.
Value TiledAttention::rightFactor(Value panel) {
  return b.form.inPairs ? b.pairRows(b.padded(panel)) : panel;
}

/// rope(K), n x d: turned over, rotated and turned back, once a segment.
Value TiledAttention::rotatedKeys() {
  OpFoldResult count = b.size(k, 2), zero = b.getIndexAttr(0);
  Value rows = b.tokens(k, zero, zero, count);
  if (!rotary.frequencies || keysRotated)
    return b.form.inPairs ? rows : factors(k, keyWidth);
  Value kt = b.generic("dn", {{rows, "nd"}}, {b.empty({keyWidth, count}), "dn"},
                       [&](ValueRange args) { return b.widen(args[0]); });
  kt = rotate(b, rotary.style, angles(b.toIndex(count), b.index(0)), kt, "",
              [&](Value x) { return b.roundTo(factor, x); });
  return b.generic("nd", {{kt, "dn"}}, {b.empty({count, keyWidth}), "nd"},
                   [](ValueRange args) { return args[0]; });
}

/// x^T of a block of queries, d x q, 0 past the last one that is not padding
Value TiledAttention::turnedQueries(const Block &block) {
  Value valid = block.count;
  if (length) {
    Value left = b.sub(b.createOrFold<arith::MaxSIOp>(length, block.position),
                       block.position);
    valid = b.min(valid, left);
  }
  OpFoldResult count = getAsOpFoldResult(valid);
  Value rows = b.tokens(q, getAsOpFoldResult(block.head),
                        getAsOpFoldResult(block.query), count);
  Value panel = b.empty({keyWidth, b.getIndexAttr(b.form.queries)});
  return b.inZeros(panel, keyWidth, count, [&](Value part) {
    return b.generic("dq", {{rows, "qd"}}, {part, "dq"},
                     [&](ValueRange args) { return b.widen(args[0]); });
  });
}

/// rope(Q)^T, d x q, scaled where that rounds nothing twice
Value TiledAttention::queryPanel(const Block &block, Value turned) {
  auto toFactor = [&](Value x) -> Value {
    if (scalesQueries(factor))
      x = arith::MulFOp::create(b, x, base2);
    return b.roundTo(factor, x);
  };
  if (!rotary.frequencies && getElementTypeOrSelf(q) == factor &&
      !scalesQueries(factor))
    return turned;
  if (!rotary.frequencies)
    return b.generic(
        "dq", {{turned, "dq"}},
        {b.empty({keyWidth, b.getIndexAttr(b.form.queries)}), "dq"},
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
    Value room = b.filled({pairs, b.getIndexAttr(b.form.queries)}, 0);
    *table = b.insertCorner(columns, room);
  }
  return rotate(b, rotary.style, tables, turned, "", toFactor);
}

/// sigma(Q)^T, d x q, never rotated [S11]
Value TiledAttention::featurePanel(Value turned) {
  return b.generic("dq", {{turned, "dq"}},
                   {b.empty({keyWidth, b.getIndexAttr(b.form.queries)}), "dq"},
                   [&](ValueRange args) {
                     return b.roundTo(factor, b.sigma(args[0], factor));
                   });
}

/// exp(score - max), of exponents of 2
Value TiledAttention::weight(Value score, Value max) {
  return b.exp2(arith::SubFOp::create(b, score, max), factor);
}

/// m'[q] = max(m[q], max_n S^T[n, q]), l exp(m - m'), and exp(m - m'): the
/// factor of all that was summed relative to m.
TiledAttention::Rescaled TiledAttention::rescale(Value blockMax,
                                                 const Running &running) {
  SmallVector<Value> updated = b.generic(
      "q", {{blockMax, "q"}},
      ArrayRef<Indexed>{{running.max, "q"},
                        {running.sum, "q"},
                        {b.empty({b.getIndexAttr(b.form.queries)}), "q"}},
      [&](ValueRange args) -> SmallVector<Value> {
        Value max = b.greater(args[0], args[1]);
        Value factor = weight(args[1], max);
        Value sum = arith::MulFOp::create(b, args[2], factor);
        return {max, sum, factor};
      });
  return {updated[0], updated[1], updated[2]};
}

/// \p score of key \p key and query \p query of a block, both i32; -inf where
/// the query does not see the key.
Value TiledAttention::masked(Value score, const Visible &visible, Value key,
                             Value query) {
  // n <= q + (position - key), and no key past the last one.
  Value last = arith::AddIOp::create(b, query, visible.ahead);
  if (visible.last)
    last = arith::MinSIOp::create(b, last, visible.last);
  Value sees = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, key, last);
  return arith::SelectOp::create(
      b, sees, score, b.f32(-std::numeric_limits<double>::infinity()));
}

/// A score as an exponent of 2, masked where \p visible is given.
Value TiledAttention::exponent(Value score, const Visible *visible, Value key,
                               Value query) {
  if (!scalesQueries(factor))
    score = arith::MulFOp::create(b, score, base2);
  return visible ? masked(score, *visible, key, query) : score;
}

Value infini_attn::toI32(TileBuilder &b, Value index) {
  return arith::IndexCastOp::create(b, b.getI32Type(), index);
}

Value infini_attn::place(TileBuilder &b, unsigned loop) {
  return toI32(b, linalg::IndexOp::create(b, loop));
}

/// \p scores, n x q, with -inf where query q does not see key n: from the row
/// on that the first query does not see, which is past the last one mostly.
Value TiledAttention::hidden(Value scores, OpFoldResult rows, Value ahead) {
  Value count = b.toIndex(rows), next = b.add(ahead, b.index(1));
  next = arith::MaxSIOp::create(b, next, b.index(0));
  Value from = b.min(next, count);
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               left = getAsOpFoldResult(b.sub(count, from)),
               width = b.getIndexAttr(b.form.queries);
  // n <= q + ahead, with n = from + i
  Value shift =
      arith::IndexCastOp::create(b, b.getI32Type(), b.sub(from, ahead));
  Value part = b.generic(
      "nq", {}, {b.corner(scores, from, left, width), "nq"},
      [&](ValueRange args) -> Value {
        Value key = arith::AddIOp::create(b, place(b, 0), shift);
        Value sees = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, key,
                                           place(b, 1));
        return arith::SelectOp::create(
            b, sees, args[0], b.f32(-std::numeric_limits<double>::infinity()));
      });
  return tensor::InsertSliceOp::create(b, part, scores, Sizes{from, zero},
                                       Sizes{left, width}, Sizes{one, one});
}

Running TiledAttention::keyBlock(Value panel, Value key, OpFoldResult rows,
                                 Value ahead, const Visible *visible,
                                 Running running) {
  OpFoldResult width = b.getIndexAttr(b.form.queries), from = key,
               zero = b.getIndexAttr(0);
  Value keyRows = b.corner(keys, from, rows, keyWidth);
  Value valueRows = b.corner(values, from, rows, valueWidth);

  // S^T[n, q] = sum_d K[n, d] Q^T[d, q]
  Value room = b.corner(running.scores, zero, rows, width);
  room = linalg::FillOp::create(b, b.f32(0), room).getResult(0);
  Value scores =
      b.contract("nqd", {keyRows, "nd"}, {panel, "dq"}, {room, "nq"});
  if (!visible && scalesQueries(factor))
    scores = hidden(scores, rows, ahead);
  Value lowest = b.filled({width}, std::numeric_limits<float>::lowest());
  Value blockMax = b.generic(
      "qn", {{scores, "nq"}}, {lowest, "q"}, [&](ValueRange args) -> Value {
        Value x = exponent(args[0], visible, place(b, 1), place(b, 0));
        return b.greater(x, args[1]);
      });
  auto [max, sum, factorOfOld] = rescale(blockMax, running);
  // P^T[n, q] = exp(S^T[n, q] - m'[q]), a factor of the next product [S17]
  Value weights =
      b.generic("nq", {{max, "q"}}, {scores, "nq"}, [&](ValueRange args) {
        Value x = exponent(args[1], visible, place(b, 0), place(b, 1));
        return b.roundTo(factor, weight(x, args[0]));
      });
  // l[q] = exp(m - m') l[q] + sum_n P^T[n, q]
  sum = b.generic("qn", {{weights, "nq"}}, {sum, "q"},
                  [&](ValueRange args) -> Value {
                    return arith::AddFOp::create(b, args[1], args[0]);
                  });
  // O^T[v, q] = exp(m - m') O^T[v, q] + sum_n V[n, v] P^T[n, q]
  Value output = b.contract("vqn", {valueRows, "nv"}, {weights, "nq"},
                            {rescaled(running.output, factorOfOld), "vq"});
  return {max, sum, output, b.insertCorner(weights, running.scores)};
}

Value TiledAttention::rescaled(Value output, Value factor) {
  return b.generic("vq", {{factor, "q"}}, {output, "vq"},
                   [&](ValueRange args) -> Value {
                     return arith::MulFOp::create(b, args[0], args[1]);
                   });
}

Running TiledAttention::attend(const Block &block, Value panel) {
  OpFoldResult width = b.getIndexAttr(b.form.queries);
  int64_t step = b.form.keys;
  // From the lowest number, not from -inf: exp(-inf - m) is 0 then.
  SmallVector<Value> carried{
      b.filled({width}, std::numeric_limits<float>::lowest()),
      b.filled({width}, 0), b.filled({valueWidth, width}, 0),
      b.empty({b.getIndexAttr(step), width})};

  // All queries see the keys up to the first one's place; the rest are masked,
  // in loops of their own where that takes more than a pass over the scores.
  Value whole = b.min(block.position, keyCount);
  Value end = b.min(b.add(block.position, block.count), keyCount);
  SmallVector<std::tuple<Value, Value, bool>> loops{{b.index(0), end, false}};
  if (!scalesQueries(factor))
    loops = {{b.index(0), whole, false}, {whole, end, true}};
  for (auto [from, to, isMasked] : loops)
    carried =
        b.loop(from, to, step, carried,
               [&, to = to, isMasked = isMasked](Value key, ValueRange args) {
                 Value ahead = b.sub(block.position, key);
                 Visible visible;
                 if (isMasked)
                   visible.ahead = toI32(b, ahead);
                 OpFoldResult rows = b.min(b.sub(to, key), b.index(step));
                 Running after = keyBlock(panel, key, rows, ahead,
                                          isMasked ? &visible : nullptr,
                                          {args[0], args[1], args[2], args[3]});
                 return SmallVector<Value>{after.max, after.sum, after.output,
                                           after.scores};
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
      "q", {{divisor, "q"}}, {b.empty({b.getIndexAttr(b.form.queries)}), "q"},
      [&](ValueRange args) -> Value {
        Value share = b.share(numerator, args[0], epsilon);
        if (Value valid = isValid(block, 0))
          share = arith::SelectOp::create(b, valid, share, b.f32(0));
        return share;
      });
}

/// (sigma(Q) M)^T[v, q] = sum_d M[d, v] sigma(Q)^T[d, q], and by z [S4]
std::pair<Value, Value> TiledAttention::retrieve(Value turned) {
  OpFoldResult width = b.getIndexAttr(b.form.queries);
  Value features = featurePanel(turned);
  Value numerator = b.contract("vqd", {read.memory, "dv"}, {features, "dq"},
                               {b.filled({valueWidth, width}, 0), "vq"});
  Value divisor = b.contract("qd", {read.normalizer, "d"}, {features, "dq"},
                             {b.filled({width}, 0), "q"});
  return {numerator, divisor};
}

Value TiledAttention::finish(const Block &block, Value into) {
  OpFoldResult count = getAsOpFoldResult(block.count),
               width = b.getIndexAttr(b.form.queries), zero = b.getIndexAttr(0);
  SmallVector<std::pair<Value, Value>> parts; // v x q, and its factor q
  Value turned = turnedQueries(block);
  Value localShare = b.f32(1);
  if (read.memory) {
    // g = sigmoid(gate) [S5]
    Value gate = tensor::ExtractOp::create(b, read.gate, block.head);
    Value weight = b.sigmoid(gate);
    localShare = arith::SubFOp::create(b, b.f32(1), weight);
    auto [numerator, divisor] =
        b.form.inPairs ? retrieveInPairs(turned) : retrieve(turned);
    parts.push_back({numerator, share(block, divisor, weight, read.epsilon)});
  }
  Value panel = queryPanel(block, turned);
  Running local =
      b.form.inPairs ? attendInPairs(block, panel) : attend(block, panel);
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

  Type element = getElementTypeOrSelf(into);
  return b.generic("qv", {{b.corner(mixed, zero, valueWidth, count), "vq"}},
                   {into, "qv"},
                   [&](ValueRange args) { return b.narrow(element, args[0]); });
}

void TiledAttention::prepare() {
  keyCount = b.toIndex(b.size(k, 2));
  if (length)
    keyCount = b.min(keyCount, length);
  base2 = arith::MulFOp::create(b, scale, b.f32(kLog2E));
  if (rotary.frequencies) {
    frequencies = boundFrequencies(b, b.getLoc(), rotary.frequencies, keyWidth);
    queryAngles = angles(b.toIndex(b.size(q, 2)), first);
  }
  keys = rotatedKeys();
  if (b.form.inPairs)
    preparePairs();
  else
    values = factors(v, valueWidth);
}

Value TiledAttention::blockCount() {
  Value blocks = b.createOrFold<arith::CeilDivUIOp>(b.toIndex(b.size(q, 2)),
                                                    b.index(b.form.queries));
  return b.createOrFold<arith::MulIOp>(blocks, b.toIndex(b.size(q, 1)));
}

TiledAttention::Block TiledAttention::block(Value number) {
  Value heads = b.toIndex(b.size(q, 1)), queries = b.toIndex(b.size(q, 2));
  Value last = b.sub(blockCount(), b.index(1));
  Value reversed = b.sub(last, number);
  Value query = b.createOrFold<arith::MulIOp>(
      b.createOrFold<arith::DivUIOp>(reversed, heads), b.index(b.form.queries));
  Value head = b.createOrFold<arith::RemUIOp>(reversed, heads);
  Value count = b.min(b.sub(queries, query), b.index(b.form.queries));
  return {head, query, count, b.add(first, query)};
}
