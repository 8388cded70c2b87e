//===- Passes.td - infini_attn to linalg -------------------*- tablegen -*-===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_CONVERSION_PASSES_TD
#define INFINI_ATTN_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertInfiniAttnToLinalg : Pass<"convert-infini-attn-to-linalg"> {
  let summary = "decompose the operations of one segment into linalg";
  let description = [{
    Each operation of one segment becomes the linalg operations of its
    equations (docs/spec.md), for any target.

        memory_retrieve(q, M, z)
        =>
        s = sigma(q)^T;  a = M^T s;  d = z s;  o = (a / d)^T, 0 where d is 0

    Products have their queries along the innermost loop, so that a backend
    whose vectors run along that loop reduces nothing across lanes. Lengths and
    offsets outside of their range are reported by `infini_attn.check`; code after it
    is safe all the same.

    Requires: `attention`, `memory_scan` and `attention_step` were expanded by
    `infini-attn-segment-sequence` and `infini-attn-expand-step`. Ensures: no
    infini_attn operation is left. A precision other than `ieee`, `bf16` and
    `f16` is an error that names it.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def InfiniAttnFuseElementwise : Pass<"infini-attn-fuse-elementwise"> {
  let summary = "fuse elementwise operations that compute nothing twice";
  let description = [{
    An elementwise linalg operation moves into the one that uses it, so that
    its result never lies in memory: only where it has no other user, and where
    the user is elementwise too and computes each element of it once. Never
    into a product or another reduction, which would compute it once a term.

        y = exp(x);  z = y + 1      =>  z = exp(x) + 1
        r = 1 / l;   o = a * r[q]   stays: r has fewer elements than o

    Requires: nothing. Ensures: results are the same bits; the destination of
    each operation stays what it was.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

#endif // INFINI_ATTN_CONVERSION_PASSES_TD
