//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// One segment of one batch row and key/value head, by tiles.
///
///     for each block of queries                       Q^T is a panel d x q
///       A_mem^T, and m = lowest, l = 0, O^T = 0
///       for each block of keys that it sees
///         S^T = K Q^T;  m' = max(m, max S^T);  P^T = exp(S^T - m')
///         l = l exp(m - m') + sum P^T;  O^T = O^T exp(m - m') + V^T P^T
///       o = (g A_mem^T + (1 - g) O^T / l)^T
///     for each block of tokens
///       M' += sigma(K)^T U,  z' += sum sigma(K)
///
/// Panels have their queries in the last dimension and a static width. Queries
/// and keys past the end of a tensor are never read: a last block of queries
/// fills a part of its panel, a last block of keys has fewer rows.
///
//===----------------------------------------------------------------------===//

#include "Equations.h"

#include "infini_attn/Conversion/Passes.h"
#include "infini_attn/Dialect/RuntimeChecks.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::infini_attn {
#define GEN_PASS_DEF_INFINIATTNTILE
#include "infini_attn/Conversion/Passes.h.inc"
} // namespace mlir::infini_attn

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

/// Queries of a panel: three vectors of 16 lanes, six of 8, twelve of 4.
static constexpr int64_t kQueries = 48;
/// Keys of a block: their scores with a panel of queries, 24 KiB, stay in L1.
static constexpr int64_t kKeys = 128;

namespace {
/// Slices and loops on top of the equations' builder.
class TileBuilder : public LinalgBuilder {
public:
  using LinalgBuilder::LinalgBuilder;

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
  /// Without its leading dimensions of size 1, until \p rank are left.
  Value reduced(Value x, int64_t rank);

  /// for i = from; i < to; i += step, with values that it carries.
  SmallVector<Value>
  loop(Value from, Value to, int64_t step, ValueRange carried,
       function_ref<SmallVector<Value>(Value, ValueRange)> body);

private:
  struct Part {
    Sizes offsets, sizes, strides;
  };
  Part tokensPart(Value x, OpFoldResult head, OpFoldResult from,
                  OpFoldResult count);
};
} // namespace

TileBuilder::Part TileBuilder::tokensPart(Value x, OpFoldResult head,
                                          OpFoldResult from,
                                          OpFoldResult count) {
  OpFoldResult zero = getIndexAttr(0), one = getIndexAttr(1);
  return {
      {zero, head, from, zero}, {one, one, count, size(x, 3)}, Sizes(4, one)};
}

Value TileBuilder::tokens(Value x, OpFoldResult head, OpFoldResult from,
                          OpFoldResult count) {
  Part part = tokensPart(x, head, from, count);
  auto type = tensor::ExtractSliceOp::inferCanonicalRankReducedResultType(
      2, cast<RankedTensorType>(x.getType()), part.sizes);
  // The sizes of 1 that go are the first two, also where another is 1.
  type = RankedTensorType::get(
      decomposeMixedValues(ArrayRef(part.sizes).drop_front(2)).first,
      type.getElementType());
  return tensor::ExtractSliceOp::create(*this, type, x, part.offsets,
                                        part.sizes, part.strides);
}

Value TileBuilder::insertTokens(Value rows, Value x, OpFoldResult head,
                                OpFoldResult from, OpFoldResult count) {
  Part part = tokensPart(x, head, from, count);
  return tensor::InsertSliceOp::create(*this, rows, x, part.offsets, part.sizes,
                                       part.strides);
}

Value TileBuilder::corner(Value x, OpFoldResult from, OpFoldResult rows,
                          OpFoldResult columns) {
  OpFoldResult zero = getIndexAttr(0), one = getIndexAttr(1);
  return tensor::ExtractSliceOp::create(*this, x, Sizes{from, zero},
                                        Sizes{rows, columns}, Sizes{one, one});
}

Value TileBuilder::reduced(Value x, int64_t rank) {
  auto type = cast<RankedTensorType>(x.getType());
  Sizes sizes = tensor::getMixedSizes(*this, getLoc(), x);
  auto reducedType = RankedTensorType::get(type.getShape().take_back(rank),
                                           type.getElementType());
  return tensor::ExtractSliceOp::create(
      *this, reducedType, x, Sizes(sizes.size(), getIndexAttr(0)), sizes,
      Sizes(sizes.size(), getIndexAttr(1)));
}

SmallVector<Value>
TileBuilder::loop(Value from, Value to, int64_t step, ValueRange carried,
                  function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(*this, from, to, index(step), carried);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(*this,
                       body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return loop.getResults();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

namespace {
/// What a block of queries carries from one block of keys to the next.
struct Running {
  Value max;    ///< m: q
  Value sum;    ///< l: q
  Value output; ///< O^T: v x q
  Value scores; ///< room for S^T: n x q, its contents do not matter
};

/// The read of the memory that is mixed in, or null.
struct MemoryRead {
  Value memory, normalizer; ///< d x v, d
  Value gate;               ///< Hq
  double epsilon = 0;
};

class TiledAttention {
public:
  TiledAttention(TileBuilder &b, Type factor, Value q, Value k, Value v)
      : b(b), factor(factor), q(q), k(k), v(v), keyWidth(b.size(q, 3)),
        valueWidth(b.size(v, 3)) {}

  Value first;  ///< index: position of query 0 among the keys
  Value length; ///< index: valid keys, or null
  Value scale;  ///< f32: factor of the scores
  Rotary rotary;
  bool keysRotated = false;
  MemoryRead read;

  /// The results in \p init, 1 x G x Nq x Dv.
  Value build(Value init);

private:
  struct Block {
    Value head, query, count; ///< of queries: head, first one, how many
    Value position;           ///< where the first stands among the keys
  };

  AngleTables angles(Value tokens, Value from);
  Value factors(Value x, OpFoldResult width);
  Value rotatedKeys();
  Value turnedQueries(const Block &block);
  Value queryPanel(const Block &block, Value turned);
  Value featurePanel(Value turned);
  Running keyBlock(const Block &block, Value panel, Value key, Value count,
                   bool isMasked, Running running);
  Running attend(const Block &block, Value panel);
  Value weight(Value score, Value max);
  Value isValid(const Block &block, unsigned loop);
  Value share(const Block &block, Value divisor, Value numerator,
              double epsilon);
  Value finish(const Block &block, Value init);

  TileBuilder &b;
  Type factor;
  Value q, k, v;
  OpFoldResult keyWidth, valueWidth;
  Value frequencies;
  AngleTables queryAngles;
  Value keys;     ///< n x d, rotated
  Value values;   ///< n x v
  Value base2;    ///< scale * log2(e): scores are exponents of 2
  Value keyCount; ///< Nk, or the length
};
} // namespace

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
  return tensor::InsertSliceOp::create(b, part, panel, Sizes{zero, zero},
                                       Sizes{keyWidth, count}, Sizes{one, one});
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
    *table =
        tensor::InsertSliceOp::create(b, columns, room, Sizes{zero, zero},
                                      Sizes{pairs, count}, Sizes{one, one});
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
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  Value all = tensor::InsertSliceOp::create(
      b, weights, running.scores, Sizes{zero, zero}, Sizes{rows, width},
      Sizes{one, one});
  return {max, sum, output, all};
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
        Value d = args[0];
        if (epsilon != 0)
          d = arith::AddFOp::create(b, d, b.f32(epsilon));
        Value isUsed = arith::CmpFOp::create(b, arith::CmpFPredicate::UNE,
                                             args[0], b.f32(0));
        if (Value valid = isValid(block, 0))
          isUsed = arith::AndIOp::create(b, isUsed, valid);
        return arith::SelectOp::create(
            b, isUsed, arith::DivFOp::create(b, numerator, d), b.f32(0));
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
  auto times = [&](Value part, Value share) -> Value {
    Value isUnused =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, share, b.f32(0));
    return arith::SelectOp::create(b, isUnused, b.f32(0),
                                   arith::MulFOp::create(b, part, share));
  };
  Value mixed = b.generic(
      "vq", inputs, {parts.back().first, "vq"}, [&](ValueRange args) -> Value {
        Value o = times(args.back(), args[0]);
        return args.size() == 2
                   ? o
                   : arith::AddFOp::create(b, times(args[1], args[2]), o)
                         .getResult();
      });

  OpFoldResult head = getAsOpFoldResult(block.head),
               query = getAsOpFoldResult(block.query);
  Value into = b.tokens(init, head, query, count);
  Type element = getElementTypeOrSelf(init);
  Value o = b.generic(
      "qv", {{b.corner(mixed, zero, valueWidth, count), "vq"}}, {into, "qv"},
      [&](ValueRange args) -> Value {
        return element.isF32()
                   ? args[0]
                   : arith::TruncFOp::create(b, element, args[0]).getResult();
      });
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

//===----------------------------------------------------------------------===//
// Update
//===----------------------------------------------------------------------===//

namespace {
class TiledUpdate {
public:
  TiledUpdate(TileBuilder &b, Type factor, UpdateRule rule, Value k, Value v)
      : b(b), factor(factor), rule(rule), k(k), v(v), keyWidth(b.size(k, 3)),
        valueWidth(b.size(v, 3)) {}

  Value length;                     ///< index: valid tokens, or null
  Value readMemory, readNormalizer; ///< d x v and d
  double epsilon = 0;

  /// M' and z' from \p memory (d x v) and \p normalizer (d).
  std::pair<Value, Value> build(Value memory, Value normalizer);

private:
  Value values(Value features, OpFoldResult from, OpFoldResult count);

  TileBuilder &b;
  Type factor;
  UpdateRule rule;
  Value k, v;
  OpFoldResult keyWidth, valueWidth;
};
} // namespace

/// U of a block: V, or V - sigma(K) M / (sigma(K) z) [S6], [S7]
Value TiledUpdate::values(Value features, OpFoldResult from,
                          OpFoldResult count) {
  Value rows = b.tokens(v, b.getIndexAttr(0), from, count);
  Sizes sizes{count, valueWidth};
  if (rule == UpdateRule::Linear) {
    if (factor.isF32() || !getElementTypeOrSelf(v).isF32())
      return rows;
    return b.generic(
        "nv", {{rows, "nv"}}, {b.empty(sizes), "nv"},
        [&](ValueRange args) { return b.roundTo(factor, args[0]); });
  }
  Value read = b.contract("nvd", {features, "nd"}, {readMemory, "dv"},
                          {b.filled(sizes, 0), "nv"});
  Value divisor = b.contract("nd", {features, "nd"}, {readNormalizer, "d"},
                             {b.filled({count}, 0), "n"});
  Value share = b.generic(
      "n", {{divisor, "n"}}, {b.empty({count}), "n"},
      [&](ValueRange args) -> Value {
        Value d = args[0];
        if (epsilon != 0)
          d = arith::AddFOp::create(b, d, b.f32(epsilon));
        Value isEmpty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ,
                                              args[0], b.f32(0));
        return arith::SelectOp::create(b, isEmpty, b.f32(0),
                                       arith::DivFOp::create(b, b.f32(1), d));
      });
  return b.generic("nv", {{rows, "nv"}, {share, "n"}}, {read, "nv"},
                   [&](ValueRange args) -> Value {
                     // An empty memory reads 0, whatever M holds.
                     Value isEmpty = arith::CmpFOp::create(
                         b, arith::CmpFPredicate::OEQ, args[1], b.f32(0));
                     Value part = arith::SelectOp::create(
                         b, isEmpty, b.f32(0),
                         arith::MulFOp::create(b, args[2], args[1]));
                     Value u = arith::SubFOp::create(b, b.widen(args[0]), part);
                     return b.roundTo(factor, u);
                   });
}

std::pair<Value, Value> TiledUpdate::build(Value memory, Value normalizer) {
  Value tokens = b.toIndex(b.size(k, 2));
  // Past the length nothing is read, so nothing there need be masked [S14].
  if (length)
    tokens = b.min(tokens, length);
  SmallVector<Value> state = b.loop(
      b.index(0), tokens, kKeys, {memory, normalizer},
      [&](Value token, ValueRange args) -> SmallVector<Value> {
        OpFoldResult from = token,
                     count = b.min(b.sub(tokens, token), b.index(kKeys));
        Value rows = b.tokens(k, b.getIndexAttr(0), from, count);
        Value features =
            b.generic("nd", {{rows, "nd"}}, {b.empty({count, keyWidth}), "nd"},
                      [&](ValueRange x) {
                        return b.roundTo(factor, b.sigma(b.widen(x[0])));
                      });
        Value u = values(features, from, count);
        // M'[d, v] = M[d, v] + sum_n sigma(K)[n, d] U[n, v]
        Value newMemory =
            b.contract("dvn", {features, "nd"}, {u, "nv"}, {args[0], "dv"});
        // z'[d] = z[d] + sum_n sigma(K)[n, d]  [S7]
        Value newNormalizer =
            b.generic("dn", {{features, "nd"}}, {args[1], "d"},
                      [&](ValueRange x) -> Value {
                        return arith::AddFOp::create(b, x[1], x[0]);
                      });
        return {newMemory, newNormalizer};
      });
  return {state[0], state[1]};
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// Whether \p x has one batch row and one key/value head.
static bool isOneHead(Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  return type.getDimSize(0) == 1 && type.getDimSize(1) == 1;
}

/// The count of the only row of \p counts as an index, or null. Out of range it
/// is reported and brought into the range.
static Value countOf(TileBuilder &b, Value counts, Value limit, StringRef name,
                     StringRef unit) {
  if (!counts)
    return {};
  checkCounts(b, b.getLoc(), counts, limit, name, unit);
  Value count = tensor::ExtractOp::create(b, counts, b.index(0));
  count = arith::IndexCastOp::create(b, b.getIndexType(), count);
  return b.min(arith::MaxSIOp::create(b, count, b.index(0)), limit);
}

/// \p x put back in the place of \p into, whose leading dimensions are 1.
static Value restored(TileBuilder &b, Value x, Value into) {
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), into);
  return tensor::InsertSliceOp::create(
      b, x, into, Sizes(sizes.size(), b.getIndexAttr(0)), sizes,
      Sizes(sizes.size(), b.getIndexAttr(1)));
}

static std::pair<Value, Value> tileUpdate(TileBuilder &b, TiledUpdate &update,
                                          Value memory, Value normalizer) {
  auto [newMemory, newNormalizer] =
      update.build(b.reduced(memory, 2), b.reduced(normalizer, 1));
  return {restored(b, newMemory, memory),
          restored(b, newNormalizer, normalizer)};
}

static void tile(RewriterBase &rewriter, SegmentOp op, Type factor) {
  TileBuilder b(op.getLoc(), rewriter);
  Value length = countOf(b, op.getLengths(), b.toIndex(b.size(op.getK(), 2)),
                         "lengths", "tokens");
  // Read, then update [S8].
  double epsilon = op.getEpsilon().convertToDouble();
  TiledAttention attention(b, factor, op.getQ(), op.getK(), op.getV());
  attention.first = b.index(0);
  attention.length = length;
  attention.scale = makeScale(b, op.getQ(), op.getScaleAttr());
  attention.rotary = {op.getRotaryFrequencies(), op.getRotaryStyle()};
  attention.read = {b.reduced(op.getMemory(), 2),
                    b.reduced(op.getNormalizer(), 1), op.getGate(), epsilon};
  Value o = attention.build(op.getInit());

  TiledUpdate update(b, factor, op.getRule(), op.getK(), op.getV());
  update.length = length;
  update.readMemory = attention.read.memory;
  update.readNormalizer = attention.read.normalizer;
  update.epsilon = epsilon;
  auto [memory, normalizer] =
      tileUpdate(b, update, op.getMemory(), op.getNormalizer());
  rewriter.replaceOp(op, {o, memory, normalizer});
}

static void tile(RewriterBase &rewriter, SegmentAttentionOp op, Type factor) {
  TileBuilder b(op.getLoc(), rewriter);
  Value keys = b.toIndex(b.size(op.getK(), 2));
  TiledAttention attention(b, factor, op.getQ(), op.getK(), op.getV());
  attention.length = countOf(b, op.getLengths(), keys, "lengths", "keys");
  attention.first =
      countOf(b, op.getQueryOffset(), keys, "query_offset", "keys");
  if (!attention.first)
    attention.first = b.sub(keys, b.toIndex(b.size(op.getQ(), 2)));
  attention.scale = makeScale(b, op.getQ(), op.getScaleAttr());
  attention.rotary = {op.getRotaryFrequencies(), op.getRotaryStyle()};
  attention.keysRotated = op.getKeysRotated();
  auto type = op.getO().getType();
  Sizes sizes = tensor::getMixedSizes(b, op.getLoc(), op.getQ());
  sizes[3] = b.size(op.getV(), 3);
  Value o =
      attention.build(tensor::EmptyOp::create(b, sizes, type.getElementType()));
  rewriter.replaceOp(op, o.getType() == type
                             ? o
                             : tensor::CastOp::create(b, type, o).getResult());
}

static void tile(RewriterBase &rewriter, MemoryUpdateOp op, Type factor) {
  TileBuilder b(op.getLoc(), rewriter);
  bool reads = static_cast<bool>(op.getReadMemory());
  TiledUpdate update(b, factor, op.getRule(), op.getK(), op.getV());
  update.length = countOf(b, op.getLengths(), b.toIndex(b.size(op.getK(), 2)),
                          "lengths", "tokens");
  update.epsilon = op.getEpsilon().convertToDouble();
  update.readMemory = b.reduced(reads ? op.getReadMemory() : op.getMemory(), 2);
  update.readNormalizer =
      b.reduced(reads ? op.getReadNormalizer() : op.getNormalizer(), 1);
  auto [memory, normalizer] =
      tileUpdate(b, update, op.getMemory(), op.getNormalizer());
  rewriter.replaceOp(op, {memory, normalizer});
}

/// \p op of one row and key/value head, in loops over them where it has more.
template <typename Op>
static FailureOr<Op> toOneHead(RewriterBase &rewriter, Op op) {
  if (isOneHead(op.getK()))
    return op;
  OpFoldResult one = rewriter.getIndexAttr(1);
  FailureOr<scf::SCFTilingResult> tiled =
      scf::tileUsingSCF(rewriter, cast<TilingInterface>(op.getOperation()),
                        scf::SCFTilingOptions().setTileSizes({one, one}));
  if (failed(tiled))
    return failure();
  rewriter.replaceOp(op, tiled->replacements);
  return cast<Op>(tiled->tiledOps.front());
}

namespace {
struct Tile : public infini_attn::impl::InfiniAttnTileBase<Tile> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa<SegmentOp, SegmentAttentionOp, MemoryUpdateOp>(op))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (Operation *op : ops) {
      rewriter.setInsertionPoint(op);
      TypeSwitch<Operation *>(op)
          .Case([&](SegmentOp segment) {
            tileWith(rewriter, segment, segment.getQ());
          })
          .Case([&](SegmentAttentionOp attention) {
            // A decode step has one query: nothing for the lanes to hold.
            if (!attention.getReturnLse() &&
                attention.getQ().getType().getDimSize(2) != 1)
              tileWith(rewriter, attention, attention.getQ());
          })
          .Case([&](MemoryUpdateOp update) {
            tileWith(rewriter, update, update.getK());
          });
    }
  }

  template <typename Op>
  void tileWith(RewriterBase &rewriter, Op op, Value activation) {
    // A precision without a type of factors is reported where it is lowered.
    std::optional<Type> factor =
        factorType(op.getPrecision(), getElementTypeOrSelf(activation));
    if (!factor)
      return;
    if (FailureOr<Op> part = toOneHead(rewriter, op); succeeded(part)) {
      rewriter.setInsertionPoint(*part);
      tile(rewriter, *part, *factor);
    }
  }
};
} // namespace
