// RUN: infini-opt %s --split-input-file --verify-diagnostics --infini-attn-stream=tokens-in-first-argument

// What a program feeds by chunks is the tokens; it would have to cut these, too.

// expected-error @below {{'func.func' op expected tokens in its first argument only, got them in dimension 0 of argument pos}}
func.func @positions(%x: tensor<1x?x8xf32> {infini_attn.name = "tokens"}, %gate: tensor<1xf32>, %pos: tensor<?x8xf32> {infini_attn.name = "pos"}) -> tensor<1x1x?x8xf32> {
  %c1 = arith.constant 1 : index
  %t = tensor.dim %x, %c1 : tensor<1x?x8xf32>
  %o = tensor.empty(%t) : tensor<1x1x?x8xf32>
  %h = linalg.generic {indexing_maps = [affine_map<(b, h, t, d) -> (b, t, d)>, affine_map<(b, h, t, d) -> (t, d)>, affine_map<(b, h, t, d) -> (b, h, t, d)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%x, %pos : tensor<1x?x8xf32>, tensor<?x8xf32>) outs(%o : tensor<1x1x?x8xf32>) {
  ^bb0(%a: f32, %p: f32, %y: f32):
    %s = arith.addf %a, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x1x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x1x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x1x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x1x8xf32>
  %r:3 = infini_attn.attention %h, %h, %h, %gate outs(%e, %m, %z : tensor<1x1x?x8xf32>, tensor<1x1x8x8xf32>, tensor<1x1x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1xf32> -> tensor<1x1x?x8xf32>, tensor<1x1x8x8xf32>, tensor<1x1x8xf32>
  return %r#0 : tensor<1x1x?x8xf32>
}

// -----

// expected-error @below {{'func.func' op expected tokens in its first argument only, got lengths in argument arg2}}
func.func @lengths(%x: tensor<1x1x?x8xf32>, %gate: tensor<1xf32>, %lengths: tensor<1xi64>) -> tensor<1x1x?x8xf32> {
  %c2 = arith.constant 2 : index
  %t = tensor.dim %x, %c2 : tensor<1x1x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x1x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x1x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x1x8xf32>
  %r:3 = infini_attn.attention %x, %x, %x, %gate lengths(%lengths : tensor<1xi64>) outs(%e, %m, %z : tensor<1x1x?x8xf32>, tensor<1x1x8x8xf32>, tensor<1x1x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1xf32> -> tensor<1x1x?x8xf32>, tensor<1x1x8x8xf32>, tensor<1x1x8xf32>
  return %r#0 : tensor<1x1x?x8xf32>
}
