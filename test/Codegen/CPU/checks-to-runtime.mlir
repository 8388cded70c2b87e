// RUN: infini-opt %s --infini-attn-checks-to-runtime | FileCheck %s

// One message, however often it is used, with its terminating zero.
// CHECK-DAG: llvm.mlir.global internal constant @[[TEXT:.*]]("expected 1\00")
// CHECK-DAG: llvm.mlir.global internal constant @{{.*}}("expected 2\00")
// CHECK-DAG: func.func private @infini_check(i32, !llvm.ptr)

// CHECK-LABEL: @checks(
// CHECK-SAME: %[[OK:.*]]: i1
// CHECK: %[[I32:.*]] = arith.extui %[[OK]] : i1 to i32
// CHECK: %[[MESSAGE:.*]] = llvm.mlir.addressof @[[TEXT]]
// CHECK: call @infini_check(%[[I32]], %[[MESSAGE]])
// CHECK: llvm.mlir.addressof @[[TEXT]]
// CHECK-NOT: cf.assert
func.func @checks(%ok: i1) {
  cf.assert %ok, "expected 1"
  cf.assert %ok, "expected 1"
  cf.assert %ok, "expected 2"
  return
}
