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
