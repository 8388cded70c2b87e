//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A product of a model (projection, MLP, logits), packed for the caches, of
/// pairs of bf16 or of f32.
///
///     for each panel of columns: the right factor, in one piece
///     for each block of rows, in parallel
///       its left factor, copied into a room
///       for each group of columns, for each group of rows
///         sums of products, a part of the terms at a time
///         what is computed of each sum, into the result
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CONVERSION_TILEDCONTRACTION_H
#define INFINI_ATTN_LIB_CONVERSION_TILEDCONTRACTION_H

#include "TileBuilder.h"

#include <memory>
#include <optional>

namespace mlir::infini_attn {

/// out[batch, rows, columns] += left[batch, rows, terms]
///                              right[batch, terms, columns]
/// in any order of dimensions, with sums in f32.
struct Contraction {
  /// Fewer are not worth the packing.
  int64_t leastRows() const { return inPairs ? kPairTile : 128; }

  linalg::LinalgOp op;
  unsigned left = 0, right = 0; ///< operands
  AffineMap leftMap, rightMap, outMap;
  bool inPairs = false; ///< of bf16, rather than of factors widened to f32
  /// The loops of a tile.
  unsigned row = 0, column = 0, term = 0;
  /// The loops around it, by what they move along.
  SmallVector<unsigned> batch, rows, columns, terms;
};

/// A product, and where it is computed.
struct TaskContraction {
  linalg::LinalgOp op;
  /// The left factor's rows as TiledContraction::leftRoom has them, if they lie
  /// there already.
  Value room;
  /// In a task, with few enough rows for it.
  bool inTask = false;
};

/// \p op as a product that is worth its packing, or nothing. \p bf16Pairs: the
/// target has products of pairs.
std::optional<Contraction> matchContraction(linalg::LinalgOp op,
                                            bool bf16Pairs);

class TiledContraction {
public:
  TiledContraction(TileBuilder &b, const Contraction &contraction,
                   const TaskContraction &place);

  /// Replaces the product and the elementwise operations fused into it. Returns
  /// the product beside it that went with it, if there was one.
  Operation *build();

  /// How many rows of \p c's left factor L2 holds.
  static int64_t mostRows(const Contraction &c);
  /// Rows of a task, at most \p most: fewer where tasks would be few.
  static OpFoldResult taskRows(TileBuilder &b, OpFoldResult rows, int64_t most);

private:
  /// An elementwise operation that is computed of each tile.
  struct Step {
    linalg::GenericOp op;
    OpOperand *tile;             ///< what it takes from the step before
    SmallVector<unsigned> loops; ///< the product's loop of each of its own
    OpOperand *beside = nullptr; ///< what it takes from the product beside
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
  void findSteps(Operation *end = nullptr);
  void findBeside();
  SmallVector<Value>
  nest(ArrayRef<unsigned> loops, Box &box, ValueRange carried,
       function_ref<SmallVector<Value>(Value number, ValueRange)> body);
  Value packedRight();
  Value packedPart(Value number, const Box &box, Value panel);
  OpFoldResult roomRows(OpFoldResult count);
  Value leftRoom(Box box, OpFoldResult count);
  Value panelOf(Value packed, const Box &box, Value panel, Value from,
                OpFoldResult count, OpFoldResult width);
  SmallVector<Value> group(Value room, const Box &task, Box box,
                           ValueRange carried);
  Value sumsOf(Value room, const Box &task, const Box &box, Value row,
               Value sums, Value slab);
  Value products(Value room, const Box &box, Value row, Value at, Value sums);
  Box placeIn(const Box &task, const Box &box);
  Value withBefore(Value sums, Value slab, const Box &task, const Box &box);
  Value finish(Value block, const Box &task, const Box &box, Value slab,
               Value other);
  Value stepsOf(Value block, const Box &box, Value out, Value other);
  Value taskOf(const Box &task, Value slab);
  void pack();
  void erase();
  Value blocks();
  Value untiled();
  Value times(OpFoldResult x, OpFoldResult y);
  OpFoldResult upTo(OpFoldResult step, OpFoldResult end, Value from);

  TileBuilder &b;
  const Contraction c;
  const TaskContraction place;
  const int64_t tileSize;    ///< rows and terms are multiples of this
  const int64_t packedTerms; ///< in a row of a panel
  const int64_t panelWidth;
  const int64_t groupWidth, groupRows, groupDepth;
  SmallVector<OpFoldResult> extents; ///< of the loops
  OpFoldResult termTiles;            ///< terms of one tile loop, rounded up
  OpFoldResult depth;                ///< rows of a packed panel: all terms
  OpFoldResult blockRows;            ///< of a task that is made here
  SmallVector<Step> steps;
  SmallVector<unsigned> resultLoops; ///< of the last step's result
  bool startsAtZero = false;
  Value into; ///< what holds the result
  Operation *packsBefore = nullptr;
  Value packed; ///< the right factor
  /// A product of the same left factor, whose sums a step takes as well.
  std::unique_ptr<TiledContraction> beside;
};

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_CONVERSION_TILEDCONTRACTION_H
