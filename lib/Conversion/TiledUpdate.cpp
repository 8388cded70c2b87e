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
  Value divisor = b.contract("nd", {features, "nd"}, {readNormalizer, "d"},
                             {b.filled({count}, 0), "n"});
  Value share = b.generic(
      "n", {{divisor, "n"}}, {b.empty({count}), "n"},
      [&](ValueRange args) { return b.share(b.f32(1), args[0], epsilon); });
  return b.generic("nv", {{rows, "nv"}, {share, "n"}}, {read, "nv"},
                   [&](ValueRange args) {
                     Value u = arith::SubFOp::create(b, b.widen(args[0]),
                                                     b.times(args[2], args[1]));
                     return b.roundTo(factor, u);
                   });
}

/// U of a block, n x v in f32, with rows and columns of 0 up to whole tiles.
/// \p features has them too.
Value TiledUpdate::valuesInPairs(Value features, OpFoldResult from,
                                 OpFoldResult count) {
  OpFoldResult zero = b.getIndexAttr(0);
  Value rows = b.tokens(v, zero, from, count);
  Value room =
      b.filled({b.size(features, 0), b.roundedUp(valueWidth, kPairTile)}, 0);
  if (rule == UpdateRule::Linear) {
    Value part = b.corner(room, zero, count, valueWidth);
    part = b.generic("nv", {{rows, "nv"}}, {part, "nv"},
                     [&](ValueRange args) { return b.widen(args[0]); });
    return b.insertCorner(part, room);
  }
  Value read = b.contractPairs(features, memoryPairs, room);
  Value valid = b.corner(features, zero, count, keyWidth);
  Value divisor = b.contract("nd", {valid, "nd"}, {readNormalizer, "d"},
                             {b.filled({count}, 0), "n"});
  Value share = b.generic(
      "n", {{divisor, "n"}}, {b.empty({count}), "n"},
      [&](ValueRange args) { return b.share(b.f32(1), args[0], epsilon); });
  Value part = b.generic(
      "nv", {{rows, "nv"}, {share, "n"}},
      {b.corner(read, zero, count, valueWidth), "nv"}, [&](ValueRange args) {
        return arith::SubFOp::create(b, b.widen(args[0]),
                                     b.times(args[2], args[1]))
            .getResult();
      });
  return b.insertCorner(part, read);
}

/// The same as build(), by products of pairs: what the segment adds is summed
/// apart, in whole tiles.
std::pair<Value, Value> TiledUpdate::buildInPairs(Value tokens, Value memory,
                                                  Value normalizer) {
  OpFoldResult height = b.getIndexAttr(b.form.keys), zero = b.getIndexAttr(0),
               keyTiles = b.roundedUp(keyWidth, kPairTile),
               valueTiles = b.roundedUp(valueWidth, kPairTile);
  if (rule == UpdateRule::Delta)
    memoryPairs = b.pairRows(b.padded(readMemory));
  SmallVector<Value> state = b.loop(
      b.index(0), tokens, b.form.keys,
      {b.filled({keyTiles, valueTiles}, 0), normalizer},
      [&](Value token, ValueRange args) -> SmallVector<Value> {
        OpFoldResult from = token,
                     count = b.min(b.sub(tokens, token), b.index(b.form.keys));
        Value rows = b.tokens(k, zero, from, count);
        // sigma(K), n x d
        Value none = arith::ConstantOp::create(b, b.getZeroAttr(factor));
        Value room =
            tensor::EmptyOp::create(b, Sizes{height, keyTiles}, factor);
        room = linalg::FillOp::create(b, none, room).getResult(0);
        Value valid = b.corner(room, zero, count, keyWidth);
        valid =
            b.generic("nd", {{rows, "nd"}}, {valid, "nd"}, [&](ValueRange x) {
              return b.narrow(factor, b.sigma(b.widen(x[0]), factor));
            });
        Value features = b.insertCorner(valid, room);
        Value turned =
            tensor::EmptyOp::create(b, Sizes{keyTiles, height}, factor);
        turned = b.generic("dn", {{features, "nd"}}, {turned, "dn"},
                           [](ValueRange x) { return x[0]; });
        Value u = b.pairRows(valuesInPairs(features, from, count));
        Value sum = b.contractPairs(turned, u, args[0]);
        Value newNormalizer = b.generic(
            "dn", {{valid, "nd"}}, {args[1], "d"}, [&](ValueRange x) -> Value {
              return arith::AddFOp::create(b, x[1], b.widen(x[0]));
            });
        return {sum, newNormalizer};
      });
  Value sum = b.corner(state[0], zero, keyWidth, valueWidth);
  Value newMemory = b.generic(
      "dv", {{sum, "dv"}}, {memory, "dv"}, [&](ValueRange args) -> Value {
        return arith::AddFOp::create(b, args[1], args[0]);
      });
  return {newMemory, state[1]};
}

std::pair<Value, Value> TiledUpdate::build(Value memory, Value normalizer) {
  Value tokens = b.toIndex(b.size(k, 2));
  // Past the length nothing is read, so nothing there need be masked [S14].
  if (length)
    tokens = b.min(tokens, length);
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
