//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The tiles of an attention whose products are of pairs of bf16.
///
/// Here products are so cheap that what an online softmax does beside them
/// shows. Weights are relative to a bound m >= max S instead, which is known
/// before the first score: by Cauchy and Schwarz, |q| max |k|. Nothing is
/// rescaled, and the exponentials of some keys can run beside the product of
/// the next ones. A bound too far above the maximum would leave weights that
/// round to 0: then the sum l is small, and the block is done again relative to
/// the maximum itself.
///
///     l = 0
///     twice, unless l is large enough:
///       m = |q| max |k|, and the second time max S
///       l = 0, O^T = 0
///       for each block of keys:  P^T = exp(K Q^T - m)
///                                l += sum P^T;  O^T += V^T P^T
///
//===----------------------------------------------------------------------===//

#include "TiledSegment.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

/// V^T in blocks of keys: blocks x v x n, 0 past the last key and past v. Rows
/// of a whole segment would lie a power of two apart, on the same sets of a
/// cache.
Value TiledAttention::turnedValues() {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  int64_t step = b.form.keys;
  Value x = b.tokens(v, zero, zero, b.size(v, 2));
  Sizes strides(3, one),
      sizes{one, b.roundedUp(valueWidth, kPairTile), b.getIndexAttr(step)};
  Sizes all = sizes;
  all[0] = b.ceilDiv(getAsOpFoldResult(keyCount), step);
  auto blockType = RankedTensorType::get(
      decomposeMixedValues(ArrayRef(sizes).drop_front()).first, factor);
  Value init = tensor::EmptyOp::create(b, all, factor);
  auto loop =
      scf::ForallOp::create(b, Sizes{zero}, Sizes{getAsOpFoldResult(keyCount)},
                            Sizes{b.getIndexAttr(step)}, init, std::nullopt);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value key = loop.getInductionVar(0), into = loop.getRegionIterArgs()[0];
  OpFoldResult count = b.min(b.sub(keyCount, key), b.index(step));
  Value rows = b.corner(x, key, count, valueWidth);
  Sizes offsets{b.floorDiv(getAsOpFoldResult(key), step), zero, zero};
  Value block = tensor::ExtractSliceOp::create(b, blockType, into, offsets,
                                               sizes, strides);
  block = b.inZeros(block, valueWidth, count, [&](Value part) {
    return b.generic("vn", {{rows, "nv"}}, {part, "vn"},
                     [&](ValueRange values) {
                       return b.narrow(factor, b.widen(values[0]));
                     });
  });
  b.setInsertionPointToStart(loop.getTerminator().getBody());
  tensor::ParallelInsertSliceOp::create(b, block, into, offsets, sizes,
                                        strides);
  return loop.getResult(0);
}

void TiledAttention::preparePairs() {
  values = turnedValues();
  if (!read.memory)
    return;
  turnedMemory = b.padded(valueWidth, keyWidth, factor, [&](Value room) {
    return b.generic(
        "vd", {{read.memory, "dv"}}, {room, "vd"},
        [&](ValueRange args) { return b.narrow(factor, args[0]); });
  });
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               width = b.roundedUp(keyWidth, kPairTile);
  Value z =
      tensor::InsertSliceOp::create(b, read.normalizer, b.filled({width}, 0),
                                    Sizes{zero}, Sizes{keyWidth}, Sizes{one});
  for (int64_t member : {0, 1})
    normalizers[member] = tensor::ExtractSliceOp::create(
        b, z, Sizes{b.getIndexAttr(member)}, Sizes{b.floorDiv(width, 2)},
        Sizes{b.getIndexAttr(2)});
}

/// retrieve(), of sigma(Q)^T in pairs.
std::pair<Value, Value> TiledAttention::retrieveInPairs(Value turned) {
  OpFoldResult width = b.getIndexAttr(b.form.queries);
  auto featurePair = [&](Value low, Value high) {
    return b.pair(b.sigma(low, factor), b.sigma(high, factor));
  };
  auto roomFor = [&](OpFoldResult rows) -> Value {
    return tensor::EmptyOp::create(b, Sizes{rows, width}, b.getI32Type());
  };
  Value features;
  if (turnsPairs()) {
    features =
        b.generic("rc", {{turned, "rc"}}, {roomFor(b.size(turned, 0)), "rc"},
                  [&](ValueRange args) {
                    auto [low, high] = b.unpair(args[0]);
                    return featurePair(low, high);
                  });
  } else {
    turned = b.padded(turned);
    features = b.byRows(
        turned, 2, {}, {roomFor(b.floorDiv(b.size(turned, 0), 2)), "rc"},
        [&](ValueRange args) { return featurePair(args[0], args[1]); });
  }
  Value numerator = b.contractPairs(turnedMemory, features,
                                    b.filled({leftRows(valueWidth), width}, 0));
  Value divisor = b.generic(
      "qd", {{features, "dq"}, {normalizers[0], "d"}, {normalizers[1], "d"}},
      {b.filled({width}, 0), "q"}, [&](ValueRange args) -> Value {
        auto [low, high] = b.unpair(args[0]);
        Value sum = args[3];
        for (auto [x, z] : {std::pair{low, args[1]}, {high, args[2]}})
          sum = math::FmaOp::create(b, x, z, sum);
        return sum;
      });
  return {numerator, divisor};
}

/// -m[q], with m no less than any score with a key before \p end, as an
/// exponent of 2
Value TiledAttention::scoreBound(Value panel, Value end) {
  Value key = largestKeySquare(end);
  // A little more than the norms, for what their sums are rounded by.
  Value scale =
      arith::MulFOp::create(b, math::AbsFOp::create(b, base2), b.f32(-1.0001));
  return b.generic(
      "q", {}, {querySquares(panel), "q"}, [&](ValueRange args) -> Value {
        Value norms =
            math::SqrtOp::create(b, arith::MulFOp::create(b, args[0], key));
        return arith::MulFOp::create(b, norms, scale);
      });
}

/// Rows of K from \p key on, with zeros up to whole tiles where they lack any:
/// a chunk may reach past the last key.
Value TiledAttention::keyRows(Value key, OpFoldResult rows, bool isChunk) {
  bool isWhole = getElementTypeOrSelf(keys) == factor &&
                 b.roundedUp(keyWidth, kPairTile) == keyWidth;
  OpFoldResult count =
      isChunk ? OpFoldResult(b.min(b.sub(keyCount, key), b.toIndex(rows)))
              : rows;
  Value x = b.corner(keys, key, count, keyWidth);
  if (isWhole && !isChunk)
    return x;
  Sizes sizes{rows, b.roundedUp(keyWidth, kPairTile)};
  Value room = tensor::EmptyOp::create(b, sizes, factor);
  return b.inZeros(room, count, keyWidth, [&](Value part) {
    return b.generic("nd", {{x, "nd"}}, {part, "nd"}, [&](ValueRange args) {
      return b.narrow(factor, b.widen(args[0]));
    });
  });
}

/// Columns of V^T from \p key on, all of one block.
Value TiledAttention::valueColumns(Value key, OpFoldResult rows) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               first = getAsOpFoldResult(key);
  OpFoldResult height = leftRows(valueWidth);
  auto type =
      RankedTensorType::get(decomposeMixedValues({height, rows}).first, factor);
  return tensor::ExtractSliceOp::create(
      b, type, values,
      Sizes{b.floorDiv(first, b.form.keys), zero,
            b.remainder(first, b.form.keys)},
      Sizes{one, height, rows}, Sizes(3, one));
}

/// Where rows of \p weights are hidden from some query, the first of them
/// \p from, 0 for a key that a query does not see.
Value TiledAttention::hiddenWeights(Value weights, Value from,
                                    const Visible &visible) {
  OpFoldResult one = b.getIndexAttr(1), zero = b.getIndexAttr(0),
               first = b.floorDiv(from, 2), rows = b.size(weights, 0);
  Value count = b.sub(b.toIndex(rows), b.toIndex(first));
  Sizes offsets{first, zero}, strides{one, one},
      sizes{getAsOpFoldResult(count), b.size(weights, 1)};
  Value part =
      tensor::ExtractSliceOp::create(b, weights, offsets, sizes, strides);
  Value start = toI32(b, from);
  part = b.generic("rc", {}, {part, "rc"}, [&](ValueRange args) -> Value {
    Value key = arith::MulIOp::create(b, place(b, 0), b.i32(2));
    key = arith::AddIOp::create(b, key, start);
    Value pair = args[0];
    for (auto [member, others] : {std::pair{0, 0xffff0000}, {1, 0xffff}}) {
      Value seen = sees(visible, arith::AddIOp::create(b, key, b.i32(member)),
                        place(b, 1));
      pair = arith::SelectOp::create(
          b, seen, pair, arith::AndIOp::create(b, pair, b.i32(others)));
    }
    return pair;
  });
  return tensor::InsertSliceOp::create(b, part, weights, offsets, sizes,
                                       strides);
}

/// S^T - m of a group of rows r of a payload, as exponents of 2.
SmallVector<Value> TiledAttention::exponents(ValueRange scores,
                                             Value negatedMax,
                                             const Visible *visible) {
  SmallVector<Value> xs;
  for (auto [i, score] : llvm::enumerate(scores)) {
    Value x = math::FmaOp::create(b, score, base2, negatedMax);
    if (visible) {
      Value first = arith::MulIOp::create(b, place(b, 0), b.i32(scores.size()));
      x = masked(x, *visible, arith::AddIOp::create(b, first, b.i32(i)),
                 place(b, 1));
    }
    xs.push_back(x);
  }
  return xs;
}

/// -max(-max, S^T) over all keys before \p end
Value TiledAttention::exactMax(const Block &block, Value panel,
                               Value negatedMax, Value end) {
  OpFoldResult width = b.getIndexAttr(b.form.queries),
               rows = b.getIndexAttr(kPairTile);
  return b.loop(
      b.index(0), end, kPairTile, negatedMax,
      [&](Value key, ValueRange args) -> SmallVector<Value> {
        Value scores = b.contractPairs(keyRows(key, rows, /*isChunk=*/true),
                                       panel, b.filled({rows, width}, 0));
        Visible visible = visibleFrom(block, key);
        return {b.byRows(
            scores, 2, {}, {args[0], "c"}, [&](ValueRange values) -> Value {
              Value most = values.back();
              for (Value x :
                   exponents(values.take_front(2), b.f32(0), &visible))
                most = arith::MinNumFOp::create(b, most,
                                                arith::NegFOp::create(b, x));
              return most;
            })};
      })[0];
}

/// Which keys from \p key on the queries of \p block see, or those from \p
/// first on.
Visible TiledAttention::visibleFrom(const Block &block, Value key,
                                    Value first) {
  Value position = first ? b.add(block.position, first) : block.position;
  return {toI32(b, b.sub(position, key)),
          toI32(b, b.sub(b.sub(keyCount, key), b.index(1)))};
}

/// Of l, the least: from here on, no more than 2^-60 of it is lost to weights
/// below the smallest number, and parts of weights that matter are normal ones.
static constexpr double kLeastSum = 0x1p-64;

/// 1 where the least of \p sums is below \p limit, or no number; else 0.
Value TiledAttention::isBelow(Value sums, double limit) {
  Value least = b.generic(
      "q", {{sums, "q"}}, {b.filled({}, std::numeric_limits<float>::max()), ""},
      [&](ValueRange args) -> Value {
        return arith::MinimumFOp::create(b, args[1], args[0]);
      });
  least = tensor::ExtractOp::create(b, least, ValueRange());
  Value isSmall =
      arith::CmpFOp::create(b, arith::CmpFPredicate::ULT, least, b.f32(limit));
  return arith::IndexCastUIOp::create(b, b.getIndexType(), isSmall);
}

/// \p body once, and again where that leaves too small a sum l, the first of \p
/// state: also where \p reference, -m[q] of the first attempt, is no number, or
/// so far below the largest score that it leaves no weights. \p body gets
/// whether it is the first attempt, what the largest scores begin with, and up
/// to which key they are looked for, which is \p end the second time.
SmallVector<Value> TiledAttention::attempts(
    Value reference, Value end, ValueRange state,
    function_ref<SmallVector<Value>(Value, Value, Value, ValueRange)> body) {
  OpFoldResult width = b.getIndexAttr(b.form.queries);
  return b.loop(
      b.index(0), b.index(2), 1, state,
      [&](Value attempt, ValueRange outer) -> SmallVector<Value> {
        Value trips = isBelow(outer[0], kLeastSum);
        Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                              attempt, b.index(0));
        return b.loop(b.index(0), trips, 1, outer, [&](Value, ValueRange args) {
          Value start =
              b.generic("q", {{reference, "q"}}, {b.empty({width}), "q"},
                        [&](ValueRange values) -> Value {
                          return arith::SelectOp::create(
                              b, isFirst, values[0],
                              b.f32(std::numeric_limits<float>::max()));
                        });
          Value exactEnd = arith::SelectOp::create(b, isFirst, b.index(0), end);
          return body(isFirst, start, exactEnd, args);
        });
      });
}

/// A block of keys, or a chunk of one. In a block the weights are relative to a
/// bound of the scores, and what queries do not see, from \p hidden on, is
/// taken out afterwards.
TiledAttention::Pairs
TiledAttention::attendBlock(Value panel, Value key, OpFoldResult rows,
                            Value hidden, const Visible &visible,
                            Value negatedMax, Pairs before) {
  bool isChunk = !hidden;
  OpFoldResult width = b.getIndexAttr(b.form.queries), zero = b.getIndexAttr(0);
  // Nobody reads the scores later: they need not all be kept at once.
  Value scores = b.contractPairs(keyRows(key, rows, isChunk), panel,
                                 b.filled({rows, width}, 0));
  // Rounded to the nearest by an addition: a NaN of bf16 factors has room
  // there.
  Value weights = b.byRows(
      scores, 2, {negatedMax},
      {b.corner(before.weights, zero, b.floorDiv(rows, 2), width), "rc"},
      [&](ValueRange args) -> Value {
        SmallVector<Value> bits;
        for (Value x : exponents(args.take_front(2), args[2],
                                 isChunk ? &visible : nullptr)) {
          Value weight = b.exp2(x, factor);
          if (!isChunk)
            weight.getDefiningOp()->setAttr(InfiniAttnDialect::kWeightAttr,
                                            b.getUnitAttr());
          bits.push_back(arith::AddIOp::create(
              b, arith::BitcastOp::create(b, b.getI32Type(), weight),
              b.i32(0x8000)));
        }
        return arith::OrIOp::create(
            b, arith::ShRUIOp::create(b, bits[0], b.i32(16)),
            arith::AndIOp::create(b, bits[1], b.i32(0xffff0000)));
      });
  if (!isChunk)
    weights = hiddenWeights(weights, hidden, visible);
  Value sum = b.byRows(
      weights, 2, {}, {before.sum, "c"}, [&](ValueRange args) -> Value {
        Value total;
        for (Value pair : args.take_front(2)) {
          auto [low, high] = b.unpair(pair);
          Value both = arith::AddFOp::create(b, low, high);
          total = total ? arith::AddFOp::create(b, total, both) : both;
        }
        return arith::AddFOp::create(b, args.back(), total);
      });
  Value output =
      b.contractPairs(valueColumns(key, rows), weights, before.output);
  return {sum, output, b.insertCorner(weights, before.weights)};
}

Running TiledAttention::attendInPairs(const Block &block, Value panel) {
  OpFoldResult width = b.getIndexAttr(b.form.queries);
  int64_t step = b.form.keys;
  Value end = b.min(b.add(block.position, block.count), keyCount);
  // All queries see the keys before the first of these; blocks of keys end at
  // the second, and have rows as far as K does. Chunks may not.
  Value whole = b.toIndex(b.roundedDown(
            getAsOpFoldResult(b.min(block.position, keyCount)), kPairTile)),
        blocksEnd = b.min(b.toIndex(b.roundedUp(end, kPairTile)),
                          b.toIndex(b.roundedDown(b.size(keys, 0), kPairTile)));
  Value bound = scoreBound(panel, end);
  panel = rightFactor(panel);

  SmallVector<Value> carried{
      b.filled({width}, 0), b.empty({leftRows(valueWidth), width}),
      tensor::EmptyOp::create(b, Sizes{b.getIndexAttr(step / 2), width},
                              b.getI32Type())};
  carried = attempts(
      bound, end, carried,
      [&](Value isFirst, Value start, Value exactEnd, ValueRange args) {
        Value max = exactMax(block, panel, start, exactEnd);
        auto cleared = [&](Value x) {
          return linalg::FillOp::create(b, b.f32(0), x).getResult(0);
        };
        SmallVector<Value> state{cleared(args[0]), cleared(args[1]), args[2]};
        Value wide = arith::SelectOp::create(b, isFirst, blocksEnd, b.index(0));
        auto attendOver = [&](Value from, Value to, bool isChunk) {
          int64_t height = isChunk ? kPairTile : step;
          state = b.loop(
              from, to, height, state,
              [&](Value key, ValueRange values) -> SmallVector<Value> {
                OpFoldResult rows = b.getIndexAttr(height);
                Value hidden;
                if (!isChunk) {
                  Value count = b.min(b.sub(to, key), b.index(height));
                  hidden = b.min(
                      arith::MaxSIOp::create(b, b.sub(whole, key), b.index(0)),
                      count);
                  rows = count;
                }
                Pairs after = attendBlock(panel, key, rows, hidden,
                                          visibleFrom(block, key), max,
                                          {values[0], values[1], values[2]});
                return {after.sum, after.output, after.weights};
              });
        };
        attendOver(b.index(0), wide, /*isChunk=*/false);
        attendOver(wide, end, /*isChunk=*/true);
        return state;
      });
  return {carried[0], carried[1], {}};
}
