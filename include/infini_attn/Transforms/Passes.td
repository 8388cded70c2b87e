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

def InfiniAttnSegmentSequence : Pass<"infini-attn-segment-sequence"> {
  let summary = "cut whole sequences into segments";
  let description = [{
    `attention` over T tokens becomes one operation a segment of N tokens; a
    shorter last segment is a segment like any other [S13]. `memory_scan`
    becomes a loop over `memory_update`.

    `schedule=sequential`: each segment reads the memory that the one before it
    left.

        attention(q, k, v), M
        =>
        for s: o[s], M = segment(q[s], k[s], v[s]), M

    `schedule=two-phase`: first the memory before every segment, then all
    segments side by side.

        M[.] = memory_scan(k, v), M
        forall s: o[s], _ = segment(q[s], k[s], v[s]), M[s]

    Requires: nothing. Ensures: no `attention` or `memory_scan` is left.
    Results are the same bits in both schedules [S16].
  }];
  let options = [
    Option<"schedule", "schedule", "::mlir::infini_attn::SegmentSchedule",
           "::mlir::infini_attn::SegmentSchedule::Sequential",
           "order of the segments",
           [{::llvm::cl::values(
               clEnumValN(::mlir::infini_attn::SegmentSchedule::Sequential,
                          "sequential", "one after the other"),
               clEnumValN(::mlir::infini_attn::SegmentSchedule::TwoPhase,
                          "two-phase", "all states first, then all outputs"))}]>
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

#endif // INFINI_ATTN_TRANSFORMS_PASSES_TD
