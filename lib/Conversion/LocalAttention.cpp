//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Local attention of one segment.
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

//===----------------------------------------------------------------------===//
// Heads
//===----------------------------------------------------------------------===//

Value infini_attn::groupHeads(LinalgBuilder &b, Value q, Value keyHeads) {
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), q);
  OpFoldResult hkv = b.size(keyHeads, 1);
  AffineExpr hq = b.getAffineDimExpr(0), groups = b.getAffineSymbolExpr(0);
  OpFoldResult group = affine::makeComposedFoldedAffineApply(
      b, b.getLoc(), hq.floorDiv(groups), {sizes[1], hkv});
  Sizes expanded{sizes[0], hkv, group, sizes[2], sizes[3]};
  auto type = RankedTensorType::get(
      decomposeMixedValues(expanded).first,
      cast<RankedTensorType>(q.getType()).getElementType());
  return tensor::ExpandShapeOp::create(
      b, type, q, ArrayRef<ReassociationIndices>{{0}, {1, 2}, {3}, {4}},
      expanded);
}

Value infini_attn::ungroupHeads(LinalgBuilder &b, Value grouped,
                                RankedTensorType type) {
  Value flat = tensor::CollapseShapeOp::create(
      b, grouped, ArrayRef<ReassociationIndices>{{0}, {1, 2}, {3}, {4}});
  return flat.getType() == type
             ? flat
             : tensor::CastOp::create(b, type, flat).getResult();
}

//===----------------------------------------------------------------------===//
// Rotary embedding [S11]
//===----------------------------------------------------------------------===//

/// table[i, n] = function(position(n) * frequency(i)), angles in f32; with an
/// offset, of each row.
template <typename Function>
static Value angleTable(LinalgBuilder &b, Value frequencies,
                        OpFoldResult tokens, Value offset) {
  Sizes sizes{b.size(frequencies, 0), tokens};
  SmallVector<Indexed> inputs{{frequencies, "i"}};
  if (offset) {
    sizes.insert(sizes.begin(), b.size(offset, 0));
    inputs.push_back({offset, "b"});
  }
  StringRef letters = offset ? "bin" : "in";
  return b.generic(
      letters, inputs, {b.empty(sizes), letters}, [&](ValueRange args) -> Value {
        Value index = linalg::IndexOp::create(b, offset ? 2 : 1);
        Value position =
            arith::IndexCastOp::create(b, b.getI64Type(), index);
        if (offset)
          position = arith::AddIOp::create(b, position, args[1]);
        position = arith::TruncIOp::create(b, b.getI32Type(), position);
        position = arith::SIToFPOp::create(b, b.getF32Type(), position);
        return Function::create(
            b, arith::MulFOp::create(b, position, args[0]).getResult());
      });
}

Value infini_attn::rotateTransposed(LinalgBuilder &b, const Rotary &rotary,
                                    Type factor, Value x, StringRef letters,
                                    Value offset) {
  auto type = cast<RankedTensorType>(x.getType());
  int64_t rank = type.getRank(), tokenDim = rank - 2;
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), x);
  OpFoldResult width = sizes.back(), tokens = sizes[tokenDim];
  OpFoldResult pairs = b.size(rotary.frequencies, 0);
  AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1);
  OpFoldResult rotated =
      affine::makeComposedFoldedAffineApply(b, b.getLoc(), d0 * 2, {pairs});
  bool interleaved = rotary.style == RotaryStyle::Interleaved;
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               two = b.getIndexAttr(2);

  Value cosines =
      angleTable<math::CosOp>(b, rotary.frequencies, tokens, offset);
  Value sines = angleTable<math::SinOp>(b, rotary.frequencies, tokens, offset);

  // The first Dr components as Dr / 2 pairs: neighbours, or the two halves.
  Sizes offsets(rank, zero), strides(rank, one), part = sizes;
  part.back() = rotated;
  Value head = tensor::ExtractSliceOp::create(b, x, offsets, part, strides);
  Sizes paired(ArrayRef(sizes).drop_back());
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
  StringRef table = offset ? "bin" : "in";
  Sizes turned(ArrayRef(sizes).drop_back(2));
  turned.append({paired[rank - 1], paired[rank], tokens});
  Value result = b.generic(
      loops,
      {{pairsOf, self}, {pairsOf, partner}, {cosines, table}, {sines, table}},
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
        return b.roundTo(factor, value);
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
  Sizes whole(ArrayRef(sizes).drop_back(2));
  whole.append({width, tokens});
  Sizes restSizes = whole;
  restSizes[tokenDim] = rest;
  std::string out = (letters + "dn").str(), in = (letters + "nd").str();
  Value passed = b.generic(
      out, {{tail, in}}, {b.empty(restSizes), out},
      [&](ValueRange args) { return b.roundTo(factor, b.widen(args[0])); });
  Sizes resultSizes = whole;
  resultSizes[tokenDim] = rotated;
  Value joined = tensor::InsertSliceOp::create(b, result, b.empty(whole),
                                               offsets, resultSizes, strides);
  Sizes restOffsets = offsets;
  restOffsets[tokenDim] = rotated;
  return tensor::InsertSliceOp::create(b, passed, joined, restOffsets,
                                       restSizes, strides);
}

//===----------------------------------------------------------------------===//
// A_dot
//===----------------------------------------------------------------------===//

/// Nk - Nq as i64: the position of query 0 where none is given.
static Value defaultOffset(LinalgBuilder &b, Value q, Value k) {
  AffineExpr nk = b.getAffineDimExpr(0), nq = b.getAffineDimExpr(1);
  Value offset = affine::AffineApplyOp::create(
      b, AffineMap::get(2, 0, nk - nq),
      ValueRange{tensor::DimOp::create(b, k, 2), tensor::DimOp::create(b, q, 3)});
  return arith::IndexCastOp::create(b, b.getI64Type(), offset);
}

namespace {
/// The mask of [S3] and [S14] and the inputs that a payload needs for it.
struct CausalMask {
  LinalgBuilder &b;
  Value uniformOffset;
  SmallVector<Indexed> inputs;
  bool hasOffset, hasLengths;

  CausalMask(LinalgBuilder &b, const SegmentContext &context, Value queryOffset,
             Value q, Value k)
      : b(b), hasOffset(queryOffset), hasLengths(context.lengths) {
    if (hasOffset)
      inputs.push_back({queryOffset, "b"});
    else
      uniformOffset = defaultOffset(b, q, k);
    if (hasLengths)
      inputs.push_back({context.lengths, "b"});
  }

  Value index(unsigned loop) const {
    return arith::IndexCastOp::create(b, b.getI64Type(),
                                      linalg::IndexOp::create(b, loop));
  }
  /// Position of the query of loop \p loop; \p args are the values of `inputs`.
  Value position(ValueRange args, unsigned loop) const {
    return arith::AddIOp::create(b, index(loop),
                                 hasOffset ? args[0] : uniformOffset);
  }
  Value less(Value lhs, Value rhs) const {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lhs, rhs);
  }
  Value isValid(ValueRange args, Value token) const {
    return less(token, args[hasOffset]);
  }
  /// Whether query q may see key n: n <= position(q), n < length.
  Value sees(ValueRange args, unsigned keyLoop, unsigned queryLoop) const {
    Value key = index(keyLoop);
    Value allowed =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sle, key,
                              position(args, queryLoop));
    if (hasLengths)
      allowed = arith::AndIOp::create(b, allowed, isValid(args, key));
    return allowed;
  }
};
} // namespace

/// Qt[d, q] = rope(q)[q, d], Kt likewise: contiguous along the tokens.
static Value transposed(LinalgBuilder &b, const SegmentContext &context,
                        const Rotary &rotary, Value x, StringRef letters,
                        Value offset) {
  if (rotary.frequencies)
    return rotateTransposed(b, rotary, context.factor, x, letters, offset);
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), x);
  std::swap(sizes[sizes.size() - 2], sizes[sizes.size() - 1]);
  std::string out = (letters + "dn").str(), in = (letters + "nd").str();
  return b.generic(
      out, {{x, in}}, {b.empty(sizes), out}, [&](ValueRange args) {
        return b.roundTo(context.factor, b.widen(args[0]));
      });
}

LocalAttention infini_attn::attendLocally(LinalgBuilder &b,
                                          const SegmentContext &context,
                                          const LocalOptions &options, Value q,
                                          Value k, Value v) {
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), q);
  OpFoldResult keys = b.size(k, 2), valueWidth = b.size(v, 3);
  Sizes perQuery{sizes[0], sizes[1], sizes[2], sizes[3]};
  CausalMask mask(b, context, options.queryOffset, q, k);

  // A query's position counts from the first key.
  Value offset = options.queryOffset;
  if (options.rotary.frequencies && !offset)
    offset = tensor::SplatOp::create(
        b, mask.uniformOffset,
        RankedTensorType::get(
            cast<RankedTensorType>(k.getType()).getShape().take_front(1),
            b.getI64Type()),
        decomposeMixedValues(Sizes{sizes[0]}).second);
  Value qt = transposed(b, context, options.rotary, q, "bhg", offset);
  // K enters by its elements, one at a time, in either layout.
  bool turnKeys = options.rotary.frequencies && !options.keysRotated;
  Value kt = turnKeys ? rotateTransposed(b, options.rotary, context.factor, k,
                                         "bh", Value())
                      : k;

  // S^T[n, q] = sum_d K[n, d] Q[q, d]
  Sizes scoreSizes{sizes[0], sizes[1], sizes[2], keys, sizes[3]};
  Value scores = b.contract("bhgnqd", {kt, turnKeys ? "bhdn" : "bhnd"},
                            {qt, "bhgdq"},
                            {b.filled(scoreSizes, 0), "bhgnq"});

  // The scaled, masked score of payloads whose first input is S^T; the inputs of
  // the mask come from argument `first` on.
  Value minusInfinity = b.f32(-std::numeric_limits<double>::infinity());
  auto masked = [&](ValueRange args, unsigned first, unsigned keyLoop,
                    unsigned queryLoop) -> Value {
    Value scaled = arith::MulFOp::create(b, args[0], options.scale);
    return arith::SelectOp::create(
        b, mask.sees(args.drop_front(first), keyLoop, queryLoop), scaled,
        minusInfinity);
  };

  // m[q] = max_n S^T[n, q], 0 for a query that sees no key
  SmallVector<Indexed> maxInputs{{scores, "bhgnq"}};
  maxInputs.append(mask.inputs);
  Value rowMax = b.generic(
      "bhgqn", maxInputs,
      {b.filled(perQuery, -std::numeric_limits<double>::infinity()), "bhgq"},
      [&](ValueRange args) -> Value {
        return arith::MaxNumFOp::create(b, args.back(), masked(args, 1, 4, 3));
      });

  // P^T[n, q] = exp(S^T[n, q] - m[q])
  SmallVector<Indexed> expInputs{{scores, "bhgnq"}, {rowMax, "bhgq"}};
  expInputs.append(mask.inputs);
  Value weights = b.generic(
      "bhgnq", expInputs, {b.empty(scoreSizes), "bhgnq"},
      [&](ValueRange args) -> Value {
        Value isEmpty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ,
                                              args[1], minusInfinity);
        Value shift = arith::SelectOp::create(b, isEmpty, b.f32(0), args[1]);
        return math::ExpOp::create(
            b, arith::SubFOp::create(b, masked(args, 2, 3, 4), shift)
                   .getResult());
      });

  // l[q] = sum_n P^T[n, q]
  Value rowSum = b.generic("bhgqn", {{weights, "bhgnq"}},
                           {b.filled(perQuery, 0), "bhgq"},
                           [&](ValueRange args) -> Value {
                             return arith::AddFOp::create(b, args[1], args[0]);
                           });

  // V of padding is 0, whatever bits it holds: 0 * NaN is NaN [S14].
  if (context.lengths) {
    Sizes valueSizes = tensor::getMixedSizes(b, b.getLoc(), v);
    v = b.generic("bhnv", {{v, "bhnv"}, {context.lengths, "b"}},
                  {b.empty(valueSizes), "bhnv"},
                  [&](ValueRange args) -> Value {
                    return arith::SelectOp::create(
                        b, mask.less(mask.index(2), args[1]), b.widen(args[0]),
                        b.f32(0));
                  });
  }

  // O^T[v, q] = sum_n V[n, v] P^T[n, q]
  Sizes outputSizes{sizes[0], sizes[1], sizes[2], valueWidth, sizes[3]};
  Value output = b.generic(
      "bhgvqn", {{v, "bhnv"}, {weights, "bhgnq"}},
      {b.filled(outputSizes, 0), "bhgvq"}, [&](ValueRange args) -> Value {
        Value value = b.roundTo(context.factor, b.widen(args[0]));
        Value weight = b.roundTo(context.factor, args[1]);
        Value product = arith::MulFOp::create(b, value, weight);
        return arith::AddFOp::create(b, args[2], product);
      });

  // 1 / l[q], 0 for a query that sees no key or is padding itself
  SmallVector<Indexed> sumInputs{{rowSum, "bhgq"}};
  sumInputs.append(mask.inputs);
  Value reciprocal = b.generic(
      "bhgq", sumInputs, {b.empty(perQuery), "bhgq"},
      [&](ValueRange args) -> Value {
        Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ,
                                             args[0], b.f32(0));
        if (context.lengths) {
          Value valid = mask.isValid(args.drop_front(),
                                     mask.position(args.drop_front(), 3));
          Value one = arith::ConstantOp::create(b, b.getBoolAttr(true));
          isZero = arith::OrIOp::create(
              b, isZero, arith::XOrIOp::create(b, valid, one));
        }
        Value inverse = arith::DivFOp::create(b, b.f32(1), args[0]);
        return arith::SelectOp::create(b, isZero, b.f32(0), inverse);
      });
  return {{output, reciprocal}, rowMax, rowSum};
}
