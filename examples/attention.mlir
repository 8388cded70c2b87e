// Infini-attention with the delta rule over a sequence of any length, from an
// empty memory: 4 query heads on 2 key/value heads, segments of 128 tokens.
func.func @attention(%q: tensor<?x4x?x64xf32> {infini_attn.name = "q"},
                     %k: tensor<?x2x?x64xf32> {infini_attn.name = "k"},
                     %v: tensor<?x2x?x64xf32> {infini_attn.name = "v"},
                     %gate: tensor<4xf32> {infini_attn.name = "gate"})
    -> tensor<?x4x?x64xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %b = tensor.dim %q, %c0 : tensor<?x4x?x64xf32>
  %t = tensor.dim %q, %c2 : tensor<?x4x?x64xf32>
  %init = tensor.empty(%b, %t) : tensor<?x4x?x64xf32>
  %memory = tensor.splat %zero[%b] : tensor<?x2x64x64xf32>
  %normalizer = tensor.splat %zero[%b] : tensor<?x2x64xf32>
  %o, %m, %z = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer
           : tensor<?x4x?x64xf32>, tensor<?x2x64x64xf32>, tensor<?x2x64xf32>)
      {segment_length = 128, rule = #infini_attn.update_rule<delta>}
      : tensor<?x4x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x64xf32>, tensor<4xf32>
      -> tensor<?x4x?x64xf32>, tensor<?x2x64x64xf32>, tensor<?x2x64xf32>
  return %o : tensor<?x4x?x64xf32>
}
