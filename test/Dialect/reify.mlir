// RUN: infini-opt %s --resolve-ranked-shaped-type-result-dims --canonicalize --cse --split-input-file | FileCheck %s

// The sizes of results, from those of operands; the operations are gone.

// CHECK-LABEL: @segment_attention(
// CHECK-SAME: %[[Q:.*]]: tensor<?x?x?x8xf32>, %{{.*}}: tensor<?x?x?x8xf32>, %[[V:.*]]: tensor<?x?x?x?xf32>
// CHECK-DAG: %[[B:.*]] = tensor.dim %[[Q]], %c0
// CHECK-DAG: %[[HQ:.*]] = tensor.dim %[[Q]], %c1
// CHECK-DAG: %[[T:.*]] = tensor.dim %[[Q]], %c2
// CHECK-DAG: %[[DV:.*]] = tensor.dim %[[V]], %c3
// CHECK-NOT: infini_attn
// CHECK: return %[[B]], %[[HQ]], %[[T]], %[[DV]], %[[B]], %[[HQ]], %[[T]]
func.func @segment_attention(%q: tensor<?x?x?x8xf32>, %k: tensor<?x?x?x8xf32>, %v: tensor<?x?x?x?xf32>) -> (index, index, index, index, index, index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %o, %lse = infini_attn.segment_attention %q, %k, %v {return_lse} : tensor<?x?x?x8xf32>, tensor<?x?x?x8xf32>, tensor<?x?x?x?xf32> -> tensor<?x?x?x?xf32>, tensor<?x?x?xf32>
  %0 = tensor.dim %o, %c0 : tensor<?x?x?x?xf32>
  %1 = tensor.dim %o, %c1 : tensor<?x?x?x?xf32>
  %2 = tensor.dim %o, %c2 : tensor<?x?x?x?xf32>
  %3 = tensor.dim %o, %c3 : tensor<?x?x?x?xf32>
  %4 = tensor.dim %lse, %c0 : tensor<?x?x?xf32>
  %5 = tensor.dim %lse, %c1 : tensor<?x?x?xf32>
  %6 = tensor.dim %lse, %c2 : tensor<?x?x?xf32>
  return %0, %1, %2, %3, %4, %5, %6 : index, index, index, index, index, index, index
}

// -----

// CHECK-LABEL: @memory_retrieve(
// CHECK-SAME: %[[Q:.*]]: tensor<?x4x?x8xf32>, %[[M:.*]]: tensor<?x2x8x?xf32>
// CHECK-DAG: %[[B:.*]] = tensor.dim %[[Q]], %c0
// CHECK-DAG: %[[T:.*]] = tensor.dim %[[Q]], %c2
// CHECK-DAG: %[[DV:.*]] = tensor.dim %[[M]], %c3
// CHECK-NOT: infini_attn
// CHECK: return %[[B]], %c4, %[[T]], %[[DV]]
func.func @memory_retrieve(%q: tensor<?x4x?x8xf32>, %m: tensor<?x2x8x?xf32>, %z: tensor<?x2x8xf32>) -> (index, index, index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %o = infini_attn.memory_retrieve %q, %m, %z : tensor<?x4x?x8xf32>, tensor<?x2x8x?xf32>, tensor<?x2x8xf32> -> tensor<?x?x?x?xf32>
  %0 = tensor.dim %o, %c0 : tensor<?x?x?x?xf32>
  %1 = tensor.dim %o, %c1 : tensor<?x?x?x?xf32>
  %2 = tensor.dim %o, %c2 : tensor<?x?x?x?xf32>
  %3 = tensor.dim %o, %c3 : tensor<?x?x?x?xf32>
  return %0, %1, %2, %3 : index, index, index, index
}

// -----

// CHECK-LABEL: @memory_update(
// CHECK-SAME: %[[M:[a-z0-9]*]]: tensor<?x2x8x6xf32>, %[[Z:[a-z0-9]*]]: tensor<?x2x8xf32>)
// CHECK-DAG: %[[BM:.*]] = tensor.dim %[[M]], %c0
// CHECK-DAG: %[[BZ:.*]] = tensor.dim %[[Z]], %c0
// CHECK-NOT: infini_attn
// CHECK: return %[[BM]], %[[BZ]]
func.func @memory_update(%k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x6xf32>, %m: tensor<?x2x8x6xf32>, %z: tensor<?x2x8xf32>) -> (index, index) {
  %c0 = arith.constant 0 : index
  %r:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<?x2x8x6xf32>, tensor<?x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<?x2x?x8xf32>, tensor<?x2x?x6xf32> -> tensor<?x2x8x6xf32>, tensor<?x2x8xf32>
  %0 = tensor.dim %r#0, %c0 : tensor<?x2x8x6xf32>
  %1 = tensor.dim %r#1, %c0 : tensor<?x2x8xf32>
  return %0, %1 : index, index
}

// -----

// CHECK-LABEL: @gate(
// CHECK-SAME: %[[DOT:[a-z0-9]*]]: tensor<?x4x5x6xf32>, %{{.*}}: tensor<4xf32>)
// CHECK: %[[B:.*]] = tensor.dim %[[DOT]], %c0
// CHECK-NOT: infini_attn
// CHECK: return %[[B]], %c5
func.func @gate(%a_mem: tensor<?x4x?x6xf32>, %a_dot: tensor<?x4x5x6xf32>, %gate: tensor<4xf32>) -> (index, index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %o = infini_attn.gate %a_mem, %a_dot, %gate : tensor<?x4x?x6xf32>, tensor<?x4x5x6xf32>, tensor<4xf32> -> tensor<?x4x?x6xf32>
  %0 = tensor.dim %o, %c0 : tensor<?x4x?x6xf32>
  %1 = tensor.dim %o, %c2 : tensor<?x4x?x6xf32>
  return %0, %1 : index, index
}

// -----

// CHECK-LABEL: @segment(
// CHECK-SAME: %[[INIT:[a-z0-9]*]]: tensor<?x4x?x6xf32>, %[[M:[a-z0-9]*]]: tensor<?x2x8x6xf32>, %[[Z:[a-z0-9]*]]: tensor<?x2x8xf32>)
// CHECK-DAG: %[[T:.*]] = tensor.dim %[[INIT]], %c2
// CHECK-DAG: %[[BM:.*]] = tensor.dim %[[M]], %c0
// CHECK-DAG: %[[BZ:.*]] = tensor.dim %[[Z]], %c0
// CHECK-NOT: infini_attn
// CHECK: return %[[T]], %[[BM]], %[[BZ]]
func.func @segment(%q: tensor<?x4x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x6xf32>, %gate: tensor<4xf32>, %init: tensor<?x4x?x6xf32>, %m: tensor<?x2x8x6xf32>, %z: tensor<?x2x8xf32>) -> (index, index, index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %r:3 = infini_attn.segment %q, %k, %v, %gate outs(%init, %m, %z : tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<?x4x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x6xf32>, tensor<4xf32> -> tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>
  %0 = tensor.dim %r#0, %c2 : tensor<?x4x?x6xf32>
  %1 = tensor.dim %r#1, %c0 : tensor<?x2x8x6xf32>
  %2 = tensor.dim %r#2, %c0 : tensor<?x2x8xf32>
  return %0, %1, %2 : index, index, index
}

// -----

// CHECK-LABEL: @attention(
// CHECK-SAME: %[[INIT:[a-z0-9]*]]: tensor<?x4x?x6xf32>, %[[M:[a-z0-9]*]]: tensor<?x2x8x6xf32>, %[[Z:[a-z0-9]*]]: tensor<?x2x8xf32>)
// CHECK-DAG: %[[T:.*]] = tensor.dim %[[INIT]], %c2
// CHECK-DAG: %[[BM:.*]] = tensor.dim %[[M]], %c0
// CHECK-DAG: %[[BZ:.*]] = tensor.dim %[[Z]], %c0
// CHECK-NOT: infini_attn
// CHECK: return %[[T]], %[[BM]], %[[BZ]]
func.func @attention(%q: tensor<?x4x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x6xf32>, %gate: tensor<4xf32>, %init: tensor<?x4x?x6xf32>, %m: tensor<?x2x8x6xf32>, %z: tensor<?x2x8xf32>) -> (index, index, index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %r:3 = infini_attn.attention %q, %k, %v, %gate outs(%init, %m, %z : tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>) {rule = #infini_attn.update_rule<delta>, segment_length = 4} : tensor<?x4x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x6xf32>, tensor<4xf32> -> tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>
  %0 = tensor.dim %r#0, %c2 : tensor<?x4x?x6xf32>
  %1 = tensor.dim %r#1, %c0 : tensor<?x2x8x6xf32>
  %2 = tensor.dim %r#2, %c0 : tensor<?x2x8xf32>
  return %0, %1, %2 : index, index, index
}

// -----

// S = ceil(T / N)
// CHECK: #[[S:.*]] = affine_map<()[s0] -> (s0 ceildiv 4)>
// CHECK-LABEL: @memory_scan(
// CHECK-SAME: %[[K:[a-z0-9]*]]: tensor<?x2x?x8xf32>, %{{[a-z0-9]*}}: tensor<?x2x?x6xf32>, %[[M:[a-z0-9]*]]: tensor<?x2x8x6xf32>, %[[Z:[a-z0-9]*]]: tensor<?x2x8xf32>)
// CHECK-DAG: %[[T:.*]] = tensor.dim %[[K]], %c2
// CHECK-DAG: %[[SEGMENTS:.*]] = affine.apply #[[S]]()[%[[T]]]
// CHECK-DAG: %[[BM:.*]] = tensor.dim %[[M]], %c0
// CHECK-DAG: %[[BZ:.*]] = tensor.dim %[[Z]], %c0
// CHECK-NOT: infini_attn
// CHECK: return %[[SEGMENTS]], %c6, %[[BZ]], %[[SEGMENTS]], %[[BM]], %[[BZ]]
func.func @memory_scan(%k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x6xf32>, %m: tensor<?x2x8x6xf32>, %z: tensor<?x2x8xf32>) -> (index, index, index, index, index, index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %r:4 = infini_attn.memory_scan %k, %v, %m, %z {rule = #infini_attn.update_rule<delta>, segment_length = 4} : tensor<?x2x?x8xf32>, tensor<?x2x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32> -> tensor<?x2x?x8x?xf32>, tensor<?x2x?x8xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>
  %0 = tensor.dim %r#0, %c2 : tensor<?x2x?x8x?xf32>
  %1 = tensor.dim %r#0, %c4 : tensor<?x2x?x8x?xf32>
  %2 = tensor.dim %r#1, %c0 : tensor<?x2x?x8xf32>
  %3 = tensor.dim %r#1, %c2 : tensor<?x2x?x8xf32>
  %4 = tensor.dim %r#2, %c0 : tensor<?x2x8x6xf32>
  %5 = tensor.dim %r#3, %c0 : tensor<?x2x8xf32>
  return %0, %1, %2, %3, %4, %5 : index, index, index, index, index, index
}

// -----

// CHECK-LABEL: @attention_step(
// CHECK-SAME: %[[INIT:[a-z0-9]*]]: tensor<?x4x?x6xf32>,
// CHECK-SAME: %[[KEYS:[a-z0-9]*]]: tensor<?x2x4x8xf32>, %{{[a-z0-9]*}}: tensor<?x2x4x6xf32>, %[[COUNT:[a-z0-9]*]]: tensor<?xi64>)
// CHECK-DAG: %[[T:.*]] = tensor.dim %[[INIT]], %c2
// CHECK-DAG: %[[BK:.*]] = tensor.dim %[[KEYS]], %c0
// CHECK-DAG: %[[BC:.*]] = tensor.dim %[[COUNT]], %c0
// CHECK-NOT: infini_attn
// CHECK: return %[[T]], %[[BK]], %[[BC]]
func.func @attention_step(%q: tensor<?x4x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x6xf32>, %gate: tensor<4xf32>, %init: tensor<?x4x?x6xf32>, %m: tensor<?x2x8x6xf32>, %z: tensor<?x2x8xf32>,
    %keys: tensor<?x2x4x8xf32>, %values: tensor<?x2x4x6xf32>, %count: tensor<?xi64>) -> (index, index, index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
    outs(%init, %m, %z, %m, %z, %keys, %values, %count : tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>, tensor<?x2x4x8xf32>, tensor<?x2x4x6xf32>, tensor<?xi64>)
    {rule = #infini_attn.update_rule<delta>, segment_length = 4} : tensor<?x4x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x6xf32>, tensor<4xf32>
    -> tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>, tensor<?x2x4x8xf32>, tensor<?x2x4x6xf32>, tensor<?xi64>
  %0 = tensor.dim %r#0, %c2 : tensor<?x4x?x6xf32>
  %1 = tensor.dim %r#5, %c0 : tensor<?x2x4x8xf32>
  %2 = tensor.dim %r#7, %c0 : tensor<?xi64>
  return %0, %1, %2 : index, index, index
}
