//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What a target multiplies pairs of bf16 with, a tile of the result at a time.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CODEGEN_CPU_PAIRUNITS_H
#define INFINI_ATTN_LIB_CODEGEN_CPU_PAIRUNITS_H

#include "Kernels.h"
#include "VectorPlan.h"

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::infini_attn::cpu {

/// The operands of one product: x is m x 2k, y is k x n, out is m x n.
struct PairOperands {
  Value x, y, out;
};

/// The products that x y is the sum of, the smallest first: \p operands are the
/// parts of x, as many of y, the largest first, and out.
SmallVector<PairOperands> productsOfParts(ValueRange operands);

using Values = SmallVector<Value>;

/// What a unit does with one tile of the result.
class PairUnit {
public:
  explicit PairUnit(ImplicitLocOpBuilder &b) : b(b) {}
  virtual ~PairUnit() = default;

  int64_t rows = 0, columns = 0; ///< of a tile
  int64_t terms = 1;             ///< pairs of a step

  virtual Values zeros() = 0;
  virtual Values load(Value out, Value row, Value column) = 0;
  virtual void store(Value out, Value row, Value column, ValueRange tile) = 0;
  /// \p tile plus the products of the pairs from \p term on.
  virtual Values step(const PairOperands &operands, Value row, Value column,
                      Value term, ValueRange tile) = 0;

protected:
  Value index(int64_t value);
  Value plus(Value base, int64_t offset);
  ImplicitLocOpBuilder &b;
};

/// Intel AMX: 2 x 2 tiles of 16 x 16, 16 pairs a step. Of the 8 tile registers
/// 4 hold sums, and each loaded one serves two products.
class AMXUnit : public PairUnit {
public:
  static constexpr int64_t kSide = 16;
  static constexpr int64_t kTiles = 4;

  explicit AMXUnit(ImplicitLocOpBuilder &b);

  Values zeros() override;
  Values load(Value out, Value row, Value column) override;
  void store(Value out, Value row, Value column, ValueRange tile) override;
  Values step(const PairOperands &operands, Value row, Value column, Value term,
              ValueRange tile) override;

  // The parts of these, for one register \p i of the tile.
  Value zero();
  Value load(Value out, Value row, Value column, int64_t i);
  void store(Value out, Value row, Value column, int64_t i, Value register_);
  /// Asks for what a step loads of x, \p count rows from \p first on.
  void prefetchRows(Value x, Value row, Value term, int64_t first,
                    int64_t count);
  /// Asks for the tile below, to be written, a part of it at each step.
  /// Asks for a part of what lies \p rows after step \p term of \p y, into L2:
  /// eight tiles of rows ask for all of the next panel. A model's weights come
  /// from far, and are read once for a block of rows.
  void prefetchPanel(Value y, Value row, Value rows, Value term);
  void prefetch(Value out, Value row, Value column, Value term);
  /// The registers of both factors of a step: two of x, two of y.
  Values loadFactors(const PairOperands &operands, Value row, Value column,
                     Value term);
  Value multiply(ValueRange factors, int64_t i, Value sum);

private:
  amx::TileType sums();
  Value loadTile(amx::TileType type, Value base, Value row, Value column);
};

/// 16 vectors of sums, of 32 columns or as many as 4 vectors hold: dot products
/// of pairs where there are any, or two FMA of widened factors.
class VectorUnit : public PairUnit {
public:
  VectorUnit(ImplicitLocOpBuilder &b, int64_t lanes, PairProductUnit kind);

  Values zeros() override;
  Values load(Value out, Value row, Value column) override;
  void store(Value out, Value row, Value column, ValueRange tile) override;
  Values step(const PairOperands &operands, Value row, Value column, Value term,
              ValueRange tile) override;
  /// The sum of two tiles.
  Values add(ValueRange tile, ValueRange other);

private:
  VectorType sums();
  Value multiply(Value x, Value y, Value sum);

  int64_t lanes;
  PairProductUnit kind;
};

/// An elementwise operation on the rows of a product that nobody else reads.
struct PairEpilogue {
  linalg::GenericOp op;
  /// Fill, product, view and op, with the room of the product around them where
  /// it is made here.
  SmallVector<Operation *> chain;
  int64_t group = 0; ///< rows of the product in one of op's
  VectorPlan plan;
};

/// What reads the result of \p product, if the two can run side by side.
std::optional<PairEpilogue> findPairEpilogue(linalg::GenericOp product);

/// Emits both by tiles of AMX at the insertion point: the epilogue of some rows
/// between the products of the next. \p ring holds kRingChunks of 32 x 32 f32.
void emitPipelined(ImplicitLocOpBuilder &b, ArrayRef<PairOperands> products,
                   PairEpilogue epilogue, Value ring);
inline constexpr int64_t kRingChunks = 2;

} // namespace mlir::infini_attn::cpu

#endif // INFINI_ATTN_LIB_CODEGEN_CPU_PAIRUNITS_H
