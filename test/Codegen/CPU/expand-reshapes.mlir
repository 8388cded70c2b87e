// RUN: infini-opt %s --infini-attn-expand-reshapes | FileCheck %s
// RUN: infini-opt %s --infini-attn-expand-reshapes --expand-strided-metadata -o /dev/null

// CHECK-LABEL: @two_dynamic_sizes
// CHECK-SAME:  (%[[X:.*]]: memref<?x8xf32>, %[[M:.*]]: index, %[[N:.*]]: index)
// CHECK:       %[[BASE:.*]], %{{.*}}, %{{.*}}:2, %{{.*}}:2 = memref.extract_strided_metadata %[[X]]
// CHECK:       %[[STRIDE:.*]] = affine.apply {{.*}}%[[N]]
// CHECK:       memref.reinterpret_cast %[[BASE]] to offset: [0], sizes: [%[[M]], %[[N]], 8], strides: [%[[STRIDE]], 8, 1]
// CHECK-SAME:    memref<f32> to memref<?x?x8xf32>
func.func @two_dynamic_sizes(%x: memref<?x8xf32>, %m: index, %n: index) -> memref<?x?x8xf32> {
  %y = memref.expand_shape %x [[0, 1], [2]] output_shape [%m, %n, 8] : memref<?x8xf32> into memref<?x?x8xf32>
  return %y : memref<?x?x8xf32>
}

// CHECK-LABEL: @strided_source
// CHECK-SAME:  (%[[X:.*]]: memref<?xf32, strided<[?], offset: ?>>, %[[M:.*]]: index, %[[N:.*]]: index)
// CHECK:       %[[BASE:.*]], %[[OFFSET:.*]], %{{.*}}, %[[S:.*]] = memref.extract_strided_metadata
// CHECK:       memref.reinterpret_cast %[[BASE]] to offset: [%[[OFFSET]]], sizes: [%[[M]], 2, %[[N]]], strides: [%{{.*}}, %{{.*}}, %[[S]]]
func.func @strided_source(%x: memref<?xf32, strided<[?], offset: ?>>, %m: index, %n: index) -> memref<?x2x?xf32, strided<[?, ?, ?], offset: ?>> {
  %y = memref.expand_shape %x [[0, 1, 2]] output_shape [%m, 2, %n] : memref<?xf32, strided<[?], offset: ?>> into memref<?x2x?xf32, strided<[?, ?, ?], offset: ?>>
  return %y : memref<?x2x?xf32, strided<[?, ?, ?], offset: ?>>
}

// One dynamic size a group is upstream's.
// CHECK-LABEL: @one_dynamic_size
// CHECK: memref.expand_shape
func.func @one_dynamic_size(%x: memref<?xf32>, %m: index) -> memref<?x4xf32> {
  %y = memref.expand_shape %x [[0, 1]] output_shape [%m, 4] : memref<?xf32> into memref<?x4xf32>
  return %y : memref<?x4xf32>
}
