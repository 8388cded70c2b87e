//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A product of a model (projection, MLP, logits) as products of pairs of bf16.
///
///     for each 32 columns: the right factor in pairs, once
///     for each block of rows, in parallel
///       its left factor, copied into a room
///       for each 32 columns, for each group of rows
///         sum of products of pairs, a part of the terms at a time
///         what is computed of each sum, into the result
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CONVERSION_TILEDCONTRACTION_H
#define INFINI_ATTN_LIB_CONVERSION_TILEDCONTRACTION_H

#include "TileBuilder.h"

#include <optional>

namespace mlir::infini_attn {

/// out[batch, rows, columns] += left[batch, rows, terms]
///                              right[batch, terms, columns]
/// in any order of dimensions, of bf16 factors and f32 sums.
struct Contraction {
  linalg::LinalgOp op;
  unsigned left = 0, right = 0; ///< operands
  AffineMap leftMap, rightMap, outMap;
  /// The loops of a tile.
  unsigned row = 0, column = 0, term = 0;
  /// The loops around it, by what they move along.
  SmallVector<unsigned> batch, rows, columns, terms;
};

/// \p op as a product that is worth its packing, or nothing.
std::optional<Contraction> matchContraction(linalg::LinalgOp op);

class TiledContraction {
public:
  TiledContraction(TileBuilder &b, const Contraction &contraction);

  /// Replaces the product and the elementwise operations fused into it.
  void build();

private:
  /// An elementwise operation that is computed of each tile.
  struct Step {
    linalg::GenericOp op;
    OpOperand *tile;             ///< what it takes from the step before
    SmallVector<unsigned> loops; ///< the product's loop of each of its own
  };
  /// A part of the loops' space.
  struct Box {
    SmallVector<OpFoldResult> from, size;
  };
  /// A matrix and whether its columns come first.
  struct Slice {
    Value value;
    bool isTurned;
  };

  Box unit();
  SmallVector<unsigned> loopsOf(AffineMap map);
  Value slice(Value x, ArrayRef<unsigned> loops, const Box &box,
              ArrayRef<unsigned> kept);
  Slice matrix(Value x, AffineMap map, const Box &box, unsigned first,
               unsigned second);
  Value put(Value part, Value x, ArrayRef<unsigned> loops, const Box &box);
  Value copied(Slice x, Value into);
  void findSteps();
  SmallVector<Value>
  nest(ArrayRef<unsigned> loops, Box &box, ValueRange carried,
       function_ref<SmallVector<Value>(Value number, ValueRange)> body);
  Value packedRight();
  Value leftRoom(Box box, OpFoldResult count);
  Value pairsOf(Value packed, const Box &box, Value panel, Value pair,
                OpFoldResult pairs);
  SmallVector<Value> tile(Value room, Value packed, const Box &task, Box box,
                          Value panel, ValueRange carried);
  Box placeIn(const Box &task, const Box &box);
  Value withBefore(Value sums, Value slab, const Box &task, const Box &box);
  Value finish(Value block, const Box &task, const Box &box, Value slab);
  Value blocks();
  Value untiled();
  Value times(OpFoldResult x, OpFoldResult y);
  OpFoldResult upTo(OpFoldResult step, OpFoldResult end, Value from);

  TileBuilder &b;
  const Contraction &c;
  SmallVector<OpFoldResult> extents; ///< of the loops
  OpFoldResult termTiles;            ///< terms of one tile loop, rounded up
  OpFoldResult pairs;                ///< of all terms
  OpFoldResult blockRows;            ///< of a task
  SmallVector<Step> steps;
  SmallVector<unsigned> resultLoops; ///< of the last step's result
  bool startsAtZero = false;
  Value into; ///< what holds the result
};

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_CONVERSION_TILEDCONTRACTION_H
