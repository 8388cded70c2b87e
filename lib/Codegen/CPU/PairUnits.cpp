//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PairUnits.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace mlir::infini_attn;
using namespace mlir::infini_attn::cpu;

SmallVector<PairOperands> cpu::productsOfParts(ValueRange operands) {
  int64_t parts = operands.size() / 2;
  SmallVector<PairOperands> products;
  for (int64_t order = parts - 1; order >= 0; --order)
    for (int64_t i = 0; i <= order; ++i)
      products.push_back(
          {operands[i], operands[parts + order - i], operands.back()});
  return products;
}

Value PairUnit::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

Value PairUnit::plus(Value base, int64_t offset) {
  return offset == 0 ? base : arith::AddIOp::create(b, base, index(offset));
}

//===----------------------------------------------------------------------===//
// AMX
//===----------------------------------------------------------------------===//

AMXUnit::AMXUnit(ImplicitLocOpBuilder &b) : PairUnit(b) {
  rows = columns = 2 * kSide;
  terms = kSide;
}

amx::TileType AMXUnit::sums() {
  return amx::TileType::get({kSide, kSide}, b.getF32Type());
}

Value AMXUnit::loadTile(amx::TileType type, Value base, Value row,
                        Value column) {
  return amx::TileLoadOp::create(b, type, base, ValueRange{row, column});
}

Value AMXUnit::zero() { return amx::TileZeroOp::create(b, sums()); }

Values AMXUnit::zeros() {
  Values tile;
  for (int64_t i = 0; i < kTiles; ++i)
    tile.push_back(zero());
  return tile;
}

Values AMXUnit::load(Value out, Value row, Value column) {
  Values tile;
  for (int64_t i = 0; i < kTiles; ++i)
    tile.push_back(load(out, row, column, i));
  return tile;
}

Value AMXUnit::load(Value out, Value row, Value column, int64_t i) {
  return loadTile(sums(), out, plus(row, i / 2 * kSide),
                  plus(column, i % 2 * kSide));
}

void AMXUnit::prefetchRows(Value x, Value row, Value term, int64_t first,
                           int64_t count) {
  Value column = b.createOrFold<arith::MulIOp>(term, index(2));
  for (int64_t r = first; r < first + count; ++r)
    memref::PrefetchOp::create(b, x, ValueRange{plus(row, r), column},
                               /*isWrite=*/false, /*localityHint=*/3,
                               /*isDataCache=*/true);
}

void AMXUnit::prefetch(Value out, Value row, Value column, Value term) {
  Value first = arith::DivUIOp::create(b, term, index(2));
  first = arith::AndIOp::create(b, first, index(rows - 1));
  first = arith::AddIOp::create(b, first, plus(row, rows));
  for (int64_t i = 0; i < rows / kTiles; ++i)
    for (int64_t c = 0; c < columns; c += kSide)
      memref::PrefetchOp::create(b, out,
                                 ValueRange{plus(first, i), plus(column, c)},
                                 /*isWrite=*/true, /*localityHint=*/3,
                                 /*isDataCache=*/true);
}

void AMXUnit::prefetchPanel(Value y, Value row, Value rows, Value term) {
  constexpr int64_t kTilesOfRows = 8, kPart = kSide / kTilesOfRows;
  Value part = arith::DivUIOp::create(b, row, index(this->rows));
  part = arith::AndIOp::create(b, part, index(kTilesOfRows - 1));
  part = arith::MulIOp::create(b, part, index(kPart));
  part = arith::AddIOp::create(b, part, arith::AddIOp::create(b, term, rows));
  for (int64_t i = 0; i < kPart; ++i)
    for (int64_t c = 0; c < columns; c += kSide)
      memref::PrefetchOp::create(b, y, ValueRange{plus(part, i), index(c)},
                                 /*isWrite=*/false, /*localityHint=*/2,
                                 /*isDataCache=*/true);
}

void AMXUnit::store(Value out, Value row, Value column, int64_t i,
                    Value register_) {
  amx::TileStoreOp::create(
      b, out, ValueRange{plus(row, i / 2 * kSide), plus(column, i % 2 * kSide)},
      register_);
}

void AMXUnit::store(Value out, Value row, Value column, ValueRange tile) {
  for (int64_t i = 0; i < kTiles; ++i)
    store(out, row, column, i, tile[i]);
}

Values AMXUnit::loadFactors(const PairOperands &operands, Value row,
                            Value column, Value term) {
  auto factors = amx::TileType::get({kSide, 2 * kSide}, b.getBF16Type());
  auto pairs = amx::TileType::get({kSide, kSide}, b.getI32Type());
  Value left = b.createOrFold<arith::MulIOp>(term, index(2));
  Values loaded;
  for (int64_t r = 0; r < rows; r += kSide)
    loaded.push_back(loadTile(factors, operands.x, plus(row, r), left));
  for (int64_t c = 0; c < columns; c += kSide) {
    Value y = loadTile(pairs, operands.y, term, plus(column, c));
    // The same register: a pair is 32 bits.
    loaded.push_back(
        UnrealizedConversionCastOp::create(b, factors, y).getResult(0));
  }
  return loaded;
}

Value AMXUnit::multiply(ValueRange factors, int64_t i, Value sum) {
  return amx::TileMulFOp::create(b, sums(), factors[i / 2], factors[2 + i % 2],
                                 sum);
}

Values AMXUnit::step(const PairOperands &operands, Value row, Value column,
                     Value term, ValueRange tile) {
  Values factors = loadFactors(operands, row, column, term), next;
  for (int64_t i = 0; i < kTiles; ++i)
    next.push_back(multiply(factors, i, tile[i]));
  return next;
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

VectorUnit::VectorUnit(ImplicitLocOpBuilder &b, int64_t lanes,
                       PairProductUnit kind)
    : PairUnit(b), lanes(lanes), kind(kind) {
  columns = std::min<int64_t>(32, 4 * lanes);
  rows = 16 * lanes / columns;
}

VectorType VectorUnit::sums() {
  return VectorType::get({lanes}, b.getF32Type());
}

Values VectorUnit::zeros() {
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(sums()));
  return Values(rows * columns / lanes, zero);
}

Values VectorUnit::load(Value out, Value row, Value column) {
  Values tile;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; c += lanes)
      tile.push_back(vector::LoadOp::create(
          b, sums(), out, ValueRange{plus(row, r), plus(column, c)}));
  return tile;
}

void VectorUnit::store(Value out, Value row, Value column, ValueRange tile) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; c += lanes)
      vector::StoreOp::create(b, tile[(r * columns + c) / lanes], out,
                              ValueRange{plus(row, r), plus(column, c)});
}

Values VectorUnit::add(ValueRange tile, ValueRange other) {
  Values sum;
  for (auto [x, y] : llvm::zip(tile, other))
    sum.push_back(arith::AddFOp::create(b, x, y));
  return sum;
}

Values VectorUnit::step(const PairOperands &operands, Value row, Value column,
                        Value term, ValueRange tile) {
  auto pairs = VectorType::get({lanes}, b.getI32Type());
  Values y;
  for (int64_t c = 0; c < columns; c += lanes)
    y.push_back(vector::LoadOp::create(b, pairs, operands.y,
                                       ValueRange{term, plus(column, c)}));
  Value left = arith::MulIOp::create(b, term, index(2));
  Values next;
  for (int64_t r = 0; r < rows; ++r) {
    Value x =
        vector::LoadOp::create(b, VectorType::get({2}, b.getBF16Type()),
                               operands.x, ValueRange{plus(row, r), left});
    x = vector::BitCastOp::create(b, VectorType::get({1}, b.getI32Type()), x);
    x = vector::BroadcastOp::create(
        b, pairs, vector::ExtractOp::create(b, x, ArrayRef<int64_t>{0}));
    for (auto [c, right] : llvm::enumerate(y))
      next.push_back(multiply(x, right, tile[r * y.size() + c]));
  }
  return next;
}

Value VectorUnit::multiply(Value x, Value y, Value sum) {
  if (kind == PairProductUnit::X86Dot || kind == PairProductUnit::NEONDot) {
    auto factors = VectorType::get({2 * lanes}, b.getBF16Type());
    x = vector::BitCastOp::create(b, factors, x);
    y = vector::BitCastOp::create(b, factors, y);
    if (kind == PairProductUnit::X86Dot)
      return x86vector::DotBF16Op::create(b, sums(), sum, x, y);
    auto name = b.getStringAttr("llvm.aarch64.neon.bfdot.v4f32.v8bf16");
    return LLVM::CallIntrinsicOp::create(b, sums(), name, ValueRange{sum, x, y})
        .getResult(0);
  }
  auto half = [&](Value pair, bool isHigh) -> Value {
    Value bits = arith::ConstantOp::create(
        b, DenseElementsAttr::get(
               cast<VectorType>(pair.getType()),
               b.getI32IntegerAttr(isHigh ? int32_t(0xffff0000) : 16)));
    pair = isHigh ? arith::AndIOp::create(b, pair, bits).getResult()
                  : arith::ShLIOp::create(b, pair, bits).getResult();
    return vector::BitCastOp::create(b, sums(), pair);
  };
  for (bool isHigh : {false, true})
    sum = math::FmaOp::create(b, half(x, isHigh), half(y, isHigh), sum);
  return sum;
}
