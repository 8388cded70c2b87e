// RUN: infini-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: @unused_update(
// CHECK-NEXT: return
func.func @unused_update(%k: tensor<2x2x?x8xf32>, %v: tensor<2x2x?x6xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>) {
  %r:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x?x8xf32>, tensor<2x2x?x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// A segment of which the state alone is used.
// CHECK-LABEL: @unused_output(
// CHECK-SAME: %[[Q:[a-z0-9]*]]: tensor<2x4x?x8xf16>, %[[K:[a-z0-9]*]]: tensor<2x2x?x8xf16>, %[[V:[a-z0-9]*]]: tensor<2x2x?x6xf16>, %{{[a-z0-9]*}}: tensor<4xf32>, %[[N:[a-z0-9]*]]: tensor<2xi64>
// CHECK-NEXT: %[[M:.*]], %[[Z:.*]] = infini_attn.memory_update %[[K]], %[[V]] lengths(%[[N]] : tensor<2xi64>) outs(%arg6, %arg7 : {{.*}}) {epsilon = 1.000000e+00 : f64, precision = #infini_attn.precision<ieee>, rule = #infini_attn.update_rule<delta>}
// CHECK-NEXT: return %[[M]], %[[Z]]
func.func @unused_output(%q: tensor<2x4x?x8xf16>, %k: tensor<2x2x?x8xf16>, %v: tensor<2x2x?x6xf16>, %gate: tensor<4xf32>, %n: tensor<2xi64>, %init: tensor<2x4x?x6xf16>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>) -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %r:3 = infini_attn.segment %q, %k, %v, %gate lengths(%n : tensor<2xi64>) outs(%init, %m, %z : tensor<2x4x?x6xf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
    {rule = #infini_attn.update_rule<delta>, epsilon = 1.0, precision = #infini_attn.precision<ieee>} : tensor<2x4x?x8xf16>, tensor<2x2x?x8xf16>, tensor<2x2x?x6xf16>, tensor<4xf32> -> tensor<2x4x?x6xf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %r#1, %r#2 : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// z = 0: the read is 0 [S9], whatever M holds.
// CHECK-LABEL: @read_of_empty_memory(
// CHECK-SAME: %[[Q:[a-z0-9]*]]: tensor<?x4x?x8xbf16>
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : bf16
// CHECK-DAG: %[[B:.*]] = tensor.dim %[[Q]], %c0
// CHECK-DAG: %[[T:.*]] = tensor.dim %[[Q]], %c2
// CHECK: %[[EMPTY:.*]] = tensor.empty(%[[B]], %[[T]]) : tensor<?x4x?x6xbf16>
// CHECK: %[[O:.*]] = linalg.fill ins(%[[ZERO]] : bf16) outs(%[[EMPTY]] : {{.*}})
// CHECK: return %[[O]]
func.func @read_of_empty_memory(%q: tensor<?x4x?x8xbf16>, %m: tensor<?x2x8x6xf32>, %b: index) -> tensor<?x4x?x6xbf16> {
  %zero = arith.constant 0.0 : f32
  %z = tensor.splat %zero[%b] : tensor<?x2x8xf32>
  %o = infini_attn.memory_retrieve %q, %m, %z : tensor<?x4x?x8xbf16>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32> -> tensor<?x4x?x6xbf16>
  return %o : tensor<?x4x?x6xbf16>
}

// A memory of 0 with a normalizer that is not stays, and so does one of 1.
// CHECK-LABEL: @read_kept(
// CHECK-COUNT-2: infini_attn.memory_retrieve
func.func @read_kept(%q: tensor<2x4x?x8xf32>, %z: tensor<2x2x8xf32>, %m: tensor<2x2x8x6xf32>) -> (tensor<2x4x?x6xf32>, tensor<2x4x?x6xf32>) {
  %zeros = arith.constant dense<0.0> : tensor<2x2x8x6xf32>
  %ones = arith.constant dense<1.0> : tensor<2x2x8xf32>
  %0 = infini_attn.memory_retrieve %q, %zeros, %z : tensor<2x4x?x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x?x6xf32>
  %1 = infini_attn.memory_retrieve %q, %m, %ones : tensor<2x4x?x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x?x6xf32>
  return %0, %1 : tensor<2x4x?x6xf32>, tensor<2x4x?x6xf32>
}

// The linear rule reads nothing.
// CHECK-LABEL: @linear_reads(
// CHECK-NEXT: infini_attn.memory_update %arg0, %arg1 outs(%arg2, %arg3 : {{.*}}) {rule = #infini_attn.update_rule<linear>}
func.func @linear_reads(%k: tensor<2x2x?x8xf32>, %v: tensor<2x2x?x6xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %rm: tensor<2x2x8x6xf32>, %rz: tensor<2x2x8xf32>) -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %r:2 = infini_attn.memory_update %k, %v reads(%rm, %rz : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<linear>} : tensor<2x2x?x8xf32>, tensor<2x2x?x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %r#0, %r#1 : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// Delta on an empty memory is linear: its own state, through a slice, or the
// one that it reads; not where only the state that it adds to is empty.
// CHECK-LABEL: @delta_of_empty_memory(
// CHECK: infini_attn.memory_update %arg0, %arg1 outs(%arg2, %{{.*}} : {{.*}}) {rule = #infini_attn.update_rule<linear>}
// CHECK: infini_attn.memory_update %arg0, %arg1 outs(%arg2, %arg3 : {{.*}}) {rule = #infini_attn.update_rule<linear>}
// CHECK: infini_attn.memory_update %arg0, %arg1 reads(%arg2, %arg3 : {{.*}}) {{.*}} {rule = #infini_attn.update_rule<delta>}
func.func @delta_of_empty_memory(%k: tensor<2x2x?x8xf32>, %v: tensor<2x2x?x6xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>) -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %zero = arith.constant -0.0 : f32
  %empty = tensor.empty() : tensor<4x2x8xf32>
  %fill = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x2x8xf32>) -> tensor<4x2x8xf32>
  %zeros = tensor.extract_slice %fill[2, 0, 0] [2, 2, 8] [1, 1, 1] : tensor<4x2x8xf32> to tensor<2x2x8xf32>
  %a:2 = infini_attn.memory_update %k, %v outs(%m, %zeros : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x?x8xf32>, tensor<2x2x?x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  %b:2 = infini_attn.memory_update %k, %v reads(%m, %zeros : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x?x8xf32>, tensor<2x2x?x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  %c:2 = infini_attn.memory_update %k, %v reads(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) outs(%m, %zeros : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x?x8xf32>, tensor<2x2x?x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %a#0, %a#1, %b#0, %b#1, %c#0, %c#1 : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}
