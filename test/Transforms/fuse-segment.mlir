// RUN: infini-opt %s --infini-attn-fuse-segment | FileCheck %s

// The read comes before the update; o gets a destination.
// CHECK-LABEL: @fused(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x4x5x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x2x5x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x2x5x6xf32>, %[[GATE:[a-z0-9]+]]: tensor<4xf32>, %[[M:[a-z0-9]+]]: tensor<2x2x8x6xf32>, %[[Z:[a-z0-9]+]]: tensor<2x2x8xf32>, %[[N:[a-z0-9]+]]: tensor<2xi64>, %[[F:[a-z0-9]+]]: tensor<4xf32>)
// CHECK-NEXT: %[[INIT:.*]] = tensor.empty() : tensor<2x4x5x6xf32>
// CHECK-NEXT: %[[O:.*]], %[[M1:.*]], %[[Z1:.*]] = infini_attn.segment %[[Q]], %[[K]], %[[V]], %[[GATE]] lengths(%[[N]] : tensor<2xi64>) rotary(%[[F]] : tensor<4xf32>) outs(%[[INIT]], %[[M]], %[[Z]] :
// CHECK-SAME: {epsilon = 5.000000e-01 : f64, precision = #infini_attn.precision<bf16x3>, rotary_style = #infini_attn.rotary_style<halves>, rule = #infini_attn.update_rule<delta>, scale = 2.500000e-01 : f64}
// CHECK-NEXT: return %[[O]], %[[M1]], %[[Z1]]
func.func @fused(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z lengths(%n : tensor<2xi64>) {epsilon = 0.5, precision = #infini_attn.precision<bf16x3>} : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v lengths(%n : tensor<2xi64>) rotary(%f : tensor<4xf32>) {scale = 0.25, rotary_style = #infini_attn.rotary_style<halves>, precision = #infini_attn.precision<bf16x3>} : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v lengths(%n : tensor<2xi64>) outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>, epsilon = 0.5, precision = #infini_attn.precision<bf16x3>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// Where the update stands does not matter, only what is read: here it is first,
// and its results are used before the gate.
// CHECK-LABEL: @update_first(
// CHECK: %[[O:.*]], %[[M1:.*]], %[[Z1:.*]] = infini_attn.segment
// CHECK-NEXT: %[[NEXT:.*]] = infini_attn.memory_retrieve %{{.*}}, %[[M1]], %[[Z1]]
// CHECK-NEXT: return %[[O]], %[[NEXT]]
func.func @update_first(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>) {
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  %next = infini_attn.memory_retrieve %q, %u#0, %u#1 : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  return %o, %next : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>
}

// The gate is known only after the update: the segment stands behind both.
// CHECK-LABEL: @gate_after_update(
// CHECK: %[[GATE:.*]] = arith.negf
// CHECK: %[[O:.*]], %[[M1:.*]], %{{.*}} = infini_attn.segment {{.*}}, %[[GATE]] outs
// CHECK: return %[[O]], %[[M1]]
func.func @gate_after_update(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  %g = arith.negf %gate : tensor<4xf32>
  %o = infini_attn.gate %mem, %dot, %g : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// Two segments, one after the other.
// CHECK-LABEL: @chain(
// CHECK: %[[O:.*]], %[[M1:.*]], %[[Z1:.*]] = infini_attn.segment
// CHECK: infini_attn.segment {{.*}} outs(%{{.*}}, %[[M1]], %[[Z1]] :
// CHECK-NOT: infini_attn.memory
// CHECK: return
func.func @chain(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  %mem2 = infini_attn.memory_retrieve %q, %u#0, %u#1 : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot2 = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o2 = infini_attn.gate %mem2, %dot2, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u2:2 = infini_attn.memory_update %k, %v outs(%u#0, %u#1 : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %o2, %u2#0, %u2#1 : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// As many keys as queries, though nobody knows how many. The linear rule has no
// epsilon; an absent precision is that of the type.
// CHECK-LABEL: @dynamic(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x4x?x8xf16>, %{{.*}}, %[[V:[a-z0-9]+]]: tensor<?x2x?x?xf16>, %{{.*}}: tensor<4xf32>
// CHECK-DAG: %[[B:.*]] = tensor.dim %[[Q]], %c0
// CHECK-DAG: %[[T:.*]] = tensor.dim %[[Q]], %c2
// CHECK-DAG: %[[DV:.*]] = tensor.dim %[[V]], %c3
// CHECK: tensor.empty({{.*}}, {{.*}}, %[[DV]]) : tensor<?x4x?x?xf16>
// CHECK: infini_attn.segment {{.*}} {precision = #infini_attn.precision<f16>, rule = #infini_attn.update_rule<linear>}
func.func @dynamic(%q: tensor<?x4x?x8xf16>, %x: tensor<?x2x?x8xf16>, %v: tensor<?x2x?x?xf16>, %gate: tensor<4xf32>, %m: tensor<?x2x8x?xf32>, %z: tensor<?x2x8xf32>) -> (tensor<?x4x?x?xf16>, tensor<?x2x8x?xf32>, tensor<?x2x8xf32>) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x4x?x8xf16>
  %t = tensor.dim %q, %c2 : tensor<?x4x?x8xf16>
  %k = tensor.extract_slice %x[0, 0, 0, 0] [%b, 2, %t, 8] [1, 1, 1, 1] : tensor<?x2x?x8xf16> to tensor<?x2x?x8xf16>
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<?x4x?x8xf16>, tensor<?x2x8x?xf32>, tensor<?x2x8xf32> -> tensor<?x4x?x?xf16>
  %dot = infini_attn.segment_attention %q, %k, %v {precision = #infini_attn.precision<f16>} : tensor<?x4x?x8xf16>, tensor<?x2x?x8xf16>, tensor<?x2x?x?xf16> -> tensor<?x4x?x?xf16>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<?x4x?x?xf16>, tensor<?x4x?x?xf16>, tensor<4xf32> -> tensor<?x4x?x?xf16>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<?x2x8x?xf32>, tensor<?x2x8xf32>) {rule = #infini_attn.update_rule<linear>, epsilon = 3.0} : tensor<?x2x?x8xf16>, tensor<?x2x?x?xf16> -> tensor<?x2x8x?xf32>, tensor<?x2x8xf32>
  return %o, %u#0, %u#1 : tensor<?x4x?x?xf16>, tensor<?x2x8x?xf32>, tensor<?x2x8xf32>
}

// Without frequencies keys are not rotated, whatever is said; an lse that nobody
// uses is no result.
// CHECK-LABEL: @nothing_rotated(
// CHECK: infini_attn.segment 
// CHECK-NOT: infini_attn.memory
// CHECK: return
func.func @nothing_rotated(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot, %lse = infini_attn.segment_attention %q, %k, %v {keys_rotated, return_lse} : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>, tensor<2x4x5xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// Of two updates the first is the one, and the other stays.
// CHECK-LABEL: @two_updates(
// CHECK: infini_attn.segment {{.*}} {rule = #infini_attn.update_rule<linear>}
// CHECK: infini_attn.memory_update {{.*}}update_rule<delta>
// CHECK-NOT: infini_attn.memory
// CHECK: return
func.func @two_updates(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<linear>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  %w:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1, %w#0 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>
}

//===----------------------------------------------------------------------===//
// Near misses: not one segment, so all stay as they are.
//===----------------------------------------------------------------------===//

// The read is of the new memory.
// CHECK-LABEL: @read_after_update(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @read_after_update(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  %mem = infini_attn.memory_retrieve %q, %u#0, %u#1 : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @read_of_new_normalizer(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @read_of_new_normalizer(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  %mem = infini_attn.memory_retrieve %q, %m, %u#1 : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @other_keys(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @other_keys(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>, %x: tensor<2x2x5x8xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %x, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @other_values(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @other_values(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>, %x: tensor<2x2x5x6xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %x outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @other_queries(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @other_queries(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>, %x: tensor<2x4x5x8xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %x, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @other_memory(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @other_memory(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>, %x: tensor<2x2x8x6xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %x, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @other_normalizer(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @other_normalizer(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>, %x: tensor<2x2x8xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %x : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// Padding gives 0 in all parts or in none.
// CHECK-LABEL: @update_of_all_tokens(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @update_of_all_tokens(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z lengths(%n : tensor<2xi64>) : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v lengths(%n : tensor<2xi64>) : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @attention_to_all_tokens(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @attention_to_all_tokens(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z lengths(%n : tensor<2xi64>) : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v lengths(%n : tensor<2xi64>) outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @read_for_all_tokens(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @read_for_all_tokens(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v lengths(%n : tensor<2xi64>) : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v lengths(%n : tensor<2xi64>) outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @other_lengths(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @other_lengths(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>, %x: tensor<2xi64>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z lengths(%n : tensor<2xi64>) : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v lengths(%n : tensor<2xi64>) : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v lengths(%x : tensor<2xi64>) outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @other_epsilon(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @other_epsilon(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z {epsilon = 0.5} : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @other_precision_of_read(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @other_precision_of_read(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z {precision = #infini_attn.precision<bf16>} : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @other_precision_of_attention(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @other_precision_of_attention(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v {precision = #infini_attn.precision<bf16>} : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @other_precision_of_update(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @other_precision_of_update(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>, precision = #infini_attn.precision<bf16>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// The update reads another state than it begins with.
// CHECK-LABEL: @frozen_reads(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @frozen_reads(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>, %x: tensor<2x2x8x6xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v reads(%x, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @query_offset(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @query_offset(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v query_offset(%n : tensor<2xi64>) : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @rotated_keys(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @rotated_keys(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v rotary(%f : tensor<4xf32>) {keys_rotated} : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @lse_in_use(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @lse_in_use(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x4x5xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot, %lse = infini_attn.segment_attention %q, %k, %v {return_lse} : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>, tensor<2x4x5xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %lse : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x4x5xf32>
}

// CHECK-LABEL: @a_mem_in_use(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @a_mem_in_use(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x4x5x6xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %mem : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x4x5x6xf32>
}

// CHECK-LABEL: @a_dot_in_use(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @a_dot_in_use(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x4x5x6xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %dot : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x4x5x6xf32>
}

// The last three queries of five tokens.
// CHECK-LABEL: @fewer_queries(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @fewer_queries(%q: tensor<2x4x3x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x3x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x3x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x3x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x3x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x3x6xf32>, tensor<2x4x3x6xf32>, tensor<4xf32> -> tensor<2x4x3x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x3x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// Perhaps as many queries as keys, and perhaps not.
// CHECK-LABEL: @counts_unknown(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @counts_unknown(%q: tensor<?x4x?x8xf16>, %k: tensor<?x2x?x8xf16>, %v: tensor<?x2x?x?xf16>, %gate: tensor<4xf32>, %m: tensor<?x2x8x?xf32>, %z: tensor<?x2x8xf32>) -> (tensor<?x4x?x?xf16>, tensor<?x2x8x?xf32>, tensor<?x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<?x4x?x8xf16>, tensor<?x2x8x?xf32>, tensor<?x2x8xf32> -> tensor<?x4x?x?xf16>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<?x4x?x8xf16>, tensor<?x2x?x8xf16>, tensor<?x2x?x?xf16> -> tensor<?x4x?x?xf16>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<?x4x?x?xf16>, tensor<?x4x?x?xf16>, tensor<4xf32> -> tensor<?x4x?x?xf16>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<?x2x8x?xf32>, tensor<?x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<?x2x?x8xf16>, tensor<?x2x?x?xf16> -> tensor<?x2x8x?xf32>, tensor<?x2x8xf32>
  return %o, %u#0, %u#1 : tensor<?x4x?x?xf16>, tensor<?x2x8x?xf32>, tensor<?x2x8xf32>
}

// The gate weighs the other part.
// CHECK-LABEL: @swapped(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @swapped(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %dot, %mem, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @no_update(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @no_update(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  return %o : tensor<2x4x5x6xf32>
}

// CHECK-LABEL: @no_read(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @no_read(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>) {
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %dot, %u#0 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>
}

// CHECK-LABEL: @no_attention(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @no_attention(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>, %x: tensor<2x4x5x6xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %x, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// The gate follows from the new memory.
// CHECK-LABEL: @gate_needs_update(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @gate_needs_update(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  %c0 = arith.constant 0 : index
  %w = tensor.extract %u#1[%c0, %c0, %c0] : tensor<2x2x8xf32>
  %g = tensor.splat %w : tensor<4xf32>
  %o = infini_attn.gate %mem, %dot, %g : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  return %o, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// The update happens perhaps.
// CHECK-LABEL: @update_in_a_branch(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @update_in_a_branch(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>, %x: i1) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  %w:2 = scf.if %x -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
    %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
    scf.yield %u#0, %u#1 : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  } else {
    scf.yield %m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  }
  return %o, %w#0, %w#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// The output is wanted elsewhere, the update here.
// CHECK-LABEL: @gate_in_a_loop(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @gate_in_a_loop(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<4xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>, %x: index, %e: tensor<2x4x5x6xf32>) -> (tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x4x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %w = scf.for %i = %c0 to %x step %c1 iter_args(%l = %e) -> (tensor<2x4x5x6xf32>) {
    %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
    scf.yield %o : tensor<2x4x5x6xf32>
  }
  return %w, %u#0, %u#1 : tensor<2x4x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// Valid operations whose sizes never meet: 4 query heads, 8 gates.
// CHECK-LABEL: @sizes_disagree(
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: return
func.func @sizes_disagree(%q: tensor<2x4x5x8xf32>, %k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %gate: tensor<8xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>) -> (tensor<2x?x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x?x5x6xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x?x5x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x?x5x6xf32>, tensor<2x?x5x6xf32>, tensor<8xf32> -> tensor<2x?x5x6xf32>
  %u:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %o, %u#0, %u#1 : tensor<2x?x5x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}
