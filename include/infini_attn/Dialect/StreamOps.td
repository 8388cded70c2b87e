//===- StreamOps.td - Steps of a stream with explicit state -*- tablegen -*-===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_STREAM_OPS_TD
#define INFINI_ATTN_STREAM_OPS_TD

include "infini_attn/Dialect/InfiniAttnOpBase.td"

def InfiniAttn_AttentionStepOp : InfiniAttn_StateOp<"attention_step"> {
  let summary = "Infini-attention over one chunk of a stream, with explicit state";
  let description = [{
    What `attention` gives for the next `T` tokens of a sequence that came
    earlier in chunks of any size, a prompt or one token [D1]. The state is a
    value: it can be saved, restored, copied and reset [D3].

    Inside a segment (M, z) is frozen and read; each token adds to the pending
    state, and the segment's N-th token commits it, exactly once [D2]:

    ```
    dM += sigma(k)^T (v - sigma(k) M / (sigma(k) z + epsilon))   (linear: without the read)
    dz += sigma(k)
    at the N-th token:  M, z = M + dM, z + dz;  dM, dz, count = 0
    ```

    - `q`, `k`, `v`: `B x Hq x T x Dk`, `B x Hkv x T x Dk` and
      `B x Hkv x T x Dv`, the chunk; T may be smaller or larger than N, or 0.
    - `gate`: `Hq`, the logits.
    - `lengths`: `B`, valid tokens of the chunk in each row, `0..T`; the others
      give 0 and touch nothing [S14]. Rows may stand at different places of
      their segments.
    - `rotary_frequencies`: `F`, for the local part alone; a token's position
      is its place in its segment [S11].
    - `init`: `B x Hq x T x Dv`, the destination of o; its values are not read.
    - `memory`, `normalizer`: M and z as of the last commit,
      `B x Hkv x Dk x Dv` and `B x Hkv x Dk`.
    - `pending_memory`, `pending_normalizer`: dM and dz, the same shapes.
    - `keys`, `values`: `B x Hkv x N x Dk` and `B x Hkv x N x Dv`, of the open
      segment; the keys are rotated. Those at or past `count` may hold any
      bits.
    - `count`: `B`, tokens of the open segment of each row, `0..N-1`.
    - `segment_length`: N, in tokens.
    - `rule`, `scale`, `epsilon`, `rotary_style`, `precision`: as in `segment`.
    - `o`: `B x Hq x T x Dv`.
    - `new_memory` to `new_count`: the state after the chunk, in the order of
      the operands.

    Example:

    ```mlir
    func.func @step(%q: tensor<1x4x1x32xf32>, %k: tensor<1x2x1x32xf32>,
                    %v: tensor<1x2x1x32xf32>, %gate: tensor<4xf32>,
                    %o: tensor<1x4x1x32xf32>, %m: tensor<1x2x32x32xf32>,
                    %z: tensor<1x2x32xf32>, %dm: tensor<1x2x32x32xf32>,
                    %dz: tensor<1x2x32xf32>, %keys: tensor<1x2x128x32xf32>,
                    %values: tensor<1x2x128x32xf32>, %count: tensor<1xi64>)
        -> (tensor<1x4x1x32xf32>, tensor<1xi64>) {
      %r:8 = infini_attn.attention_step %q, %k, %v, %gate
          outs(%o, %m, %z, %dm, %dz, %keys, %values, %count :
               tensor<1x4x1x32xf32>, tensor<1x2x32x32xf32>, tensor<1x2x32xf32>,
               tensor<1x2x32x32xf32>, tensor<1x2x32xf32>,
               tensor<1x2x128x32xf32>, tensor<1x2x128x32xf32>, tensor<1xi64>)
          {rule = #infini_attn.update_rule<linear>, segment_length = 128}
          : tensor<1x4x1x32xf32>, tensor<1x2x1x32xf32>, tensor<1x2x1x32xf32>,
            tensor<4xf32>
          -> tensor<1x4x1x32xf32>, tensor<1x2x32x32xf32>, tensor<1x2x32xf32>,
             tensor<1x2x32x32xf32>, tensor<1x2x32xf32>,
             tensor<1x2x128x32xf32>, tensor<1x2x128x32xf32>, tensor<1xi64>
      return %r#0, %r#7 : tensor<1x4x1x32xf32>, tensor<1xi64>
    }
    ```

    Constraints:
    - (C1) q, k, v, o, keys and values have one element type.
    - (C2) Sizes with the same letter are equal where they are static; N is
      `segment_length`.
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
    InfiniAttn_Memory:$pending_memory,
    InfiniAttn_Normalizer:$pending_normalizer,
    InfiniAttn_Activation:$keys,
    InfiniAttn_Activation:$values,
    InfiniAttn_Counts:$count,
    I64Attr:$segment_length,
    InfiniAttn_UpdateRuleAttr:$rule,
    OptionalAttr<F64Attr>:$scale,
    DefaultValuedAttr<F64Attr, "0.0">:$epsilon,
    DefaultValuedAttr<InfiniAttn_RotaryStyleAttr, "RotaryStyle::Interleaved">:$rotary_style,
    OptionalAttr<InfiniAttn_PrecisionAttr>:$precision
  );
  let results = (outs
    InfiniAttn_Activation:$o,
    InfiniAttn_Memory:$new_memory,
    InfiniAttn_Normalizer:$new_normalizer,
    InfiniAttn_Memory:$new_pending_memory,
    InfiniAttn_Normalizer:$new_pending_normalizer,
    InfiniAttn_Activation:$new_keys,
    InfiniAttn_Activation:$new_values,
    InfiniAttn_Counts:$new_count
  );
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $gate
    oilist(`lengths` `(` $lengths `:` type($lengths) `)`
         | `rotary` `(` $rotary_frequencies `:` type($rotary_frequencies) `)`)
    `outs` `(` $init `,` $memory `,` $normalizer `,` $pending_memory `,`
               $pending_normalizer `,` $keys `,` $values `,` $count `:`
               type($init) `,` type($memory) `,` type($normalizer) `,`
               type($pending_memory) `,` type($pending_normalizer) `,`
               type($keys) `,` type($values) `,` type($count) `)`
    attr-dict `:` type($q) `,` type($k) `,` type($v) `,` type($gate)
    `->` type(results)
  }];
}

#endif // INFINI_ATTN_STREAM_OPS_TD
