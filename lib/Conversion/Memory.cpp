//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Reading and writing the compressive memory.
///
//===----------------------------------------------------------------------===//

#include "Equations.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

/// Whether token \p loop is one of the first \p length.
static Value isValid(LinalgBuilder &b, unsigned loop, Value length) {
  Value token = arith::IndexCastOp::create(b, b.getI64Type(),
                                           linalg::IndexOp::create(b, loop));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, token, length);
}

/// d + epsilon, 0 where d is 0: an empty memory reads 0 [S9].
static Value guardedDivisor(LinalgBuilder &b, Value d, double epsilon) {
  if (epsilon == 0)
    return d;
  Value isEmpty =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, d, b.f32(0));
  return arith::SelectOp::create(b, isEmpty, d,
                                 arith::AddFOp::create(b, d, b.f32(epsilon)));
}

Quotient infini_attn::retrieve(LinalgBuilder &b, const SegmentContext &context,
                               Indexed q, Value memory, Value normalizer) {
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), q.value);
  if (q.letters == "bhgdq")
    std::swap(sizes[3], sizes[4]);
  OpFoldResult valueWidth = b.size(memory, 3);

  // sigma(Q)^T[d, q]
  Sizes turned{sizes[0], sizes[1], sizes[2], sizes[4], sizes[3]};
  Value sigmaQ =
      b.generic("bhgdq", {q}, {b.empty(turned), "bhgdq"}, [&](ValueRange args) {
        return b.roundTo(context.factor,
                         b.sigma(b.widen(args[0]), context.factor));
      });

  // (sigma(Q) M)^T[v, q] = sum_d M[d, v] sigma(Q)^T[d, q]
  Sizes product{sizes[0], sizes[1], sizes[2], valueWidth, sizes[3]};
  Value numerator = b.contract("bhgvqd", {memory, "bhdv"}, {sigmaQ, "bhgdq"},
                               {b.filled(product, 0), "bhgvq"});

  // (sigma(Q) z)[q] = sum_d z[d] sigma(Q)^T[d, q]
  Sizes perQuery(ArrayRef<OpFoldResult>(sizes).drop_back());
  Value divisor = b.contract("bhgqd", {normalizer, "bhd"}, {sigmaQ, "bhgdq"},
                             {b.filled(perQuery, 0), "bhgq"});

  if (!context.lengths && context.epsilon == 0)
    return {numerator, divisor};
  SmallVector<Indexed> inputs{{divisor, "bhgq"}};
  if (context.lengths)
    inputs.push_back({context.lengths, "b"});
  divisor =
      b.generic("bhgq", inputs, {b.empty(perQuery), "bhgq"},
                [&](ValueRange args) -> Value {
                  Value guarded = guardedDivisor(b, args[0], context.epsilon);
                  if (!context.lengths)
                    return guarded;
                  return arith::SelectOp::create(b, isValid(b, 3, args[1]),
                                                 guarded, b.f32(0));
                });
  return {numerator, divisor};
}

std::pair<Value, Value>
infini_attn::update(LinalgBuilder &b, const SegmentContext &context,
                    UpdateRule rule, Value k, Value v, Value readMemory,
                    Value readNormalizer, Value memory, Value normalizer) {
  Sizes keySizes = tensor::getMixedSizes(b, b.getLoc(), k),
        valueSizes = tensor::getMixedSizes(b, b.getLoc(), v);

  // Rows of sigma(K) past the length are 0, not rows of K: sigma(0) = 1 [S14].
  auto inputs = [&](Value x, StringRef letters) {
    SmallVector<Indexed> list{{x, letters}};
    if (context.lengths)
      list.push_back({context.lengths, "b"});
    return list;
  };
  auto whereValid = [&](Value length, Value x) -> Value {
    if (!context.lengths)
      return x;
    return arith::SelectOp::create(b, isValid(b, 2, length), x, b.f32(0));
  };
  Value sigmaK =
      b.generic("bhnd", inputs(k, "bhnd"), {b.empty(keySizes), "bhnd"},
                [&](ValueRange args) {
                  Value x = b.roundTo(context.factor, b.sigma(b.widen(args[0]),
                                                              context.factor));
                  return whereValid(args[1], x);
                });

  // linear: U = V; delta: U = V - sigma(K) M / (sigma(K) z), read at the keys
  // [S6]
  Value u;
  if (rule == UpdateRule::Linear && !context.lengths) {
    u = b.rounded(context.factor, v);
  } else if (rule == UpdateRule::Linear) {
    u = b.generic("bhnv", inputs(v, "bhnv"), {b.empty(valueSizes), "bhnv"},
                  [&](ValueRange args) {
                    Value x = b.roundTo(context.factor, b.widen(args[0]));
                    return whereValid(args[1], x);
                  });
  } else {
    Value read = b.contract("bhnvd", {sigmaK, "bhnd"}, {readMemory, "bhdv"},
                            {b.filled(valueSizes, 0), "bhnv"});
    Sizes perKey(ArrayRef<OpFoldResult>(keySizes).drop_back());
    Value divisor =
        b.contract("bhnd", {sigmaK, "bhnd"}, {readNormalizer, "bhd"},
                   {b.filled(perKey, 0), "bhn"});
    SmallVector<Indexed> list{{v, "bhnv"}, {read, "bhnv"}, {divisor, "bhn"}};
    if (context.lengths)
      list.push_back({context.lengths, "b"});
    u = b.generic("bhnv", list, {read, "bhnv"}, [&](ValueRange args) -> Value {
      Value d = guardedDivisor(b, args[2], context.epsilon);
      Value x =
          arith::SubFOp::create(b, b.widen(args[0]), b.quotient(args[1], d));
      return whereValid(args[3], b.roundTo(context.factor, x));
    });
  }

  // M'[d, v] = M[d, v] + sum_n sigma(K)[n, d] U[n, v]
  Value newMemory =
      b.contract("bhdvn", {sigmaK, "bhnd"}, {u, "bhnv"}, {memory, "bhdv"});
  // z'[d] = z[d] + sum_n sigma(K)[n, d]  [S7]
  Value newNormalizer =
      b.generic("bhdn", {{sigmaK, "bhnd"}}, {normalizer, "bhd"},
                [&](ValueRange args) -> Value {
                  return arith::AddFOp::create(b, args[1], args[0]);
                });
  return {newMemory, newNormalizer};
}
