//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Dialect/Rotation.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

namespace {
/// The last dimension of tokens, cut into what the rotation knows.
class Rotation {
public:
  Rotation(ImplicitLocOpBuilder &b, Value frequencies, RotaryStyle style,
           OpFoldResult position, OpFoldResult size)
      : b(b), frequencies(frequencies),
        isInterleaved(style == RotaryStyle::Interleaved), position(position),
        size(size), pairs(tensor::getMixedSize(b, b.getLoc(), frequencies, 0)) {
  }

  Value rotate(Value x, Value into, OpFoldResult place);

private:
  OpFoldResult index(int64_t value) { return b.getIndexAttr(value); }
  OpFoldResult apply(AffineExpr expr, ArrayRef<OpFoldResult> operands) {
    return affine::makeComposedFoldedAffineApply(b, b.getLoc(), expr, operands);
  }

  /// Cosines and sines of position * frequency, each size x pairs.
  ValueRange angles();
  /// Component `member` of each pair of `x`, size x pairs.
  Value component(Value x, int64_t member);

  ImplicitLocOpBuilder &b;
  Value frequencies;
  bool isInterleaved;
  OpFoldResult position, size, pairs;
};
} // namespace

ValueRange Rotation::angles() {
  Value empty = tensor::EmptyOp::create(b, Sizes{size, pairs}, b.getF32Type());
  AffineExpr token = b.getAffineDimExpr(0), pair = b.getAffineDimExpr(1);
  AffineMap all = AffineMap::get(2, 0, {token, pair}, b.getContext());
  Value first = getValueOrCreateConstantIndexOp(b, b.getLoc(), position);
  // One operation with two results: it has two users, so that fusion does not
  // move the functions to where each is needed twice.
  auto table = linalg::GenericOp::create(
      b, TypeRange{empty.getType(), empty.getType()}, frequencies,
      ValueRange{empty, empty},
      ArrayRef{AffineMap::get(2, 0, pair, b.getContext()), all, all},
      SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        ImplicitLocOpBuilder body(loc, nested);
        Value position = arith::AddIOp::create(
            body, first, linalg::IndexOp::create(body, 0));
        position =
            arith::IndexCastOp::create(body, body.getI64Type(), position);
        linalg::YieldOp::create(body, cosineAndSine(body, position, args[0]));
      });
  return table.getResults();
}

Value Rotation::component(Value x, int64_t member) {
  // Pair i is (2i, 2i + 1), or (i, i + pairs) in halves [S11].
  OpFoldResult offset = isInterleaved || member == 0 ? index(member) : pairs;
  auto type = RankedTensorType::get(
      decomposeMixedValues(Sizes{size, pairs}).first,
      cast<RankedTensorType>(x.getType()).getElementType());
  return tensor::ExtractSliceOp::create(
      b, type, x, Sizes{index(0), index(0), index(0), offset},
      Sizes{index(1), index(1), size, pairs},
      Sizes{index(1), index(1), index(1), index(isInterleaved ? 2 : 1)});
}

Value Rotation::rotate(Value x, Value into, OpFoldResult place) {
  auto type = cast<RankedTensorType>(into.getType());
  AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1);
  OpFoldResult width = tensor::getMixedSize(b, b.getLoc(), into, 3);
  OpFoldResult rotated = apply(d0 * 2, {pairs});

  // Each component with the other of its pair, written into its place:
  // pairs x 2 components if interleaved, 2 x pairs in halves.
  Sizes offsets{index(0), index(0), place, index(0)};
  Sizes sizes{index(1), index(1), size, rotated};
  Sizes strides(4, index(1));
  Value part = tensor::ExtractSliceOp::create(b, into, offsets, sizes, strides);
  Type partType = part.getType();
  Sizes pairSizes{index(1), index(1), size};
  pairSizes.append(isInterleaved ? Sizes{pairs, index(2)}
                                 : Sizes{index(2), pairs});
  SmallVector<ReassociationIndices> groups{{0}, {1}, {2}, {3, 4}};
  auto pairType = RankedTensorType::get(decomposeMixedValues(pairSizes).first,
                                        type.getElementType());
  Value paired =
      tensor::ExpandShapeOp::create(b, pairType, part, groups, pairSizes);

  unsigned memberDim = isInterleaved ? 4 : 3;
  AffineMap inputMap = AffineMap::get(
      5, 0, {b.getAffineDimExpr(2), b.getAffineDimExpr(isInterleaved ? 3 : 4)},
      b.getContext());
  ValueRange table = angles();
  Value turned =
      linalg::GenericOp::create(
          b, pairType,
          ValueRange{component(x, 0), component(x, 1), table[0], table[1]},
          paired,
          ArrayRef{inputMap, inputMap, inputMap, inputMap,
                   b.getMultiDimIdentityMap(5)},
          SmallVector<utils::IteratorType>(5, utils::IteratorType::parallel),
          [&](OpBuilder &nested, Location loc, ValueRange args) {
            ImplicitLocOpBuilder body(loc, nested);
            Value member = linalg::IndexOp::create(body, memberDim);
            Value isFirst =
                arith::CmpIOp::create(body, arith::CmpIPredicate::eq, member,
                                      arith::ConstantIndexOp::create(body, 0));
            auto widen = [&](Value value) -> Value {
              return value.getType().isF32()
                         ? value
                         : arith::ExtFOp::create(body, body.getF32Type(), value)
                               .getResult();
            };
            Value x0 = widen(args[0]), x1 = widen(args[1]);
            Value self = arith::SelectOp::create(body, isFirst, x0, x1);
            Value partner = arith::SelectOp::create(body, isFirst, x1, x0);
            Value value = turn(body, member, self, partner, args[2], args[3]);
            if (!type.getElementType().isF32())
              value =
                  arith::TruncFOp::create(body, type.getElementType(), value);
            linalg::YieldOp::create(body, value);
          })
          .getResult(0);
  Value flat = tensor::CollapseShapeOp::create(b, turned, groups);
  if (flat.getType() != partType)
    flat = tensor::CastOp::create(b, partType, flat);
  Value result =
      tensor::InsertSliceOp::create(b, flat, into, offsets, sizes, strides);
  if (isEqualConstantIntOrValue(rotated, width))
    return result;

  // The components past the pairs pass through.
  Sizes restSizes = sizes;
  restSizes.back() = apply(d0 - d1, {width, rotated});
  Sizes from(4, index(0));
  from.back() = rotated;
  Value rest = tensor::ExtractSliceOp::create(b, x, from, restSizes, strides);
  offsets.back() = rotated;
  return tensor::InsertSliceOp::create(b, rest, result, offsets, restSizes,
                                       strides);
}

Value infini_attn::rotateTokens(ImplicitLocOpBuilder &b, Value x,
                                Value frequencies, RotaryStyle style,
                                OpFoldResult position, OpFoldResult size,
                                Value into, OpFoldResult place) {
  return Rotation(b, frequencies, style, position, size).rotate(x, into, place);
}
