//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The tiles of an attention in f32 whose products are of parts in bf16.
///
/// As in PairAttention.cpp, weights are relative to a number m that is known
/// before the first score, and nothing is rescaled. Subtracting it rounds, so
/// it is 0 unless weights could get so large that their sums overflow.
///
///     l = 0
///     twice, unless l is large enough:
///       m = max(0, |q| max |k| - 60), and the second time max S
///       l = 0, O^T = 0
///       for each block of keys, for each group of 32 queries:
///         P^T = 2^(K Q^T - m);  l += sum P^T;  O^T += V^T P^T
///     where O or l is not finite or l is 0:  the same by products of f32
///
/// A block has several groups: each block of K and V is read from where it lies
/// once for all of them.
///
//===----------------------------------------------------------------------===//

#include "PairFactors.h"
#include "TiledSegment.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

/// Keys of a block of V^T: its P, with rows of V^T and of O^T, stays in L1
/// while their product is formed.
static constexpr int64_t kValueKeys = 64;
/// Weights up to 2^60 leave 2^67 to the sums over keys, times values.
static constexpr double kLargestExponent = 60;

/// V^T in blocks of keys, for each part: blocks x v x n, 0 past the last key
/// and past v.
Parts TiledAttention::turnedValueParts() {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  int64_t step = kValueKeys;
  Type element = b.getBF16Type();
  Sizes strides(3, one), sizes{one, leftRows(valueWidth), b.getIndexAttr(step)};
  Sizes all = sizes;
  all[0] = b.ceilDiv(getAsOpFoldResult(keyCount), step);
  auto blockType = RankedTensorType::get(
      decomposeMixedValues(ArrayRef(sizes).drop_front()).first, element);
  Parts inits;
  for (int64_t i = 0; i < b.form.parts; ++i)
    inits.push_back(tensor::EmptyOp::create(b, all, element));
  Value none = arith::ConstantOp::create(b, b.getZeroAttr(element));
  return b.loop(
      b.index(0), keyCount, step, inits,
      [&](Value key, ValueRange args) -> SmallVector<Value> {
        OpFoldResult count = b.min(b.sub(keyCount, key), b.index(step));
        Value rows = b.corner(values, key, count, valueWidth);
        Sizes offsets{b.floorDiv(getAsOpFoldResult(key), step), zero, zero};
        SmallVector<Indexed> rooms;
        Parts whole;
        for (int64_t i = 0; i < b.form.parts; ++i) {
          Value room = tensor::EmptyOp::create(
              b, Sizes{b.getIndexAttr(step), leftRows(valueWidth)}, element);
          whole.push_back(linalg::FillOp::create(b, none, room).getResult(0));
          rooms.push_back(
              {b.corner(whole.back(), zero, count, valueWidth), "nv"});
        }
        SmallVector<Value> made =
            b.generic("nv", {{rows, "nv"}}, rooms,
                      [&](ValueRange x) { return splitToNearest(b, x[0]); });
        SmallVector<Value> results;
        for (auto [i, part] : llvm::enumerate(made)) {
          Value block = tensor::ExtractSliceOp::create(b, blockType, args[i],
                                                       offsets, sizes, strides);
          block = b.generic("vn", {{b.insertCorner(part, whole[i]), "nv"}},
                            {block, "vn"}, [](ValueRange x) { return x[0]; });
          results.push_back(tensor::InsertSliceOp::create(
              b, block, args[i], offsets, sizes, strides));
        }
        return results;
      });
}

void TiledAttention::prepareParts() {
  keyParts = leftParts(b, b.corner(keys, b.getIndexAttr(0),
                                   getAsOpFoldResult(keyCount), keyWidth));
  valueParts = turnedValueParts();
  if (!read.memory)
    return;
  Value turned = b.generic("vd", {{read.memory, "dv"}},
                           {b.empty({valueWidth, keyWidth}), "vd"},
                           [](ValueRange args) { return args[0]; });
  memoryParts = leftParts(b, turned);
}

/// \p inParts, or, where that has an element that is large, what \p inF32 makes
/// in its first \p rows.
Value TiledAttention::unlessLarge(Value inParts, OpFoldResult rows,
                                  function_ref<Value(Value)> inF32) {
  OpFoldResult zero = b.getIndexAttr(0), width = b.getIndexAttr(b.form.queries);
  Value again = hasLarge(b, inParts);
  return b.loop(b.index(0), again, 1, inParts,
                [&](Value, ValueRange args) -> SmallVector<Value> {
                  Value part = inF32(b.corner(args[0], zero, rows, width));
                  return {b.insertCorner(part, args[0])};
                })[0];
}

/// retrieve(), by parts of M^T and sigma(Q)^T.
std::pair<Value, Value> TiledAttention::retrieveInParts(Value turned) {
  OpFoldResult width = b.getIndexAttr(b.form.queries), zero = b.getIndexAttr(0);
  Value features = featurePanel(turned);
  Value numerator = contractParts(b, memoryParts, rightParts(b, features),
                                  b.filled({leftRows(valueWidth), width}, 0));
  numerator = unlessLarge(numerator, valueWidth, [&](Value room) {
    room = linalg::FillOp::create(b, b.f32(0), room).getResult(0);
    return b.contract("vqd", {read.memory, "dv"}, {features, "dq"},
                      {room, "vq"});
  });
  Value divisor = b.contract("qd", {read.normalizer, "d"}, {features, "dq"},
                             {b.filled({width}, 0), "q"});
  return {b.corner(numerator, zero, valueWidth, width), divisor};
}

/// -m[q] of the first attempt, for keys before \p end.
Value TiledAttention::negatedReference(Value panel, Value end) {
  Value key = largestKeySquare(end), scale = math::AbsFOp::create(b, base2);
  return b.generic(
      "q", {}, {querySquares(panel), "q"}, [&](ValueRange args) -> Value {
        Value bound =
            math::SqrtOp::create(b, arith::MulFOp::create(b, args[0], key));
        bound = arith::MulFOp::create(b, bound, scale);
        Value left = arith::SubFOp::create(b, b.f32(kLargestExponent), bound);
        return arith::MinimumFOp::create(b, left, b.f32(0));
      });
}

/// Columns of V^T from \p key on, all of one block.
Parts TiledAttention::valuePartColumns(Value key, OpFoldResult rows) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               first = getAsOpFoldResult(key);
  OpFoldResult height = leftRows(valueWidth);
  auto type = RankedTensorType::get(decomposeMixedValues({height, rows}).first,
                                    b.getBF16Type());
  return llvm::map_to_vector(valueParts, [&](Value part) -> Value {
    return tensor::ExtractSliceOp::create(
        b, type, part,
        Sizes{b.floorDiv(first, kValueKeys), zero,
              b.remainder(first, kValueKeys)},
        Sizes{one, height, rows}, Sizes(3, one));
  });
}

/// Columns from \p first on of \p x, of one dimension or two, and \p part in
/// their place.
static Value columnsOf(TileBuilder &b, Value first, Value x, Value part = {}) {
  int64_t rank = cast<RankedTensorType>(x.getType()).getRank();
  Sizes offsets(rank, b.getIndexAttr(0)), strides(rank, b.getIndexAttr(1)),
      sizes = tensor::getMixedSizes(b, b.getLoc(), x);
  offsets.back() = getAsOpFoldResult(first);
  sizes.back() = b.getIndexAttr(kPairTile);
  if (part)
    return tensor::InsertSliceOp::create(b, part, x, offsets, sizes, strides);
  return tensor::ExtractSliceOp::create(b, x, offsets, sizes, strides);
}

/// Matrix \p number of \p x, g x m x 32, and \p part in its place.
static Value matrixOf(TileBuilder &b, Value number, Value x, Value part = {}) {
  Sizes offsets(3, b.getIndexAttr(0)), strides(3, b.getIndexAttr(1)),
      sizes = tensor::getMixedSizes(b, b.getLoc(), x);
  offsets.front() = getAsOpFoldResult(number);
  sizes.front() = b.getIndexAttr(1);
  if (part)
    return tensor::InsertSliceOp::create(b, part, x, offsets, sizes, strides);
  auto type = RankedTensorType::get(
      decomposeMixedValues(ArrayRef(sizes).drop_front()).first,
      getElementTypeOrSelf(x));
  return tensor::ExtractSliceOp::create(b, type, x, offsets, sizes, strides);
}

/// for each group of 32 queries from \p from to \p to: \p state after \p body
/// of its number and its first query.
static SmallVector<Value>
overGroups(TileBuilder &b, Value from, Value to, ValueRange state,
           function_ref<SmallVector<Value>(Value, Value, ValueRange)> body) {
  return b.loop(from, to, 1, state, [&](Value number, ValueRange args) {
    return body(number,
                b.createOrFold<arith::MulIOp>(number, b.index(kPairTile)),
                args);
  });
}

/// g x \p rows x 32: a group's matrix is one piece of memory.
static Value roomOfGroups(TileBuilder &b, OpFoldResult rows, Type element) {
  return tensor::EmptyOp::create(
      b,
      Sizes{b.getIndexAttr(b.form.queries / kPairTile), rows,
            b.getIndexAttr(kPairTile)},
      element);
}

/// \p panel, d x q, as the right factors of the groups: g x d / 2 x 32.
static Parts partsOfGroups(TileBuilder &b, Value panel) {
  panel = b.padded(panel);
  OpFoldResult rows = b.floorDiv(b.size(panel, 0), 2);
  Parts rooms;
  for (int64_t i = 0; i < b.form.parts; ++i)
    rooms.push_back(roomOfGroups(b, rows, b.getI32Type()));
  return overGroups(b, b.index(0), b.index(b.form.queries / kPairTile), rooms,
                    [&](Value number, Value first, ValueRange args) {
                      auto into = llvm::map_to_vector(args, [&](Value x) {
                        return matrixOf(b, number, x);
                      });
                      Parts made =
                          rightParts(b, columnsOf(b, first, panel), into);
                      SmallVector<Value> results;
                      for (auto [part, room] : llvm::zip(made, args))
                        results.push_back(matrixOf(b, number, room, part));
                      return results;
                    });
}

static Parts matricesOf(TileBuilder &b, Value number, ValueRange xs) {
  return llvm::map_to_vector(xs,
                             [&](Value x) { return matrixOf(b, number, x); });
}

/// -max(-max, S^T) over all keys before \p end
Value TiledAttention::exactMaxOfParts(const Block &block, ValueRange panel,
                                      Value negatedMax, Value end) {
  OpFoldResult rows = b.getIndexAttr(kPairTile), width = rows,
               depth = b.roundedUp(keyWidth, kPairTile);
  return b.loop(
      b.index(0), end, kPairTile, negatedMax,
      [&](Value key, ValueRange outer) -> SmallVector<Value> {
        return overGroups(
            b, b.index(0), groupCount(block), outer[0],
            [&](Value number, Value first,
                ValueRange args) -> SmallVector<Value> {
              Value scores = contractParts(
                  b, cornerOf(b, keyParts, getAsOpFoldResult(key), rows, depth),
                  matricesOf(b, number, panel), b.filled({rows, width}, 0));
              Visible visible = visibleFrom(block, key, first);
              Value most =
                  byRowPairs(b, scores, {}, columnsOf(b, first, args[0]),
                             /*isReduction=*/true,
                             [&](ValueRange values) -> SmallVector<Value> {
                               Value most = values.back();
                               for (Value x : exponents(values.take_front(2),
                                                        b.f32(0), &visible))
                                 most = arith::MinNumFOp::create(
                                     b, most, arith::NegFOp::create(b, x));
                               return {most};
                             })[0];
              return {columnsOf(b, first, args[0], most)};
            });
      })[0];
}

/// How many groups of \p block have a query.
Value TiledAttention::groupCount(const Block &block) {
  return b.toIndex(b.ceilDiv(getAsOpFoldResult(block.count), kPairTile));
}

/// Keys from \p key on, for the group of queries from \p first on; with a mask
/// where \p visible is given. The state: l, O^T, and room for the parts of P^T.
SmallVector<Value>
TiledAttention::attendGroup(Value number, Value first, ValueRange panel,
                            Value key, Value rows, const Visible *visible,
                            Value negatedMax, ValueRange state) {
  OpFoldResult zero = b.getIndexAttr(0), width = b.getIndexAttr(kPairTile),
               depth = b.roundedUp(keyWidth, kPairTile),
               height = getAsOpFoldResult(rows);
  // Nobody reads the scores later: they need not all be kept at once.
  Value scores = contractParts(
      b, cornerOf(b, keyParts, getAsOpFoldResult(key), height, depth),
      matricesOf(b, number, panel), b.filled({height, width}, 0));
  ValueRange rooms = state.drop_front(2);
  Parts weights = byRowPairs(
      b, scores, columnsOf(b, first, negatedMax),
      cornerOf(b, rooms, zero, b.floorDiv(height, 2), width),
      /*isReduction=*/false, [&](ValueRange x) {
        SmallVector<Value> xs = exponents(x.take_front(2), x[2], visible);
        return splitWeights(b, b.exp2(xs[0], factor), b.exp2(xs[1], factor));
      });
  Value sum =
      byRowPairs(b, weights, {}, columnsOf(b, first, state[0]),
                 /*isReduction=*/true, [&](ValueRange x) -> SmallVector<Value> {
                   SmallVector<Value> pairs[2];
                   for (size_t i = 0; i + 1 < x.size(); ++i)
                     pairs[i % 2].push_back(x[i]);
                   Value total;
                   for (ValueRange parts : pairs) {
                     auto [low, high] = joinPairs(b, parts);
                     Value both = arith::AddFOp::create(b, low, high);
                     total =
                         total ? arith::AddFOp::create(b, total, both) : both;
                   }
                   return {arith::AddFOp::create(b, x.back(), total)};
                 })[0];
  Value output = b.loop(
      b.index(0), rows, kValueKeys, matrixOf(b, number, state[1]),
      [&](Value from, ValueRange args) -> SmallVector<Value> {
        OpFoldResult count =
            visible
                ? width
                : OpFoldResult(b.min(b.sub(rows, from), b.index(kValueKeys)));
        return {contractParts(b, valuePartColumns(b.add(key, from), count),
                              cornerOf(b, weights,
                                       b.floorDiv(getAsOpFoldResult(from), 2),
                                       b.floorDiv(count, 2), width),
                              args[0])};
      })[0];
  SmallVector<Value> next{columnsOf(b, first, state[0], sum),
                          matrixOf(b, number, state[1], output)};
  for (auto [part, room] : llvm::zip(weights, rooms))
    next.push_back(b.insertCorner(part, room));
  return next;
}

/// All keys that the queries of \p block see.
SmallVector<Value> TiledAttention::attendParts(const Block &block,
                                               ValueRange panel,
                                               Value negatedMax,
                                               ValueRange state) {
  Value tile = b.index(kPairTile), groups = groupCount(block);
  auto wholeTiles = [&](Value size) {
    return b.toIndex(b.roundedDown(getAsOpFoldResult(size), kPairTile));
  };
  // Group g sees the keys before whole + 32 g without a mask.
  Value whole = wholeTiles(block.position), most = wholeTiles(keyCount);
  auto wholeOf = [&](Value first) { return b.min(b.add(whole, first), most); };
  Value last = b.createOrFold<arith::MulIOp>(b.sub(groups, b.index(1)), tile);
  SmallVector<Value> next =
      b.loop(b.index(0), wholeOf(last), b.form.keys, state,
             [&](Value key, ValueRange outer) {
               // Those whose last such key is before this one have none here.
               Value seen = b.add(b.sub(key, whole), tile);
               seen = arith::MaxSIOp::create(b, seen, b.index(0));
               Value from = b.createOrFold<arith::DivUIOp>(seen, tile);
               return overGroups(
                   b, from, groups, outer,
                   [&](Value number, Value first, ValueRange args) {
                     Value rows = b.min(b.sub(wholeOf(first), key),
                                        b.index(b.form.keys));
                     return attendGroup(number, first, panel, key, rows,
                                        /*visible=*/nullptr, negatedMax, args);
                   });
             });
  // The rest in chunks of 32 with a mask.
  return overGroups(
      b, b.index(0), groups, next,
      [&](Value number, Value first, ValueRange outer) {
        Value end = b.min(b.add(b.add(block.position, first), tile), keyCount);
        return b.loop(wholeOf(first), end, kPairTile, outer,
                      [&](Value key, ValueRange args) {
                        Visible visible = visibleFrom(block, key, first);
                        return attendGroup(number, first, panel, key, tile,
                                           &visible, negatedMax, args);
                      });
      });
}

/// \p x in the place of \p into. A plain copy would be taken for \p x itself,
/// which is none of the buffers that a loop carries.
static Value copied(TileBuilder &b, Value x, Value into, StringRef letters) {
  into = linalg::FillOp::create(b, b.f32(0), into).getResult(0);
  return b.generic(letters, {{x, letters}}, {into, letters},
                   [&](ValueRange args) -> Value {
                     return arith::AddFOp::create(b, args[1], args[0]);
                   });
}

Running TiledAttention::attendInParts(const Block &block, Value panel) {
  OpFoldResult width = b.getIndexAttr(b.form.queries), zero = b.getIndexAttr(0);
  int64_t step = b.form.keys;
  Value end = b.min(b.add(block.position, block.count), keyCount);
  Value reference = negatedReference(panel, end);
  Parts parts = partsOfGroups(b, panel);

  SmallVector<Value> carried{
      b.filled({width}, 0),
      roomOfGroups(b, leftRows(valueWidth), b.getF32Type())};
  for (int64_t i = 0; i < b.form.parts; ++i)
    carried.push_back(tensor::EmptyOp::create(
        b, Sizes{b.getIndexAttr(step / 2), b.getIndexAttr(kPairTile)},
        b.getI32Type()));
  carried = attempts(
      reference, end, carried,
      [&](Value, Value start, Value exactEnd, ValueRange args) {
        Value max = exactMaxOfParts(block, parts, start, exactEnd);
        SmallVector<Value> state(args);
        // l of groups without a query is 1.
        Value filled = toI32(
            b, arith::MulIOp::create(b, groupCount(block), b.index(kPairTile)));
        state[0] =
            b.generic("q", {}, {state[0], "q"}, [&](ValueRange) -> Value {
              Value isQuery = arith::CmpIOp::create(
                  b, arith::CmpIPredicate::slt, place(b, 0), filled);
              return arith::SelectOp::create(b, isQuery, b.f32(0), b.f32(1));
            });
        state[1] = linalg::FillOp::create(b, b.f32(0), state[1]).getResult(0);
        return attendParts(block, parts, max, state);
      });

  Value output = overGroups(
      b, b.index(0), b.index(b.form.queries / kPairTile),
      b.empty({leftRows(valueWidth), width}),
      [&](Value number, Value first, ValueRange args) -> SmallVector<Value> {
        return {columnsOf(b, first, args[0], matrixOf(b, number, carried[1]))};
      })[0];
  // Each query sees a key, so that l is no less than a weight of 1.
  Value again = arith::MaxUIOp::create(
      b, hasLarge(b, output),
      isBelow(carried[0], std::numeric_limits<float>::min()));
  SmallVector<Value> result = b.loop(
      b.index(0), again, 1, {carried[0], output},
      [&](Value, ValueRange args) -> SmallVector<Value> {
        Running local = attend(block, panel);
        Value corner = b.corner(args[1], zero, valueWidth, width);
        return {copied(b, local.sum, args[0], "q"),
                b.insertCorner(copied(b, local.output, corner, "vq"), args[1])};
      });
  return {result[0], b.corner(result[1], zero, valueWidth, width), {}};
}
