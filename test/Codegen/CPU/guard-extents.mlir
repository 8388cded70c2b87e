// RUN: infini-opt %s --infini-attn-guard-extents --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @add(
// CHECK-SAME: %[[A:.*]]: tensor<?xf32>, %[[B:.*]]: tensor<?xf32>)
// CHECK: %[[E:.*]] = tensor.empty
// CHECK: %[[HAVE:.*]] = tensor.dim %[[B]]
// CHECK: %[[FITS:.*]] = arith.cmpi eq, %[[HAVE]], %{{.*}} : index
// CHECK: cf.assert %[[FITS]], "expected the sizes of the operands of linalg.add to fit together, got another in dimension 0 of operand 1"
// CHECK: %[[SAFE:.*]] = scf.if %[[FITS]] -> (tensor<?xf32>) {
// CHECK:   scf.yield %[[B]]
// CHECK: } else {
// CHECK:   %[[ZEROS:.*]] = tensor.splat
// CHECK:   scf.yield %[[ZEROS]]
// CHECK: linalg.add ins(%[[A]], %[[SAFE]] : {{.*}}) outs(%[[E]]
func.func @add(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %a, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = linalg.add ins(%a, %b : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  return %r : tensor<?xf32>
}

// -----

// A size that is known stays known: the other operand is replaced, be it the output.
// CHECK-LABEL: func.func @static(
// CHECK-SAME: %[[A:.*]]: tensor<4xf32>, %[[B:.*]]: tensor<?xf32>)
// CHECK: %[[SAFE:.*]] = scf.if
// CHECK:   scf.yield %[[B]]
// CHECK: linalg.exp ins(%[[A]] : tensor<4xf32>) outs(%[[SAFE]] : tensor<?xf32>)
func.func @static(%a: tensor<4xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  %r = linalg.exp ins(%a : tensor<4xf32>) outs(%b : tensor<?xf32>) -> tensor<?xf32>
  return %r : tensor<?xf32>
}

// -----

// A window reaches past the output: at most by its own size.
// CHECK-LABEL: func.func @window(
// CHECK-SAME: %[[X:.*]]: tensor<?xf32>
// CHECK: arith.cmpi sge
// CHECK: cf.assert {{.*}} dimension 0 of operand 0
// CHECK: scf.if
// CHECK: linalg.conv_1d
func.func @window(%x: tensor<?xf32>, %w: tensor<3xf32>, %o: tensor<?xf32>) -> tensor<?xf32> {
  %r = linalg.conv_1d ins(%x, %w : tensor<?xf32>, tensor<3xf32>) outs(%o : tensor<?xf32>) -> tensor<?xf32>
  return %r : tensor<?xf32>
}

// -----

// Sizes that derive from each other need no check.
// CHECK-LABEL: func.func @derived(
// CHECK-NOT: cf.assert
// CHECK-NOT: scf.if
// CHECK: return
func.func @derived(%a: tensor<?x8xf32>, %b: tensor<8x?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %a, %c0 : tensor<?x8xf32>
  %n = tensor.dim %b, %c1 : tensor<8x?xf32>
  %e = tensor.empty(%m, %n) : tensor<?x?xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  %p = linalg.matmul ins(%a, %b : tensor<?x8xf32>, tensor<8x?xf32>) outs(%f : tensor<?x?xf32>) -> tensor<?x?xf32>
  %e2 = tensor.empty(%m, %n) : tensor<?x?xf32>
  %r = linalg.exp ins(%p : tensor<?x?xf32>) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}
