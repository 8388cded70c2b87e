// RUN: infini-opt %s --infini-attn-checks-to-runtime | FileCheck %s

// One message, however often it is used, with its terminating zero.
// CHECK-DAG: llvm.mlir.global internal constant @[[TEXT:.*]]("expected 1\00")
// CHECK-DAG: llvm.mlir.global internal constant @[[VALUES:.*]]("expected {0} and {1}\00")
// CHECK-DAG: func.func private @infini_check(i32, !llvm.ptr, i64, i64, i64)

// CHECK-LABEL: @checks(
// CHECK-SAME: %[[OK:.*]]: i1, %[[N:.*]]: i64, %[[I:.*]]: index
// CHECK: %[[I32:.*]] = arith.extui %[[OK]] : i1 to i32
// CHECK: %[[MESSAGE:.*]] = llvm.mlir.addressof @[[TEXT]]
// CHECK: call @infini_check(%[[I32]], %[[MESSAGE]], %c0{{.*}}, %c0{{.*}}, %c0{{.*}})
// CHECK: llvm.mlir.addressof @[[TEXT]]
// CHECK: call @infini_check(
// CHECK: %[[MESSAGE:.*]] = llvm.mlir.addressof @[[VALUES]]
// CHECK: %[[INDEX:.*]] = arith.index_cast %[[I]] : index to i64
// CHECK: call @infini_check(%{{.*}}, %[[MESSAGE]], %[[N]], %[[INDEX]], %c0{{.*}})
// CHECK-NOT: cf.assert
// CHECK-NOT: infini_attn.check
func.func @checks(%ok: i1, %n: i64, %i: index) {
  cf.assert %ok, "expected 1"
  infini_attn.check %ok, "expected 1"
  infini_attn.check %ok, "expected {0} and {1}" (%n, %i : i64, index)
  return
}
