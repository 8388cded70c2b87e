// RUN: infini-opt %s --infini-attn-tile --canonicalize --mlir-print-local-scope | FileCheck %s

// One query: blocks of 256 keys, up to its place, each on its own. The rows of
// the panel are the heads of the group, so that each key is read once.
// CHECK-LABEL: @one_query(
// CHECK-SAME: %[[Q:.*]]: tensor<1x4x1x64xbf16>, %[[K:.*]]: tensor<1x1x1024x64xbf16>, %[[V:.*]]: tensor<1x1x1024x32xbf16>, %[[P:.*]]: tensor<1xi64>
// CHECK: %[[PANEL:.*]] = scf.for {{.*}} -> (tensor<4x64xf32>)
// CHECK: %[[BLOCKS:.*]] = affine.apply affine_map<()[s0] -> (s0 ceildiv 256)>()[%{{.*}}]
// CHECK: scf.forall (%[[C:.*]]) in (%[[BLOCKS]]) shared_outs({{.*}}) -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4x32xf32>)
// CHECK: %[[KEYS:.*]] = tensor.extract_slice %[[K]]{{.*}} to tensor<?x64xbf16>
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[PANEL]], %[[KEYS]] : tensor<4x64xf32>, tensor<?x64xbf16>) outs(%{{.*}} : tensor<4x?xf32>)
// CHECK: arith.extf %{{.*}} : bf16 to f32
// CHECK-NOT: arith.cmpi
// CHECK: arith.maxnumf
// CHECK: %[[W:.*]] = linalg.generic {{.*}} outs(%[[S]] : tensor<4x?xf32>)
// CHECK: math.exp2
// CHECK: linalg.generic {{.*}} ins(%[[W]], %{{.*}} : tensor<4x?xf32>, tensor<?x32xbf16>) outs(%{{.*}} : tensor<4x32xf32>)
// CHECK: scf.forall.in_parallel
// CHECK-COUNT-3: tensor.parallel_insert_slice
// CHECK: arith.maxnumf
// CHECK: scf.for {{.*}} -> (tensor<1x4x1x32xbf16>)
// CHECK-NOT: infini_attn.segment_attention
func.func @one_query(%q: tensor<1x4x1x64xbf16>, %k: tensor<1x1x1024x64xbf16>, %v: tensor<1x1x1024x32xbf16>, %p: tensor<1xi64>)
    -> tensor<1x4x1x32xbf16> {
  %o = infini_attn.segment_attention %q, %k, %v query_offset(%p : tensor<1xi64>)
    : tensor<1x4x1x64xbf16>, tensor<1x1x1024x64xbf16>, tensor<1x1x1024x32xbf16> -> tensor<1x4x1x32xbf16>
  return %o : tensor<1x4x1x32xbf16>
}

// Several queries are masked by their places; the log-sum-exp is of weights
// that are not rounded, so that it has a sum of its own.
// CHECK-LABEL: @queries(
// CHECK: scf.forall {{.*}} -> (tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8x32xf32>, tensor<2x8xf32>)
// CHECK: arith.cmpi sle
// CHECK: math.log
func.func @queries(%q: tensor<1x1x8x64xbf16>, %k: tensor<1x1x512x64xbf16>, %v: tensor<1x1x512x32xbf16>)
    -> (tensor<1x1x8x32xbf16>, tensor<1x1x8xf32>) {
  %o, %lse = infini_attn.segment_attention %q, %k, %v {return_lse}
    : tensor<1x1x8x64xbf16>, tensor<1x1x512x64xbf16>, tensor<1x1x512x32xbf16> -> tensor<1x1x8x32xbf16>, tensor<1x1x8xf32>
  return %o, %lse : tensor<1x1x8x32xbf16>, tensor<1x1x8xf32>
}

// More queries, and keys that one query would have to rotate: panels of 48.
// CHECK-LABEL: @more(
// CHECK: tensor<64x48xf32>
// CHECK-NOT: scf.forall
func.func @more(%q: tensor<1x1x9x64xf32>, %k: tensor<1x1x512x64xf32>) -> tensor<1x1x9x64xf32> {
  %o = infini_attn.segment_attention %q, %k, %k : tensor<1x1x9x64xf32>, tensor<1x1x512x64xf32>, tensor<1x1x512x64xf32> -> tensor<1x1x9x64xf32>
  return %o : tensor<1x1x9x64xf32>
}
// CHECK-LABEL: @rotates(
// CHECK: tensor<64x48xf32>
// CHECK-NOT: scf.forall
func.func @rotates(%q: tensor<1x1x1x64xf32>, %k: tensor<1x1x512x64xf32>, %f: tensor<32xf32>) -> tensor<1x1x1x64xf32> {
  %o = infini_attn.segment_attention %q, %k, %k rotary(%f : tensor<32xf32>)
    : tensor<1x1x1x64xf32>, tensor<1x1x512x64xf32>, tensor<1x1x512x64xf32> -> tensor<1x1x1x64xf32>
  return %o : tensor<1x1x1x64xf32>
}

// The memory read of few tokens; of many it is left alone.
// CHECK-LABEL: @read(
// CHECK-SAME: %[[M:[a-z0-9]*]]: tensor<1x1x64x32xf32>
// CHECK: %[[MATRIX:.*]] = tensor.extract_slice %[[M]]{{.*}} to tensor<64x32xf32>
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[MATRIX]] : tensor<2x64xf32>, tensor<64x32xf32>) outs(%{{.*}} : tensor<2x32xf32>)
// CHECK-NOT: infini_attn.memory_retrieve
func.func @read(%q: tensor<1x2x1x64xf32>, %m: tensor<1x1x64x32xf32>, %z: tensor<1x1x64xf32>) -> tensor<1x2x1x32xf32> {
  %o = infini_attn.memory_retrieve %q, %m, %z : tensor<1x2x1x64xf32>, tensor<1x1x64x32xf32>, tensor<1x1x64xf32> -> tensor<1x2x1x32xf32>
  return %o : tensor<1x2x1x32xf32>
}
// CHECK-LABEL: @reads(
// CHECK: infini_attn.memory_retrieve
func.func @reads(%q: tensor<1x2x9x64xf32>, %m: tensor<1x1x64x32xf32>, %z: tensor<1x1x64xf32>) -> tensor<1x2x9x32xf32> {
  %o = infini_attn.memory_retrieve %q, %m, %z : tensor<1x2x9x64xf32>, tensor<1x1x64x32xf32>, tensor<1x1x64xf32> -> tensor<1x2x9x32xf32>
  return %o : tensor<1x2x9x32xf32>
}
