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
  return b.form.inPairs || b.form.parts > 1 ? b.roundedUp(size, kPairTile)
                                            : size;
}

/// A panel, k x q in f32, as the right factor of a product.
Value TiledAttention::rightFactor(Value panel) {
  bool isMade = !b.form.inPairs || turnsPairs();
  return isMade ? panel : b.pairRows(b.padded(panel));
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

/// Whether Q^T can be made in pairs, without a detour by f32: where nothing is
/// done to Q and pairs fill whole tiles.
bool TiledAttention::turnsPairs() {
  std::optional<int64_t> width = getConstantIntValue(keyWidth);
  return b.form.inPairs && !rotary.frequencies &&
         getElementTypeOrSelf(q) == factor && width && *width % kPairTile == 0;
}

/// \p panel with 0 in its columns from \p count on, of which there are none
/// mostly.
Value TiledAttention::withZerosFrom(Value panel, OpFoldResult count) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               left = getAsOpFoldResult(
                   b.sub(b.index(b.form.queries), b.toIndex(count)));
  Sizes offsets{zero, count}, sizes{keyWidth, left}, strides{one, one};
  Value rest =
      tensor::ExtractSliceOp::create(b, panel, offsets, sizes, strides);
  rest = linalg::FillOp::create(b, b.f32(0), rest).getResult(0);
  return tensor::InsertSliceOp::create(b, rest, panel, offsets, sizes, strides);
}

/// x^T of a block of queries, d x q, 0 past the last one that is not padding.
/// In pairs, d / 2 x q, where turnsPairs().
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
  if (turnsPairs()) {
    Sizes sizes{b.floorDiv(keyWidth, 2), b.getIndexAttr(b.form.queries)};
    Value room = tensor::EmptyOp::create(b, sizes, b.getI32Type());
    return b.inZeros(room, sizes[0], count,
                     [&](Value part) { return b.turnedPairs(rows, part); });
  }
  Value panel = b.empty({keyWidth, b.getIndexAttr(b.form.queries)});
  panel = withZerosFrom(panel, count);
  Value part = b.corner(panel, b.getIndexAttr(0), keyWidth, count);
  return b.insertCorner(
      b.generic("dq", {{rows, "qd"}}, {part, "dq"},
                [&](ValueRange args) { return b.widen(args[0]); }),
      panel);
}

/// rope(Q)^T, d x q: scores are scaled where they are exponents
Value TiledAttention::queryPanel(const Block &block, Value turned) {
  auto toFactor = [&](Value x) -> Value { return b.roundTo(factor, x); };
  if (!rotary.frequencies && getElementTypeOrSelf(q) == factor)
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

/// Whether query \p query of a block sees key \p key, both i32.
Value TiledAttention::sees(const Visible &visible, Value key, Value query) {
  // n <= q + (position - key), and no key past the last one.
  Value last = arith::AddIOp::create(b, query, visible.ahead);
  if (visible.last)
    last = arith::MinSIOp::create(b, last, visible.last);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::sle, key, last);
}

/// \p score, or -inf where the query does not see the key.
Value TiledAttention::masked(Value score, const Visible &visible, Value key,
                             Value query) {
  return arith::SelectOp::create(
      b, sees(visible, key, query), score,
      b.f32(-std::numeric_limits<double>::infinity()));
}

Value infini_attn::toI32(TileBuilder &b, Value index) {
  return arith::IndexCastOp::create(b, b.getI32Type(), index);
}

Value infini_attn::place(TileBuilder &b, unsigned loop) {
  return toI32(b, linalg::IndexOp::create(b, loop));
}

/// The largest |k|^2 before \p end.
Value TiledAttention::largestKeySquare(Value end) {
  Value seen = tensor::ExtractSliceOp::create(
      b, keySquares, Sizes{b.getIndexAttr(0)}, Sizes{getAsOpFoldResult(end)},
      Sizes{b.getIndexAttr(1)});
  Value largest = b.generic(
      "n", {{seen, "n"}}, {b.filled({}, 0), ""}, [&](ValueRange args) -> Value {
        return arith::MaximumFOp::create(b, args[1], args[0]);
      });
  return tensor::ExtractOp::create(b, largest, ValueRange());
}

/// |q|^2 of a panel, in pairs or not: q
Value TiledAttention::querySquares(Value panel) {
  return b.generic("qd", {{panel, "dq"}},
                   {b.filled({b.getIndexAttr(b.form.queries)}, 0), "q"},
                   [&](ValueRange args) -> Value {
                     SmallVector<Value> members{args[0]};
                     if (turnsPairs()) {
                       auto [low, high] = b.unpair(args[0]);
                       members = {low, high};
                     }
                     Value sum = args[1];
                     for (Value x : members)
                       sum = arith::AddFOp::create(
                           b, sum, arith::MulFOp::create(b, x, x));
                     return sum;
                   });
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
    auto [numerator, divisor] = b.form.parts > 1 ? retrieveInParts(turned)
                                : b.form.inPairs ? retrieveInPairs(turned)
                                                 : retrieve(turned);
    parts.push_back({numerator, share(block, divisor, weight, read.epsilon)});
  }
  Value panel = queryPanel(block, turned);
  Running local = b.form.parts > 1 ? attendInParts(block, panel)
                  : b.form.inPairs ? attendInPairs(block, panel)
                                   : attend(block, panel);
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
  OpFoldResult count = getAsOpFoldResult(keyCount);
  keySquares = b.generic(
      "nd", {{b.corner(keys, b.getIndexAttr(0), count, keyWidth), "nd"}},
      {b.filled({count}, 0), "n"}, [&](ValueRange args) -> Value {
        Value x = b.roundTo(factor, b.widen(args[0]));
        return arith::AddFOp::create(b, args[1],
                                     arith::MulFOp::create(b, x, x));
      });
  if (b.form.inPairs)
    preparePairs();
  else
    values = factors(v, valueWidth);
  if (b.form.parts > 1)
    prepareParts();
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
