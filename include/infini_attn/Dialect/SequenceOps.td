//===- SequenceOps.td - Whole segments, sequences and streams -*- tablegen -*-===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_SEQUENCE_OPS_TD
#define INFINI_ATTN_SEQUENCE_OPS_TD

include "infini_attn/Dialect/InfiniAttnOpBase.td"

def InfiniAttn_SegmentOp : InfiniAttn_StateOp<"segment"> {
  let summary = "Infini-attention over one segment, fused";
  let description = [{
    `memory_retrieve`, `segment_attention`, `gate` and `memory_update` of one
    segment in one operation: one pass over q, one over k and v. The memory is
    read as it was before the segment, then updated [S8].

    ```
    O       = sigmoid(gate) * sigma(Q) M / (sigma(Q) z + epsilon)
            + (1 - sigmoid(gate)) * softmax(scale * rope(Q) rope(K)^T + causal mask) V
    M', z'  = memory_update(K, V, M, z)
    ```

    - `q`, `k`, `v`: `B x Hq x T x Dk`, `B x Hkv x T x Dk` and
      `B x Hkv x T x Dv`.
    - `gate`: `Hq`, the logits.
    - `lengths`: `B`, valid tokens of each row, `0..T`; the others give 0 and
      touch nothing [S14].
    - `rotary_frequencies`: `F`, for the local part alone; positions count
      from 0 at the segment's start [S11].
    - `init`: `B x Hq x T x Dv`, the destination of o; its values are not read.
    - `memory`, `normalizer`: M and z, `B x Hkv x Dk x Dv` and `B x Hkv x Dk`,
      the inits of the new ones.
    - `rule`, `scale`, `epsilon`, `rotary_style`, `precision`: as in the four
      operations.
    - `o`: `B x Hq x T x Dv`.
    - `new_memory`, `new_normalizer`: M' and z'.

    Example:

    ```mlir
    func.func @segment(%q: tensor<2x8x128x64xf32>, %k: tensor<2x2x128x64xf32>,
                       %v: tensor<2x2x128x32xf32>, %gate: tensor<8xf32>,
                       %o: tensor<2x8x128x32xf32>, %m: tensor<2x2x64x32xf32>,
                       %z: tensor<2x2x64xf32>) -> tensor<2x8x128x32xf32> {
      %r:3 = infini_attn.segment %q, %k, %v, %gate
          outs(%o, %m, %z : tensor<2x8x128x32xf32>, tensor<2x2x64x32xf32>,
                            tensor<2x2x64xf32>)
          {rule = #infini_attn.update_rule<linear>}
          : tensor<2x8x128x64xf32>, tensor<2x2x128x64xf32>,
            tensor<2x2x128x32xf32>, tensor<8xf32>
          -> tensor<2x8x128x32xf32>, tensor<2x2x64x32xf32>, tensor<2x2x64xf32>
      return %r#0 : tensor<2x8x128x32xf32>
    }
    ```

    Constraints:
    - (C1) q, k, v and o have one element type.
    - (C2) Sizes with the same letter are equal where they are static.
    - (C3) Hq, Hkv, Dk and Dv are not 0.
    - (C4) Hq is a multiple of Hkv.
    - (C5) No tensor has an encoding.
    - (C6) The bytes of each tensor fit in 63 bits.
    - (C7) Each result has the type of its init.
    - (C8) `scale` is finite in f32.
    - (C9) `epsilon` is finite in f32 and not negative.
    - (C10) `F <= Dk / 2`.
    - (C11) `rotary_style` is `interleaved` where there are no frequencies.
    - (C12) `precision` is `ieee` or that of the element type; any for f32.
  }];
  let arguments = (ins
    InfiniAttn_Activation:$q,
    InfiniAttn_Activation:$k,
    InfiniAttn_Activation:$v,
    InfiniAttn_Gate:$gate,
    Optional<InfiniAttn_Counts>:$lengths,
    Optional<InfiniAttn_Frequencies>:$rotary_frequencies,
    InfiniAttn_Activation:$init,
    InfiniAttn_Memory:$memory,
    InfiniAttn_Normalizer:$normalizer,
    InfiniAttn_UpdateRuleAttr:$rule,
    OptionalAttr<F64Attr>:$scale,
    DefaultValuedAttr<F64Attr, "0.0">:$epsilon,
    DefaultValuedAttr<InfiniAttn_RotaryStyleAttr, "RotaryStyle::Interleaved">:$rotary_style,
    OptionalAttr<InfiniAttn_PrecisionAttr>:$precision
  );
  let results = (outs
    InfiniAttn_Activation:$o,
    InfiniAttn_Memory:$new_memory,
    InfiniAttn_Normalizer:$new_normalizer
  );
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $gate
    oilist(`lengths` `(` $lengths `:` type($lengths) `)`
         | `rotary` `(` $rotary_frequencies `:` type($rotary_frequencies) `)`)
    `outs` `(` $init `,` $memory `,` $normalizer `:`
               type($init) `,` type($memory) `,` type($normalizer) `)`
    attr-dict `:` type($q) `,` type($k) `,` type($v) `,` type($gate)
    `->` type($o) `,` type($new_memory) `,` type($new_normalizer)
  }];
  let hasCanonicalizer = 1;
}

def InfiniAttn_AttentionOp : InfiniAttn_StateOp<"attention"> {
  let summary = "Infini-attention over a whole sequence";
  let description = [{
    `segment` over the segments of a sequence, one after another, each of
    `N = segment_length` tokens; a shorter last one is a segment like any
    other, committed once at the end [S13].

    ```
    for s in 0 .. ceil(T / N) - 1:
      O[s N : (s+1) N], M, z = segment(Q[s N : (s+1) N], K[...], V[...], M, z)
    ```

    - `q`, `k`, `v`: `B x Hq x T x Dk`, `B x Hkv x T x Dk` and
      `B x Hkv x T x Dv`, with any T, also 0.
    - `gate`: `Hq`, the logits.
    - `lengths`: `B`, valid tokens of each row, `0..T`; the others give 0 and
      touch nothing [S14].
    - `rotary_frequencies`: `F`, for the local part alone; positions count
      from 0 at each segment's start [S11].
    - `init`: `B x Hq x T x Dv`, the destination of o; its values are not read.
    - `memory`, `normalizer`: M and z before the first token,
      `B x Hkv x Dk x Dv` and `B x Hkv x Dk`; zeros are an empty memory.
    - `segment_length`: N, in tokens.
    - `rule`, `scale`, `epsilon`, `rotary_style`, `precision`: as in `segment`.
    - `detach_every`: gradients do not flow through the memory from one group
      of this many segments to the one before; absent: they always do.
    - `o`: `B x Hq x T x Dv`.
    - `new_memory`, `new_normalizer`: M and z after the last token.

    Example:

    ```mlir
    func.func @attention(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x2x?x64xbf16>,
                         %v: tensor<?x2x?x32xbf16>, %gate: tensor<8xf32>,
                         %n: tensor<?xi64>, %f: tensor<16xf32>,
                         %o: tensor<?x8x?x32xbf16>, %m: tensor<?x2x64x32xf32>,
                         %z: tensor<?x2x64xf32>) -> tensor<?x8x?x32xbf16> {
      %r:3 = infini_attn.attention %q, %k, %v, %gate
          lengths(%n : tensor<?xi64>) rotary(%f : tensor<16xf32>)
          outs(%o, %m, %z : tensor<?x8x?x32xbf16>, tensor<?x2x64x32xf32>,
                            tensor<?x2x64xf32>)
          {rule = #infini_attn.update_rule<delta>, segment_length = 128,
           rotary_style = #infini_attn.rotary_style<halves>}
          : tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>,
            tensor<?x2x?x32xbf16>, tensor<8xf32>
          -> tensor<?x8x?x32xbf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>
      return %r#0 : tensor<?x8x?x32xbf16>
    }
    ```

    Constraints:
    - (C1) q, k, v and o have one element type.
    - (C2) Sizes with the same letter are equal where they are static.
    - (C3) Hq, Hkv, Dk and Dv are not 0.
    - (C4) Hq is a multiple of Hkv.
    - (C5) No tensor has an encoding.
    - (C6) The bytes of each tensor fit in 63 bits.
    - (C7) Each result has the type of its init.
    - (C8) `scale` is finite in f32.
    - (C9) `epsilon` is finite in f32 and not negative.
    - (C10) `F <= Dk / 2`.
    - (C11) `rotary_style` is `interleaved` where there are no frequencies.
    - (C12) `precision` is `ieee` or that of the element type; any for f32.
    - (C13) `segment_length >= 1`.
    - (C14) `detach_every >= 1`.
  }];
  let arguments = (ins
    InfiniAttn_Activation:$q,
    InfiniAttn_Activation:$k,
    InfiniAttn_Activation:$v,
    InfiniAttn_Gate:$gate,
    Optional<InfiniAttn_Counts>:$lengths,
    Optional<InfiniAttn_Frequencies>:$rotary_frequencies,
    InfiniAttn_Activation:$init,
    InfiniAttn_Memory:$memory,
    InfiniAttn_Normalizer:$normalizer,
    I64Attr:$segment_length,
    InfiniAttn_UpdateRuleAttr:$rule,
    OptionalAttr<F64Attr>:$scale,
    DefaultValuedAttr<F64Attr, "0.0">:$epsilon,
    DefaultValuedAttr<InfiniAttn_RotaryStyleAttr, "RotaryStyle::Interleaved">:$rotary_style,
    OptionalAttr<InfiniAttn_PrecisionAttr>:$precision,
    OptionalAttr<I64Attr>:$detach_every
  );
  let results = (outs
    InfiniAttn_Activation:$o,
    InfiniAttn_Memory:$new_memory,
    InfiniAttn_Normalizer:$new_normalizer
  );
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $gate
    oilist(`lengths` `(` $lengths `:` type($lengths) `)`
         | `rotary` `(` $rotary_frequencies `:` type($rotary_frequencies) `)`)
    `outs` `(` $init `,` $memory `,` $normalizer `:`
               type($init) `,` type($memory) `,` type($normalizer) `)`
    attr-dict `:` type($q) `,` type($k) `,` type($v) `,` type($gate)
    `->` type($o) `,` type($new_memory) `,` type($new_normalizer)
  }];
  let hasCanonicalizer = 1;
}

def InfiniAttn_MemoryScanOp : InfiniAttn_ValueOp<"memory_scan"> {
  let summary = "the memory before each segment of a sequence";
  let description = [{
    The states that the segments of a sequence read, all at once: with them
    every segment's output can be computed independently.

    ```
    for s in 0 .. S - 1, S = ceil(T / N):
      memories[s], normalizers[s] = M, z
      M, z = memory_update(K[s N : (s+1) N], V[s N : (s+1) N], M, z)
    ```

    - `k`, `v`: `B x Hkv x T x Dk` and `B x Hkv x T x Dv`.
    - `memory`, `normalizer`: M and z before the first token,
      `B x Hkv x Dk x Dv` and `B x Hkv x Dk`.
    - `lengths`: `B`, valid tokens of each row, `0..T` [S14].
    - `segment_length`: N, in tokens.
    - `rule`, `epsilon`, `precision`: as in `memory_update`.
    - `memories`, `normalizers`: `B x Hkv x S x Dk x Dv` and
      `B x Hkv x S x Dk`.
    - `new_memory`, `new_normalizer`: `B x Hkv x Dk x Dv` and `B x Hkv x Dk`,
      M and z after the last token.

    Example:

    ```mlir
    func.func @scan(%k: tensor<2x2x300x64xf32>, %v: tensor<2x2x300x32xf32>,
                    %m: tensor<2x2x64x32xf32>, %z: tensor<2x2x64xf32>)
        -> tensor<2x2x3x64x32xf32> {
      %r:4 = infini_attn.memory_scan %k, %v, %m, %z
          {rule = #infini_attn.update_rule<linear>, segment_length = 128}
          : tensor<2x2x300x64xf32>, tensor<2x2x300x32xf32>,
            tensor<2x2x64x32xf32>, tensor<2x2x64xf32>
          -> tensor<2x2x3x64x32xf32>, tensor<2x2x3x64xf32>,
             tensor<2x2x64x32xf32>, tensor<2x2x64xf32>
      return %r#0 : tensor<2x2x3x64x32xf32>
    }
    ```

    Constraints:
    - (C1) k and v have one element type.
    - (C2) Sizes with the same letter are equal where they are static.
    - (C3) Hkv, Dk and Dv are not 0.
    - (C4) No tensor has an encoding.
    - (C5) The bytes of each tensor fit in 63 bits.
    - (C6) `S = ceil(T / N)` where T is static.
    - (C7) `epsilon` is finite in f32 and not negative.
    - (C8) `precision` is `ieee` or that of the element type; any for f32.
    - (C9) `segment_length >= 1`.
  }];
  let arguments = (ins
    InfiniAttn_Activation:$k,
    InfiniAttn_Activation:$v,
    InfiniAttn_Memory:$memory,
    InfiniAttn_Normalizer:$normalizer,
    Optional<InfiniAttn_Counts>:$lengths,
    I64Attr:$segment_length,
    InfiniAttn_UpdateRuleAttr:$rule,
    DefaultValuedAttr<F64Attr, "0.0">:$epsilon,
    OptionalAttr<InfiniAttn_PrecisionAttr>:$precision
  );
  let results = (outs
    TensorRankOf<[F32], [5]>:$memories,
    4DTensorOf<[F32]>:$normalizers,
    InfiniAttn_Memory:$new_memory,
    InfiniAttn_Normalizer:$new_normalizer
  );
  let assemblyFormat = [{
    $k `,` $v `,` $memory `,` $normalizer
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    attr-dict `:` type($k) `,` type($v) `,` type($memory) `,` type($normalizer)
    `->` type(results)
  }];
}

#endif // INFINI_ATTN_SEQUENCE_OPS_TD
