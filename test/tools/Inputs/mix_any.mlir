func.func @mix(%a_mem: tensor<?x?x?x?xf32> {infini_attn.name = "a_mem"},
               %a_dot: tensor<?x?x?x?xf32> {infini_attn.name = "a_dot"},
               %gate: tensor<?xf32> {infini_attn.name = "gate"}) -> tensor<?x?x?x?xf32> {
  %o = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>, tensor<?xf32> -> tensor<?x?x?x?xf32>
  return %o : tensor<?x?x?x?xf32>
}
func.func @attend(%q: tensor<?x?x?x?xf32> {infini_attn.name = "q"},
                  %k: tensor<?x?x?x?xf32> {infini_attn.name = "k"},
                  %v: tensor<?x?x?x?xf32> {infini_attn.name = "v"},
                  %n: tensor<?xi64> {infini_attn.name = "lengths"}) -> tensor<?x?x?x?xf32> {
  %o = infini_attn.segment_attention %q, %k, %v lengths(%n : tensor<?xi64>)
      : tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32> -> tensor<?x?x?x?xf32>
  return %o : tensor<?x?x?x?xf32>
}
