// RUN: infini-opt %s --infini-attn-return-in-place | FileCheck %s

// An argument that was changed in place is returned itself; another, and what
// is a copy for something else too, stays a copy.
// CHECK-LABEL: func.func @step(
// CHECK-SAME: %[[M:.*]]: memref<4xf32>, %[[X:[a-z0-9]+]]: memref<4xf32>)
// CHECK: %[[COPY:.*]] = bufferization.clone %[[X]]
// CHECK: return %[[M]], %[[COPY]]
func.func @step(%m: memref<4xf32> {infini_attn.in_place}, %x: memref<4xf32>) -> (memref<4xf32>, memref<4xf32>) {
  %0 = bufferization.clone %m : memref<4xf32> to memref<4xf32>
  %1 = bufferization.clone %x : memref<4xf32> to memref<4xf32>
  return %0, %1 : memref<4xf32>, memref<4xf32>
}

// CHECK-LABEL: func.func @uses(
// CHECK-SAME: %[[M:.*]]: memref<4xf32>)
// CHECK: %[[COPY:.*]] = bufferization.clone %[[M]]
// CHECK: return %[[COPY]]
func.func @uses(%m: memref<4xf32> {infini_attn.in_place}) -> memref<4xf32> {
  %c0 = arith.constant 0 : index
  %one = arith.constant 1.0 : f32
  %0 = bufferization.clone %m : memref<4xf32> to memref<4xf32>
  memref.store %one, %0[%c0] : memref<4xf32>
  return %0 : memref<4xf32>
}
