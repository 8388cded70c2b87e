// RUN: infini-opt %s --infini-attn-separate-results --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @same(
// CHECK: %[[X:.*]] = memref.alloc
// CHECK: %[[COPY:.*]] = bufferization.clone %[[X]]
// CHECK: return %[[X]], %{{.*}}, %[[COPY]] : memref<?xf32>, i64, memref<?xf32>
func.func @same(%n: index, %i: i64) -> (memref<?xf32>, i64, memref<?xf32>) {
  %x = memref.alloc(%n) : memref<?xf32>
  return %x, %i, %x : memref<?xf32>, i64, memref<?xf32>
}

// -----

// CHECK-LABEL: func.func @view(
// CHECK: %[[X:.*]] = memref.alloc
// CHECK: %[[V:.*]] = memref.collapse_shape %[[X]]
// CHECK: %[[COPY:.*]] = bufferization.clone %[[X]]
// CHECK: return %[[V]], %[[COPY]]
func.func @view() -> (memref<6xf32>, memref<2x3xf32>) {
  %x = memref.alloc() : memref<2x3xf32>
  %v = memref.collapse_shape %x [[0, 1]] : memref<2x3xf32> into memref<6xf32>
  return %v, %x : memref<6xf32>, memref<2x3xf32>
}

// -----

// CHECK-LABEL: func.func @choice(
// CHECK: %[[X:.*]] = memref.alloc
// CHECK: %[[S:.*]] = arith.select
// CHECK: %[[COPY:.*]] = bufferization.clone %[[S]]
// CHECK: return %[[X]], %[[COPY]]
func.func @choice(%c: i1, %a: memref<4xf32>) -> (memref<4xf32>, memref<4xf32>) {
  %x = memref.alloc() : memref<4xf32>
  %s = arith.select %c, %x, %a : memref<4xf32>
  return %x, %s : memref<4xf32>, memref<4xf32>
}

// -----

// Two buffers, and what is the caller's: nothing to do here.
// CHECK-LABEL: func.func @apart(
// CHECK-NOT: bufferization.clone
func.func @apart(%a: memref<4xf32>) -> (memref<4xf32>, memref<4xf32>, memref<4xf32>, memref<4xf32>) {
  %x = memref.alloc() : memref<4xf32>
  %y = memref.alloc() : memref<4xf32>
  return %x, %y, %a, %a : memref<4xf32>, memref<4xf32>, memref<4xf32>, memref<4xf32>
}
