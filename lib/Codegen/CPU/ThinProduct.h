//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Products whose left factor has few rows, as calls of one function a kind.
/// Such a product does little with each element of its right factor, so that
/// it is read once, in the order in which it lies in memory.
///
/// Right factor n x k (scores), lanes along k:
///
///     for a tile of columns n, as many sums as a vector has lanes
///       for vectors of k:  sum[m][n] += lhs[m][k..] * rhs[n][k..]
///       the lanes of all sums are added up together, log2(lanes) deep
///
/// Right factor k x n (weighted values), lanes along n:
///
///     for 64 rows k
///       for vectors of columns:  out[m][n..] += lhs[m][k] * rhs[k][n..]
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CODEGEN_CPU_THINPRODUCT_H
#define INFINI_ATTN_LIB_CODEGEN_CPU_THINPRODUCT_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::infini_attn::cpu {

/// Emits the loops of a product into a function of its factors and result.
class ThinProduct {
public:
  ThinProduct(ImplicitLocOpBuilder &b, func::FuncOp function, int64_t rows,
              int64_t lanes)
      : b(b), lhs(function.getArgument(0)), rhs(function.getArgument(1)),
        out(function.getArgument(2)), rows(rows), lanes(lanes),
        vectorType(VectorType::get({lanes}, b.getF32Type())) {}

  /// \p isAdded: to what is there.
  void emitDots(bool isAdded);
  void emitSums();

private:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value add(Value lhs, int64_t rhs) {
    return rhs == 0 ? lhs
                    : arith::AddIOp::create(b, lhs, index(rhs)).getResult();
  }
  Value size(Value x, int64_t dim) { return memref::DimOp::create(b, x, dim); }
  /// Whole vectors from 0 to \p end, then one with a mask.
  SmallVector<Value>
  vectors(Value end, ValueRange carried,
          function_ref<SmallVector<Value>(Value, Value, ValueRange)> body);
  Value load(Value x, Value row, Value column, Value mask);
  Value multiplyAdd(Value x, Value y, Value sum) {
    return math::FmaOp::create(b, x, y, sum);
  }
  SmallVector<Value> dots(ArrayRef<Value> lhsRows, ArrayRef<Value> rhsRows);
  Value sumLanes(SmallVector<Value> sums);
  SmallVector<Value> rowsOf(Value row, int64_t count);
  void emitColumns(Value column, int64_t count, Value mask, Value row,
                   int64_t rowCount, Value from, Value to);

  ImplicitLocOpBuilder &b;
  Value lhs, rhs, out;
  int64_t rows, lanes;
  VectorType vectorType;
};

} // namespace mlir::infini_attn::cpu

#endif // INFINI_ATTN_LIB_CODEGEN_CPU_THINPRODUCT_H
