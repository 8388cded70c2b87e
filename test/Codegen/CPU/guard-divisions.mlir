// RUN: infini-opt %s --infini-attn-guard-divisions | FileCheck %s

// CHECK-LABEL: func.func @unsigned(
// CHECK-SAME: %[[X:.*]]: index, %[[N:.*]]: index
// CHECK: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK: %[[VALID:.*]] = arith.cmpi ne, %[[N]], %[[ZERO]]
// CHECK: cf.assert %[[VALID]], "expected a divisor that is not 0, got 0"
// CHECK: %[[ONE:.*]] = arith.constant 1 : index
// CHECK: %[[D:.*]] = arith.select %[[VALID]], %[[N]], %[[ONE]]
// CHECK-NOT: arith.select
// CHECK: arith.divui %[[X]], %[[D]]
func.func @unsigned(%x: index, %n: index) -> index {
  %q = arith.divui %x, %n : index
  return %q : index
}

// CHECK-LABEL: func.func @signed(
// CHECK-SAME: %[[X:.*]]: i8, %[[N:.*]]: i8
// CHECK: %[[D:.*]] = arith.select %{{.*}}, %[[N]], %[[ONE:.*]] : i8
// CHECK: %[[LEAST:.*]] = arith.constant -128 : i8
// CHECK: %[[IS_LEAST:.*]] = arith.cmpi eq, %[[X]], %[[LEAST]]
// CHECK: %[[MINUS:.*]] = arith.constant -1 : i8
// CHECK: %[[IS_MINUS:.*]] = arith.cmpi eq, %[[D]], %[[MINUS]]
// CHECK: %[[WRAPS:.*]] = arith.andi %[[IS_LEAST]], %[[IS_MINUS]]
// CHECK: %[[SAFE:.*]] = arith.select %[[WRAPS]], %[[ONE]], %[[D]]
// CHECK: arith.remsi %[[X]], %[[SAFE]]
func.func @signed(%x: i8, %n: i8) -> i8 {
  %q = arith.remsi %x, %n : i8
  return %q : i8
}

// CHECK-LABEL: func.func @constants(
// CHECK-NOT: cf.assert
// CHECK: return
func.func @constants(%x: i64) -> i64 {
  %c3 = arith.constant 3 : i64
  %q = arith.divsi %x, %c3 : i64
  return %q : i64
}

// The check of what is the same for all elements is made once.
// CHECK-LABEL: func.func @payload(
// CHECK: cf.assert
// CHECK: linalg.generic
// CHECK-NOT: cf.assert
// CHECK: arith.divui
// CHECK: linalg.yield
func.func @payload(%x: tensor<4xi64>, %n: i64) -> tensor<4xi64> {
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%x : tensor<4xi64>) {
  ^bb0(%a: i64):
    %q = arith.divui %a, %n : i64
    linalg.yield %q : i64
  } -> tensor<4xi64>
  return %r : tensor<4xi64>
}
