// RUN: infini-opt %s --infini-attn-guard-slices --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @data(
// CHECK-SAME: %[[A:.*]]: tensor<?xf32>, %[[O:.*]]: index)
// CHECK: cf.assert {{.*}}, "expected a slice inside of its tensor, got a size outside of it in dimension 0"
// CHECK: cf.assert {{.*}}, "expected a slice inside of its tensor, got a last element outside of it in dimension 0"
// CHECK: cf.assert {{.*}}, "expected a slice inside of its tensor, got a first element outside of it in dimension 0"
// CHECK: %[[OFFSET:.*]] = arith.select %[[OK:.*]], %[[O]], %{{.*}} : index
// CHECK: %[[SAFE:.*]] = scf.if %[[OK]] -> (tensor<?xf32>) {
// CHECK:   scf.yield %[[A]]
// CHECK: } else {
// CHECK:   tensor.splat
// CHECK: tensor.extract_slice %[[SAFE]][%[[OFFSET]]] [4] [1]
func.func @data(%a: tensor<?xf32>, %o: index) -> tensor<4xf32> {
  %r = tensor.extract_slice %a[%o] [4] [1] : tensor<?xf32> to tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

// What is left of a tensor of known size needs no zeros: the first part is there.
// CHECK-LABEL: func.func @row(
// CHECK-SAME: %[[A:.*]]: tensor<16x8xf32>, %[[O:.*]]: index)
// CHECK: cf.assert
// CHECK-NOT: scf.if
// CHECK: %[[OFFSET:.*]] = arith.select %{{.*}}, %[[O]]
// CHECK: tensor.extract_slice %[[A]][%[[OFFSET]], 0] [1, 8] [1, 1]
func.func @row(%a: tensor<16x8xf32>, %o: index) -> tensor<8xf32> {
  %r = tensor.extract_slice %a[%o, 0] [1, 8] [1, 1] : tensor<16x8xf32> to tensor<8xf32>
  return %r : tensor<8xf32>
}

// -----

// CHECK-LABEL: func.func @write(
// CHECK-SAME: %[[S:.*]]: tensor<?xf32>, %[[D:.*]]: tensor<?xf32>
// CHECK: cf.assert {{.*}}, "expected a slice inside of its tensor, got a source outside of it in dimension 0"
// CHECK: scf.if
// CHECK:   %[[R:.*]] = tensor.insert_slice %[[S]] into %[[D]]
// CHECK:   scf.yield %[[R]]
// CHECK: } else {
// CHECK:   scf.yield %[[D]]
func.func @write(%s: tensor<?xf32>, %d: tensor<?xf32>, %o: index, %n: index) -> tensor<?xf32> {
  %r = tensor.insert_slice %s into %d[%o] [%n] [1] : tensor<?xf32> into tensor<?xf32>
  return %r : tensor<?xf32>
}

// -----

// What is known to be inside is left alone.
// CHECK-LABEL: func.func @inside(
// CHECK-NOT: cf.assert
// CHECK: return
func.func @inside(%a: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c0 : tensor<?x8xf32>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%x = %a) -> tensor<?x8xf32> {
    %row = tensor.extract_slice %a[%i, 0] [1, 8] [1, 1] : tensor<?x8xf32> to tensor<1x8xf32>
    %y = tensor.insert_slice %row into %x[%i, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<?x8xf32>
    scf.yield %y : tensor<?x8xf32>
  }
  return %r : tensor<?x8xf32>
}
