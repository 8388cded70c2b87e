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
///     for each block of queries, in parallel          Q^T is a panel d x q
///       A_mem^T, and l = 0, O^T = 0
///       m = 0 where |q| max |k| is small, else max S^T
///       for each block of keys that it sees
///         S^T = K Q^T;  P^T = exp(S^T - m)
///         l = l + sum P^T;  O^T = O^T + V^T P^T
///       o = (g A_mem^T + (1 - g) O^T / l)^T
///     beside them, for each block of tokens
///       dM += sigma(K)^T U,  dz += sum sigma(K)
///     M' = M + dM,  z' = z + dz
///
/// Panels have their queries in the last dimension and a static width. Queries
/// and keys past the end of a tensor are never read: a last block of queries
/// fills a part of its panel, a last block of keys has fewer rows.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CONVERSION_TILEDSEGMENT_H
#define INFINI_ATTN_LIB_CONVERSION_TILEDSEGMENT_H

#include "Equations.h"
#include "PairFactors.h"
#include "TileBuilder.h"

namespace mlir::infini_attn {

/// What a block of queries carries from one block of keys to the next.
struct Running {
  Value sum;    ///< l: q
  Value output; ///< O^T: v x q
  Value scores; ///< room for S^T: n x q, its contents do not matter
};

/// Which keys of a block its queries see: key n is seen by query q where
/// n <= min(q + ahead, last).
struct Visible {
  Value ahead; ///< i32
  Value last;  ///< i32, or null where the block has no rows past it
};

/// An index, and the index of loop \p loop in a payload, as i32.
Value toI32(TileBuilder &b, Value index);
Value place(TileBuilder &b, unsigned loop);

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

  struct Block {
    Value head, query, count; ///< of queries: head, first one, how many
    Value position;           ///< where the first stands among the keys
  };

  /// What all blocks of queries share; before any of the following.
  void prepare();
  /// How many blocks of queries there are, and block \p number. The first ones
  /// see the most keys.
  Value blockCount();
  Block block(Value number);
  /// The results of a block in \p into, q x v.
  Value finish(const Block &block, Value into);

private:
  AngleTables angles(Value tokens, Value from);
  Value factors(Value x, OpFoldResult width);
  Value rotatedKeys();
  bool turnsPairs();
  Value withZerosFrom(Value panel, OpFoldResult count);
  Value turnedQueries(const Block &block);
  Value queryPanel(const Block &block, Value turned);
  Value featurePanel(Value turned);
  std::pair<Value, Value> retrieve(Value turned);
  OpFoldResult leftRows(OpFoldResult size);
  Value rightFactor(Value panel);
  Value sees(const Visible &visible, Value key, Value query);
  Value masked(Value score, const Visible &visible, Value key, Value query);
  Value hidden(Value weights, OpFoldResult rows, Value ahead);
  Value scoresOf(Value panel, Value key, OpFoldResult rows, Value room);
  Visible visibleFrom(const Block &block, Value key, Value first = {});
  Value largestKeySquare(Value end);
  Value querySquares(Value panel);
  Value reference(const Block &block, Value panel, Value end, Value room);
  Running keyBlock(Value panel, Value key, OpFoldResult rows, Value ahead,
                   Value max, Running running);
  Running attend(const Block &block, Value panel);

  // Of products of pairs.
  struct Pairs {
    Value sum;     ///< l: q
    Value output;  ///< O^T: v x q
    Value weights; ///< room for P^T in pairs: n / 2 x q
  };
  void preparePairs();
  std::pair<Value, Value> retrieveInPairs(Value turned);
  Value turnedValues();
  Value scoreBound(Value panel, Value end);
  Value keyRows(Value key, OpFoldResult rows, bool isChunk);
  Value valueColumns(Value key, OpFoldResult rows);
  SmallVector<Value> exponents(ValueRange scores, Value negatedMax,
                               const Visible *visible);
  Value exactMax(const Block &block, Value panel, Value negatedMax, Value end);
  Value hiddenWeights(Value weights, Value from, const Visible &visible);
  Value isBelow(Value sums, double limit);
  SmallVector<Value> attempts(
      Value reference, Value end, ValueRange state,
      function_ref<SmallVector<Value>(Value, Value, Value, ValueRange)> body);
  Pairs attendBlock(Value panel, Value key, OpFoldResult rows, Value hidden,
                    const Visible &visible, Value negatedMax, Pairs before);
  Running attendInPairs(const Block &block, Value panel);
  Value weight(Value score, Value max);

  // Of products of parts.
  void prepareParts();
  Parts turnedValueParts();
  Value unlessLarge(Value inParts, OpFoldResult rows,
                    function_ref<Value(Value)> inF32);
  std::pair<Value, Value> retrieveInParts(Value turned);
  Value negatedReference(Value panel, Value end);
  Parts valuePartColumns(Value key, OpFoldResult rows);
  Value exactMaxOfParts(const Block &block, ValueRange panel, Value negatedMax,
                        Value end);
  Value groupCount(const Block &block);
  SmallVector<Value> attendGroup(Value number, Value first, ValueRange panel,
                                 Value key, Value rows, const Visible *visible,
                                 Value negatedMax, ValueRange state);
  SmallVector<Value> attendParts(const Block &block, ValueRange panel,
                                 Value negatedMax, ValueRange state);
  Running attendInParts(const Block &block, Value panel);
  Value isValid(const Block &block, unsigned loop);
  Value share(const Block &block, Value divisor, Value numerator,
              double epsilon);

  TileBuilder &b;
  Type factor;
  Value q, k, v;
  OpFoldResult keyWidth, valueWidth;
  Value frequencies;
  AngleTables queryAngles;
  Value keys;           ///< n x d, rotated
  Value values;         ///< n x v; in pairs blocks of keys x v x n
  Value keySquares;     ///< |k|^2: n
  Value turnedMemory;   ///< in pairs M^T: v x d
  Value normalizers[2]; ///< in pairs the even and the odd elements of z
  Parts keyParts;       ///< of rope(K)
  Parts valueParts;     ///< of V^T: blocks of keys x v x n
  Parts memoryParts;    ///< of M^T
  Value base2;          ///< scale * log2(e): scores are exponents of 2
  Value keyCount;       ///< Nk, or the length
};

/// What one segment adds to M and z, by blocks of tokens.
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
  Value difference(Value rows, Value read, Value features, OpFoldResult count);
  Value featureTiles(OpFoldResult from, OpFoldResult count);
  Value turnedTiles(Value features);
  Value valueTiles(Value rows, ArrayRef<OpFoldResult> sizes,
                   OpFoldResult count);
  std::pair<Value, Value> buildInTiles(
      Value tokens, Value memory, Value normalizer,
      function_ref<std::pair<Value, Value>(Value, OpFoldResult, OpFoldResult)>
          sum);
  Value valuesInPairs(Value features, OpFoldResult from, OpFoldResult count);
  std::pair<Value, Value> buildInPairs(Value tokens, Value memory,
                                       Value normalizer);
  Value valuesInParts(Value features, ValueRange parts, ValueRange memory,
                      OpFoldResult from, OpFoldResult count);
  std::pair<Value, Value> buildInParts(Value tokens, Value memory,
                                       Value normalizer);

  TileBuilder &b;
  Type factor;
  UpdateRule rule;
  Value k, v;
  OpFoldResult keyWidth, valueWidth;
  Value memoryPairs; ///< of the memory that is read, or null
};

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_CONVERSION_TILEDSEGMENT_H
