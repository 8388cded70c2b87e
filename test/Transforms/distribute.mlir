// RUN: infini-opt %s --infini-attn-distribute --canonicalize | FileCheck %s

// CHECK-LABEL: @a(
// CHECK: scf.forall (%[[B:.*]], %[[H:.*]]) in (%{{.*}}, 2)
// CHECK: %[[HQ:.*]] = affine.apply #{{.*}}(%[[H]])
// CHECK: tensor.extract_slice %arg0[%[[B]], %[[HQ]], 0, 0] [1, 4, %{{.*}}, 64]
// CHECK: infini_attn.attention {{.*}} -> tensor<1x4x?x32xbf16>, tensor<1x1x64x32xf32>, tensor<1x1x64xf32>
// CHECK: scf.forall.in_parallel
// CHECK: tensor.parallel_insert_slice {{.*}}[%[[B]], %{{.*}}, 0, 0] [1, 4, %{{.*}}, 32]
// CHECK-NOT: infini_attn
func.func @a(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x32xbf16>, %gate: tensor<8xf32>, %m: tensor<?x2x64x32xf32>, %z: tensor<?x2x64xf32>, %init: tensor<?x8x?x32xbf16>) -> (tensor<?x8x?x32xbf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>) {
  %a:3 = infini_attn.attention %q, %k, %v, %gate outs(%init, %m, %z : tensor<?x8x?x32xbf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>) {rule = #infini_attn.update_rule<linear>, segment_length = 128, precision = #infini_attn.precision<bf16>} : tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x32xbf16>, tensor<8xf32> -> tensor<?x8x?x32xbf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>
  return %a#0, %a#1, %a#2 : tensor<?x8x?x32xbf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>
}
