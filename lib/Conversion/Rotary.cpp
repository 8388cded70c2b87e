//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Rotary embedding of queries and keys [S11].
///
//===----------------------------------------------------------------------===//

#include "Equations.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

AngleTables infini_attn::makeAngleTables(LinalgBuilder &b, Value frequencies,
                                         OpFoldResult tokens,
                                         const QueryPositions &positions) {
  bool perRow = static_cast<bool>(positions.rows);
  Sizes sizes{b.size(frequencies, 0), tokens};
  SmallVector<Indexed> inputs{{frequencies, "i"}};
  if (perRow) {
    sizes.insert(sizes.begin(), b.size(positions.rows, 0));
    inputs.push_back({positions.rows, "b"});
  }
  StringRef letters = perRow ? "bin" : "in";
  SmallVector<Value> tables = b.generic(
      letters, inputs,
      ArrayRef<Indexed>{{b.empty(sizes), letters}, {b.empty(sizes), letters}},
      [&](ValueRange args) -> SmallVector<Value> {
        Value position = arith::IndexCastOp::create(
            b, b.getI64Type(), linalg::IndexOp::create(b, perRow ? 2 : 1));
        position = arith::AddIOp::create(b, position,
                                         perRow ? args[1] : positions.first);
        position = arith::TruncIOp::create(b, b.getI32Type(), position);
        position = arith::SIToFPOp::create(b, b.getF32Type(), position);
        Value angle = arith::MulFOp::create(b, position, args[0]);
        return {math::CosOp::create(b, angle), math::SinOp::create(b, angle)};
      });
  return {tables[0], tables[1], letters};
}

Value infini_attn::rotateTransposed(LinalgBuilder &b, RotaryStyle style,
                                    const AngleTables &tables, Type factor,
                                    Value x, StringRef letters, Value scale) {
  auto type = cast<RankedTensorType>(x.getType());
  int64_t rank = type.getRank(), tokenDim = rank - 2;
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), x);
  OpFoldResult width = sizes.back(), tokens = sizes[tokenDim];
  OpFoldResult pairs = b.size(tables.cosines, tables.letters.find('i'));
  AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1);
  OpFoldResult rotated =
      affine::makeComposedFoldedAffineApply(b, b.getLoc(), d0 * 2, {pairs});
  bool interleaved = style == RotaryStyle::Interleaved;
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               two = b.getIndexAttr(2);

  auto toFactor = [&](Value value) {
    if (scale)
      value = arith::MulFOp::create(b, value, scale);
    return b.roundTo(factor, value);
  };

  // The first Dr components as Dr / 2 pairs: neighbours, or the two halves.
  Sizes offsets(rank, zero), strides(rank, one), part = sizes;
  part.back() = rotated;
  Value head = tensor::ExtractSliceOp::create(b, x, offsets, part, strides);
  Sizes paired(ArrayRef<OpFoldResult>(sizes).drop_back());
  paired.append(interleaved ? Sizes{pairs, two} : Sizes{two, pairs});
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim < rank; ++dim)
    groups.push_back({dim});
  groups.back().push_back(rank);
  auto pairedType = RankedTensorType::get(decomposeMixedValues(paired).first,
                                          type.getElementType());
  Value pairsOf =
      tensor::ExpandShapeOp::create(b, pairedType, head, groups, paired);

  // (x0, x1) becomes (x0 cos - x1 sin, x1 cos + x0 sin).
  std::string pair = interleaved ? "ij" : "ji";
  std::string other = interleaved ? "iJ" : "Ji";
  std::string loops = (letters + pair + "n").str();
  std::string self = (letters + "n" + pair).str(),
              partner = (letters + "n" + other).str();
  Sizes turned(ArrayRef<OpFoldResult>(sizes).drop_back(2));
  turned.append({paired[rank - 1], paired[rank], tokens});
  Value result =
      b.generic(loops,
                {{pairsOf, self},
                 {pairsOf, partner},
                 {tables.cosines, tables.letters},
                 {tables.sines, tables.letters}},
                {b.empty(turned), loops}, [&](ValueRange args) -> Value {
                  Value member = linalg::IndexOp::create(b, loops.find('j'));
                  Value isFirst = arith::CmpIOp::create(
                      b, arith::CmpIPredicate::eq, member,
                      arith::ConstantIndexOp::create(b, 0));
                  Value sine = arith::SelectOp::create(
                      b, isFirst, arith::NegFOp::create(b, args[3]), args[3]);
                  Value value = arith::AddFOp::create(
                      b, arith::MulFOp::create(b, b.widen(args[0]), args[2]),
                      arith::MulFOp::create(b, b.widen(args[1]), sine));
                  return toFactor(value);
                });
  SmallVector<ReassociationIndices> merge;
  for (int64_t dim = 0; dim < tokenDim; ++dim)
    merge.push_back({dim});
  merge.push_back({tokenDim, tokenDim + 1});
  merge.push_back({tokenDim + 2});
  result = tensor::CollapseShapeOp::create(b, result, merge);
  if (getConstantIntValue(width) &&
      getConstantIntValue(width) == getConstantIntValue(rotated))
    return result;

  // The components past Dr pass through.
  OpFoldResult rest = affine::makeComposedFoldedAffineApply(
      b, b.getLoc(), d0 - d1, {width, rotated});
  Sizes tailOffsets = offsets, tailSizes = sizes;
  tailOffsets.back() = rotated;
  tailSizes.back() = rest;
  Value tail =
      tensor::ExtractSliceOp::create(b, x, tailOffsets, tailSizes, strides);
  Sizes whole(ArrayRef<OpFoldResult>(sizes).drop_back(2));
  whole.append({width, tokens});
  Sizes restSizes = whole;
  restSizes[tokenDim] = rest;
  std::string out = (letters + "dn").str(), in = (letters + "nd").str();
  Value passed =
      b.generic(out, {{tail, in}}, {b.empty(restSizes), out},
                [&](ValueRange args) { return toFactor(b.widen(args[0])); });
  Sizes resultSizes = whole;
  resultSizes[tokenDim] = rotated;
  Value joined = tensor::InsertSliceOp::create(b, result, b.empty(whole),
                                               offsets, resultSizes, strides);
  Sizes restOffsets = offsets;
  restOffsets[tokenDim] = rotated;
  return tensor::InsertSliceOp::create(b, passed, joined, restOffsets,
                                       restSizes, strides);
}
