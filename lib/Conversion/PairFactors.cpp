//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PairFactors.h"

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

/// \p rows x \p columns of \p element for each part.
static Parts rooms(TileBuilder &b, OpFoldResult rows, OpFoldResult columns,
                   Type element) {
  Parts parts;
  for (int64_t i = 0; i < b.form.parts; ++i)
    parts.push_back(tensor::EmptyOp::create(b, Sizes{rows, columns}, element));
  return parts;
}

SmallVector<Value> infini_attn::splitToNearest(TileBuilder &b, Value x) {
  SmallVector<Value> parts;
  for (int64_t i = 0; i < b.form.parts; ++i) {
    if (i > 0)
      x = arith::SubFOp::create(b, x, b.widen(parts.back()));
    parts.push_back(b.narrow(b.getBF16Type(), x));
  }
  return parts;
}

Parts infini_attn::leftParts(TileBuilder &b, Value x) {
  OpFoldResult rows = b.size(x, 0), columns = b.size(x, 1),
               zero = b.getIndexAttr(0);
  Parts whole = rooms(b, b.roundedUp(rows, kPairTile),
                      b.roundedUp(columns, kPairTile), b.getBF16Type());
  if (!TileBuilder::hasWholeTiles(x)) {
    Value none = arith::ConstantOp::create(b, b.getZeroAttr(b.getBF16Type()));
    for (Value &room : whole)
      room = linalg::FillOp::create(b, none, room).getResult(0);
  }
  SmallVector<Indexed> inits;
  for (Value room : whole)
    inits.push_back({b.corner(room, zero, rows, columns), "mk"});
  SmallVector<Value> made =
      b.generic("mk", {{x, "mk"}}, inits,
                [&](ValueRange args) { return splitToNearest(b, args[0]); });
  for (auto [part, room] : llvm::zip(made, whole))
    room = b.insertCorner(part, room);
  return whole;
}

Parts infini_attn::rightParts(TileBuilder &b, Value x) {
  x = b.padded(x);
  return rightParts(
      b, x,
      rooms(b, b.floorDiv(b.size(x, 0), 2), b.size(x, 1), b.getI32Type()));
}

Parts infini_attn::rightParts(TileBuilder &b, Value x, ValueRange into) {
  return byRowPairs(
      b, x, {}, into, /*isReduction=*/false,
      [&](ValueRange args) -> SmallVector<Value> {
        SmallVector<Value> pairs;
        for (auto [low, high] :
             llvm::zip(splitToNearest(b, args[0]), splitToNearest(b, args[1])))
          pairs.push_back(b.pair(low, high));
        return pairs;
      });
}

SmallVector<Value> infini_attn::splitWeights(TileBuilder &b, Value low,
                                             Value high) {
  Value rest[] = {low, high};
  SmallVector<Value> pairs;
  for (int64_t i = 0; i < b.form.parts; ++i) {
    bool isLast = i + 1 == b.form.parts;
    Value bits[2];
    for (auto [half, x] : llvm::zip(bits, rest)) {
      half = arith::BitcastOp::create(b, b.getI32Type(), x);
      // Three parts hold all digits: nothing is left to be rounded.
      if (isLast && i < 2)
        half = arith::AddIOp::create(b, half, b.i32(0x8000));
    }
    Value upper = arith::AndIOp::create(b, bits[1], b.i32(0xffff0000));
    pairs.push_back(arith::OrIOp::create(
        b, arith::ShRUIOp::create(b, bits[0], b.i32(16)), upper));
    if (isLast)
      break;
    Value cut[] = {arith::AndIOp::create(b, bits[0], b.i32(0xffff0000)), upper};
    for (auto [x, part] : llvm::zip(rest, cut))
      x = arith::SubFOp::create(
          b, x, arith::BitcastOp::create(b, b.getF32Type(), part));
  }
  return pairs;
}

std::pair<Value, Value> infini_attn::joinPairs(TileBuilder &b,
                                               ValueRange pairs) {
  auto [low, high] = b.unpair(pairs.front());
  for (Value pair : pairs.drop_front()) {
    auto [lower, higher] = b.unpair(pair);
    low = arith::AddFOp::create(b, low, lower);
    high = arith::AddFOp::create(b, high, higher);
  }
  return {low, high};
}

Parts infini_attn::cornerOf(TileBuilder &b, ValueRange parts, OpFoldResult from,
                            OpFoldResult rows, OpFoldResult columns) {
  return llvm::map_to_vector(
      parts, [&](Value part) { return b.corner(part, from, rows, columns); });
}

Value infini_attn::contractParts(TileBuilder &b, ValueRange x, ValueRange y,
                                 Value out) {
  AffineExpr m = b.getAffineDimExpr(0), n = b.getAffineDimExpr(1),
             k = b.getAffineDimExpr(2);
  SmallVector<AffineMap> maps;
  SmallVector<Value> inputs;
  auto addMap = [&](AffineExpr row, AffineExpr column) {
    maps.push_back(AffineMap::get(3, 0, {row, column}, b.getContext()));
  };
  for (Value part : x) {
    inputs.append({part, part});
    addMap(m, k * 2);
    addMap(m, k * 2 + 1);
  }
  for (Value part : y) {
    inputs.push_back(part);
    addMap(k, n);
  }
  addMap(m, n);
  using utils::IteratorType;
  int64_t count = x.size();
  auto op = linalg::GenericOp::create(
      b, out.getType(), inputs, out, maps,
      ArrayRef{IteratorType::parallel, IteratorType::parallel,
               IteratorType::reduction},
      [&](OpBuilder &, Location, ValueRange args) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToEnd(cast<BlockArgument>(args.front()).getOwner());
        Value sum = args.back();
        for (int64_t order = count - 1; order >= 0; --order)
          for (int64_t i = 0; i <= order; ++i) {
            auto [low, high] = b.unpair(args[2 * count + order - i]);
            for (auto [left, right] :
                 {std::pair{args[2 * i], low}, {args[2 * i + 1], high}})
              sum = arith::AddFOp::create(
                  b, sum, arith::MulFOp::create(b, b.widen(left), right));
          }
        linalg::YieldOp::create(b, sum);
      });
  op->setAttr(InfiniAttnDialect::kPairProductAttr, b.getUnitAttr());
  return op.getResult(0);
}

SmallVector<Value> infini_attn::byRowPairs(TileBuilder &b, ValueRange xs,
                                           ValueRange columns, ValueRange outs,
                                           bool isReduction,
                                           LinalgBuilder::Payloads payload) {
  AffineExpr r = b.getAffineDimExpr(0), c = b.getAffineDimExpr(1);
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (Value x : xs) {
    Sizes shape{b.floorDiv(b.size(x, 0), 2), b.getIndexAttr(2), b.size(x, 1)};
    auto type = RankedTensorType::get(decomposeMixedValues(shape).first,
                                      getElementTypeOrSelf(x));
    Value groups = tensor::ExpandShapeOp::create(
        b, type, x, ArrayRef<ReassociationIndices>{{0, 1}, {2}}, shape);
    for (int64_t i : {0, 1}) {
      inputs.push_back(groups);
      maps.push_back(AffineMap::get(2, 0, {r, b.getAffineConstantExpr(i), c},
                                    b.getContext()));
    }
  }
  AffineMap byColumn = AffineMap::get(2, 0, c);
  inputs.append(columns.begin(), columns.end());
  maps.append(columns.size(), byColumn);
  maps.append(outs.size(),
              isReduction ? byColumn : b.getMultiDimIdentityMap(2));
  using utils::IteratorType;
  auto op = linalg::GenericOp::create(
      b, outs.getTypes(), inputs, outs, maps,
      ArrayRef{isReduction ? IteratorType::reduction : IteratorType::parallel,
               IteratorType::parallel},
      [&](OpBuilder &, Location, ValueRange args) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToEnd(cast<BlockArgument>(args.front()).getOwner());
        linalg::YieldOp::create(b, payload(args));
      });
  return op.getResults();
}

Value infini_attn::hasLarge(TileBuilder &b, ValueRange xs) {
  Value any;
  for (Value x : xs) {
    Value found =
        b.generic("mn", {{x, "mn"}}, {b.filled({b.size(x, 1)}, 0), "n"},
                  [&](ValueRange args) -> Value {
                    Value isSmall = arith::CmpFOp::create(
                        b, arith::CmpFPredicate::OLT,
                        math::AbsFOp::create(b, args[0]), b.f32(0x1p127));
                    Value count =
                        arith::SelectOp::create(b, isSmall, b.f32(0), b.f32(1));
                    return arith::AddFOp::create(b, args[1], count);
                  });
    Value total = b.generic("n", {{found, "n"}}, {b.filled({}, 0), ""},
                            [&](ValueRange args) -> Value {
                              return arith::AddFOp::create(b, args[1], args[0]);
                            });
    total = tensor::ExtractOp::create(b, total, ValueRange());
    any = any ? arith::AddFOp::create(b, any, total).getResult() : total;
  }
  Value some =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, any, b.f32(0));
  return arith::IndexCastUIOp::create(b, b.getIndexType(), some);
}
