//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A few queries of one batch row and key/value head, as in a decode step: the
/// time goes into reading keys, values and memory, which happens once. The
/// queries of all heads of the group are the rows r of one panel.
///
///     for each block c of keys, independently
///       S = Q K^T;  m_c = max S;  P = exp(S - m_c);  l_c = sum P;  O_c = P V
///     m = max m_c;  w_c = exp(m_c - m);  l = sum w_c l_c
///     o = (sum w_c O_c) / l
///
/// Where the blocks lie depends on the number of keys only [S16].
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CONVERSION_TILEDDECODE_H
#define INFINI_ATTN_LIB_CONVERSION_TILEDDECODE_H

#include "Equations.h"
#include "TileBuilder.h"

namespace mlir::infini_attn {

/// The most queries of a head that are few.
inline constexpr int64_t kFewQueries = 8;
/// Keys of a block. To read 256 keys and values of 128 f32 takes 8 us at
/// 30 GB/s: enough for a task, and 1,024 keys are four of them.
inline constexpr int64_t kDecodeKeys = 256;

class TiledDecode {
public:
  TiledDecode(TileBuilder &b, Type factor, Value q);

  /// Whether the type of \p q says that its queries are few.
  static bool isFew(Value q);

  Value length; ///< index: valid keys (of a read: tokens), or null

  struct Local {
    Value k, v;
    Value first;   ///< index: position of query 0 among the keys
    Value scale;   ///< f32: factor of the scores
    Rotary rotary; ///< of the queries; the keys are rotated already
  };
  /// Local attention in \p init (1 x G x Nq x Dv), and its log-sum-exp in
  /// \p lse (1 x G x Nq) unless that is null.
  std::pair<Value, Value> attend(const Local &local, Value init, Value lse);

  /// sigma(Q) M / (sigma(Q) z + epsilon) in \p init [S4], [S9].
  Value retrieve(Value memory, Value normalizer, double epsilon, Value init);

  /// M' and z' from \p memory (d x v) and \p normalizer (d), in their places,
  /// where \p q are the keys of few tokens and \p v their values.
  struct Update {
    UpdateRule rule;
    Value v;
    Value readMemory, readNormalizer;
    double epsilon = 0;
  };
  std::pair<Value, Value> update(const Update &update, Value memory,
                                 Value normalizer);

private:
  /// What a block of keys, or all of them, give.
  using Partial = SmallVector<Value>;
  enum {
    Max,     ///< m
    Sum,     ///< l, of the weights that enter the product
    Output,  ///< O
    ExactSum ///< l of the weights before they are rounded, if asked for
  };
  struct Block {
    Value key, count; ///< the first one, how many
  };

  Value forEachHead(Value init, function_ref<Value(Value, Value)> body);
  OpFoldResult firstRow(Value head);
  Value panel(function_ref<Value(Value)> queriesOf,
              function_ref<Value(Value)> toFactor);
  Value rotated(const Local &local, Value head);
  void placeRows(Value first);
  SmallVector<Indexed> withPlaces(ArrayRef<Indexed> inputs);
  Value isValid(ValueRange args);
  Value share(Value divisor, double epsilon);
  Value store(Value rows, Value share, Value init);

  Value factors(Value rows);
  Value score(const Block &block, Value value, ValueRange args);
  Value weight(const Block &block, Value max, Value value, ValueRange args);
  Partial attendBlock(const Local &local, Value panel, const Block &block,
                      ArrayRef<Value> into);
  Partial attendBlocks(const Local &local, Value panel, Value end, bool exact);
  Partial combine(const Partial &blocks);
  Value logSumExp(Value max, Value sum, Value init);

  TileBuilder &b;
  Type factor;
  Value q;
  OpFoldResult heads, queries, width, rows;
  Value first;  ///< position of a head's first row
  Value places; ///< positions of all rows, r x i32; null if each is the first
  Value base2;  ///< scale * log2(e): scores are exponents of 2
};

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_CONVERSION_TILEDDECODE_H
