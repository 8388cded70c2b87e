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

/// Blocks of keys of \p x, n x d in f32 or bf16, as left factors of products of
/// pairs: the rows as they are, or x^T. Of what lies past the last key in its
/// block, and past d, 0.
Value TiledAttention::blocks(Value x, OpFoldResult width, bool isTurned) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  int64_t keys = b.form.keys;
  Sizes strides(3, one),
      sizes{one, b.roundedUp(width, kPairTile), b.getIndexAttr(keys)};
  if (!isTurned)
    std::swap(sizes[1], sizes[2]);
  Sizes all = sizes;
  all[0] = b.ceilDiv(getAsOpFoldResult(keyCount), keys);
  Value init = tensor::EmptyOp::create(b, all, factor);
  return b.loop(
      b.index(0), keyCount, keys, init,
      [&](Value key, ValueRange args) -> SmallVector<Value> {
        OpFoldResult count = b.min(b.sub(keyCount, key), b.index(keys));
        Value rows = b.corner(x, key, count, width);
        Sizes offsets{blockOf(key), zero, zero};
        auto type = RankedTensorType::get(
            decomposeMixedValues(ArrayRef(sizes).drop_front()).first, factor);
        Value block = tensor::ExtractSliceOp::create(b, type, args[0], offsets,
                                                     sizes, strides);
        Value none = arith::ConstantOp::create(b, b.getZeroAttr(factor));
        block = linalg::FillOp::create(b, none, block).getResult(0);
        Value part = b.corner(block, zero, isTurned ? width : count,
                              isTurned ? count : width);
        part =
            b.generic(isTurned ? "dn" : "nd", {{rows, "nd"}},
                      {part, isTurned ? "dn" : "nd"}, [&](ValueRange values) {
                        return b.narrow(factor, b.widen(values[0]));
                      });
        block = b.insertCorner(part, block);
        return {tensor::InsertSliceOp::create(b, block, args[0], offsets, sizes,
                                              strides)};
      })[0];
}

OpFoldResult TiledAttention::blockOf(Value key) {
  return b.floorDiv(getAsOpFoldResult(key), b.form.keys);
}

/// The first \p rows of block \p key of what blocks() made.
Value TiledAttention::blockRows(Value blocks, Value key, OpFoldResult rows,
                                OpFoldResult columns) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  auto type = RankedTensorType::get(decomposeMixedValues({rows, columns}).first,
                                    factor);
  return tensor::ExtractSliceOp::create(
      b, type, blocks, Sizes{blockOf(key), zero, zero},
      Sizes{one, rows, columns}, Sizes(3, one));
}

/// The first \p keys columns of block \p key of what blocks() made of V.
Value TiledAttention::blockColumns(Value blocks, Value key, OpFoldResult keys) {
  return blockRows(blocks, key, leftRows(valueWidth), keys);
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

/// x^T of a block of queries, d x q, 0 past the last one
Value TiledAttention::turnedQueries(const Block &block) {
  OpFoldResult count = getAsOpFoldResult(block.count), zero = b.getIndexAttr(0),
               one = b.getIndexAttr(1);
  Value rows = b.tokens(q, getAsOpFoldResult(block.head),
                        getAsOpFoldResult(block.query), count);
  Value panel = b.filled({keyWidth, b.getIndexAttr(b.form.queries)}, 0);
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

/// A score as an exponent of 2; that of key \p key, i32, and query \p query of
/// a block, where these are given, is -inf where the query does not see the
/// key.
Value TiledAttention::exponent(Value score, const Visible *visible, Value key,
                               Value query) {
  if (!scalesQueries(factor))
    score = arith::MulFOp::create(b, score, base2);
  if (!visible)
    return score;
  // n <= q + (position - key), and no key past the last one.
  Value last = arith::AddIOp::create(b, query, visible->ahead);
  if (visible->last)
    last = arith::MinSIOp::create(b, last, visible->last);
  Value sees = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, key, last);
  return arith::SelectOp::create(
      b, sees, score, b.f32(-std::numeric_limits<double>::infinity()));
}

/// Index \p loop of a payload, as i32.
static Value place(TileBuilder &b, unsigned loop) {
  return arith::IndexCastOp::create(b, b.getI32Type(),
                                    linalg::IndexOp::create(b, loop));
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
  return {max, sum, output, b.insertCorner(weights, running.scores), {}};
}

/// The same, by products of pairs.
Running TiledAttention::keyBlockInPairs(Value panel, Value key,
                                        OpFoldResult rows,
                                        const Visible *visible,
                                        Running running) {
  OpFoldResult width = b.getIndexAttr(b.form.queries), zero = b.getIndexAttr(0);
  Value keyRows = blockRows(keys, key, rows, b.roundedUp(keyWidth, kPairTile));
  Value valueRows = blockColumns(values, key, rows);

  Value room = b.corner(running.scores, zero, rows, width);
  room = linalg::FillOp::create(b, b.f32(0), room).getResult(0);
  Value scores = b.contractPairs(keyRows, panel, room);
  Value lowest = b.filled({width}, std::numeric_limits<float>::lowest());
  // Four rows at a time: a chain of maxima waits for each of them.
  constexpr int64_t kGroup = 4;
  auto exponents = [&](ValueRange group) {
    SmallVector<Value> xs;
    Value row = visible ? place(b, 0) : Value(),
          query = visible ? place(b, 1) : Value();
    int64_t count = group.size();
    for (auto [i, score] : llvm::enumerate(group)) {
      Value place;
      if (visible)
        place = arith::AddIOp::create(
            b, arith::MulIOp::create(b, row, b.i32(count)), b.i32(i));
      xs.push_back(exponent(score, visible, place, query));
    }
    return xs;
  };
  Value blockMax = b.byRows(
      scores, kGroup, {}, {lowest, "c"}, [&](ValueRange args) -> Value {
        SmallVector<Value> xs = exponents(args.take_front(kGroup));
        for (; xs.size() > 1; xs.resize(xs.size() / 2))
          for (size_t i = 0, half = xs.size() / 2; i < half; ++i)
            xs[i] = b.greater(xs[i], xs[i + half]);
        return b.greater(xs[0], args.back());
      });
  auto [max, sum, factorOfOld] = rescale(blockMax, running);
  // Cut off rather than rounded: the sum is of the same weights, and what the
  // cut takes from all of them leaves the quotient.
  OpFoldResult pairs = b.floorDiv(rows, 2);
  Value weights = b.byRows(
      scores, 2, {max}, {b.corner(running.weights, zero, pairs, width), "rc"},
      [&](ValueRange args) -> Value {
        SmallVector<Value> bits;
        for (Value x : exponents(args.take_front(2)))
          bits.push_back(
              arith::BitcastOp::create(b, b.getI32Type(), weight(x, args[2])));
        return arith::OrIOp::create(
            b, arith::ShRUIOp::create(b, bits[0], b.i32(16)),
            arith::AndIOp::create(b, bits[1], b.i32(0xffff0000)));
      });
  sum = b.byRows(weights, 2, {}, {sum, "c"}, [&](ValueRange args) -> Value {
    Value total;
    for (Value pair : args.take_front(2)) {
      auto [low, high] = b.unpair(pair);
      Value both = arith::AddFOp::create(b, low, high);
      total = total ? arith::AddFOp::create(b, total, both) : both;
    }
    return arith::AddFOp::create(b, args.back(), total);
  });
  Value output = b.contractPairs(valueRows, weights,
                                 rescaled(running.output, factorOfOld));
  return {max, sum, output, b.insertCorner(scores, running.scores),
          b.insertCorner(weights, running.weights)};
}

Value TiledAttention::rescaled(Value output, Value factor) {
  return b.generic("vq", {{factor, "q"}}, {output, "vq"},
                   [&](ValueRange args) -> Value {
                     return arith::MulFOp::create(b, args[0], args[1]);
                   });
}

Running TiledAttention::attend(const Block &block, Value panel) {
  OpFoldResult width = b.getIndexAttr(b.form.queries),
               height = b.getIndexAttr(b.form.keys);
  int64_t step = b.form.keys;
  // From the lowest number, not from -inf: exp(-inf - m) is 0 then.
  SmallVector<Value> carried{
      b.filled({width}, std::numeric_limits<float>::lowest()),
      b.filled({width}, 0), b.filled({leftRows(valueWidth), width}, 0),
      b.empty({height, width})};
  if (b.form.inPairs)
    carried.push_back(tensor::EmptyOp::create(
        b, Sizes{b.getIndexAttr(step / 2), width}, b.getI32Type()));

  // All queries see the keys up to the first one's place; the rest are masked,
  // in loops of their own where that takes more than a pass over the scores.
  Value whole = b.min(block.position, keyCount);
  Value end = b.min(b.add(block.position, block.count), keyCount);
  if (b.form.inPairs) // of whole blocks
    whole = b.toIndex(b.roundedDown(getAsOpFoldResult(whole), step));
  SmallVector<std::tuple<Value, Value, bool>> loops{{b.index(0), end, false}};
  if (b.form.inPairs || !scalesQueries(factor))
    loops = {{b.index(0), whole, false}, {whole, end, true}};
  for (auto [from, to, isMasked] : loops)
    carried = b.loop(
        from, to, step, carried,
        [&, to = to, isMasked = isMasked](Value key, ValueRange args) {
          Value left = b.sub(to, key);
          Visible visible;
          if (isMasked) {
            auto toI32 = [&](Value place) -> Value {
              return arith::IndexCastOp::create(b, b.getI32Type(), place);
            };
            visible.ahead = toI32(b.sub(block.position, key));
            if (b.form.inPairs)
              visible.last = toI32(b.sub(left, b.index(1)));
          }
          const Visible *mask = isMasked ? &visible : nullptr;
          Running before{args[0], args[1], args[2], args[3],
                         b.form.inPairs ? args[4] : Value()};
          Running after;
          if (b.form.inPairs) {
            OpFoldResult rows = height;
            if (isMasked)
              rows = b.min(
                  b.toIndex(b.roundedUp(getAsOpFoldResult(left), kPairTile)),
                  b.index(step));
            after = keyBlockInPairs(panel, key, rows, mask, before);
          } else {
            OpFoldResult rows = b.min(left, b.index(step));
            after = keyBlock(panel, key, rows, b.sub(block.position, key), mask,
                             before);
          }
          SmallVector<Value> next{after.max, after.sum, after.output,
                                  after.scores};
          if (after.weights)
            next.push_back(after.weights);
          return next;
        });
  return {carried[0], carried[1], carried[2], {}, {}};
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
    // (sigma(Q) M)^T[v, q] = sum_d M[d, v] sigma(Q)^T[d, q], and by z [S4]
    Value features = featurePanel(turned);
    Value numerator = b.filled({leftRows(valueWidth), width}, 0);
    numerator =
        b.form.inPairs
            ? b.contractPairs(turnedMemory, rightFactor(features), numerator)
            : b.contract("vqd", {read.memory, "dv"}, {features, "dq"},
                         {numerator, "vq"});
    Value divisor = b.contract("qd", {read.normalizer, "d"}, {features, "dq"},
                               {b.filled({width}, 0), "q"});
    parts.push_back({numerator, share(block, divisor, weight, read.epsilon)});
  }
  Running local = attend(block, rightFactor(queryPanel(block, turned)));
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
  if (b.form.inPairs) {
    OpFoldResult zero = b.getIndexAttr(0);
    keys = blocks(keys, keyWidth, /*isTurned=*/false);
    values = blocks(b.tokens(v, zero, zero, b.size(v, 2)), valueWidth,
                    /*isTurned=*/true);
    if (read.memory)
      turnedMemory = b.padded(valueWidth, keyWidth, factor, [&](Value room) {
        return b.generic(
            "vd", {{read.memory, "dv"}}, {room, "vd"},
            [&](ValueRange args) { return b.narrow(factor, args[0]); });
      });
  } else {
    values = factors(v, valueWidth);
  }
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
