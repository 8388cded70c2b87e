// bf16 that is rounded to, masked, selected and rotated.
func.func @f(%x: tensor<?x?x?x?xbf16>, %gate: tensor<?xf32>, %lengths: tensor<?xi64>, %frequencies: tensor<?xf32>,
             %m: tensor<?x?x?x?xf32>, %z: tensor<?x?x?xf32>) -> (tensor<?x?x?x?xbf16>, tensor<?x?x?x?xf32>, tensor<?x?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %d0 = tensor.dim %x, %c0 : tensor<?x?x?x?xbf16>
  %d1 = tensor.dim %x, %c1 : tensor<?x?x?x?xbf16>
  %d2 = tensor.dim %x, %c2 : tensor<?x?x?x?xbf16>
  %d3 = tensor.dim %x, %c3 : tensor<?x?x?x?xbf16>
  %init = tensor.empty(%d0, %d1, %d2, %d3) : tensor<?x?x?x?xbf16>
  %r:3 = infini_attn.attention %x, %x, %x, %gate lengths(%lengths : tensor<?xi64>) rotary(%frequencies : tensor<?xf32>)
      outs(%init, %m, %z : tensor<?x?x?x?xbf16>, tensor<?x?x?x?xf32>, tensor<?x?x?xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 16 : i64, rotary_style = #infini_attn.rotary_style<halves>}
      : tensor<?x?x?x?xbf16>, tensor<?x?x?x?xbf16>, tensor<?x?x?x?xbf16>, tensor<?xf32>
      -> tensor<?x?x?x?xbf16>, tensor<?x?x?x?xf32>, tensor<?x?x?xf32>
  return %r#0, %r#1, %r#2 : tensor<?x?x?x?xbf16>, tensor<?x?x?x?xf32>, tensor<?x?x?xf32>
}

// Functions of the C library and comparisons have no bf16 form.
func.func @g(%x: tensor<?xbf16>) -> tensor<?xbf16> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xbf16>
  %e = tensor.empty(%n) : tensor<?xbf16>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<?xbf16>) outs(%e : tensor<?xbf16>) {
  ^bb0(%a: bf16, %o: bf16):
    %exp = math.exp %a : bf16
    %cbrt = math.cbrt %exp : bf16
    %more = arith.cmpf ogt, %cbrt, %a : bf16
    %s = arith.select %more, %cbrt, %a : bf16
    %p = arith.mulf %s, %a : bf16
    linalg.yield %p : bf16
  } -> tensor<?xbf16>
  return %r : tensor<?xbf16>
}
