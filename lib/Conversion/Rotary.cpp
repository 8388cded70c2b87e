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

#include "infini_attn/Dialect/Rotation.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

/// Moves the insertion point of \p b out of the loops that define neither
/// \p frequencies nor anything else that tables of a static size need: all
/// segments and heads then share them.
static void leaveLoops(LinalgBuilder &b, Value frequencies) {
  Operation *parent = b.getInsertionBlock()->getParentOp();
  while (auto loop = dyn_cast_or_null<LoopLikeOpInterface>(parent)) {
    if (!loop.isDefinedOutsideOfLoop(frequencies))
      return;
    b.setInsertionPoint(loop);
    parent = loop->getParentOp();
  }
}

AngleTables infini_attn::makeAngleTables(LinalgBuilder &b, Value frequencies,
                                         OpFoldResult tokens,
                                         const QueryPositions &positions) {
  bool perRow = static_cast<bool>(positions.rows);
  OpBuilder::InsertionGuard guard(b);
  Value offset = positions.first;
  APInt known;
  if (!perRow && getConstantIntValue(tokens) &&
      matchPattern(offset, m_ConstantInt(&known))) {
    leaveLoops(b, frequencies);
    offset =
        arith::ConstantOp::create(b, b.getI64IntegerAttr(known.getSExtValue()));
  }
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
        position =
            arith::AddIOp::create(b, position, perRow ? args[1] : offset);
        return cosineAndSine(b, position, args[0]);
      });
  return {tables[0], tables[1], letters};
}

Value infini_attn::rotate(LinalgBuilder &b, RotaryStyle style,
                          const AngleTables &tables, Value xt,
                          StringRef letters, Scalar toFactor) {
  int64_t dim = letters.size(); // of the components; tokens come last
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), xt);
  OpFoldResult pairs = b.size(tables.cosines, tables.letters.find('i'));
  AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1);
  OpFoldResult rotated =
      affine::makeComposedFoldedAffineApply(b, b.getLoc(), d0 * 2, {pairs});
  OpFoldResult rest = affine::makeComposedFoldedAffineApply(
      b, b.getLoc(), d0 - d1, {sizes[dim], rotated});
  auto components = [&](OpFoldResult offset, OpFoldResult size) {
    Sizes offsets(sizes.size(), b.getIndexAttr(0)), part = sizes;
    offsets[dim] = offset;
    part[dim] = size;
    return std::pair(offsets, part);
  };
  Sizes strides(sizes.size(), b.getIndexAttr(1));

  // The first Dr components as Dr / 2 pairs: neighbours, or the two halves.
  bool interleaved = style == RotaryStyle::Interleaved;
  auto [headOffsets, headSizes] = components(b.getIndexAttr(0), rotated);
  Value head =
      tensor::ExtractSliceOp::create(b, xt, headOffsets, headSizes, strides);
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < dim; ++i)
    groups.push_back({i});
  groups.push_back({dim, dim + 1});
  groups.push_back({dim + 2});
  Sizes pairedSizes = sizes;
  pairedSizes[dim] = interleaved ? pairs : b.getIndexAttr(2);
  pairedSizes.insert(pairedSizes.begin() + dim + 1,
                     interleaved ? OpFoldResult(b.getIndexAttr(2)) : pairs);
  auto pairedType = RankedTensorType::get(
      decomposeMixedValues(pairedSizes).first, b.getF32Type());
  Value paired =
      tensor::ExpandShapeOp::create(b, pairedType, head, groups, pairedSizes);

  // Each component with the other of its pair.
  std::string self = (letters + (interleaved ? "ijn" : "jin")).str(),
              partner = (letters + (interleaved ? "iJn" : "Jin")).str();
  Value turned = b.generic(
      self,
      {{paired, self},
       {paired, partner},
       {tables.cosines, tables.letters},
       {tables.sines, tables.letters}},
      {b.empty(pairedSizes), self}, [&](ValueRange args) {
        Value member = linalg::IndexOp::create(b, self.find('j'));
        return toFactor(turn(b, member, args[0], args[1], args[2], args[3]));
      });
  Value result = tensor::CollapseShapeOp::create(b, turned, groups);
  if (isConstantIntValue(rest, 0))
    return result;

  // The components past Dr pass through.
  auto [restOffsets, restSizes] = components(rotated, rest);
  Value tail =
      tensor::ExtractSliceOp::create(b, xt, restOffsets, restSizes, strides);
  std::string all = (letters + "dn").str();
  Value passed = b.generic(all, {{tail, all}}, {b.empty(restSizes), all},
                           [&](ValueRange args) { return toFactor(args[0]); });
  Value joined = tensor::InsertSliceOp::create(b, result, b.empty(sizes),
                                               headOffsets, headSizes, strides);
  return tensor::InsertSliceOp::create(b, passed, joined, restOffsets,
                                       restSizes, strides);
}
