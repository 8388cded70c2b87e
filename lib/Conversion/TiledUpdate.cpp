//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TiledSegment.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

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
  return difference(rows, read, features, count);
}

/// V - sigma(K) M / (sigma(K) z) of \p count tokens, in the place of \p read,
/// sigma(K) M
Value TiledUpdate::difference(Value rows, Value read, Value features,
                              OpFoldResult count) {
  Value divisor = b.contract("nd", {features, "nd"}, {readNormalizer, "d"},
                             {b.filled({count}, 0), "n"});
  Value share = b.generic(
      "n", {{divisor, "n"}}, {b.empty({count}), "n"},
      [&](ValueRange args) { return b.share(b.f32(1), args[0], epsilon); });
  return b.generic("nv", {{rows, "nv"}, {share, "n"}}, {read, "nv"},
                   [&](ValueRange args) {
                     Value u = arith::SubFOp::create(b, b.widen(args[0]),
                                                     b.times(args[2], args[1]));
                     // Pairs are rounded when they are made.
                     return b.form.inPairs ? u : b.roundTo(factor, u);
                   });
}

/// \p rows of V, in f32, in a corner of zeros.
Value TiledUpdate::valueTiles(Value rows, ArrayRef<OpFoldResult> sizes,
                              OpFoldResult count) {
  return b.inZeros(b.empty(sizes), count, valueWidth, [&](Value part) {
    return b.generic("nv", {{rows, "nv"}}, {part, "nv"},
                     [&](ValueRange args) { return b.widen(args[0]); });
  });
}

/// U of a block, n x v in f32, with rows and columns of 0 up to whole tiles.
/// \p features has them too.
Value TiledUpdate::valuesInPairs(Value features, OpFoldResult from,
                                 OpFoldResult count) {
  OpFoldResult zero = b.getIndexAttr(0);
  Value rows = b.tokens(v, zero, from, count);
  Sizes sizes{b.size(features, 0), b.roundedUp(valueWidth, kPairTile)};
  if (rule == UpdateRule::Linear)
    return valueTiles(rows, sizes, count);
  Value read = b.contractPairs(features, memoryPairs, b.filled(sizes, 0));
  Value part = difference(rows, b.corner(read, zero, count, valueWidth),
                          b.corner(features, zero, count, keyWidth), count);
  return b.insertCorner(part, read);
}

/// The loop of build() over blocks of tokens, with M in whole tiles: \p sum
/// gets M, the first token and how many there are, and returns M' and sigma(K),
/// n x d with rows and columns of 0 up to whole tiles.
std::pair<Value, Value> TiledUpdate::buildInTiles(
    Value tokens, Value memory, Value normalizer,
    function_ref<std::pair<Value, Value>(Value, OpFoldResult, OpFoldResult)>
        sum) {
  OpFoldResult zero = b.getIndexAttr(0),
               keyTiles = b.roundedUp(keyWidth, kPairTile);
  // What has other sizes than whole tiles is summed apart.
  bool isWhole = TileBuilder::hasWholeTiles(memory);
  Value tiles = memory;
  if (!isWhole)
    tiles = b.filled({keyTiles, b.roundedUp(valueWidth, kPairTile)}, 0);
  SmallVector<Value> state = b.loop(
      b.index(0), tokens, b.form.keys, {tiles, normalizer},
      [&](Value token, ValueRange args) -> SmallVector<Value> {
        OpFoldResult count = b.min(b.sub(tokens, token), b.index(b.form.keys));
        auto [newTiles, features] =
            sum(args[0], getAsOpFoldResult(token), count);
        Value valid = b.corner(features, zero, count, keyWidth);
        Value newNormalizer = b.generic(
            "dn", {{valid, "nd"}}, {args[1], "d"}, [&](ValueRange x) -> Value {
              return arith::AddFOp::create(b, x[1], b.widen(x[0]));
            });
        return {newTiles, newNormalizer};
      });
  Value added = state[0];
  if (!isWhole)
    added =
        b.generic("dv", {{b.corner(added, zero, keyWidth, valueWidth), "dv"}},
                  {memory, "dv"}, [&](ValueRange args) -> Value {
                    return arith::AddFOp::create(b, args[1], args[0]);
                  });
  return {added, state[1]};
}

/// sigma(K) of a block, n x d, with rows and columns of 0 up to whole tiles.
Value TiledUpdate::featureTiles(OpFoldResult from, OpFoldResult count) {
  Value rows = b.tokens(k, b.getIndexAttr(0), from, count);
  Value room = tensor::EmptyOp::create(
      b, Sizes{b.getIndexAttr(b.form.keys), b.roundedUp(keyWidth, kPairTile)},
      factor);
  return b.inZeros(room, count, keyWidth, [&](Value part) {
    return b.generic("nd", {{rows, "nd"}}, {part, "nd"}, [&](ValueRange x) {
      return b.narrow(factor, b.sigma(b.widen(x[0]), factor));
    });
  });
}

/// \p features turned over, d x n.
Value TiledUpdate::turnedTiles(Value features) {
  Value room = tensor::EmptyOp::create(
      b, Sizes{b.size(features, 1), b.size(features, 0)},
      getElementTypeOrSelf(features));
  return b.generic("dn", {{features, "nd"}}, {room, "dn"},
                   [](ValueRange x) { return x[0]; });
}

/// The same as build(), by products of pairs.
std::pair<Value, Value> TiledUpdate::buildInPairs(Value tokens, Value memory,
                                                  Value normalizer) {
  if (rule == UpdateRule::Delta)
    memoryPairs = b.pairRows(b.padded(readMemory));
  return buildInTiles(tokens, memory, normalizer,
                      [&](Value tiles, OpFoldResult from,
                          OpFoldResult count) -> std::pair<Value, Value> {
                        Value features = featureTiles(from, count);
                        Value turned = turnedTiles(features);
                        Value u =
                            b.pairRows(valuesInPairs(features, from, count));
                        return {b.contractPairs(turned, u, tiles), features};
                      });
}

std::pair<Value, Value> TiledUpdate::build(Value memory, Value normalizer) {
  Value tokens = b.toIndex(b.size(k, 2));
  // Past the length nothing is read, so nothing there need be masked [S14].
  if (length)
    tokens = b.min(tokens, length);
  if (b.form.parts > 1)
    return buildInParts(tokens, memory, normalizer);
  if (b.form.inPairs)
    return buildInPairs(tokens, memory, normalizer);
  SmallVector<Value> state = b.loop(
      b.index(0), tokens, b.form.keys, {memory, normalizer},
      [&](Value token, ValueRange args) -> SmallVector<Value> {
        OpFoldResult from = token,
                     count = b.min(b.sub(tokens, token), b.index(b.form.keys));
        Value rows = b.tokens(k, b.getIndexAttr(0), from, count);
        Value features = b.generic(
            "nd", {{rows, "nd"}}, {b.empty({count, keyWidth}), "nd"},
            [&](ValueRange x) {
              return b.roundTo(factor, b.sigma(b.widen(x[0]), factor));
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
