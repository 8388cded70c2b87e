//===- Passes.td - infini_attn to infini_attn --------------*- tablegen -*-===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_TRANSFORMS_PASSES_TD
#define INFINI_ATTN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def InfiniAttnDistribute : Pass<"infini-attn-distribute"> {
  let summary = "spread infini_attn operations over batch rows and heads";
  let description = [{
    Each infini_attn operation that is not yet inside an `scf.forall` becomes
    one over (batch row, key/value head), with the operation on a 1 x 1 tile in
    its body. A key/value head, its memory and its query heads share nothing
    with any other, so that the bits of a result do not depend on how many
    tiles run at once [S16].

        attention(q, k, v)  =>  forall (b, h): attention(q[b, h], k[b, h], v[b, h])

    Requires: nothing. Ensures: results are the same bits.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
}

#endif // INFINI_ATTN_TRANSFORMS_PASSES_TD
