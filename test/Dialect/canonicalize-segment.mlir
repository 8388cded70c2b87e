// RUN: infini-opt %s --canonicalize | FileCheck %s

// One segment with an empty memory: O = (1 - sigmoid(gate)) * A_dot.

// CHECK-LABEL: @attention(
// CHECK-SAME: %[[Q:[a-z0-9]*]]: tensor<?x4x9x8xf32>, %[[K:[a-z0-9]*]]: tensor<?x2x9x8xf32>, %[[V:[a-z0-9]*]]: tensor<?x2x9x6xf32>, %[[G:[a-z0-9]*]]: tensor<4xf32>, %[[N:[a-z0-9]*]]: tensor<?xi64>, %[[F:[a-z0-9]*]]: tensor<4xf32>, %[[INIT:[a-z0-9]*]]: tensor<?x4x9x6xf32>, %[[M0:[a-z0-9]*]]: tensor<?x2x8x6xf32>
// CHECK: %[[Z0:.*]] = tensor.splat
// CHECK: %[[DOT:.*]] = infini_attn.segment_attention %[[Q]], %[[K]], %[[V]] lengths(%[[N]] : tensor<?xi64>) rotary(%[[F]] : tensor<4xf32>) {precision = #infini_attn.precision<bf16x3>, rotary_style = #infini_attn.rotary_style<halves>, scale = 2.000000e+00 : f64}
// CHECK: %[[MEM:.*]] = linalg.fill ins(%{{.*}} : f32) outs(%[[INIT]] : tensor<?x4x9x6xf32>)
// CHECK: %[[O:.*]] = infini_attn.gate %[[MEM]], %[[DOT]], %[[G]]
// CHECK: %[[M:.*]], %[[Z:.*]] = infini_attn.memory_update %[[K]], %[[V]] lengths(%[[N]] : tensor<?xi64>) outs(%[[M0]], %[[Z0]] : {{.*}}) {epsilon = 1.000000e+00 : f64, precision = #infini_attn.precision<bf16x3>, rule = #infini_attn.update_rule<linear>}
// CHECK: return %[[O]], %[[M]], %[[Z]]
func.func @attention(%q: tensor<?x4x9x8xf32>, %k: tensor<?x2x9x8xf32>, %v: tensor<?x2x9x6xf32>, %gate: tensor<4xf32>, %n: tensor<?xi64>, %f: tensor<4xf32>, %init: tensor<?x4x9x6xf32>, %m: tensor<?x2x8x6xf32>, %b: index) -> (tensor<?x4x9x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %z = tensor.splat %zero[%b] : tensor<?x2x8xf32>
  %r:3 = infini_attn.attention %q, %k, %v, %gate lengths(%n : tensor<?xi64>) rotary(%f : tensor<4xf32>) outs(%init, %m, %z : tensor<?x4x9x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>)
    {rule = #infini_attn.update_rule<delta>, segment_length = 9, scale = 2.0, epsilon = 1.0, rotary_style = #infini_attn.rotary_style<halves>, precision = #infini_attn.precision<bf16x3>}
    : tensor<?x4x9x8xf32>, tensor<?x2x9x8xf32>, tensor<?x2x9x6xf32>, tensor<4xf32> -> tensor<?x4x9x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>
  return %r#0, %r#1, %r#2 : tensor<?x4x9x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>
}

// Of any length; the state is not used, so that there is no update.
// CHECK-LABEL: @segment(
// CHECK: infini_attn.segment_attention
// CHECK: infini_attn.gate
// CHECK-NOT: infini_attn
func.func @segment(%q: tensor<2x4x?x8xf32>, %k: tensor<2x2x?x8xf32>, %v: tensor<2x2x?x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x?x6xf32>, %m: tensor<2x2x8x6xf32>) -> tensor<2x4x?x6xf32> {
  %z = arith.constant dense<0.0> : tensor<2x2x8xf32>
  %r:3 = infini_attn.segment %q, %k, %v, %gate outs(%init, %m, %z : tensor<2x4x?x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
    {rule = #infini_attn.update_rule<delta>} : tensor<2x4x?x8xf32>, tensor<2x2x?x8xf32>, tensor<2x2x?x6xf32>, tensor<4xf32> -> tensor<2x4x?x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %r#0 : tensor<2x4x?x6xf32>
}

// Not: two segments, an unknown number of them, a memory that may hold
// something, an element type that A_dot would be rounded to.
// CHECK-LABEL: @kept(
// CHECK-COUNT-3: infini_attn.attention
// CHECK: infini_attn.segment {{.*}}bf16
// CHECK-NOT: infini_attn
func.func @kept(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>,
    %dq: tensor<2x4x?x8xf32>, %dk: tensor<2x2x?x8xf32>, %dv: tensor<2x2x?x6xf32>, %dinit: tensor<2x4x?x6xf32>, %hq: tensor<2x4x9x8xbf16>, %hk: tensor<2x2x9x8xbf16>, %hv: tensor<2x2x9x6xbf16>, %hinit: tensor<2x4x9x6xbf16>)
    -> (tensor<2x4x9x6xf32>, tensor<2x4x?x6xf32>, tensor<2x4x9x6xf32>, tensor<2x4x9x6xbf16>) {
  %zeros = arith.constant dense<0.0> : tensor<2x2x8xf32>
  %a:3 = infini_attn.attention %q, %k, %v, %gate outs(%init, %m, %zeros : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
    {rule = #infini_attn.update_rule<delta>, segment_length = 8} : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  %b:3 = infini_attn.attention %dq, %dk, %dv, %gate outs(%dinit, %m, %zeros : tensor<2x4x?x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
    {rule = #infini_attn.update_rule<delta>, segment_length = 9} : tensor<2x4x?x8xf32>, tensor<2x2x?x8xf32>, tensor<2x2x?x6xf32>, tensor<4xf32> -> tensor<2x4x?x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  %c:3 = infini_attn.attention %q, %k, %v, %gate outs(%init, %m, %z : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
    {rule = #infini_attn.update_rule<delta>, segment_length = 9} : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  %d:3 = infini_attn.segment %hq, %hk, %hv, %gate outs(%hinit, %m, %zeros : tensor<2x4x9x6xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
    {rule = #infini_attn.update_rule<delta>} : tensor<2x4x9x8xbf16>, tensor<2x2x9x8xbf16>, tensor<2x2x9x6xbf16>, tensor<4xf32> -> tensor<2x4x9x6xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %a#0, %b#0, %c#0, %d#0 : tensor<2x4x9x6xf32>, tensor<2x4x?x6xf32>, tensor<2x4x9x6xf32>, tensor<2x4x9x6xbf16>
}
