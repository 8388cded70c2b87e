// RUN: infini-opt %s --infini-attn-tile=bf16-pairs --canonicalize --mlir-print-local-scope --split-input-file --verify-diagnostics | FileCheck %s

// |k|^2; values turned over in blocks of 256 keys, with zeros past the last one.
// Queries, 64 at a time, with two of their rows in one of i32.
// CHECK-LABEL: @attention(
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<200xf32>)
// CHECK: %[[ROOM:.*]] = linalg.fill {{.*}} outs(%{{.*}} : tensor<32x256xbf16>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<20x200xbf16>)
// The bound |q| max |k|.
// CHECK: arith.maximumf
// CHECK: math.sqrt
// CHECK: %[[PANEL:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<32x64xi32>)
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// Twice, unless l is large enough: not less than 2^-64, and a number.
// CHECK: scf.for %[[ATTEMPT:.*]] = %c0 to %c2 step %c1
// CHECK: arith.minimumf
// CHECK: arith.cmpf ult, %{{.*}}, %cst{{.*}} : f32
// CHECK: %[[FIRST:.*]] = arith.cmpi eq, %[[ATTEMPT]], %c0
// CHECK: scf.for
// The maxima themselves, over no key the first time.
// CHECK: arith.select %[[FIRST]], %c0, %{{.*}} : index
// CHECK: scf.for {{.*}} step %c32
// CHECK: arith.minnumf
// Blocks of whole tiles of keys the first time, from no maximum that changes:
// P^T, rounded, two rows in one; what is hidden becomes 0 afterwards.
// CHECK: %[[WIDE:.*]] = arith.select %[[FIRST]], %{{.*}}, %c0 : index
// CHECK: scf.for {{.*}} = %c0 to %[[WIDE]] step %c256 {{.*}} -> (tensor<64xf32>, tensor<32x64xf32>, tensor<128x64xi32>)
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}}, %[[PANEL]] : tensor<?x64xbf16>, tensor<?x64xbf16>, tensor<32x64xi32>) outs(%{{.*}} : tensor<?x64xf32>) attrs = {infini_attn.pair_product}
// CHECK: tensor.expand_shape %[[S]] {{.*}} into tensor<?x2x64xf32>
// CHECK-NOT: arith.cmpi
// CHECK-COUNT-2: math.exp2 {{.*}} fastmath<afn> {infini_attn.weight}
// CHECK: arith.shrui
// CHECK: arith.andi
// CHECK: arith.cmpi sle
// CHECK: arith.select
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<32x64xf32>) attrs = {infini_attn.pair_product}
// Chunks for the rest, masked before: all the second time, and what fills no
// tile.
// CHECK: scf.for {{.*}} = %[[WIDE]] to %{{.*}} step %c32
// CHECK: arith.minsi {{.*}} : i32
// CHECK: arith.cmpi sle
// CHECK-NOT: infini_attn.weight
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

// Queries of whole tiles that nothing is done to: in pairs at once.
// CHECK-LABEL: @whole(
// CHECK: tensor.expand_shape %{{.*}} {{\[\[}}0], [1, 2]] {{.*}} into tensor<?x32x2xbf16>
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0, 0)>, affine_map<(d0, d1) -> (d1, d0, 1)>, {{.*}} outs(%{{.*}} : tensor<32x?xi32>)
// CHECK-NOT: arith.truncf
// CHECK: scf.for
func.func @whole(%q: tensor<1x1x200x64xbf16>, %k: tensor<1x1x200x64xbf16>, %v: tensor<1x1x200x32xbf16>) -> tensor<1x1x200x32xbf16> {
  %o = infini_attn.segment_attention %q, %k, %v : tensor<1x1x200x64xbf16>, tensor<1x1x200x64xbf16>, tensor<1x1x200x32xbf16> -> tensor<1x1x200x32xbf16>
  return %o : tensor<1x1x200x32xbf16>
}

// -----

func.func @promised(%x: f32) -> f32 {
  // expected-error@+1 {{expected no attribute infini_attn.weight, which this pass sets, got one}}
  %0 = math.exp2 %x {infini_attn.weight} : f32
  return %0 : f32
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
