//===- SegmentOps.td - The parts of one segment -*- tablegen -*-===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_SEGMENT_OPS_TD
#define INFINI_ATTN_SEGMENT_OPS_TD

include "infini_attn/Dialect/InfiniAttnOpBase.td"

def InfiniAttn_SegmentAttentionOp
    : InfiniAttn_ValueOp<"segment_attention", [AttrSizedOperandSegments]> {
  let summary = "causal softmax attention inside one segment";
  let description = [{
    The local part of Infini-attention: softmax attention of the queries of a
    segment over its keys [S3].

    ```
    O = softmax(scale * rope(Q) rope(K)^T + causal mask) V
    ```

    Query `i` of row `b` stands at position `query_offset[b] + i` among the
    keys and sees the keys at positions up to its own. A row that sees no key
    has output 0 and a log-sum-exp of -inf.

    - `q`: `B x Hq x Nq x Dk`. Query head `h` uses key/value head
      `h / (Hq / Hkv)` [S12].
    - `k`, `v`: `B x Hkv x Nk x Dk` and `B x Hkv x Nk x Dv`.
    - `query_offset`: `B`, the position of query 0 among the keys, `Nk - Nq`
      where absent: the queries are the last ones, and a decode step is the
      case `Nq = 1`.
    - `lengths`: `B`, valid keys of each row, `0..Nk`. Keys at or past it are
      not attended to, whatever bits they and their values hold; queries at a
      position at or past it give 0 [S14].
    - `rotary_frequencies`: `F <= Dk / 2` angles a position, in radians. Pair
      `i` of q and of k is turned by position times frequency `i`; components
      that are in no pair stay. Absent: nothing is rotated [S11].
    - `scale`: the factor of the scores, `1 / sqrt(Dk)` where absent [S10].
    - `rotary_style`: pair `i` is `(2 i, 2 i + 1)` if `interleaved`,
      `(i, i + F)` if `halves`.
    - `precision`: what a product is [S17]; `ieee` for f32, else the element
      type, where absent. Of f32, `bf16x6` is as exact as `ieee` and `bf16x3`
      within about 2^-16, both faster where there are tiles of bf16 (AMX).
    - `keys_rotated`: k is rotated already, only q is rotated here. Without
      `rotary_frequencies` nothing is rotated, and it changes nothing.
    - `return_lse`: there is a second result.
    - `o`: `B x Hq x Nq x Dv`.
    - `lse`: `B x Hq x Nq`, the natural logarithm of the sum of the
      exponentials of a query's scaled scores.

    Example:

    ```mlir
    func.func @decode(%q: tensor<2x8x1x64xbf16>, %k: tensor<2x2x?x64xbf16>,
                      %v: tensor<2x2x?x64xbf16>, %n: tensor<2xi64>,
                      %f: tensor<32xf32>) -> tensor<2x8x1xf32> {
      %o, %lse = infini_attn.segment_attention %q, %k, %v
          lengths(%n : tensor<2xi64>) rotary(%f : tensor<32xf32>)
          {keys_rotated, return_lse}
          : tensor<2x8x1x64xbf16>, tensor<2x2x?x64xbf16>, tensor<2x2x?x64xbf16>
          -> tensor<2x8x1x64xbf16>, tensor<2x8x1xf32>
      return %lse : tensor<2x8x1xf32>
    }
    ```

    Constraints:
    - (C1) q, k, v and o have one element type.
    - (C2) Sizes with the same letter are equal where they are static.
    - (C3) Hq, Hkv, Dk and Dv are not 0.
    - (C4) Hq is a multiple of Hkv.
    - (C5) No tensor has an encoding.
    - (C6) The bytes of each tensor fit in 63 bits.
    - (C7) `scale` is finite in f32.
    - (C8) `F <= Dk / 2`.
    - (C9) `rotary_style` is `interleaved` where there are no frequencies.
    - (C10) `precision` is `ieee` or that of the element type; any for f32.
    - (C11) There is an lse result exactly if `return_lse` is set.
  }];
  let arguments = (ins
    InfiniAttn_Activation:$q,
    InfiniAttn_Activation:$k,
    InfiniAttn_Activation:$v,
    Optional<InfiniAttn_Counts>:$query_offset,
    Optional<InfiniAttn_Counts>:$lengths,
    Optional<InfiniAttn_Frequencies>:$rotary_frequencies,
    OptionalAttr<F64Attr>:$scale,
    DefaultValuedAttr<InfiniAttn_RotaryStyleAttr, "RotaryStyle::Interleaved">:$rotary_style,
    OptionalAttr<InfiniAttn_PrecisionAttr>:$precision,
    UnitAttr:$keys_rotated,
    UnitAttr:$return_lse
  );
  let results = (outs
    InfiniAttn_Activation:$o,
    Optional<3DTensorOf<[F32]>>:$lse
  );
  let assemblyFormat = [{
    $q `,` $k `,` $v
    oilist(`query_offset` `(` $query_offset `:` type($query_offset) `)`
         | `lengths` `(` $lengths `:` type($lengths) `)`
         | `rotary` `(` $rotary_frequencies `:` type($rotary_frequencies) `)`)
    attr-dict `:` type($q) `,` type($k) `,` type($v) `->` type(results)
  }];
}

def InfiniAttn_MemoryRetrieveOp : InfiniAttn_ValueOp<"memory_retrieve"> {
  let summary = "read the compressive memory with linear attention";
  let description = [{
    The long-range part of Infini-attention: what the segments before this one
    left in the memory, for each query [S4].

    ```
    A_mem = sigma(Q) M / (sigma(Q) z + epsilon),  sigma(x) = x + 1 if x > 0 else exp(x)
    ```

    Where `sigma(q) z` is 0, so for an empty memory, the read is 0, also for
    `epsilon = 0` [S9].

    - `q`: `B x Hq x T x Dk`, never rotated [S11]. Query head `h` reads memory
      `h / (Hq / Hkv)` [S12].
    - `memory`, `normalizer`: M and z, `B x Hkv x Dk x Dv` and `B x Hkv x Dk`,
      as they were before the segment.
    - `lengths`: `B`, valid queries of each row, `0..T`; the others read 0
      [S14].
    - `epsilon`: added to the divisor.
    - `precision`: what a product is [S17]; `ieee` for f32, else the element
      type, where absent. M and z never enter one as plain f16 [S15].
    - `o`: `B x Hq x T x Dv`.

    Example:

    ```mlir
    func.func @read(%q: tensor<2x8x?x64xf16>, %m: tensor<2x2x64x32xf32>,
                    %z: tensor<2x2x64xf32>) -> tensor<2x8x?x32xf16> {
      %o = infini_attn.memory_retrieve %q, %m, %z {epsilon = 1.0e-6}
          : tensor<2x8x?x64xf16>, tensor<2x2x64x32xf32>, tensor<2x2x64xf32>
          -> tensor<2x8x?x32xf16>
      return %o : tensor<2x8x?x32xf16>
    }
    ```

    Constraints:
    - (C1) q and o have one element type.
    - (C2) Sizes with the same letter are equal where they are static.
    - (C3) Hq, Hkv, Dk and Dv are not 0.
    - (C4) Hq is a multiple of Hkv.
    - (C5) No tensor has an encoding.
    - (C6) The bytes of each tensor fit in 63 bits.
    - (C7) `epsilon` is finite in f32 and not negative.
    - (C8) `precision` is `ieee` or that of the element type; any for f32.
  }];
  let arguments = (ins
    InfiniAttn_Activation:$q,
    InfiniAttn_Memory:$memory,
    InfiniAttn_Normalizer:$normalizer,
    Optional<InfiniAttn_Counts>:$lengths,
    DefaultValuedAttr<F64Attr, "0.0">:$epsilon,
    OptionalAttr<InfiniAttn_PrecisionAttr>:$precision
  );
  let results = (outs InfiniAttn_Activation:$o);
  let assemblyFormat = [{
    $q `,` $memory `,` $normalizer
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    attr-dict `:` type($q) `,` type($memory) `,` type($normalizer) `->` type($o)
  }];
}

def InfiniAttn_MemoryUpdateOp : InfiniAttn_StateOp<"memory_update"> {
  let summary = "write one segment into the compressive memory";
  let description = [{
    What a segment leaves to those after it [S6, S7].

    ```
    linear: M' = M + sigma(K)^T V
    delta:  M' = M + sigma(K)^T (V - sigma(K) Mr / (sigma(K) zr + epsilon))
    both:   z' = z + sum over tokens of sigma(K)
    ```

    `Mr`, `zr` are `read_memory` and `read_normalizer`, by default M and z.
    Where `sigma(k) zr` is 0 the read is 0, so that on an empty memory the two
    rules are one.

    - `k`, `v`: `B x Hkv x T x Dk` and `B x Hkv x T x Dv`; k is never rotated
      [S11].
    - `lengths`: `B`, valid tokens of each row, `0..T`. Of the others the rows
      of sigma(K) and of V are 0, whatever bits they hold [S14].
    - `read_memory`, `read_normalizer`: `B x Hkv x Dk x Dv` and `B x Hkv x Dk`.
      Inside a segment a stream reads the frozen (M, z) while `memory` and
      `normalizer` are the pending (dM, dz).
    - `memory`, `normalizer`: M and z, `B x Hkv x Dk x Dv` and `B x Hkv x Dk`,
      the inits of the results.
    - `rule`: `linear` or `delta`.
    - `epsilon`: added to the divisor of the read.
    - `precision`: what a product is [S17]; `ieee` for f32, else the element
      type, where absent. Sums are f32 [S15].
    - `new_memory`, `new_normalizer`: M' and z'.

    Example:

    ```mlir
    func.func @write(%k: tensor<2x2x?x64xf32>, %v: tensor<2x2x?x32xf32>,
                     %m: tensor<2x2x64x32xf32>, %z: tensor<2x2x64xf32>)
        -> (tensor<2x2x64x32xf32>, tensor<2x2x64xf32>) {
      %m1, %z1 = infini_attn.memory_update %k, %v
          outs(%m, %z : tensor<2x2x64x32xf32>, tensor<2x2x64xf32>)
          {rule = #infini_attn.update_rule<delta>}
          : tensor<2x2x?x64xf32>, tensor<2x2x?x32xf32>
          -> tensor<2x2x64x32xf32>, tensor<2x2x64xf32>
      return %m1, %z1 : tensor<2x2x64x32xf32>, tensor<2x2x64xf32>
    }
    ```

    Constraints:
    - (C1) k and v have one element type.
    - (C2) Sizes with the same letter are equal where they are static.
    - (C3) Hkv, Dk and Dv are not 0.
    - (C4) No tensor has an encoding.
    - (C5) The bytes of each tensor fit in 63 bits.
    - (C6) read_memory and read_normalizer come together.
    - (C7) Each result has the type of its init.
    - (C8) `epsilon` is finite in f32 and not negative.
    - (C9) `precision` is `ieee` or that of the element type; any for f32.
  }];
  let arguments = (ins
    InfiniAttn_Activation:$k,
    InfiniAttn_Activation:$v,
    Optional<InfiniAttn_Counts>:$lengths,
    Optional<InfiniAttn_Memory>:$read_memory,
    Optional<InfiniAttn_Normalizer>:$read_normalizer,
    InfiniAttn_Memory:$memory,
    InfiniAttn_Normalizer:$normalizer,
    InfiniAttn_UpdateRuleAttr:$rule,
    DefaultValuedAttr<F64Attr, "0.0">:$epsilon,
    OptionalAttr<InfiniAttn_PrecisionAttr>:$precision
  );
  let results = (outs
    InfiniAttn_Memory:$new_memory,
    InfiniAttn_Normalizer:$new_normalizer
  );
  let assemblyFormat = [{
    $k `,` $v
    oilist(`lengths` `(` $lengths `:` type($lengths) `)`
         | `reads` `(` $read_memory `,` $read_normalizer `:`
                       type($read_memory) `,` type($read_normalizer) `)`)
    `outs` `(` $memory `,` $normalizer `:` type($memory) `,` type($normalizer) `)`
    attr-dict `:` type($k) `,` type($v) `->` type($new_memory) `,` type($new_normalizer)
  }];
  let hasCanonicalizer = 1;
}

def InfiniAttn_GateOp : InfiniAttn_ValueOp<"gate"> {
  let summary = "mix what the memory and the segment answered";
  let description = [{
    One learned gate a query head [S5].

    ```
    O = g * A_mem + (1 - g) * A_dot,  g = sigmoid(gate) = 1 / (1 + exp(-gate))
    ```

    `g` is computed in f32. Where `g` or `1 - g` is exactly 0 there, the part
    that it multiplies need not be evaluated: whether a value of that part
    that is not finite reaches `o` is not defined.

    - `a_mem`, `a_dot`: `B x Hq x T x Dv`, the reads of the memory and the
      answers of the segment.
    - `gate`: `Hq`, the logits.
    - `o`: `B x Hq x T x Dv`.

    Example:

    ```mlir
    func.func @mix(%a_mem: tensor<2x8x?x64xf32>, %a_dot: tensor<2x8x?x64xf32>,
                   %gate: tensor<8xf32>) -> tensor<2x8x?x64xf32> {
      %o = infini_attn.gate %a_mem, %a_dot, %gate
          : tensor<2x8x?x64xf32>, tensor<2x8x?x64xf32>, tensor<8xf32>
          -> tensor<2x8x?x64xf32>
      return %o : tensor<2x8x?x64xf32>
    }
    ```

    Constraints:
    - (C1) a_mem, a_dot and o have one element type.
    - (C2) Sizes with the same letter are equal where they are static.
    - (C3) Hq and Dv are not 0.
    - (C4) No tensor has an encoding.
    - (C5) The bytes of each tensor fit in 63 bits.
  }];
  let arguments = (ins
    InfiniAttn_Activation:$a_mem,
    InfiniAttn_Activation:$a_dot,
    InfiniAttn_Gate:$gate
  );
  let results = (outs InfiniAttn_Activation:$o);
  let assemblyFormat = [{
    $a_mem `,` $a_dot `,` $gate
    attr-dict `:` type($a_mem) `,` type($a_dot) `,` type($gate) `->` type($o)
  }];
}

#endif // INFINI_ATTN_SEGMENT_OPS_TD
