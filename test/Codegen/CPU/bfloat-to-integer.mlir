// RUN: infini-opt %s --infini-attn-bfloat-to-integer --verify-diagnostics | FileCheck %s

// CHECK-LABEL: llvm.func @moves(
// CHECK-NOT: bf16
// CHECK: %[[NAN:.*]] = llvm.mlir.constant(dense<32704> : vector<8xi16>) : vector<8xi16>
// CHECK: %[[MASKED:.*]] = llvm.intr.masked.load {{.*}} -> vector<8xi16>
// CHECK: %[[ONE:.*]] = llvm.mlir.constant(16256 : i16) : i16
// CHECK: llvm.cond_br %{{.*}}, ^bb1(%[[MASKED]] : vector<8xi16>), ^bb2
// CHECK: ^bb1(%[[ARG:.*]]: vector<8xi16>):
// CHECK: %[[SELECTED:.*]] = llvm.select %{{.*}}, %[[NAN]], %[[ARG]] : vector<8xi1>, vector<8xi16>
// CHECK: llvm.add %[[SELECTED]], %[[SELECTED]] : vector<8xi16>
// CHECK: llvm.intr.masked.store %[[SELECTED]], {{.*}} : vector<8xi16>
// CHECK: llvm.store %[[ONE]], %{{.*}} : i16, !llvm.ptr
// CHECK-NOT: bf16
// CHECK: llvm.return
llvm.func @moves(%p: !llvm.ptr, %mask: vector<8xi1>, %c: i1) {
  %nan = llvm.mlir.constant(dense<0x7FC0> : vector<8xbf16>) : vector<8xbf16>
  %zero = llvm.mlir.zero : vector<8xbf16>
  %x = llvm.intr.masked.load %p, %mask, %zero {alignment = 2 : i32} : (!llvm.ptr, vector<8xi1>, vector<8xbf16>) -> vector<8xbf16>
  %one = llvm.mlir.constant(1.0 : bf16) : bf16
  llvm.cond_br %c, ^bb1(%x : vector<8xbf16>), ^bb2
^bb1(%y: vector<8xbf16>):
  %s = llvm.select %mask, %nan, %y : vector<8xi1>, vector<8xbf16>
  %bits = llvm.bitcast %s : vector<8xbf16> to vector<8xi16>
  %sum = llvm.add %bits, %bits : vector<8xi16>
  llvm.intr.masked.store %s, %p, %mask {alignment = 2 : i32} : vector<8xbf16>, vector<8xi1> into !llvm.ptr
  llvm.store %one, %p : bf16, !llvm.ptr
  llvm.br ^bb2
^bb2:
  llvm.return
}

// What is called, and what computes, takes and gives bf16 as before.
// CHECK-LABEL: llvm.func @computes(
// CHECK-SAME: %[[X:.*]]: bf16, %[[C:.*]]: i1) -> bf16
// CHECK: %[[IN:.*]] = llvm.bitcast %[[X]] : bf16 to i16
// CHECK: %[[Y:.*]] = llvm.sitofp %{{.*}} : i64 to bf16
// CHECK: %[[BITS:.*]] = llvm.bitcast %[[Y]] : bf16 to i16
// CHECK: %[[S:.*]] = llvm.select %[[C]], %[[IN]], %[[BITS]] : i1, i16
// CHECK: %[[OUT:.*]] = llvm.bitcast %[[S]] : i16 to bf16
// CHECK: llvm.return %[[OUT]] : bf16
llvm.func @computes(%x: bf16, %c: i1) -> bf16 {
  %n = llvm.mlir.constant(3 : i64) : i64
  %y = llvm.sitofp %n : i64 to bf16
  %s = llvm.select %c, %x, %y : i1, bf16
  llvm.return %s : bf16
}
