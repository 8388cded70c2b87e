// RUN: infini-opt %s --canonicalize | FileCheck %s

// Casts that forget sizes fold into the operations; the results' types stay.

// CHECK-LABEL: @segment_attention(
// CHECK-SAME: %[[Q:[a-z0-9]*]]: tensor<2x4x9x8xf32>, %[[K:[a-z0-9]*]]: tensor<?x2x?x8xf32>, %[[V:[a-z0-9]*]]: tensor<2x2x9x6xf32>
// CHECK-NEXT: %[[O:.*]], %[[LSE:.*]] = infini_attn.segment_attention %[[Q]], %[[K]], %[[V]] {return_lse} : tensor<2x4x9x8xf32>, tensor<?x2x?x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>, tensor<2x4x9xf32>
// CHECK-DAG: %[[DO:.*]] = tensor.cast %[[O]] : tensor<2x4x9x6xf32> to tensor<?x4x?x6xf32>
// CHECK-DAG: %[[DLSE:.*]] = tensor.cast %[[LSE]] : tensor<2x4x9xf32> to tensor<?x4x?xf32>
// CHECK: return %[[DO]], %[[DLSE]]
func.func @segment_attention(%q: tensor<2x4x9x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<2x2x9x6xf32>) -> (tensor<?x4x?x6xf32>, tensor<?x4x?xf32>) {
  %dq = tensor.cast %q : tensor<2x4x9x8xf32> to tensor<?x4x?x8xf32>
  %dv = tensor.cast %v : tensor<2x2x9x6xf32> to tensor<?x2x?x6xf32>
  %o, %lse = infini_attn.segment_attention %dq, %k, %dv {return_lse} : tensor<?x4x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x6xf32> -> tensor<?x4x?x6xf32>, tensor<?x4x?xf32>
  return %o, %lse : tensor<?x4x?x6xf32>, tensor<?x4x?xf32>
}

// A result that knows more than the operands keeps what it knows.
// CHECK-LABEL: @memory_retrieve(
// CHECK: infini_attn.memory_retrieve {{.*}} : tensor<?x4x?x8xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32> -> tensor<2x4x?x6xf32>
// CHECK-NOT: tensor.cast
func.func @memory_retrieve(%q: tensor<?x4x?x8xf32>, %m: tensor<?x2x8x6xf32>, %z: tensor<?x2x8xf32>) -> tensor<2x4x?x6xf32> {
  %dm = tensor.cast %m : tensor<?x2x8x6xf32> to tensor<?x?x8x6xf32>
  %o = infini_attn.memory_retrieve %q, %dm, %z : tensor<?x4x?x8xf32>, tensor<?x?x8x6xf32>, tensor<?x2x8xf32> -> tensor<2x4x?x6xf32>
  return %o : tensor<2x4x?x6xf32>
}

// CHECK-LABEL: @gate(
// CHECK-NEXT: infini_attn.gate %arg0, %arg1, %arg2 : tensor<2x4x9x6xf32>, tensor<2x4x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>
func.func @gate(%mem: tensor<2x4x9x6xf32>, %dot: tensor<2x4x9x6xf32>, %gate: tensor<4xf32>) -> tensor<?x4x9x6xf32> {
  %dmem = tensor.cast %mem : tensor<2x4x9x6xf32> to tensor<?x4x9x6xf32>
  %ddot = tensor.cast %dot : tensor<2x4x9x6xf32> to tensor<?x4x9x6xf32>
  %dgate = tensor.cast %gate : tensor<4xf32> to tensor<?xf32>
  %o = infini_attn.gate %dmem, %ddot, %dgate : tensor<?x4x9x6xf32>, tensor<?x4x9x6xf32>, tensor<?xf32> -> tensor<?x4x9x6xf32>
  return %o : tensor<?x4x9x6xf32>
}

// CHECK-LABEL: @memory_scan(
// CHECK-NEXT: infini_attn.memory_scan %arg0, %arg1, %arg2, %arg3 {{.*}} -> tensor<2x2x3x8x6xf32>, tensor<2x2x3x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
func.func @memory_scan(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x?x6xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>) -> tensor<2x2x?x8x6xf32> {
  %dk = tensor.cast %k : tensor<2x2x9x8xf32> to tensor<2x2x?x8xf32>
  %r:4 = infini_attn.memory_scan %dk, %v, %m, %z {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<2x2x?x8xf32>, tensor<2x2x?x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x2x?x8x6xf32>, tensor<2x2x?x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %r#0 : tensor<2x2x?x8x6xf32>
}

// In destination style a result has the type of its init.
// CHECK-LABEL: @attention(
// CHECK-NEXT: %[[O:.*]], %[[NM:.*]], %{{.*}} = infini_attn.attention %arg0, %arg1, %arg2, %arg3 outs(%arg4, %arg5, %arg6 : {{.*}}) {{.*}} -> tensor<?x4x?x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
// CHECK-NEXT: %[[M:.*]] = tensor.cast %[[NM]] : tensor<2x2x8x6xf32> to tensor<?x2x8x6xf32>
// CHECK-NEXT: return %[[O]], %[[M]]
func.func @attention(%q: tensor<2x4x9x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x6xf32>, %gate: tensor<4xf32>, %init: tensor<?x4x?x6xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>) -> (tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>) {
  %dq = tensor.cast %q : tensor<2x4x9x8xf32> to tensor<?x4x?x8xf32>
  %dm = tensor.cast %m : tensor<2x2x8x6xf32> to tensor<?x2x8x6xf32>
  %r:3 = infini_attn.attention %dq, %k, %v, %gate outs(%init, %dm, %z : tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<2x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<?x4x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x6xf32>, tensor<4xf32> -> tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<2x2x8xf32>
  return %r#0, %r#1 : tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>
}
