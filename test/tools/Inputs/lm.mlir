// A language model of one layer without weights of its own: attention among
// embeddings, logits.
#tokens = affine_map<(b, t, d) -> (b, t)>
#hidden = affine_map<(b, t, d) -> (b, t, d)>
#x = affine_map<(b, t, v, d) -> (b, t, d)>
#w = affine_map<(b, t, v, d) -> (d, v)>
#y = affine_map<(b, t, v, d) -> (b, t, v)>

func.func @lm(%tokens: tensor<?x?xi32> {infini_attn.name = "tokens"},
              %embedding: tensor<11x4xf32> {infini_attn.name = "embedding"},
              %gate: tensor<1xf32> {infini_attn.name = "gate"},
              %weight: tensor<4x11xf32> {infini_attn.name = "logits"})
    -> tensor<?x?x11xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %b = tensor.dim %tokens, %c0 : tensor<?x?xi32>
  %t = tensor.dim %tokens, %c1 : tensor<?x?xi32>
  %e0 = tensor.empty(%b, %t) : tensor<?x?x4xf32>
  %x = linalg.generic {indexing_maps = [#tokens, #hidden],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%tokens : tensor<?x?xi32>) outs(%e0 : tensor<?x?x4xf32>) {
  ^bb0(%token: i32, %out: f32):
    %row = arith.index_cast %token : i32 to index
    %d = linalg.index 2 : index
    %value = tensor.extract %embedding[%row, %d] : tensor<11x4xf32>
    linalg.yield %value : f32
  } -> tensor<?x?x4xf32>
  %q = tensor.expand_shape %x [[0, 1], [2], [3]] output_shape [%b, 1, %t, 4]
      : tensor<?x?x4xf32> into tensor<?x1x?x4xf32>
  %o = tensor.empty(%b, %t) : tensor<?x1x?x4xf32>
  %m = tensor.empty(%b) : tensor<?x1x4x4xf32>
  %m0 = linalg.fill ins(%zero : f32) outs(%m : tensor<?x1x4x4xf32>) -> tensor<?x1x4x4xf32>
  %z = tensor.empty(%b) : tensor<?x1x4xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%z : tensor<?x1x4xf32>) -> tensor<?x1x4xf32>
  %a:3 = infini_attn.attention %q, %q, %q, %gate
      outs(%o, %m0, %z0 : tensor<?x1x?x4xf32>, tensor<?x1x4x4xf32>, tensor<?x1x4xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>, tensor<?x1x?x4xf32>, tensor<1xf32>
      -> tensor<?x1x?x4xf32>, tensor<?x1x4x4xf32>, tensor<?x1x4xf32>
  %h = tensor.collapse_shape %a#0 [[0, 1], [2], [3]]
      : tensor<?x1x?x4xf32> into tensor<?x?x4xf32>
  %l = tensor.empty(%b, %t) : tensor<?x?x11xf32>
  %l0 = linalg.fill ins(%zero : f32) outs(%l : tensor<?x?x11xf32>) -> tensor<?x?x11xf32>
  %logits = linalg.generic {indexing_maps = [#x, #w, #y],
                            iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%h, %weight : tensor<?x?x4xf32>, tensor<4x11xf32>) outs(%l0 : tensor<?x?x11xf32>) {
  ^bb0(%hv: f32, %wv: f32, %acc: f32):
    %product = arith.mulf %hv, %wv : f32
    %sum = arith.addf %acc, %product : f32
    linalg.yield %sum : f32
  } -> tensor<?x?x11xf32>
  return %logits : tensor<?x?x11xf32>
}
