//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TiledSegment.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

/// U of a block: V, or V - sigma(K) M / (sigma(K) z) [S6], [S7]
Value TiledUpdate::values(Value features, OpFoldResult from,
                          OpFoldResult count) {
  Value rows = b.tokens(v, b.getIndexAttr(0), from, count);
  Sizes sizes{count, valueWidth};
  if (rule == UpdateRule::Linear) {
    if (factor.isF32() || !getElementTypeOrSelf(v).isF32())
      return rows;
    return b.generic(
        "nv", {{rows, "nv"}}, {b.empty(sizes), "nv"},
        [&](ValueRange args) { return b.roundTo(factor, args[0]); });
  }
  Value read = b.contract("nvd", {features, "nd"}, {readMemory, "dv"},
                          {b.filled(sizes, 0), "nv"});
  Value divisor = b.contract("nd", {features, "nd"}, {readNormalizer, "d"},
                             {b.filled({count}, 0), "n"});
  Value share = b.generic(
      "n", {{divisor, "n"}}, {b.empty({count}), "n"},
      [&](ValueRange args) { return b.share(b.f32(1), args[0], epsilon); });
  return b.generic("nv", {{rows, "nv"}, {share, "n"}}, {read, "nv"},
                   [&](ValueRange args) {
                     Value u = arith::SubFOp::create(b, b.widen(args[0]),
                                                     b.times(args[2], args[1]));
                     return b.roundTo(factor, u);
                   });
}

std::pair<Value, Value> TiledUpdate::build(Value memory, Value normalizer) {
  Value tokens = b.toIndex(b.size(k, 2));
  // Past the length nothing is read, so nothing there need be masked [S14].
  if (length)
    tokens = b.min(tokens, length);
  SmallVector<Value> state = b.loop(
      b.index(0), tokens, kKeys, {memory, normalizer},
      [&](Value token, ValueRange args) -> SmallVector<Value> {
        OpFoldResult from = token,
                     count = b.min(b.sub(tokens, token), b.index(kKeys));
        Value rows = b.tokens(k, b.getIndexAttr(0), from, count);
        Value features =
            b.generic("nd", {{rows, "nd"}}, {b.empty({count, keyWidth}), "nd"},
                      [&](ValueRange x) {
                        return b.roundTo(factor, b.sigma(b.widen(x[0])));
                      });
        Value u = values(features, from, count);
        // M'[d, v] = M[d, v] + sum_n sigma(K)[n, d] U[n, v]
        Value newMemory =
            b.contract("dvn", {features, "nd"}, {u, "nv"}, {args[0], "dv"});
        // z'[d] = z[d] + sum_n sigma(K)[n, d]  [S7]
        Value newNormalizer =
            b.generic("dn", {{features, "nd"}}, {args[1], "d"},
                      [&](ValueRange x) -> Value {
                        return arith::AddFOp::create(b, x[1], x[0]);
                      });
        return {newMemory, newNormalizer};
      });
  return {state[0], state[1]};
}
