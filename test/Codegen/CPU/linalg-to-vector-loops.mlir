// RUN: infini-opt %s --infini-attn-copies-to-linalg --infini-attn-linalg-to-vector-loops --canonicalize --cse --split-input-file --verify-diagnostics | FileCheck %s
// RUN: infini-opt %s --infini-attn-copies-to-linalg --infini-attn-linalg-to-vector-loops=vector-bits=256 --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=AVX2
// RUN: not infini-opt %s --infini-attn-linalg-to-vector-loops=vector-bits=64 --split-input-file 2>&1 | FileCheck %s --check-prefix=BITS

// BITS: error: expected vector-bits to be 512, 256 or 128, got 64

// A contraction: blocks of rows in parallel, 8 x 3 vectors of accumulators in
// registers, the product and its sum one rounding. 48 columns leave no tail.
// Buffers are seen as their elements from the first one on.
// CHECK-LABEL: @contraction
// CHECK: extract_strided_metadata %arg2
// CHECK: %[[LAST:.*]] = arith.subi %{{.*}}#0, %c1
// CHECK: %[[ROW:.*]] = arith.muli %[[LAST]], %c48
// CHECK: %[[COUNT:.*]] = arith.addi %[[ROW]], %c48
// CHECK: %[[OUT:.*]] = memref.reinterpret_cast %arg2 to offset: [0], sizes: [%[[COUNT]]], strides: [1] : memref<?x48xf32> to memref<?xf32>
// CHECK: scf.parallel
// CHECK: scf.for {{.*}} step %c8
// CHECK-NOT: vector.load %[[OUT]]
// CHECK: scf.for %[[K:[^ ]*]] = {{.*}} iter_args({{(%[^=]*= [^,]*, ){23}[^,]*}}) ->
// Once a line of 64 bytes, what the next tile reads of 8 rows.
// CHECK: %[[REST:.*]] = arith.remui %[[K]], %c16
// CHECK: %[[IS_LINE:.*]] = arith.cmpi eq, %[[REST]], %c0
// CHECK: scf.if %[[IS_LINE]]
// CHECK-COUNT-8: memref.prefetch
// CHECK-COUNT-24: math.fma
// What was there is added to the sum of this tile's terms.
// CHECK-NOT: memref.prefetch
// CHECK-COUNT-24: arith.addf
// CHECK-COUNT-24: vector.store %{{.*}}, %[[OUT]]
// A row by itself, by the same operations.
// CHECK: scf.for
// CHECK-COUNT-3: math.fma
// CHECK-NOT: vector.create_mask

// AVX2-LABEL: @contraction
// AVX2: scf.for {{.*}} iter_args({{(%[^=]*= [^,]*, ){11}[^,]*}}) ->
// AVX2-COUNT-12: math.fma {{.*}} : vector<8xf32>
#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
func.func @contraction(%lhs: memref<?x128xf32>, %rhs: memref<128x48xf32>, %out: memref<?x48xf32>) {
  linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%lhs, %rhs : memref<?x128xf32>, memref<128x48xf32>) outs(%out : memref<?x48xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

// A left factor whose rows are neighbours in memory is asked for 16 steps ahead,
// in whole tiles.
// CHECK-LABEL: @columns
// CHECK: %[[LHS:.*]] = memref.reinterpret_cast %arg0
// CHECK: scf.for %[[K:[^ ]*]] = {{.*}} iter_args({{(%[^=]*= [^,]*, ){23}[^,]*}}) ->
// CHECK: %[[AHEAD:.*]] = arith.addi %[[K]], %c16
// CHECK: %[[STEPS:.*]] = arith.muli %[[AHEAD]], %{{.*}}
// CHECK: %[[PLACE:.*]] = arith.addi %{{.*}}, %[[STEPS]]
// CHECK: memref.prefetch %[[LHS]][%[[PLACE]]], read, locality<3>, data
// CHECK-COUNT-24: math.fma
// CHECK: memref.prefetch
// CHECK-COUNT-24: math.fma
// CHECK-NOT: memref.prefetch
#turned = affine_map<(m, n, k) -> (k, m)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
func.func @columns(%lhs: memref<128x?xf32>, %rhs: memref<128x48xf32>, %out: memref<?x48xf32>) {
  linalg.generic {indexing_maps = [#turned, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%lhs, %rhs : memref<128x?xf32>, memref<128x48xf32>) outs(%out : memref<?x48xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

// A named operation and a copy take the same way; an unknown number of columns
// ends in a masked vector. Where a vector of 512 bits is masked for nothing, all
// are; without registers for masks only the last one is.
// AVX2-LABEL: @tail
// AVX2: vector.load
// AVX2: vector.store
// AVX2: vector.maskedload
// CHECK-LABEL: @tail
// CHECK-NOT: vector.load
// CHECK: %[[MASK:.*]] = vector.create_mask %{{.*}} : vector<16xi1>
// CHECK: vector.maskedload {{.*}}, %[[MASK]]
// CHECK: vector.maskedstore {{.*}}, %[[MASK]]
// CHECK: vector.broadcast %{{.*}} : f32
func.func @tail(%in: memref<?xf32>, %out: memref<?xf32>, %filled: memref<8x16xf32>, %value: f32) {
  memref.copy %in, %out : memref<?xf32> to memref<?xf32>
  linalg.fill ins(%value : f32) outs(%filled : memref<8x16xf32>)
  return
}

// -----

// A sum along the contiguous dimension: lanes hold partial sums, folded in
// halves, then added to the initial value; a masked step keeps the old sums.
// CHECK-LABEL: @row_sum
// CHECK: scf.for {{.*}} iter_args
// CHECK: arith.addf {{.*}} : vector<16xf32>
// CHECK: vector.create_mask
// CHECK: arith.select
// CHECK: vector.extract_strided_slice {{.*}}vector<16xf32> to vector<8xf32>
// CHECK: arith.addf {{.*}} : vector<1xf32>
// CHECK: memref.store
func.func @row_sum(%in: memref<?x?xf32>, %out: memref<?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>], iterator_types = ["parallel", "reduction"]}
      ins(%in : memref<?x?xf32>) outs(%out : memref<?xf32>) {
  ^bb0(%a: f32, %c: f32):
    %0 = arith.addf %a, %c : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// A transposition: a square tile is loaded by rows and interleaved
// log2(16) = 4 times, 16 shuffles each. The rows of the next one are asked for.
// CHECK-LABEL: @transposition
// CHECK: %[[IN:.*]] = memref.reinterpret_cast %arg0
// CHECK-COUNT-16: memref.prefetch %[[IN]]
// CHECK-COUNT-16: vector.load
// CHECK-COUNT-64: vector.shuffle
// CHECK-COUNT-16: vector.store
func.func @transposition(%in: memref<64x64xf32>, %out: memref<64x64xf32>) {
  linalg.transpose ins(%in : memref<64x64xf32>) outs(%out : memref<64x64xf32>) permutation = [1, 0]
  return
}

// -----

// A table look-up keeps to one row of its table: a vector load at its column.
// CHECK-LABEL: @lookup
// CHECK: %[[ROW:.*]] = arith.index_cast
// CHECK: vector.load %arg1[%[[ROW]], %{{.*}}]
func.func @lookup(%tokens: memref<?xi32>, %table: memref<?x32xf32>, %out: memref<?x32xf32>) {
  linalg.generic {indexing_maps = [affine_map<(t, d) -> (t)>, affine_map<(t, d) -> (t, d)>], iterator_types = ["parallel", "parallel"]}
      ins(%tokens : memref<?xi32>) outs(%out : memref<?x32xf32>) {
  ^bb0(%token: i32, %unused: f32):
    %i = arith.index_cast %token : i32 to index
    %d = linalg.index 1 : index
    %e = memref.load %table[%i, %d] : memref<?x32xf32>
    linalg.yield %e : f32
  }
  return
}

// -----

// Inside of a parallel loop the loops are sequential.
// CHECK-LABEL: @nested
// CHECK: scf.parallel
// CHECK-NOT: scf.parallel
// CHECK: scf.for
func.func @nested(%out: memref<8x?x16xf32>, %value: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.parallel (%i) = (%c0) to (%c8) step (%c1) {
    %slice = memref.subview %out[%i, 0, 0] [1, 4, 16] [1, 1, 1] : memref<8x?x16xf32> to memref<4x16xf32, strided<[16, 1], offset: ?>>
    linalg.fill ins(%value : f32) outs(%slice : memref<4x16xf32, strided<[16, 1], offset: ?>>)
  }
  return
}

// -----

// A product into elements that are no neighbours has the same tile; its lanes
// are stored one by one, those past the end to the last element, before it.
// CHECK-LABEL: @apart
// CHECK: math.fma
// CHECK: %[[NEXT:.*]] = arith.addi %{{.*}}, %c15
// CHECK: %[[CLAMPED:.*]] = arith.minui %[[NEXT]], %c19
// CHECK: %[[PLACE:.*]] = arith.muli %[[CLAMPED]], %c2
// CHECK: %[[LANE:.*]] = vector.extract %[[SUM:.*]][15]
// CHECK: memref.store %[[LANE]], %{{.*}}[%[[PLACE]]]
// CHECK: vector.extract %[[SUM]][0]
// CHECK: memref.store
func.func @apart(%lhs: memref<1x8xf32>, %rhs: memref<8x20xf32>, %out: memref<1x20xf32, strided<[40, 2]>>) {
  linalg.matmul ins(%lhs, %rhs : memref<1x8xf32>, memref<8x20xf32>) outs(%out : memref<1x20xf32, strided<[40, 2]>>)
  return
}

// -----

// Sums of integers along the lanes, and of what is no whole byte.
// CHECK-LABEL: @integers
// CHECK: arith.addi {{.*}} : vector<16xi32>
// CHECK: vector.extract_strided_slice
// CHECK: vector.from_elements {{.*}} : vector<16xi1>
// CHECK: arith.ori {{.*}} : vector<16xi1>
func.func @integers(%a: memref<?xi32>, %b: memref<?xi32>, %c: memref<i32>, %d: memref<8x8xi1>, %e: memref<8x8xi1>, %f: memref<8x8xi1>) {
  linalg.dot ins(%a, %b : memref<?xi32>, memref<?xi32>) outs(%c : memref<i32>)
  linalg.matmul ins(%d, %e : memref<8x8xi1>, memref<8x8xi1>) outs(%f : memref<8x8xi1>)
  return
}

// -----

// A product never becomes scalar loops.
func.func @complex(%a: memref<8x8xcomplex<f32>>, %b: memref<8x8xcomplex<f32>>, %c: memref<8x8xcomplex<f32>>) {
  // expected-error @below {{expected a product of factors that fit in vectors, got 'complex<f32>' and 'complex<f32>'}}
  linalg.matmul ins(%a, %b : memref<8x8xcomplex<f32>>, memref<8x8xcomplex<f32>>) outs(%c : memref<8x8xcomplex<f32>>)
  return
}

// -----

// What has no vector form says so.
// CHECK-LABEL: @scalar
// CHECK: memref.load
func.func @scalar(%in: memref<8xi1>, %out: memref<8xi1>) {
  // expected-remark @below {{becomes scalar loops: no vector form}}
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%in : memref<8xi1>) outs(%out : memref<8xi1>) {
  ^bb0(%a: i1, %unused: i1):
    linalg.yield %a : i1
  }
  return
}

// -----

func.func @tensors(%value: f32, %init: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{'linalg.fill' op expected a structured operation on buffers}}
  %0 = linalg.fill ins(%value : f32) outs(%init : tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// A contraction that starts from a fill of a buffer that nobody else saw begins
// with the value in registers; the fill is gone, and nothing is read.
// CHECK-LABEL: @fill_then_contract
// CHECK: %[[OUT:.*]] = memref.alloc
// CHECK: %[[FLAT:.*]] = memref.reinterpret_cast %[[OUT]]
// CHECK-NOT: vector.load %[[FLAT]]
// CHECK: return
func.func @fill_then_contract(%lhs: memref<8x4xf32>, %rhs: memref<4x16xf32>) -> memref<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %out = memref.alloc() : memref<8x16xf32>
  linalg.fill ins(%zero : f32) outs(%out : memref<8x16xf32>)
  linalg.matmul ins(%lhs, %rhs : memref<8x4xf32>, memref<4x16xf32>) outs(%out : memref<8x16xf32>)
  return %out : memref<8x16xf32>
}

// -----

// A fill under a condition decides what the sum is added to.
// CHECK-LABEL: @fill_under_condition
// CHECK-SAME: %[[CONDITION:[a-z0-9]*]]: i1
// CHECK: %[[OUT:.*]] = memref.reinterpret_cast %arg2
// CHECK: %[[SUM:.*]]:8 = scf.for {{.*}} iter_args(%{{.*}} = %cst
// CHECK: scf.if %[[CONDITION]]
// CHECK-NEXT: scf.yield %[[SUM]]#0
// CHECK-NEXT: else
// CHECK: vector.load %[[OUT]]
// CHECK-NEXT: arith.addf
func.func @fill_under_condition(%lhs: memref<8x4xf32>, %rhs: memref<4x16xf32>, %out: memref<8x16xf32>, %condition: i1) {
  %zero = arith.constant 0.0 : f32
  scf.if %condition {
    linalg.fill ins(%zero : f32) outs(%out : memref<8x16xf32>)
  }
  linalg.matmul ins(%lhs, %rhs : memref<8x4xf32>, memref<4x16xf32>) outs(%out : memref<8x16xf32>)
  return
}

// -----

// A sum along the lanes begins the same way, at its end.
// CHECK-LABEL: @fill_of_dots
// CHECK: arith.select %arg2, %cst{{.*}}, %{{.*}} : f32
func.func @fill_of_dots(%in: memref<?x?xf32>, %out: memref<?xf32>, %condition: i1) {
  %zero = arith.constant 0.0 : f32
  scf.if %condition {
    linalg.fill ins(%zero : f32) outs(%out : memref<?xf32>)
  }
  linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>], iterator_types = ["parallel", "reduction"]}
      ins(%in : memref<?x?xf32>) outs(%out : memref<?xf32>) {
  ^bb0(%a: f32, %c: f32):
    %0 = arith.addf %a, %c : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// Nor is one right before it on a part of a buffer.
// CHECK-LABEL: @fill_part
// CHECK: %[[OUT:.*]] = memref.reinterpret_cast %arg2
// CHECK-NOT: vector.load %[[OUT]]
// CHECK: return
func.func @fill_part(%lhs: memref<8x4xf32>, %rhs: memref<4x16xf32>, %out: memref<8x16xf32, strided<[64, 1], offset: ?>>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<8x16xf32, strided<[64, 1], offset: ?>>)
  linalg.matmul ins(%lhs, %rhs : memref<8x4xf32>, memref<4x16xf32>) outs(%out : memref<8x16xf32, strided<[64, 1], offset: ?>>)
  return
}

// -----

// Not where an input is a view of what was filled.
// CHECK-LABEL: @fill_input
// CHECK: %[[OUT:.*]] = memref.reinterpret_cast %arg1
// CHECK: vector.maskedstore %[[OUT]]
// CHECK: vector.maskedload %[[OUT]]
func.func @fill_input(%lhs: memref<8x8xf32>, %out: memref<8x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %rhs = memref.subview %out[0, 0] [8, 8] [1, 1] : memref<8x8xf32> to memref<8x8xf32, strided<[8, 1]>>
  linalg.fill ins(%zero : f32) outs(%out : memref<8x8xf32>)
  linalg.matmul ins(%lhs, %rhs : memref<8x8xf32>, memref<8x8xf32, strided<[8, 1]>>) outs(%out : memref<8x8xf32>)
  return
}

// -----

// Not where something else wrote to the buffer in between, or has a view of it.
// CHECK-LABEL: @fill_then_other
// CHECK: %[[OUT:.*]] = memref.alloc
// CHECK: %[[FLAT:.*]] = memref.reinterpret_cast %[[OUT]]
// CHECK: vector.load %[[FLAT]]
// CHECK: return
func.func @fill_then_other(%lhs: memref<8x4xf32>, %rhs: memref<4x16xf32>) -> memref<8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %out = memref.alloc() : memref<8x16xf32>
  %row = memref.subview %out[3, 0] [1, 16] [1, 1] : memref<8x16xf32> to memref<1x16xf32, strided<[16, 1], offset: 48>>
  linalg.fill ins(%zero : f32) outs(%out : memref<8x16xf32>)
  %c0 = arith.constant 0 : index
  memref.store %one, %row[%c0, %c0] : memref<1x16xf32, strided<[16, 1], offset: 48>>
  linalg.matmul ins(%lhs, %rhs : memref<8x4xf32>, memref<4x16xf32>) outs(%out : memref<8x16xf32>)
  return %out : memref<8x16xf32>
}
