//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThinProduct.h"

#include "Kernels.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace mlir::infini_attn::cpu;

/// Rows of the right factor between a load and a store of the results: a page
/// each in the worst case, as many as the first-level TLB holds.
static constexpr int64_t kDepth = 64;

SmallVector<Value> ThinProduct::vectors(
    Value end, ValueRange carried,
    function_ref<SmallVector<Value>(Value, Value, ValueRange)> body) {
  Value tail = arith::RemUIOp::create(b, end, index(lanes));
  Value whole = arith::SubIOp::create(b, end, tail);
  SmallVector<Value> sums =
      emitLoop(b, index(0), whole, lanes, carried,
               [&](Value i, ValueRange args) { return body(i, {}, args); });
  return emitLoop(b, whole, end, lanes, sums, [&](Value i, ValueRange args) {
    Value mask = vector::CreateMaskOp::create(
        b, VectorType::get({lanes}, b.getI1Type()), tail);
    return body(i, mask, args);
  });
}

/// A vector of \p x in f32, 0 where the mask is not set.
Value ThinProduct::load(Value x, Value row, Value column, Value mask) {
  Type element = cast<MemRefType>(x.getType()).getElementType();
  auto type = VectorType::get({lanes}, element);
  SmallVector<Value> address{row, column};
  Value loaded;
  if (mask)
    loaded = vector::MaskedLoadOp::create(
        b, type, x, address, mask,
        arith::ConstantOp::create(b, b.getZeroAttr(type)));
  else
    loaded = vector::LoadOp::create(b, type, x, address);
  return element.isF32()
             ? loaded
             : arith::ExtFOp::create(b, vectorType, loaded).getResult();
}

/// The rows of a tile of \p count; past the last row it repeats that one.
SmallVector<Value> ThinProduct::rowsOf(Value row, int64_t count) {
  SmallVector<Value> indices;
  for (int64_t i = 0; i < count; ++i) {
    Value index = add(row, i);
    if (rows % count != 0)
      index = arith::MinUIOp::create(b, index, this->index(rows - 1));
    indices.push_back(index);
  }
  return indices;
}

/// The sum of the lanes of vector i in lane i, of as many vectors as lanes.
/// Each stage adds halves of two vectors and joins them.
Value ThinProduct::sumLanes(SmallVector<Value> sums) {
  for (int64_t width = lanes; width > 1; width /= 2) {
    // Vectors i and i + half have their groups of `width` lanes side by side.
    int64_t half = sums.size() / 2;
    SmallVector<int64_t> low, high;
    for (int64_t group = 0; group < lanes; group += width)
      for (int64_t from : {group, group + lanes})
        for (int64_t lane = 0; lane < width / 2; ++lane) {
          low.push_back(from + lane);
          high.push_back(from + lane + width / 2);
        }
    SmallVector<Value> next;
    for (int64_t i = 0; i < half; ++i) {
      Value x = vector::ShuffleOp::create(b, sums[i], sums[i + half], low);
      Value y = vector::ShuffleOp::create(b, sums[i], sums[i + half], high);
      next.push_back(arith::AddFOp::create(b, x, y));
    }
    sums = next;
  }
  return sums.front();
}

//===----------------------------------------------------------------------===//
// Lanes along the sum
//===----------------------------------------------------------------------===//

/// Sums of \p lhsRows times \p rhsRows, of each row one after another; their
/// lanes hold parts of them.
SmallVector<Value> ThinProduct::dots(ArrayRef<Value> lhsRows,
                                     ArrayRef<Value> rhsRows) {
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(vectorType));
  size_t columns = rhsRows.size();
  return vectors(size(rhs, 1),
                 SmallVector<Value>(lhsRows.size() * columns, zero),
                 [&](Value k, Value tail, ValueRange args) {
                   SmallVector<Value> next(args), x;
                   for (Value row : lhsRows)
                     x.push_back(load(lhs, row, k, tail));
                   for (auto [c, row] : llvm::enumerate(rhsRows)) {
                     Value y = load(rhs, row, k, tail);
                     for (auto [i, factor] : llvm::enumerate(x)) {
                       Value &sum = next[i * columns + c];
                       sum = multiplyAdd(factor, y, sum);
                     }
                   }
                   return next;
                 });
}

void ThinProduct::emitDots(bool isAdded) {
  // As many sums as lanes: their registers are half of those that there are.
  int64_t rowTile = rows == 1 ? 1 : rows == 2 || lanes == 4 ? 2 : 4;
  int64_t columnTile = lanes / rowTile;
  auto part = VectorType::get({columnTile}, b.getF32Type());
  Value columns = size(rhs, 0), all = index(rows);
  Value whole = arith::SubIOp::create(
      b, columns, arith::RemUIOp::create(b, columns, index(columnTile)));
  emitLoop(b, index(0), whole, columnTile, {}, [&](Value column, ValueRange) {
    SmallVector<Value> rhsRows;
    for (int64_t c = 0; c < columnTile; ++c)
      rhsRows.push_back(add(column, c));
    emitLoop(b, index(0), all, rowTile, {}, [&](Value row, ValueRange) {
      SmallVector<Value> lhsRows = rowsOf(row, rowTile);
      Value sums = sumLanes(dots(lhsRows, rhsRows));
      for (auto [i, r] : llvm::enumerate(lhsRows)) {
        Value piece = vector::ExtractStridedSliceOp::create(
            b, sums, ArrayRef<int64_t>{static_cast<int64_t>(i) * columnTile},
            part.getShape(), ArrayRef<int64_t>{1});
        SmallVector<Value> address{r, column};
        if (isAdded)
          piece = arith::AddFOp::create(
              b, piece, vector::LoadOp::create(b, part, out, address));
        vector::StoreOp::create(b, piece, out, address);
      }
      return SmallVector<Value>();
    });
    return SmallVector<Value>();
  });
  // What is left one at a time, the lanes added up in the same order.
  emitLoop(b, whole, columns, 1, {}, [&](Value column, ValueRange) {
    emitLoop(b, index(0), all, 1, {}, [&](Value row, ValueRange) {
      Value sum = dots(row, column).front();
      for (int64_t width = lanes / 2; width > 0; width /= 2) {
        auto slice = [&](int64_t from) {
          return vector::ExtractStridedSliceOp::create(
              b, sum, ArrayRef<int64_t>{from}, ArrayRef<int64_t>{width},
              ArrayRef<int64_t>{1});
        };
        sum = arith::AddFOp::create(b, slice(0), slice(width));
      }
      sum = vector::ExtractOp::create(b, sum, ArrayRef<int64_t>{0});
      SmallVector<Value> address{row, column};
      if (isAdded)
        sum = arith::AddFOp::create(b, sum,
                                    memref::LoadOp::create(b, out, address));
      memref::StoreOp::create(b, sum, out, address);
      return SmallVector<Value>();
    });
    return SmallVector<Value>();
  });
}

//===----------------------------------------------------------------------===//
// Lanes along the columns
//===----------------------------------------------------------------------===//

/// out[row.., column..] += sum of the steps \p from to \p to.
void ThinProduct::emitColumns(Value column, int64_t count, Value mask,
                              Value row, int64_t rowCount, Value from,
                              Value to) {
  SmallVector<Value> outRows = rowsOf(row, rowCount), places;
  for (int64_t c = 0; c < count; ++c)
    places.push_back(add(column, c * lanes));
  SmallVector<Value> sums;
  for (Value r : outRows)
    for (Value c : places)
      sums.push_back(load(out, r, c, mask));
  sums = emitLoop(b, from, to, 1, sums, [&](Value k, ValueRange args) {
    SmallVector<Value> next(args), x, y;
    for (Value c : places)
      y.push_back(load(rhs, k, c, mask));
    for (auto [i, r] : llvm::enumerate(outRows)) {
      Value factor = memref::LoadOp::create(b, lhs, ValueRange{r, k});
      if (!factor.getType().isF32())
        factor = arith::ExtFOp::create(b, b.getF32Type(), factor);
      factor = vector::BroadcastOp::create(b, vectorType, factor);
      for (int64_t c = 0; c < count; ++c) {
        Value &sum = next[i * count + c];
        sum = multiplyAdd(factor, y[c], sum);
      }
    }
    return next;
  });
  for (auto [i, r] : llvm::enumerate(outRows))
    for (auto [c, place] : llvm::enumerate(places)) {
      Value sum = sums[i * count + c];
      SmallVector<Value> address{r, place};
      if (mask)
        vector::MaskedStoreOp::create(b, out, address, mask, sum);
      else
        vector::StoreOp::create(b, sum, out, address);
    }
}

void ThinProduct::emitSums() {
  // Sums, the vectors of one row and a factor fill the registers: 32, or 16
  // with AVX2.
  int64_t rowTile = std::min<int64_t>(rows, 4);
  int64_t sums = lanes == 8 ? 8 : 24;
  int64_t columnTile =
      std::min<int64_t>(8, llvm::bit_floor<uint64_t>(sums / rowTile));
  Value columns = size(rhs, 1), depth = size(rhs, 0), all = index(rows);
  emitLoop(b, index(0), depth, kDepth, {}, [&](Value from, ValueRange) {
    Value to = arith::MinUIOp::create(b, add(from, kDepth), depth);
    emitLoop(b, index(0), all, rowTile, {}, [&](Value row, ValueRange) {
      Value start = index(0);
      for (int64_t count : {columnTile, int64_t(1)}) {
        Value left = arith::SubIOp::create(b, columns, start);
        Value tail = arith::RemUIOp::create(b, left, index(count * lanes));
        Value whole = arith::SubIOp::create(b, columns, tail);
        emitLoop(b, start, whole, count * lanes, {},
                 [&](Value column, ValueRange) {
                   emitColumns(column, count, {}, row, rowTile, from, to);
                   return SmallVector<Value>();
                 });
        start = whole;
      }
      emitLoop(b, start, columns, lanes, {}, [&](Value column, ValueRange) {
        Value mask = vector::CreateMaskOp::create(
            b, VectorType::get({lanes}, b.getI1Type()),
            arith::SubIOp::create(b, columns, column).getResult());
        emitColumns(column, 1, mask, row, rowTile, from, to);
        return SmallVector<Value>();
      });
      return SmallVector<Value>();
    });
    return SmallVector<Value>();
  });
}
