// Nothing is copied in the loops over heads and segments: results are written
// where they belong, and each product has an accumulator of its own.
// RUN: infini-opt %s --infini-attn-distribute --infini-attn-segment-sequence \
// RUN:   --convert-infini-attn-to-linalg --canonicalize --infini-attn-fuse-elementwise --canonicalize \
// RUN:   --eliminate-empty-tensors --one-shot-bufferize=bufferize-function-boundaries \
// RUN:   --canonicalize --cse --canonicalize | FileCheck %s

// CHECK-LABEL: @attention(
// CHECK: scf.forall
// CHECK-NOT: memref.copy
// CHECK: scf.for
// CHECK-NOT: memref.copy
// CHECK: return
func.func @attention(%q: tensor<?x4x?x16xf32>, %k: tensor<?x2x?x16xf32>, %v: tensor<?x2x?x8xf32>, %gate: tensor<4xf32>, %f: tensor<8xf32>, %n: tensor<?xi64>, %o: tensor<?x4x?x8xf32>, %m: tensor<?x2x16x8xf32>, %z: tensor<?x2x16xf32>) -> (tensor<?x4x?x8xf32>, tensor<?x2x16x8xf32>, tensor<?x2x16xf32>) {
  %a:3 = infini_attn.attention %q, %k, %v, %gate lengths(%n : tensor<?xi64>) rotary(%f : tensor<8xf32>) outs(%o, %m, %z : tensor<?x4x?x8xf32>, tensor<?x2x16x8xf32>, tensor<?x2x16xf32>) {segment_length = 32, rule = #infini_attn.update_rule<delta>} : tensor<?x4x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x8xf32>, tensor<4xf32> -> tensor<?x4x?x8xf32>, tensor<?x2x16x8xf32>, tensor<?x2x16xf32>
  return %a#0, %a#1, %a#2 : tensor<?x4x?x8xf32>, tensor<?x2x16x8xf32>, tensor<?x2x16xf32>
}
