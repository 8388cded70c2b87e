// RUN: infini-opt %s --infini-attn-tile=bf16-pairs --canonicalize --mlir-print-local-scope --split-input-file | FileCheck %s
// RUN: infini-opt %s --infini-attn-tile --canonicalize --mlir-print-local-scope --split-input-file | FileCheck %s --check-prefix=WIDENED

// Without products of pairs factors are widened when they are packed, into
// panels of 48 columns.
// WIDENED-LABEL: @projection(
// WIDENED-NOT: infini_attn.pair_product
// WIDENED: scf.forall {{.*}} in (2) shared_outs({{.*}}) -> (tensor<2x1024x48xf32>)
// WIDENED: arith.extf
// WIDENED: scf.forall ({{.*}}) = (0) to (1000) step (128)
// WIDENED: tensor.empty() : tensor<128x1040xf32>
// WIDENED: arith.extf
// WIDENED: linalg.fill {{.*}} outs(%{{.*}} : tensor<?x48xf32>)
// WIDENED: scf.for {{.*}} to %c1024{{[_0-9]*}} step %c256
// WIDENED: tensor<2x1024x48xf32> to tensor<256x
// WIDENED: arith.mulf
// WIDENED: arith.truncf

// The right factor in panels of 32 columns, two rows in one, once.
// CHECK-LABEL: @projection(
// CHECK-SAME: %[[X:.*]]: tensor<1000x1024xbf16>, %[[W:.*]]: tensor<1024x96xbf16>
// CHECK: %[[PACKED:.*]] = scf.forall {{.*}} in (3) shared_outs({{.*}}) -> (tensor<3x512x32xi32>)
// CHECK: tensor.extract_slice %[[W]]
// Blocks of rows in parallel; their left factor is copied to rows that lie
// apart by an odd number of cache lines, its last tile ends in zeros.
// CHECK: scf.forall (%[[FROM:.*]]) = (0) to (1000) step (128) shared_outs({{.*}}) -> (tensor<1000x96xbf16>)
// CHECK: %[[ROOM:.*]] = tensor.empty() : tensor<128x1056xbf16>
// CHECK: linalg.fill
// CHECK: tensor.extract_slice %[[X]][%[[FROM]], 0]
// CHECK: scf.for {{.*}} step %c32
// CHECK: linalg.fill {{.*}} outs(%{{.*}} : tensor<?x32xf32>)
// CHECK: scf.for {{.*}} = %c0 to %c512 step %c128
// CHECK: tensor.extract_slice %[[PACKED]]{{.*}} to tensor<128x32xi32>
// CHECK: linalg.generic {{.*}} attrs = {infini_attn.pair_product}
// What follows is computed of the sums in L1.
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<?x32xbf16>)
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.truncf
// CHECK-NOT: linalg.matmul
func.func @projection(%x: tensor<1000x1024xbf16>, %w: tensor<1024x96xbf16>) -> tensor<1000x96xbf16> {
  %zero = arith.constant 0.0 : f32
  %room = tensor.empty() : tensor<1000x96xf32>
  %start = linalg.fill ins(%zero : f32) outs(%room : tensor<1000x96xf32>) -> tensor<1000x96xf32>
  %sums = linalg.matmul ins(%x, %w : tensor<1000x1024xbf16>, tensor<1024x96xbf16>) outs(%start : tensor<1000x96xf32>) -> tensor<1000x96xf32>
  %small = tensor.empty() : tensor<1000x96xbf16>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
    ins(%sums : tensor<1000x96xf32>) outs(%small : tensor<1000x96xbf16>) {
  ^bb0(%sum: f32, %out: bf16):
    %narrow = arith.truncf %sum : f32 to bf16
    linalg.yield %narrow : bf16
  } -> tensor<1000x96xbf16>
  return %y : tensor<1000x96xbf16>
}

// -----

// What has fewer than a tile's rows, columns or terms, or of f32 fewer than 128
// rows, is left alone.
// CHECK-LABEL: @few_rows(
// CHECK: linalg.matmul
func.func @few_rows(%x: tensor<8x1024xbf16>, %w: tensor<1024x96xbf16>, %y: tensor<8x96xf32>) -> tensor<8x96xf32> {
  %sums = linalg.matmul ins(%x, %w : tensor<8x1024xbf16>, tensor<1024x96xbf16>) outs(%y : tensor<8x96xf32>) -> tensor<8x96xf32>
  return %sums : tensor<8x96xf32>
}
// CHECK-LABEL: @few_columns(
// CHECK: linalg.matmul
func.func @few_columns(%x: tensor<64x1024xbf16>, %w: tensor<1024x8xbf16>, %y: tensor<64x8xf32>) -> tensor<64x8xf32> {
  %sums = linalg.matmul ins(%x, %w : tensor<64x1024xbf16>, tensor<1024x8xbf16>) outs(%y : tensor<64x8xf32>) -> tensor<64x8xf32>
  return %sums : tensor<64x8xf32>
}
// CHECK-LABEL: @few_terms(
// CHECK: linalg.matmul
func.func @few_terms(%x: tensor<64x16xbf16>, %w: tensor<16x96xbf16>, %y: tensor<64x96xf32>) -> tensor<64x96xf32> {
  %sums = linalg.matmul ins(%x, %w : tensor<64x16xbf16>, tensor<16x96xbf16>) outs(%y : tensor<64x96xf32>) -> tensor<64x96xf32>
  return %sums : tensor<64x96xf32>
}
// CHECK-LABEL: @single(
// CHECK: linalg.matmul
func.func @single(%x: tensor<64x64xf32>, %w: tensor<64x96xf32>, %y: tensor<64x96xf32>) -> tensor<64x96xf32> {
  %sums = linalg.matmul ins(%x, %w : tensor<64x64xf32>, tensor<64x96xf32>) outs(%y : tensor<64x96xf32>) -> tensor<64x96xf32>
  return %sums : tensor<64x96xf32>
}
