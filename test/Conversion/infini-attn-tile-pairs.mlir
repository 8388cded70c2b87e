// RUN: infini-opt %s --infini-attn-tile=bf16-pairs --canonicalize --mlir-print-local-scope --split-input-file --verify-diagnostics | FileCheck %s

// Keys and values in blocks of 128 with zeros past the last one, V turned over;
// queries, 32 at a time, with two of their rows in one of i32.
// CHECK-LABEL: @attention(
// CHECK: scf.for {{.*}} -> (tensor<2x128x64xbf16>)
// CHECK: linalg.fill {{.*}} outs(%{{.*}} : tensor<128x64xbf16>)
// CHECK: scf.for {{.*}} -> (tensor<2x32x128xbf16>)
// CHECK: linalg.fill {{.*}} outs(%{{.*}} : tensor<32x128xbf16>)
// CHECK: scf.forall ({{.*}}) in (7)
// CHECK: %[[PANEL:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<32x32xi32>)
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// Whole blocks without a mask; P^T is cut off to bf16, two rows in one.
// CHECK: scf.for {{.*}} step %c128 {{.*}} -> (tensor<32xf32>, tensor<32xf32>, tensor<32x32xf32>, tensor<128x32xf32>, tensor<64x32xi32>)
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}}, %[[PANEL]] : tensor<128x64xbf16>, tensor<128x64xbf16>, tensor<32x32xi32>) outs(%{{.*}} : tensor<128x32xf32>) attrs = {infini_attn.pair_product}
// CHECK: tensor.expand_shape %[[S]] {{.*}} into tensor<32x4x32xf32>
// CHECK-NOT: arith.cmpi
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<64x32xi32>)
// CHECK-COUNT-2: math.exp2 {{.*}} fastmath<afn>
// CHECK: arith.shrui
// CHECK: arith.andi
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<32x32xf32>) attrs = {infini_attn.pair_product}
// Those of the diagonal with one, also past the last key.
// CHECK: scf.for {{.*}} step %c128
// CHECK: arith.minsi {{.*}} : i32
// CHECK: arith.cmpi sle
// CHECK-NOT: infini_attn.segment_attention
func.func @attention(%q: tensor<1x1x200x50xbf16>, %k: tensor<1x1x200x50xbf16>, %v: tensor<1x1x200x20xbf16>) -> tensor<1x1x200x20xbf16> {
  %o = infini_attn.segment_attention %q, %k, %v : tensor<1x1x200x50xbf16>, tensor<1x1x200x50xbf16>, tensor<1x1x200x20xbf16> -> tensor<1x1x200x20xbf16>
  return %o : tensor<1x1x200x20xbf16>
}

// f16 and f32 have no such products.
// CHECK-LABEL: @half(
// CHECK-NOT: infini_attn.pair_product
// CHECK: return
func.func @half(%q: tensor<1x1x200x50xf16>, %k: tensor<1x1x200x50xf16>, %v: tensor<1x1x200x20xf16>) -> tensor<1x1x200x20xf16> {
  %o = infini_attn.segment_attention %q, %k, %v : tensor<1x1x200x50xf16>, tensor<1x1x200x50xf16>, tensor<1x1x200x20xf16> -> tensor<1x1x200x20xf16>
  return %o : tensor<1x1x200x20xf16>
}

// -----

func.func @reserved(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error@+1 {{expected no attribute infini_attn.pair_product, which this pass sets, got one}}
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%x : tensor<4xf32>) attrs = {infini_attn.pair_product} {
  ^bb0(%a: f32):
    linalg.yield %a : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
