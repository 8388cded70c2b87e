//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The update of the memory in f32 by products of parts in bf16.
///
///     for each block of tokens
///       R = sigma(K) M, and U = V - R / (sigma(K) z), or V
///       M += sigma(K)^T U,  z += sum sigma(K)
///
/// A product whose factors or result are too large for parts is one of f32.
///
//===----------------------------------------------------------------------===//

#include "PairFactors.h"
#include "TiledSegment.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

/// U of a block, n x v, with rows and columns of 0 up to whole tiles. \p
/// features and \p parts have them too.
Value TiledUpdate::valuesInParts(Value features, ValueRange parts,
                                 ValueRange memory, OpFoldResult from,
                                 OpFoldResult count) {
  OpFoldResult zero = b.getIndexAttr(0);
  Value rows = b.tokens(v, zero, from, count);
  Sizes sizes{b.size(features, 0), b.roundedUp(valueWidth, kPairTile)};
  if (rule == UpdateRule::Linear)
    return valueTiles(rows, sizes, count);
  Value read = contractParts(b, parts, memory, b.filled(sizes, 0));
  Value valid = b.corner(features, zero, count, keyWidth);
  read = b.loop(b.index(0), hasLarge(b, read), 1, read,
                [&](Value, ValueRange args) -> SmallVector<Value> {
                  // All of it: rows of 0 times what is not finite were NaN.
                  Value room =
                      linalg::FillOp::create(b, b.f32(0), args[0]).getResult(0);
                  Value part = b.contract(
                      "nvd", {valid, "nd"}, {readMemory, "dv"},
                      {b.corner(room, zero, count, valueWidth), "nv"});
                  return {b.insertCorner(part, room)};
                })[0];
  Value part =
      difference(rows, b.corner(read, zero, count, valueWidth), valid, count);
  return b.insertCorner(part, read);
}

std::pair<Value, Value> TiledUpdate::buildInParts(Value tokens, Value memory,
                                                  Value normalizer) {
  Parts memoryParts;
  if (rule == UpdateRule::Delta)
    memoryParts = rightParts(b, readMemory);
  return buildInTiles(
      tokens, memory, normalizer,
      [&](Value tiles, OpFoldResult from,
          OpFoldResult count) -> std::pair<Value, Value> {
        Value features = featureTiles(from, count);
        Parts parts = leftParts(b, features);
        Value u = valuesInParts(features, parts, memoryParts, from, count);
        Parts turned = llvm::map_to_vector(
            parts, [&](Value part) { return turnedTiles(part); });
        Value inF32 = hasLarge(b, {features, u}),
              inParts = b.sub(b.index(1), inF32);
        Value sum =
            b.loop(b.index(0), inParts, 1, tiles,
                   [&](Value, ValueRange x) -> SmallVector<Value> {
                     return {contractParts(b, turned, rightParts(b, u), x[0])};
                   })[0];
        sum = b.loop(b.index(0), inF32, 1, sum,
                     [&](Value, ValueRange x) -> SmallVector<Value> {
                       return {b.contract("dvn", {features, "nd"}, {u, "nv"},
                                          {x[0], "dv"})};
                     })[0];
        return {sum, features};
      });
}
