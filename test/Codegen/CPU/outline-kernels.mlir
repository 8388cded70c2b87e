// RUN: infini-opt %s --infini-attn-outline-kernels --canonicalize --split-input-file --mlir-print-local-scope | FileCheck %s

// Two products of one kind call one function. The fill that the first begins
// with is the function's, where it is told to.
// CHECK: func.func private @infini_product_f32_f32_rows(
// CHECK-SAME: memref<?x?xf32, strided<[?, 1], offset: ?>>, %{{.*}}: memref<?x?xf32, strided<[?, 1], offset: ?>>, %[[C:.*]]: memref<?x?xf32, strided<[?, 1], offset: ?>>, %[[REPLACES:.*]]: i1)
// CHECK-SAME: attributes {infini_attn.sequential, passthrough = ["noinline"]}
// CHECK: scf.if %[[REPLACES]]
// CHECK-NEXT: linalg.fill ins(%{{.*}}) outs(%[[C]]
// CHECK: linalg.generic {{.*}} outs(%[[C]]
// CHECK: func.func @products(
// CHECK-DAG: %[[TRUE:.*]] = arith.constant true
// CHECK-DAG: %[[FALSE:.*]] = arith.constant false
// CHECK-NOT: linalg.
// CHECK: scf.parallel
// CHECK: call @infini_product_f32_f32_rows({{.*}}, %[[TRUE]])
// CHECK: scf.parallel
// CHECK: call @infini_product_f32_f32_rows({{.*}}, %[[FALSE]])
func.func @products(%a: memref<100x30xf32>, %b: memref<30x48xf32>, %c: memref<100x48xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<100x48xf32>)
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%a, %b : memref<100x30xf32>, memref<30x48xf32>) outs(%c : memref<100x48xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%a, %b : memref<100x30xf32>, memref<30x48xf32>) outs(%c : memref<100x48xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}

// -----

// bf16 factors, the left one transposed, batches in loops around the call; no
// parallel loop inside of one.
// CHECK: func.func private @infini_product_bf16_f32_columns(
// CHECK-SAME: memref<?x?xbf16, strided<[1, ?], offset: ?>>
// CHECK: arith.extf
// CHECK: func.func @batched(
// CHECK: scf.parallel
// CHECK: scf.for
// CHECK: memref.reinterpret_cast {{.*}} strides: [1, {{.*}}]
// CHECK: call @infini_product_bf16_f32_columns(
func.func @batched(%a: memref<4x?x24xbf16>, %b: memref<4x?x48xf32>, %c: memref<4x24x48xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (b, k, m)>, affine_map<(b, m, n, k) -> (b, k, n)>, affine_map<(b, m, n, k) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%a, %b : memref<4x?x24xbf16>, memref<4x?x48xf32>) outs(%c : memref<4x24x48xf32>) {
    ^bb0(%x: bf16, %y: f32, %z: f32):
      %w = arith.extf %x : bf16 to f32
      %p = arith.mulf %w, %y : f32
      %s = arith.addf %z, %p : f32
      linalg.yield %s : f32
    }
  }
  return
}

// -----

// A transposition inside of a parallel loop is a call too.
// CHECK: func.func private @infini_transposed_f32_bf16(
// CHECK: arith.truncf
// CHECK: func.func @transposed(
// CHECK: scf.parallel
// CHECK: call @infini_transposed_f32_bf16(
func.func @transposed(%a: memref<?x16xf32>, %c: memref<16x?xbf16>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    linalg.generic {indexing_maps = [affine_map<(m, n) -> (n, m)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%a : memref<?x16xf32>) outs(%c : memref<16x?xbf16>) {
    ^bb0(%x: f32, %y: bf16):
      %t = arith.truncf %x : f32 to bf16
      linalg.yield %t : bf16
    }
  }
  return
}

// -----

// Two columns of bf16 as one of i32, turned over: 16 loads of 32 numbers, 16
// stores of 16 pairs, and elements where there is no whole tile. The tile below
// is asked for before.
// CHECK: func.func private @infini_transposed_bf16_i32(
// CHECK-COUNT-16: memref.prefetch %{{.*}}, read, locality<3>, data
// CHECK-COUNT-16: memref.prefetch %{{.*}}, write, locality<3>, data
// CHECK-COUNT-16: vector.load {{.*}} vector<32xbf16>
// CHECK: vector.shuffle
// CHECK-COUNT-16: vector.store {{.*}} : memref<?x?xi32, {{.*}} vector<16xi32>
// CHECK: } else {
// CHECK: memref.expand_shape %{{.*}} {{\[\[}}0], [1, 2]]
// CHECK-LABEL: func.func @pairs(
// CHECK: call @infini_transposed_bf16_i32(
func.func @pairs(%a: memref<?x64xbf16>, %c: memref<32x?xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : i32
  %x = memref.expand_shape %a [[0], [1, 2]] output_shape [%n, 32, 2] : memref<?x64xbf16> into memref<?x32x2xbf16>
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    linalg.generic {indexing_maps = [affine_map<(r, c) -> (c, r, 0)>, affine_map<(r, c) -> (c, r, 1)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %x : memref<?x32x2xbf16>, memref<?x32x2xbf16>) outs(%c : memref<32x?xi32>) {
    ^bb0(%low: bf16, %high: bf16, %pair: i32):
      %0 = arith.bitcast %low : bf16 to i16
      %1 = arith.extui %0 : i16 to i32
      %2 = arith.bitcast %high : bf16 to i16
      %3 = arith.extui %2 : i16 to i32
      %4 = arith.shli %3, %c16 : i32
      %5 = arith.ori %1, %4 : i32
      linalg.yield %5 : i32
    }
  }
  return
}

// -----

// Not a sum of products: left alone.
// CHECK-LABEL: @other(
// CHECK: linalg.generic
// CHECK-NOT: call
func.func @other(%a: memref<100x30xf32>, %b: memref<30x48xf32>, %c: memref<100x48xf32>) {
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%a, %b : memref<100x30xf32>, memref<30x48xf32>) outs(%c : memref<100x48xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.maximumf %z, %p : f32
    linalg.yield %s : f32
  }
  return
}
