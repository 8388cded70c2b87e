// Results that are one tensor, a view of another, an argument or a constant.
func.func @f(%a: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<6xf32>, tensor<2x3xf32>, tensor<2x3xf32>,
                                      tensor<2xf32>, tensor<2xf32>) {
  %e = tensor.empty() : tensor<2x3xf32>
  %r = linalg.exp ins(%a : tensor<2x3xf32>) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  %v = tensor.collapse_shape %r [[0, 1]] : tensor<2x3xf32> into tensor<6xf32>
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  return %r, %r, %v, %a, %a, %c, %c : tensor<2x3xf32>, tensor<2x3xf32>, tensor<6xf32>, tensor<2x3xf32>, tensor<2x3xf32>,
                                      tensor<2xf32>, tensor<2xf32>
}
