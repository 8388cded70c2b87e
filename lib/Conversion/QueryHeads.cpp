//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Query heads grouped by the key/value head that they use.
///
//===----------------------------------------------------------------------===//

#include "Equations.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

/// The dimensions of a tensor of \p rank, where \p dim stands for two.
static SmallVector<ReassociationIndices> headGroups(int64_t rank, int64_t dim) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < rank; ++i)
    groups.push_back({i + (i > dim)});
  groups[dim].push_back(dim + 1);
  return groups;
}

/// Hq / Hkv [S12]. Head counts that are wrong at run time are the host's error;
/// a division by zero would end its process.
static OpFoldResult groupSize(LinalgBuilder &b, OpFoldResult queryHeads,
                              OpFoldResult keyHeads) {
  std::optional<int64_t> hq = getConstantIntValue(queryHeads),
                         hkv = getConstantIntValue(keyHeads);
  if (hkv && *hkv == 1)
    return queryHeads;
  if (hq && hkv)
    return b.getIndexAttr(*hq / *hkv);
  auto toValue = [&](OpFoldResult size) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), size);
  };
  Value divisor = arith::MaxUIOp::create(b, toValue(keyHeads),
                                         arith::ConstantIndexOp::create(b, 1));
  return arith::DivUIOp::create(b, toValue(queryHeads), divisor).getResult();
}

Value infini_attn::groupHeads(LinalgBuilder &b, Value x, int64_t dim,
                              OpFoldResult keyHeads) {
  auto type = cast<RankedTensorType>(x.getType());
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), x);
  OpFoldResult group = groupSize(b, sizes[dim], keyHeads);
  sizes[dim] = keyHeads;
  sizes.insert(sizes.begin() + dim + 1, group);
  SmallVector<int64_t> shape = decomposeMixedValues(sizes).first;

  // A static number of heads does not expand into a dynamic one.
  if (!type.isDynamicDim(dim) && (ShapedType::isDynamic(shape[dim]) ||
                                  ShapedType::isDynamic(shape[dim + 1]))) {
    SmallVector<int64_t> relaxed(type.getShape());
    relaxed[dim] = ShapedType::kDynamic;
    x = tensor::CastOp::create(b, type.clone(relaxed), x);
  }
  return tensor::ExpandShapeOp::create(b, type.clone(shape), x,
                                       headGroups(type.getRank(), dim), sizes);
}

Value infini_attn::ungroupHeads(LinalgBuilder &b, Value grouped, int64_t dim,
                                Type type) {
  int64_t rank = cast<RankedTensorType>(type).getRank();
  Value flat =
      tensor::CollapseShapeOp::create(b, grouped, headGroups(rank, dim));
  return flat.getType() == type
             ? flat
             : tensor::CastOp::create(b, type, flat).getResult();
}
