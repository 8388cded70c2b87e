// Attention over no token leaves the memory as it was.
func.func @no_tokens(%q: tensor<2x4x0x8xf32> {infini_attn.name = "q"},
                     %k: tensor<2x2x0x8xf32> {infini_attn.name = "k"},
                     %v: tensor<2x2x0x6xf32> {infini_attn.name = "v"},
                     %gate: tensor<4xf32> {infini_attn.name = "gate"},
                     %m: tensor<2x2x8x6xf32> {infini_attn.name = "memory"},
                     %z: tensor<2x2x8xf32> {infini_attn.name = "normalizer"})
    -> (tensor<2x4x0x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %init = tensor.empty() : tensor<2x4x0x6xf32>
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %m, %z : tensor<2x4x0x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {segment_length = 4, rule = #infini_attn.update_rule<delta>}
      : tensor<2x4x0x8xf32>, tensor<2x2x0x8xf32>, tensor<2x2x0x6xf32>, tensor<4xf32>
      -> tensor<2x4x0x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %r#0, %r#1, %r#2 : tensor<2x4x0x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}
