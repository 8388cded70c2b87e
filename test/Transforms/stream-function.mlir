// The option that names the function to turn.
// RUN: not infini-opt %s --infini-attn-stream=function=missing 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not infini-opt %s --infini-attn-stream=function=plain 2>&1 | FileCheck %s --check-prefix=PLAIN
// RUN: infini-opt %s --infini-attn-stream=function=b | FileCheck %s --check-prefix=B
// RUN: infini-opt %s --infini-attn-stream | FileCheck %s --check-prefix=PUBLIC

// MISSING: error: expected a function @missing, got a module without it
// PLAIN: error: 'func.func' op expected an attention, got none
// B: func.func @a(
// B: func.func private @b_step(
// PUBLIC: func.func @a_step(
// PUBLIC: func.func private @b(
func.func @a(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

func.func private @b(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

func.func @plain() {
  return
}
