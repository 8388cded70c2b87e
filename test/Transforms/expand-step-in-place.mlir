// A chunk changes the state where it lies: inside of the loop over heads only values that are kept, and the count, are
// copied; neither keys nor the memory nor outputs are.
// RUN: infini-opt %s --infini-attn-distribute --canonicalize --infini-attn-expand-step \
// RUN:   --convert-infini-attn-to-linalg --canonicalize --infini-attn-fuse-elementwise --canonicalize \
// RUN:   --eliminate-empty-tensors --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
// RUN:   --canonicalize --cse --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @chunk(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<?x4x?x32xf32>,
// CHECK-SAME: %[[K:[a-z0-9]+]]: memref<?x2x?x32xf32>,
// CHECK-SAME: %[[V:[a-z0-9]+]]: memref<?x2x?x16xf32>,
// CHECK: scf.forall
// CHECK-NOT: memref.copy
// CHECK: memref.copy {{.*}} : memref<1x1x1x16xf32,
// CHECK-NOT: memref.copy
// CHECK: memref.copy {{.*}} : memref<1x1x?x16xf32,
// CHECK-NOT: memref.copy
// CHECK: memref.copy {{.*}} : memref<1xi64
// CHECK: memref.copy {{.*}} : memref<1xi64
// CHECK-NOT: memref.copy
// CHECK: return
func.func @chunk(%q: tensor<?x4x?x32xf32>,
    %k: tensor<?x2x?x32xf32>,
    %v: tensor<?x2x?x16xf32>,
    %gate: tensor<4xf32>,
    %lengths: tensor<?xi64>,
    %f: tensor<16xf32>,
    %o: tensor<?x4x?x16xf32>,
    %m: tensor<?x2x32x16xf32>,
    %z: tensor<?x2x32xf32>,
    %dm: tensor<?x2x32x16xf32>,
    %dz: tensor<?x2x32xf32>,
    %keys: tensor<?x2x128x32xf32>,
    %values: tensor<?x2x128x16xf32>,
    %count: tensor<?xi64>)
    -> (tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>) {
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate lengths(%lengths : tensor<?xi64>) rotary(%f : tensor<16xf32>)
    outs(%o, %m, %z, %dm, %dz, %keys, %values, %count : tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>)
    {rule = #infini_attn.update_rule<delta>, segment_length = 128}
    : tensor<?x4x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x16xf32>, tensor<4xf32>
    -> tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>
  return %r#0, %r#1, %r#2, %r#3, %r#4, %r#5, %r#6, %r#7 : tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>
}
