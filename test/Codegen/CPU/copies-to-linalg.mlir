// RUN: infini-opt %s --infini-attn-copies-to-linalg --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: @views(
// CHECK-NOT: memref.copy
// CHECK: linalg.generic {{.*}} ins(%arg0 : memref<?x4xf32, strided<[8, 1]>>) outs(%arg1 : memref<?x4xf32>)
// CHECK: linalg.yield %in
func.func @views(%a: memref<?x4xf32, strided<[8, 1]>>, %b: memref<?x4xf32>) {
  memref.copy %a, %b : memref<?x4xf32, strided<[8, 1]>> to memref<?x4xf32>
  return
}

// -----

func.func @unranked(%a: memref<*xf32>, %b: memref<*xf32>) {
  // expected-error @below {{expected a copy of ranked buffers}}
  memref.copy %a, %b : memref<*xf32> to memref<*xf32>
  return
}
