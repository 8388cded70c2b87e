func.func @mix(%a_mem: tensor<1x2x?x4xf32> {infini_attn.name = "a_mem"},
               %a_dot: tensor<1x2x?x4xf32> {infini_attn.name = "a_dot"},
               %gate: tensor<2xf32> {infini_attn.name = "layers.0.gate"})
    -> (tensor<1x2x?x4xf32>, tensor<2xf32>) {
  %o = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<1x2x?x4xf32>, tensor<1x2x?x4xf32>, tensor<2xf32>
      -> tensor<1x2x?x4xf32>
  return %o, %gate : tensor<1x2x?x4xf32>, tensor<2xf32>
}
