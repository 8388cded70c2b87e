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
    infini_attn operation is left. `bf16x6` and `bf16x3` are products of f32
    here, no less exact, with a remark; `tf32` is an error that names it.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def InfiniAttnTile : Pass<"infini-attn-tile"> {
  let summary = "lower one segment, and products of matrices, to tiles";
  let description = [{
    `segment`, `segment_attention` and `memory_update` become loops over blocks
    of queries and of keys, whose scores never leave the first-level cache. A
    block of queries is a panel with its queries in the last dimension; a
    partial last block fills a part of it, and nothing past the end of a tensor
    is read. The blocks of queries and the update are tasks of one parallel
    loop, the longest first; what the update adds is summed apart.

        segment(q, k, v, gate, M, z)
        =>
        forall task:
          task 0, for block of tokens:  dM += sigma(k)^T U;  dz += sum sigma(k)
          each other, a block of queries:
            A_mem^T = (sigma(q) M)^T / sigma(q) z
            for block of keys, up to the diagonal:
              S^T = K Q^T;  m' = max(m, max S^T);  P^T = exp(S^T - m')
              l = l exp(m - m') + sum P^T;  O^T = O^T exp(m - m') + V^T P^T
            o = (g A_mem^T + (1 - g) O^T / l)^T
        M' = M + dM;  z' = z + dz

    With `bf16-pairs`, bf16 factors of products stay bf16. The right factor has
    two of its rows in one, as the two halves of i32, and all sizes of a product
    are multiples of 32, which zeros fill up: the form that matrix units and dot
    products of pairs take.

    With `split-factors`, factors of f32 whose `precision` is `bf16x6` or
    `bf16x3` are split into three or two parts in bf16, once a segment or a
    panel, and a product is the sum of six or three products of parts, the
    smallest first. A block has 256 queries, in panels of 32. A result that is
    not finite, or has a magnitude of 2^127, is computed again by products of
    f32: parts of what is infinite, or rounds to it, have NaN in their sums.
    Without the option, and for a few queries, products are of f32, with a
    remark.

        S = K Q^T
        =>
        (K0, K1, K2) = parts(K);  (Q0, Q1, Q2) = parts(Q^T)
        S = K0 Q2 + K1 Q1 + K2 Q0 + K0 Q1 + K1 Q0 + K0 Q0

    So are products of the program itself (projections, an MLP, logits) tiled,
    in any order of dimensions, whose factors are f32, or narrower and widened,
    and whose sums are f32. The right factor is packed into panels once, of pairs
    where both factors are bf16 and there is `bf16-pairs`, else of f32; blocks of
    rows are parallel; and the elementwise operations on the sums, one user after
    another, become a part of the block.

        y = trunc(x w)
        =>
        forall panel of 32 columns (48 of f32):  packed[panel] = w's columns
        forall block of 128 to 512 rows:
          room = x's rows, copied
          for group of 32 columns (48 of f32), for group of 256 rows (128 of f32):
            for 256 terms:  sums += room packed[panel]
            y = trunc(sums)

    Two products or more of the same rows, with what is computed of each row
    before, between and after them, are one loop over blocks of rows, so that
    what passes from one to the next stays in the caches. The right factors are
    packed before it. What a product reads is written where it reads it; of two
    products of the same rows whose sums are combined, both are computed tile by
    tile.

        n = norm(x);  a = silu(n wg) (n wu);  y = x + a wd
        =>
        pack wg, wu, wd
        forall block of rows:
          n = norm(x)
          for group of columns, of rows:  a = silu(sums of wg) (sums of wu)
          for group of columns, of rows:  y = x + sums of wd

    One of fewer than 32 columns, terms or rows (f32: 128 rows) is left alone; a
    number of rows that only run time knows is compared there.

    Several rows or heads become loops around it. 8 queries or fewer (by their
    type), whose keys are rotated already, share each block of keys instead, and
    so does a memory read of as few tokens. The blocks do not wait for each
    other; their sums are put together at the end:

        segment_attention(q, k, v)
        =>
        forall block c of 256 keys:
          S = Q K^T;  m_c = max S;  P = exp(S - m_c);  l_c = sum P;  O_c = P V
        m = max m_c;  w_c = exp(m_c - m);  o = sum w_c O_c / sum w_c l_c

    Other attention that returns a log-sum-exp and other memory reads are left
    alone.

    Requires: nothing. Ensures: results agree with
    `convert-infini-attn-to-linalg` up to the order of sums.
  }];
  let options = [
    Option<"bf16Pairs", "bf16-pairs", "bool", "false",
           "products of pairs of bf16 instead of widened factors">,
    Option<"splitFactors", "split-factors", "bool", "false",
           "products of pairs of parts in bf16 where `precision` says bf16x3 or "
           "bf16x6, instead of products of f32">
  ];
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
