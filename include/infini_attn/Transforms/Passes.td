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

    Sizes that must agree and that no type knows are compared first. Where they
    do not, a `cf.assert` says which, and the loop has no row to run for: no
    tile is outside of its tensor.

    Where a static size says that there is no batch row or no token, there is
    no loop: the state stays, and other results are zeros.

    Requires: nothing. Ensures: results are the same bits.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
}

def InfiniAttnFuseSegment : Pass<"infini-attn-fuse-segment"> {
  let summary = "fuse the four operations of one segment";
  let description = [{
    What the memory and the segment answer, gated, and the update of that
    memory by that segment become one `segment`.

        a_mem = memory_retrieve(q, M, z)
        a_dot = segment_attention(q, k, v)
        o = gate(a_mem, a_dot, g)
        M', z' = memory_update(k, v) outs(M, z)
        =>
        o, M', z' = segment(q, k, v, g) outs(empty, M, z)

    Only where these are the parts of one segment: the read has the values that
    the update begins with, so that it comes before the update in the data,
    wherever it stands [S8]; q, k, v, lengths, precision and (for the delta
    rule, which divides too) epsilon are the same; there are provably as many
    queries as keys, and no `query_offset`, no rotated keys, no `reads`; nobody
    else uses a_mem, a_dot or the log-sum-exp; all four are in one block; and
    no operand of the one part needs a result of another. Anything else stays
    as it is.

    Requires: nothing. Ensures: results may differ in the last bits: a_mem and
    a_dot are values no more, and are not rounded to the type.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
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

    Requires: nothing. A length out of range is reported by an `infini_attn.check` and
    clamped. Ensures: no `attention` or `memory_scan` is left. Results are the
    same bits in both schedules [S16].
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
    "::mlir::cf::ControlFlowDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
}

def InfiniAttnStream : Pass<"infini-attn-stream", "::mlir::ModuleOp"> {
  let summary = "turn a function over a whole sequence into a stream";
  let description = [{
    A model acts on each token alone, except in its attentions, and those go on
    from chunk to chunk with the state of `attention_step`. So a function over
    a sequence becomes four over chunks of it, of any size:

        @f(tokens, weights...) -> outputs...
        =>
        @f_init(batch) -> state...                                  all zero
        @f_step(tokens, weights..., state...) -> outputs..., state...
        @f_prefill(tokens, weights..., state...) -> state...        no outputs
        @f_flush(state...) -> state...           commits the open segments [S13]

    The state is (M, z, dM, dz, keys, values, count) of each `attention`, in
    their order; its arguments are named `state.0.memory` and so on. A token
    dimension becomes dynamic: its size is the chunk's. `f_prefill` computes
    only what the state needs. An M' or z' that `f` returns is left out, since
    it is in the state; `lengths` of an `attention`, an argument of `f`, count
    the valid tokens of the chunk.

    Where tokens are is found from the attentions (dimension 2 of q, k, v, o),
    forwards and backwards, through linalg operations, elementwise operations,
    reshapes and slices that leave the token dimension whole. An operation that
    reduces, slices, splits or merges it, looks up another token, uses a token's
    index or the number of tokens, or is unknown, is an error that names it.

    Requires: one block a function; `attention` not nested in other operations,
    its memory and normalizer filled with 0, its key/value heads and widths
    static, its M' and z' only returned; no caller. Ensures: no `attention` is
    left in these functions. Results are those of the whole sequence but for
    the last bits [D1].
  }];
  let options = [
    Option<"function", "function", "std::string", "",
           "the one to turn; every public one with an attention if empty">,
    Option<"tokensInFirstArgument", "tokens-in-first-argument", "bool", "false",
           "refuse other arguments that would be fed by chunks: those with a "
           "token dimension, and lengths">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def InfiniAttnExpandStep : Pass<"infini-attn-expand-step"> {
  let summary = "expand a step of a stream into a loop over segments";
  let description = [{
    An `attention_step` takes a chunk that may begin and end anywhere in a
    segment. It becomes a loop over the segments that the chunk touches: a
    whole one is a `segment`, and leaves nothing behind but the memory; of any
    other, the rotated keys and the values are kept for later queries, and what
    it adds to the memory is pending until its last token arrives [D1], [D2].

        attention_step(q, k, v, gate) outs(o, M, z, dM, dz, keys, values, count)
        =>
        for segments s of count .. count + tokens - 1:
          if the chunk has all of s:
            o[s], M, z = segment(q[s], k[s], v[s], gate) outs(o[s], M, z)
          else:
            keys[place], values[place] = rope(k[s]), v[s]
            o[s] = gate(memory_retrieve(q[s], M, z),
                        segment_attention(q[s], keys, values))
            dM, dz = memory_update(k[s], v[s]) reads(M, z) outs(dM, dz)
            if s is complete: M, z, dM, dz = M + dM, z + dz, 0, 0
        count = (count + tokens) mod N

    Rows may stand at different places of their segments, so an operation on
    more than one batch row or key/value head is distributed over them first.
    An output that nobody uses is not computed: no local attention, no read of
    the memory, and only the last, open segment's keys are kept.

    Requires: keys and values of a static number of tokens. A count or a length
    out of range is reported by an `infini_attn.check` and clamped. Ensures: no
    `attention_step` is left; the results of a row are a function of that row's
    values alone [S16]. They differ in the last bits from other cuts of the same
    tokens into chunks.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

#endif // INFINI_ATTN_TRANSFORMS_PASSES_TD
