// Upstream allows no slice of a tensor with a static size of 0: where there is
// no batch row or no token, each pass leaves the state and zeros.
// RUN: infini-opt %s --infini-attn-distribute | FileCheck %s
// RUN: infini-opt %s --infini-attn-segment-sequence --infini-attn-expand-step --convert-infini-attn-to-linalg
// RUN: infini-opt %s --infini-attn-segment-sequence=schedule=two-phase --infini-attn-to-linalg-pipeline
// RUN: infini-opt %s --infini-attn-to-linalg-pipeline | FileCheck %s --check-prefix=LLVM
// RUN: infini-opt %s --infini-attn-to-cpu-pipeline | FileCheck %s --check-prefix=LLVM

// LLVM: llvm.func @infini_check
// LLVM-COUNT-9: llvm.func @_mlir_ciface_

// Nothing to answer.
// CHECK-LABEL: @no_queries(
// CHECK-NOT: infini_attn
// CHECK: linalg.fill {{.*}} -> tensor<1x2x0x6xf32>
func.func @no_queries(%q: tensor<1x2x0x4xf32>, %k: tensor<1x1x5x4xf32>, %v: tensor<1x1x5x6xf32>)
    -> tensor<1x2x0x6xf32> {
  %o = infini_attn.segment_attention %q, %k, %v
      : tensor<1x2x0x4xf32>, tensor<1x1x5x4xf32>, tensor<1x1x5x6xf32> -> tensor<1x2x0x6xf32>
  return %o : tensor<1x2x0x6xf32>
}

// Nothing to attend to: 0, and the logarithm of a sum of nothing.
// CHECK-LABEL: @no_keys(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<1x2x?x4xbf16>
// CHECK-NOT: infini_attn
// CHECK: infini_attn.check %{{.*}}, "expected lengths from 0 to {1} keys, got {0} in row {2}"
// CHECK: %[[ZERO:.*]] = arith.constant 0.0{{.*}} : bf16
// CHECK: %[[O:.*]] = linalg.fill ins(%[[ZERO]]
// CHECK: %[[INFINITY:.*]] = arith.constant 0xFF800000 : f32
// CHECK: %[[LSE:.*]] = linalg.fill ins(%[[INFINITY]]
// CHECK: return %[[O]], %[[LSE]]
func.func @no_keys(%q: tensor<1x2x?x4xbf16>, %k: tensor<1x1x0x4xbf16>, %v: tensor<1x1x0x6xbf16>, %n: tensor<1xi64>)
    -> (tensor<1x2x?x6xbf16>, tensor<1x2x?xf32>) {
  %o, %lse = infini_attn.segment_attention %q, %k, %v lengths(%n : tensor<1xi64>) {return_lse}
      : tensor<1x2x?x4xbf16>, tensor<1x1x0x4xbf16>, tensor<1x1x0x6xbf16> -> tensor<1x2x?x6xbf16>, tensor<1x2x?xf32>
  return %o, %lse : tensor<1x2x?x6xbf16>, tensor<1x2x?xf32>
}

// CHECK-LABEL: @retrieve(
// CHECK-NOT: infini_attn
// CHECK: linalg.fill {{.*}} -> tensor<?x2x0x6xf32>
func.func @retrieve(%q: tensor<?x2x0x4xf32>, %m: tensor<?x1x4x6xf32>, %z: tensor<?x1x4xf32>) -> tensor<?x2x0x6xf32> {
  %o = infini_attn.memory_retrieve %q, %m, %z
      : tensor<?x2x0x4xf32>, tensor<?x1x4x6xf32>, tensor<?x1x4xf32> -> tensor<?x2x0x6xf32>
  return %o : tensor<?x2x0x6xf32>
}

// The memory stays; sizes are compared all the same.
// CHECK-LABEL: @update(
// CHECK-SAME: %{{.*}}: tensor<?x1x0x4xf32>, %{{.*}}: tensor<?x1x0x6xf32>, %[[M:[a-z0-9]+]]: {{.*}}, %[[Z:[a-z0-9]+]]: tensor<?x1x4xf32>)
// CHECK-NOT: infini_attn
// CHECK: cf.assert %{{.*}}, "expected B of v to be as in k"
// CHECK: return %[[M]], %[[Z]]
func.func @update(%k: tensor<?x1x0x4xf32>, %v: tensor<?x1x0x6xf32>, %m: tensor<?x1x4x6xf32>, %z: tensor<?x1x4xf32>)
    -> (tensor<?x1x4x6xf32>, tensor<?x1x4xf32>) {
  %m1, %z1 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<?x1x4x6xf32>, tensor<?x1x4xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<?x1x0x4xf32>, tensor<?x1x0x6xf32> -> tensor<?x1x4x6xf32>, tensor<?x1x4xf32>
  return %m1, %z1 : tensor<?x1x4x6xf32>, tensor<?x1x4xf32>
}

// CHECK-LABEL: @gate(
// CHECK-NOT: infini_attn
// CHECK: linalg.fill {{.*}} -> tensor<0x2x3x6xf32>
func.func @gate(%a: tensor<0x2x3x6xf32>, %g: tensor<2xf32>) -> tensor<0x2x3x6xf32> {
  %o = infini_attn.gate %a, %a, %g
      : tensor<0x2x3x6xf32>, tensor<0x2x3x6xf32>, tensor<2xf32> -> tensor<0x2x3x6xf32>
  return %o : tensor<0x2x3x6xf32>
}

// CHECK-LABEL: @segment(
// CHECK-SAME: %[[O:[a-z0-9]+]]: tensor<1x2x0x6xf32>, %[[M:[a-z0-9]+]]: tensor<1x1x4x6xf32>, %[[Z:[a-z0-9]+]]: tensor<1x1x4xf32>
// CHECK-NOT: infini_attn
// CHECK: return %[[O]], %[[M]], %[[Z]]
func.func @segment(%o: tensor<1x2x0x6xf32>, %m: tensor<1x1x4x6xf32>, %z: tensor<1x1x4xf32>, %q: tensor<1x2x0x4xf32>,
                   %k: tensor<1x1x0x4xf32>, %v: tensor<1x1x0x6xf32>, %g: tensor<2xf32>)
    -> (tensor<1x2x0x6xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>) {
  %r:3 = infini_attn.segment %q, %k, %v, %g outs(%o, %m, %z : tensor<1x2x0x6xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>)
      {rule = #infini_attn.update_rule<linear>}
      : tensor<1x2x0x4xf32>, tensor<1x1x0x4xf32>, tensor<1x1x0x6xf32>, tensor<2xf32>
      -> tensor<1x2x0x6xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>
  return %r#0, %r#1, %r#2 : tensor<1x2x0x6xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>
}

// CHECK-LABEL: @attention(
// CHECK-SAME: %[[O:[a-z0-9]+]]: tensor<1x2x0x6xf32>, %[[M:[a-z0-9]+]]: tensor<1x1x4x6xf32>, %[[Z:[a-z0-9]+]]: tensor<1x1x4xf32>
// CHECK-NOT: infini_attn
// CHECK: infini_attn.check %{{.*}}, "expected lengths from 0 to {1} tokens, got {0} in row {2}"
// CHECK: return %[[O]], %[[M]], %[[Z]]
func.func @attention(%o: tensor<1x2x0x6xf32>, %m: tensor<1x1x4x6xf32>, %z: tensor<1x1x4xf32>, %q: tensor<1x2x0x4xf32>,
                     %k: tensor<1x1x0x4xf32>, %v: tensor<1x1x0x6xf32>, %g: tensor<2xf32>, %n: tensor<1xi64>)
    -> (tensor<1x2x0x6xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>) {
  %r:3 = infini_attn.attention %q, %k, %v, %g lengths(%n : tensor<1xi64>)
      outs(%o, %m, %z : tensor<1x2x0x6xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>)
      {segment_length = 4, rule = #infini_attn.update_rule<delta>}
      : tensor<1x2x0x4xf32>, tensor<1x1x0x4xf32>, tensor<1x1x0x6xf32>, tensor<2xf32>
      -> tensor<1x2x0x6xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>
  return %r#0, %r#1, %r#2 : tensor<1x2x0x6xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>
}

// CHECK-LABEL: @scan(
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<1x1x4x6xf32>, %[[Z:[a-z0-9]+]]: tensor<1x1x4xf32>
// CHECK-NOT: infini_attn
// CHECK: %[[MS:.*]] = linalg.fill {{.*}} -> tensor<1x1x0x4x6xf32>
// CHECK: %[[ZS:.*]] = linalg.fill {{.*}} -> tensor<1x1x0x4xf32>
// CHECK: return %[[MS]], %[[ZS]], %[[M]], %[[Z]]
func.func @scan(%m: tensor<1x1x4x6xf32>, %z: tensor<1x1x4xf32>, %k: tensor<1x1x0x4xf32>, %v: tensor<1x1x0x6xf32>)
    -> (tensor<1x1x0x4x6xf32>, tensor<1x1x0x4xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>) {
  %r:4 = infini_attn.memory_scan %k, %v, %m, %z {segment_length = 4, rule = #infini_attn.update_rule<linear>}
      : tensor<1x1x0x4xf32>, tensor<1x1x0x6xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>
      -> tensor<1x1x0x4x6xf32>, tensor<1x1x0x4xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>
  return %r#0, %r#1, %r#2, %r#3 : tensor<1x1x0x4x6xf32>, tensor<1x1x0x4xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>
}

// CHECK-LABEL: @step(
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<1x1x4x6xf32>, %[[Z:[a-z0-9]+]]: tensor<1x1x4xf32>, %[[KEYS:[a-z0-9]+]]: tensor<1x1x4x4xf32>, %[[VALUES:[a-z0-9]+]]: tensor<1x1x4x6xf32>, %[[COUNT:[a-z0-9]+]]: tensor<1xi64>
// CHECK-NOT: infini_attn
// CHECK: infini_attn.check %{{.*}}, "expected count from 0 to {1} tokens, got {0} in row {2}"
// CHECK: return %[[M]], %[[Z]], %[[KEYS]], %[[VALUES]], %[[COUNT]]
func.func @step(%m: tensor<1x1x4x6xf32>, %z: tensor<1x1x4xf32>, %keys: tensor<1x1x4x4xf32>,
                %values: tensor<1x1x4x6xf32>, %count: tensor<1xi64>, %o: tensor<1x2x0x6xf32>, %q: tensor<1x2x0x4xf32>,
                %k: tensor<1x1x0x4xf32>, %v: tensor<1x1x0x6xf32>, %g: tensor<2xf32>)
    -> (tensor<1x1x4x6xf32>, tensor<1x1x4xf32>, tensor<1x1x4x4xf32>, tensor<1x1x4x6xf32>, tensor<1xi64>) {
  %r:8 = infini_attn.attention_step %q, %k, %v, %g
      outs(%o, %m, %z, %m, %z, %keys, %values, %count
           : tensor<1x2x0x6xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>,
             tensor<1x1x4x4xf32>, tensor<1x1x4x6xf32>, tensor<1xi64>)
      {segment_length = 4, rule = #infini_attn.update_rule<delta>}
      : tensor<1x2x0x4xf32>, tensor<1x1x0x4xf32>, tensor<1x1x0x6xf32>, tensor<2xf32>
      -> tensor<1x2x0x6xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>, tensor<1x1x4x6xf32>, tensor<1x1x4xf32>,
         tensor<1x1x4x4xf32>, tensor<1x1x4x6xf32>, tensor<1xi64>
  return %r#1, %r#2, %r#5, %r#6, %r#7
      : tensor<1x1x4x6xf32>, tensor<1x1x4xf32>, tensor<1x1x4x4xf32>, tensor<1x1x4x6xf32>, tensor<1xi64>
}
