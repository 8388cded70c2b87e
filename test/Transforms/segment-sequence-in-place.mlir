// Segments are read and written where they lie. Of the states of a scan each is
// copied once, when it is stored: the rest of the sequence has its own copy.

// DEFINE: %{schedule} =
// DEFINE: %{run} = infini-opt %s --infini-attn-distribute --infini-attn-segment-sequence=schedule=%{schedule} --canonicalize --convert-infini-attn-to-linalg --canonicalize --eliminate-empty-tensors --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --cse --canonicalize
// REDEFINE: %{schedule} = sequential
// RUN: %{run} | FileCheck %s --check-prefix=SEQ
// REDEFINE: %{schedule} = two-phase
// RUN: %{run} | FileCheck %s --check-prefix=TWO

// SEQ-LABEL: @attention(
// SEQ-SAME: %[[Q:[a-z0-9]+]]: memref<?x4x?x8xf32>
// SEQ-SAME: %[[M:[a-z0-9]+]]: memref<?x2x8x6xf32>, %[[Z:[a-z0-9]+]]: memref<?x2x8xf32>)
// SEQ-NOT: memref.copy
// SEQ: scf.forall
// SEQ-NOT: memref.copy
// SEQ: scf.for
// SEQ-NOT: memref.copy
// SEQ: return %{{.*}}, %[[M]], %[[Z]]

// TWO-LABEL: @attention(
// TWO-SAME: %[[M:[a-z0-9]+]]: memref<?x2x8x6xf32>, %[[Z:[a-z0-9]+]]: memref<?x2x8xf32>)
// TWO: scf.forall
// TWO: scf.for
// TWO: memref.copy {{.*}} : memref<1x1x8x6xf32
// TWO-NEXT: memref.subview
// TWO-NEXT: memref.copy {{.*}} : memref<1x1x8xf32
// TWO-NOT: memref.copy
// TWO: scf.forall
// TWO-NOT: memref.copy
// TWO: return %{{.*}}, %[[M]], %[[Z]]
func.func @attention(%q: tensor<?x4x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x6xf32>, %gate: tensor<4xf32>, %n: tensor<?xi64>, %o: tensor<?x4x?x6xf32>, %m: tensor<?x2x8x6xf32>, %z: tensor<?x2x8xf32>) -> (tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>) {
  %r:3 = infini_attn.attention %q, %k, %v, %gate lengths(%n : tensor<?xi64>) outs(%o, %m, %z : tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>) {rule = #infini_attn.update_rule<delta>, segment_length = 4}
    : tensor<?x4x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x6xf32>, tensor<4xf32> -> tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>
  return %r#0, %r#1, %r#2 : tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>
}
