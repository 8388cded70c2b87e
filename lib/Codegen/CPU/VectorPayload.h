//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What the loops of a VectorPlan do in a tile of registers: load the operands,
/// evaluate the payload of the operation, store.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CODEGEN_CPU_VECTORPAYLOAD_H
#define INFINI_ATTN_LIB_CODEGEN_CPU_VECTORPAYLOAD_H

#include "VectorPlan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::infini_attn::cpu {

/// Vectors that are the columns of the square that \p rows are the rows of: all
/// interleaved log2(lanes) times.
SmallVector<Value> transposeSquare(ImplicitLocOpBuilder &b,
                                   SmallVector<Value> rows);

/// The loops around a tile, one entry a loop of the operation.
struct LoopNest {
  SmallVector<Value> upper;   ///< trip counts
  SmallVector<Value> indices; ///< null for a loop inside of the tile
};

/// A tile of registers: rows, vectors of columns, and the mask of a tail.
struct RegisterTile {
  SmallVector<Value> rowIndex;    ///< value of the row loop, one a row
  SmallVector<Value> columnIndex; ///< value of the vector loop, one a vector
  Value mask;                     ///< null for whole vectors
};

/// Emits the elements of tiles at the insertion point of a builder.
class VectorPayload {
public:
  /// \p nest is read when a tile is emitted; its indices change until then.
  VectorPayload(ImplicitLocOpBuilder &b, linalg::GenericOp op,
                const VectorPlan &plan, const LoopNest &nest);

  VectorType vectorOf(Type element) const {
    return VectorType::get({plan.lanes}, element);
  }
  /// \p value in all lanes, unless it is a vector.
  Value toVector(Value value);
  /// \p operand, in the form that addresses are in.
  Value bufferOf(OpOperand &operand) { return accessOf(operand).buffer; }
  /// Indices of the element of \p operand; the first lane's without a column.
  SmallVector<Value> addressOf(OpOperand &operand, Value row, Value column);
  /// A vector, or a scalar where it is the same in all lanes.
  Value load(OpOperand &operand, Value row, Value column, Value mask);
  void store(OpOperand &init, Value value, Value row, Value column, Value mask);
  /// Replaces the accumulators (one an output, row and column, in this order)
  /// by what the payload makes of them; null where it does not read one.
  void evaluate(const RegisterTile &tile, MutableArrayRef<Value> accumulators);
  /// The results of an elementwise payload for one vector of given inputs.
  SmallVector<Value> evaluate(ValueRange inputs, Value row, Value column);

private:
  /// How an operand is addressed.
  struct Operand {
    Access alongLanes = Access::Uniform, alongRows = Access::Uniform;
    SmallVector<AffineMap> indices; ///< one a dimension of its buffer
    Value buffer; ///< of one dimension where there are an offset and strides
    std::optional<OpFoldResult> offset;
    SmallVector<OpFoldResult> strides;
  };

  Value toIndex(OpFoldResult value) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), value);
  }
  Value plus(Value lhs, Value rhs) {
    return b.createOrFold<arith::AddIOp>(lhs, rhs);
  }
  Value times(Value lhs, Value rhs) {
    return b.createOrFold<arith::MulIOp>(lhs, rhs);
  }
  void flatten(Value buffer, Operand &access);
  unsigned depthOf(AffineMap index);

  Operand &accessOf(OpOperand &operand) {
    return operands[operand.getOperandNumber()];
  }
  Value gatherLanes(OpOperand &operand, Value row, Value column);
  void scatterLanes(OpOperand &init, Value value, Value row, Value column);
  bool isTransposed(OpOperand &operand, const RegisterTile &tile);
  SmallVector<Value> loadTransposed(OpOperand &operand,
                                    const RegisterTile &tile);
  Value clampedLane(Value column, int64_t lane);
  Value clonePayloadOp(Operation *inner, IRMapping &map, Value row,
                       Value column, Value mask);
  SmallVector<Value> clonePayload(IRMapping &map, Value row, Value column,
                                  Value mask);
  Value cloneTableLoad(memref::LoadOp load, IRMapping &map, Value column,
                       Value mask);

  ImplicitLocOpBuilder &b;
  linalg::GenericOp op;
  const VectorPlan &plan;
  const LoopNest &nest;
  SmallVector<Operand> operands;
};

} // namespace mlir::infini_attn::cpu

#endif // INFINI_ATTN_LIB_CODEGEN_CPU_VECTORPAYLOAD_H
