// RUN: infini-opt %s --infini-attn-check-layouts | FileCheck %s

// CHECK: llvm.func @infini_check(i32, !llvm.ptr, i64, i64, i64)
// CHECK: llvm.mlir.global internal constant @infini_layout_message_0("expected argument 0 of a function in row-major order, got other strides or an offset\00")

llvm.func @f(%p: !llvm.ptr, %q: !llvm.ptr, %o: i64, %n: i64, %m: i64, %s: i64, %t: i64) -> !llvm.struct<(ptr, ptr, i64)> {
  %r = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64)>
  llvm.return %r : !llvm.struct<(ptr, ptr, i64)>
}

// CHECK-LABEL: llvm.func @_mlir_ciface_f(
// CHECK: %[[X:.*]] = llvm.load
// CHECK: %[[ONE:.*]] = llvm.mlir.constant(1 : i64)
// CHECK: llvm.extractvalue %[[X]][3, 1]
// CHECK: %[[INNER:.*]] = llvm.extractvalue %[[X]][4, 1]
// CHECK: llvm.icmp "eq" %[[INNER]], %[[ONE]] : i64
// CHECK: llvm.extractvalue %[[X]][3, 0]
// CHECK: llvm.extractvalue %[[X]][4, 0]
// CHECK: llvm.extractvalue %[[X]][2]
// CHECK: %[[FLAG:.*]] = llvm.zext %[[OK:.*]] : i1 to i32
// CHECK: %[[TEXT:.*]] = llvm.mlir.addressof @infini_layout_message_0
// CHECK: llvm.call @infini_check(%[[FLAG]], %[[TEXT]], %[[NONE:.*]], %[[NONE]], %[[NONE]])
// CHECK: llvm.cond_br %[[OK]], ^[[VALID:.*]], ^[[INVALID:.*]]
// CHECK: ^[[VALID]]:
// CHECK: %[[RESULT:.*]] = llvm.call @f(
// CHECK: llvm.store %[[RESULT]], %arg0
// CHECK: llvm.return
// CHECK: ^[[INVALID]]:
// CHECK: %[[EMPTY:.*]] = llvm.mlir.zero
// CHECK: llvm.store %[[EMPTY]], %arg0
// CHECK: llvm.return
llvm.func @_mlir_ciface_f(%results: !llvm.ptr, %x: !llvm.ptr) attributes {llvm.emit_c_interface} {
  %0 = llvm.load %x : !llvm.ptr -> !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
  %1 = llvm.extractvalue %0[0] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
  %2 = llvm.extractvalue %0[1] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
  %3 = llvm.extractvalue %0[2] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
  %4 = llvm.extractvalue %0[3, 0] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
  %5 = llvm.extractvalue %0[3, 1] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
  %6 = llvm.extractvalue %0[4, 0] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
  %7 = llvm.extractvalue %0[4, 1] : !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
  %8 = llvm.call @f(%1, %2, %3, %4, %5, %6, %7) : (!llvm.ptr, !llvm.ptr, i64, i64, i64, i64, i64) -> !llvm.struct<(ptr, ptr, i64)>
  llvm.store %8, %results : !llvm.struct<(ptr, ptr, i64)>, !llvm.ptr
  llvm.return
}

// A function without arrays is called as before.
// CHECK-LABEL: llvm.func @_mlir_ciface_g(
// CHECK-NOT: llvm.cond_br
// CHECK: llvm.return
llvm.func @g(%n: i64) {
  llvm.return
}
llvm.func @_mlir_ciface_g(%n: i64) attributes {llvm.emit_c_interface} {
  llvm.call @g(%n) : (i64) -> ()
  llvm.return
}
