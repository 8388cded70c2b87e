// RUN: infini-opt %s --transform-interpreter --canonicalize --cse | FileCheck %s

// Tiles of one batch row and one key/value head of every operation: 2 query
// heads each, and their logits and memory.

// CHECK-LABEL: @segment_attention(
// CHECK: scf.forall (%[[B:.*]], %[[H:.*]]) in (2, 2)
// CHECK-DAG: %[[HQ:.*]] = affine.apply {{.*}}(%[[H]])
// CHECK-DAG: %[[Q:.*]] = tensor.extract_slice %arg0[%[[B]], %[[HQ]], 0, 0] [1, 2, 5, 8]
// CHECK-DAG: %[[K:.*]] = tensor.extract_slice %arg1[%[[B]], %[[H]], 0, 0] [1, 1, 7, 8]
// CHECK-DAG: %[[V:.*]] = tensor.extract_slice %arg2[%[[B]], %[[H]], 0, 0] [1, 1, 7, 6]
// CHECK-DAG: %[[OFFSET:.*]] = tensor.extract_slice %arg3[%[[B]]] [1] [1]
// CHECK-DAG: %[[N:.*]] = tensor.extract_slice %arg4[%[[B]]] [1] [1]
// CHECK: infini_attn.segment_attention %[[Q]], %[[K]], %[[V]] query_offset(%[[OFFSET]] : tensor<1xi64>) lengths(%[[N]] : tensor<1xi64>) rotary(%arg5 : tensor<4xf32>) {return_lse} {{.*}} -> tensor<1x2x5x6xf32>, tensor<1x2x5xf32>
// CHECK: scf.forall.in_parallel
// CHECK-DAG: tensor.parallel_insert_slice {{.*}}[%[[B]], %[[HQ]], 0, 0] [1, 2, 5, 6]
// CHECK-DAG: tensor.parallel_insert_slice {{.*}}[%[[B]], %[[HQ]], 0] [1, 2, 5]
func.func @segment_attention(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x7x8xf32>, %v: tensor<2x2x7x6xf32>, %offset: tensor<2xi64>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x4x5xf32>) {
  %o, %lse = infini_attn.segment_attention %q, %k, %v query_offset(%offset : tensor<2xi64>) lengths(%n : tensor<2xi64>) rotary(%f : tensor<4xf32>) {return_lse} : tensor<2x4x5x8xf32>, tensor<2x2x7x8xf32>, tensor<2x2x7x6xf32> -> tensor<2x4x5x6xf32>, tensor<2x4x5xf32>
  return %o, %lse : tensor<2x4x5x6xf32>, tensor<2x4x5xf32>
}

// CHECK-LABEL: @memory_retrieve(
// CHECK: scf.forall (%[[B:.*]], %[[H:.*]]) in (2, 2)
// CHECK-DAG: %[[HQ:.*]] = affine.apply {{.*}}(%[[H]])
// CHECK-DAG: %[[Q:.*]] = tensor.extract_slice %arg0[%[[B]], %[[HQ]], 0, 0] [1, 2, 5, 8]
// CHECK-DAG: %[[M:.*]] = tensor.extract_slice %arg1[%[[B]], %[[H]], 0, 0] [1, 1, 8, 6]
// CHECK-DAG: %[[Z:.*]] = tensor.extract_slice %arg2[%[[B]], %[[H]], 0] [1, 1, 8]
// CHECK-DAG: %[[N:.*]] = tensor.extract_slice %arg3[%[[B]]] [1] [1]
// CHECK: infini_attn.memory_retrieve %[[Q]], %[[M]], %[[Z]] lengths(%[[N]] : tensor<1xi64>) {{.*}} -> tensor<1x2x5x6xf32>
// CHECK: tensor.parallel_insert_slice {{.*}}[%[[B]], %[[HQ]], 0, 0] [1, 2, 5, 6]
func.func @memory_retrieve(%q: tensor<2x4x5x8xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>) -> tensor<2x4x5x6xf32> {
  %o = infini_attn.memory_retrieve %q, %m, %z lengths(%n : tensor<2xi64>) : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  return %o : tensor<2x4x5x6xf32>
}

// CHECK-LABEL: @memory_update(
// CHECK: scf.forall (%[[B:.*]], %[[H:.*]]) in (2, 2) shared_outs(%[[OM:.*]] = %arg5, %[[OZ:.*]] = %arg6)
// CHECK-DAG: %[[K:.*]] = tensor.extract_slice %arg0[%[[B]], %[[H]], 0, 0] [1, 1, 5, 8]
// CHECK-DAG: %[[V:.*]] = tensor.extract_slice %arg1[%[[B]], %[[H]], 0, 0] [1, 1, 5, 6]
// CHECK-DAG: %[[N:.*]] = tensor.extract_slice %arg2[%[[B]]] [1] [1]
// CHECK-DAG: %[[RM:.*]] = tensor.extract_slice %arg3[%[[B]], %[[H]], 0, 0] [1, 1, 8, 6]
// CHECK-DAG: %[[RZ:.*]] = tensor.extract_slice %arg4[%[[B]], %[[H]], 0] [1, 1, 8]
// CHECK-DAG: %[[M:.*]] = tensor.extract_slice %[[OM]][%[[B]], %[[H]], 0, 0] [1, 1, 8, 6]
// CHECK-DAG: %[[Z:.*]] = tensor.extract_slice %[[OZ]][%[[B]], %[[H]], 0] [1, 1, 8]
// CHECK: infini_attn.memory_update %[[K]], %[[V]] lengths(%[[N]] : tensor<1xi64>) reads(%[[RM]], %[[RZ]] : {{.*}}) outs(%[[M]], %[[Z]] : {{.*}}) {{.*}} -> tensor<1x1x8x6xf32>, tensor<1x1x8xf32>
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OM]][%[[B]], %[[H]], 0, 0] [1, 1, 8, 6]
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OZ]][%[[B]], %[[H]], 0] [1, 1, 8]
func.func @memory_update(%k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %n: tensor<2xi64>, %rm: tensor<2x2x8x6xf32>, %rz: tensor<2x2x8xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>) -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %r:2 = infini_attn.memory_update %k, %v lengths(%n : tensor<2xi64>) reads(%rm, %rz : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %r#0, %r#1 : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// The gate knows query heads alone, so that its tiles are of those.
// CHECK-LABEL: @gate(
// CHECK: scf.forall (%[[B:.*]], %[[H:.*]]) in (2, 4)
// CHECK-DAG: %[[MEM:.*]] = tensor.extract_slice %arg0[%[[B]], %[[H]], 0, 0] [1, 1, 5, 6]
// CHECK-DAG: %[[DOT:.*]] = tensor.extract_slice %arg1[%[[B]], %[[H]], 0, 0] [1, 1, 5, 6]
// CHECK-DAG: %[[GATE:.*]] = tensor.extract_slice %arg2[%[[H]]] [1] [1]
// CHECK: infini_attn.gate %[[MEM]], %[[DOT]], %[[GATE]]
// CHECK: tensor.parallel_insert_slice {{.*}}[%[[B]], %[[H]], 0, 0] [1, 1, 5, 6]
func.func @gate(%a_mem: tensor<2x4x5x6xf32>, %a_dot: tensor<2x4x5x6xf32>, %gate: tensor<4xf32>) -> tensor<2x4x5x6xf32> {
  %o = infini_attn.gate %a_mem, %a_dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  return %o : tensor<2x4x5x6xf32>
}

// CHECK-LABEL: @segment(
// CHECK: scf.forall (%[[B:.*]], %[[H:.*]]) in (2, 2) shared_outs(%[[OO:.*]] = %arg6, %[[OM:.*]] = %arg7, %[[OZ:.*]] = %arg8)
// CHECK-DAG: %[[HQ:.*]] = affine.apply {{.*}}(%[[H]])
// CHECK-DAG: %[[Q:.*]] = tensor.extract_slice %arg0[%[[B]], %[[HQ]], 0, 0] [1, 2, 5, 8]
// CHECK-DAG: %[[K:.*]] = tensor.extract_slice %arg1[%[[B]], %[[H]], 0, 0] [1, 1, 5, 8]
// CHECK-DAG: %[[V:.*]] = tensor.extract_slice %arg2[%[[B]], %[[H]], 0, 0] [1, 1, 5, 6]
// CHECK-DAG: %[[GATE:.*]] = tensor.extract_slice %arg3[%[[HQ]]] [2] [1]
// CHECK-DAG: %[[N:.*]] = tensor.extract_slice %arg4[%[[B]]] [1] [1]
// CHECK-DAG: %[[O:.*]] = tensor.extract_slice %[[OO]][%[[B]], %[[HQ]], 0, 0] [1, 2, 5, 6]
// CHECK-DAG: %[[M:.*]] = tensor.extract_slice %[[OM]][%[[B]], %[[H]], 0, 0] [1, 1, 8, 6]
// CHECK-DAG: %[[Z:.*]] = tensor.extract_slice %[[OZ]][%[[B]], %[[H]], 0] [1, 1, 8]
// CHECK: infini_attn.segment %[[Q]], %[[K]], %[[V]], %[[GATE]] lengths(%[[N]] : tensor<1xi64>) rotary(%arg5 : tensor<4xf32>) outs(%[[O]], %[[M]], %[[Z]] : {{.*}}) {{.*}} -> tensor<1x2x5x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OO]][%[[B]], %[[HQ]], 0, 0] [1, 2, 5, 6]
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OM]][%[[B]], %[[H]], 0, 0] [1, 1, 8, 6]
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OZ]][%[[B]], %[[H]], 0] [1, 1, 8]
func.func @segment(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>, %o: tensor<2x4x5x6xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %r:3 = infini_attn.segment %q, %k, %v, %gate lengths(%n : tensor<2xi64>) rotary(%f : tensor<4xf32>) outs(%o, %m, %z : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %r#0, %r#1, %r#2 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @attention(
// CHECK: scf.forall (%[[B:.*]], %[[H:.*]]) in (2, 2) shared_outs(%[[OO:.*]] = %arg6, %[[OM:.*]] = %arg7, %[[OZ:.*]] = %arg8)
// CHECK-DAG: %[[HQ:.*]] = affine.apply {{.*}}(%[[H]])
// CHECK-DAG: %[[Q:.*]] = tensor.extract_slice %arg0[%[[B]], %[[HQ]], 0, 0] [1, 2, 5, 8]
// CHECK-DAG: %[[K:.*]] = tensor.extract_slice %arg1[%[[B]], %[[H]], 0, 0] [1, 1, 5, 8]
// CHECK-DAG: %[[V:.*]] = tensor.extract_slice %arg2[%[[B]], %[[H]], 0, 0] [1, 1, 5, 6]
// CHECK-DAG: %[[GATE:.*]] = tensor.extract_slice %arg3[%[[HQ]]] [2] [1]
// CHECK-DAG: %[[N:.*]] = tensor.extract_slice %arg4[%[[B]]] [1] [1]
// CHECK-DAG: %[[O:.*]] = tensor.extract_slice %[[OO]][%[[B]], %[[HQ]], 0, 0] [1, 2, 5, 6]
// CHECK-DAG: %[[M:.*]] = tensor.extract_slice %[[OM]][%[[B]], %[[H]], 0, 0] [1, 1, 8, 6]
// CHECK-DAG: %[[Z:.*]] = tensor.extract_slice %[[OZ]][%[[B]], %[[H]], 0] [1, 1, 8]
// CHECK: infini_attn.attention %[[Q]], %[[K]], %[[V]], %[[GATE]] lengths(%[[N]] : tensor<1xi64>) rotary(%arg5 : tensor<4xf32>) outs(%[[O]], %[[M]], %[[Z]] : {{.*}}) {{.*}} -> tensor<1x2x5x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OO]][%[[B]], %[[HQ]], 0, 0] [1, 2, 5, 6]
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OM]][%[[B]], %[[H]], 0, 0] [1, 1, 8, 6]
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OZ]][%[[B]], %[[H]], 0] [1, 1, 8]
func.func @attention(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>, %o: tensor<2x4x5x6xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %r:3 = infini_attn.attention %q, %k, %v, %gate lengths(%n : tensor<2xi64>) rotary(%f : tensor<4xf32>) outs(%o, %m, %z : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>, segment_length = 4} : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %r#0, %r#1, %r#2 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// All segments of a row and a head are one tile: a state follows from the one before.
// CHECK-LABEL: @memory_scan(
// CHECK: scf.forall (%[[B:.*]], %[[H:.*]]) in (2, 2) shared_outs(%[[OMS:.*]] = %{{.*}}, %[[OZS:.*]] = %{{.*}}, %[[OM:.*]] = %{{.*}}, %[[OZ:.*]] = %{{.*}})
// CHECK-DAG: %[[K:.*]] = tensor.extract_slice %arg0[%[[B]], %[[H]], 0, 0] [1, 1, 5, 8]
// CHECK-DAG: %[[V:.*]] = tensor.extract_slice %arg1[%[[B]], %[[H]], 0, 0] [1, 1, 5, 6]
// CHECK-DAG: %[[M:.*]] = tensor.extract_slice %arg2[%[[B]], %[[H]], 0, 0] [1, 1, 8, 6]
// CHECK-DAG: %[[Z:.*]] = tensor.extract_slice %arg3[%[[B]], %[[H]], 0] [1, 1, 8]
// CHECK-DAG: %[[N:.*]] = tensor.extract_slice %arg4[%[[B]]] [1] [1]
// CHECK: infini_attn.memory_scan %[[K]], %[[V]], %[[M]], %[[Z]] lengths(%[[N]] : tensor<1xi64>) {{.*}} -> tensor<1x1x2x8x6xf32>, tensor<1x1x2x8xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OMS]][%[[B]], %[[H]], 0, 0, 0] [1, 1, 2, 8, 6]
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OZS]][%[[B]], %[[H]], 0, 0] [1, 1, 2, 8]
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OM]][%[[B]], %[[H]], 0, 0] [1, 1, 8, 6]
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OZ]][%[[B]], %[[H]], 0] [1, 1, 8]
func.func @memory_scan(%k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>) -> (tensor<2x2x2x8x6xf32>, tensor<2x2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %r:4 = infini_attn.memory_scan %k, %v, %m, %z lengths(%n : tensor<2xi64>) {rule = #infini_attn.update_rule<delta>, segment_length = 4} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x2x2x8x6xf32>, tensor<2x2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %r#0, %r#1, %r#2, %r#3 : tensor<2x2x2x8x6xf32>, tensor<2x2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// The count has no heads: every head of a row gives the same new one, and
// reads the old one from before the loop, where no other head has written yet.
// CHECK-LABEL: @attention_step(
// CHECK: scf.forall (%[[B:.*]], %[[H:.*]]) in (2, 2) shared_outs(%[[OO:.*]] = %arg6, %[[OM:.*]] = %arg7, %[[OZ:.*]] = %arg8, %[[ODM:.*]] = %arg9, %[[ODZ:.*]] = %arg10, %[[OK:.*]] = %arg11, %[[OV:.*]] = %arg12, %[[OC:.*]] = %arg13)
// CHECK-DAG: %[[HQ:.*]] = affine.apply {{.*}}(%[[H]])
// CHECK-DAG: %[[Q:.*]] = tensor.extract_slice %arg0[%[[B]], %[[HQ]], 0, 0] [1, 2, 5, 8]
// CHECK-DAG: %[[GATE:.*]] = tensor.extract_slice %arg3[%[[HQ]]] [2] [1]
// CHECK-DAG: %[[N:.*]] = tensor.extract_slice %arg4[%[[B]]] [1] [1]
// CHECK-DAG: %[[O:.*]] = tensor.extract_slice %[[OO]][%[[B]], %[[HQ]], 0, 0] [1, 2, 5, 6]
// CHECK-DAG: %[[M:.*]] = tensor.extract_slice %[[OM]][%[[B]], %[[H]], 0, 0] [1, 1, 8, 6]
// CHECK-DAG: %[[Z:.*]] = tensor.extract_slice %[[OZ]][%[[B]], %[[H]], 0] [1, 1, 8]
// CHECK-DAG: %[[DM:.*]] = tensor.extract_slice %[[ODM]][%[[B]], %[[H]], 0, 0] [1, 1, 8, 6]
// CHECK-DAG: %[[DZ:.*]] = tensor.extract_slice %[[ODZ]][%[[B]], %[[H]], 0] [1, 1, 8]
// CHECK-DAG: %[[KEYS:.*]] = tensor.extract_slice %[[OK]][%[[B]], %[[H]], 0, 0] [1, 1, 4, 8]
// CHECK-DAG: %[[VALUES:.*]] = tensor.extract_slice %[[OV]][%[[B]], %[[H]], 0, 0] [1, 1, 4, 6]
// CHECK-DAG: %[[C:.*]] = tensor.extract_slice %arg13[%[[B]]] [1] [1]
// CHECK: infini_attn.attention_step %[[Q]], %{{.*}}, %[[GATE]] lengths(%[[N]] : tensor<1xi64>) rotary(%arg5 : tensor<4xf32>) outs(%[[O]], %[[M]], %[[Z]], %[[DM]], %[[DZ]], %[[KEYS]], %[[VALUES]], %[[C]] :
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OO]][%[[B]], %[[HQ]], 0, 0] [1, 2, 5, 6]
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[ODM]][%[[B]], %[[H]], 0, 0] [1, 1, 8, 6]
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OV]][%[[B]], %[[H]], 0, 0] [1, 1, 4, 6]
// CHECK-DAG: tensor.parallel_insert_slice {{.*}} into %[[OC]][%[[B]]] [1] [1]
func.func @attention_step(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>,
    %o: tensor<2x4x5x6xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %dm: tensor<2x2x8x6xf32>, %dz: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>)
    -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>) {
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate lengths(%n : tensor<2xi64>) rotary(%f : tensor<4xf32>)
      outs(%o, %m, %z, %dm, %dz, %keys, %values, %count : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4} : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return %r#0, %r#1, %r#2, %r#3, %r#4, %r#5, %r#6, %r#7 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
}

module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
    %ops = transform.structured.match interface{TilingInterface} in %root : (!transform.any_op) -> !transform.any_op
    %tiled, %loops = transform.structured.tile_using_forall %ops tile_sizes [1, 1] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
