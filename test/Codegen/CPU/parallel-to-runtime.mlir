// RUN: infini-opt %s --infini-attn-parallel-to-runtime --canonicalize | FileCheck %s
// RUN: infini-opt %s --infini-attn-to-cpu-pipeline | FileCheck %s --check-prefix=LLVM

// CHECK: func.func private @infini_parallel_for(!llvm.ptr, !llvm.ptr, i64)

// The loop inside of the other.
// CHECK: func.func private @rows_parallel_0_parallel_0(%[[INNER:.*]]: !llvm.ptr, %[[FROM:.*]]: i64, %[[TO:.*]]: i64)
// CHECK: scf.for %[[K:.*]] =
// CHECK: memref.store %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}, %[[K]]]

// The body: unpack, a loop over the range, indices by division; the last
// dimension runs fastest.
// CHECK: func.func private @rows_parallel_0(%[[CONTEXT:.*]]: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64)
// CHECK: llvm.alloca
// CHECK: llvm.load %[[CONTEXT]]
// CHECK-DAG: %[[B:.*]] = arith.index_cast %[[BEGIN]]
// CHECK-DAG: %[[E:.*]] = arith.index_cast %[[END]]
// CHECK: scf.for %[[I:.*]] = %[[B]] to %[[E]]
// CHECK: %[[J:.*]] = arith.remui %[[I]], %{{.*}}
// CHECK: %[[ROW:.*]] = arith.divui %[[I]], %{{.*}}
// CHECK: builtin.unrealized_conversion_cast %[[ROW]]
// CHECK: builtin.unrealized_conversion_cast %[[J]]
// CHECK: call @infini_parallel_for(

// CHECK-LABEL: func.func @rows(
// CHECK: constant @rows_parallel_0
// CHECK: llvm.alloca
// CHECK: arith.muli
// CHECK: call @infini_parallel_for_outer(
// CHECK-NOT: scf.parallel

// LLVM: llvm.call @infini_parallel_for
// LLVM-NOT: unrealized_conversion_cast
func.func @rows(%out: memref<?x?x4xf32>, %value: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %m = memref.dim %out, %c0 : memref<?x?x4xf32>
  %n = memref.dim %out, %c1 : memref<?x?x4xf32>
  scf.parallel (%i, %j) = (%c0, %c0) to (%m, %n) step (%c1, %c1) {
    scf.parallel (%k) = (%c0) to (%c4) step (%c1) {
      memref.store %value, %out[%i, %j, %k] : memref<?x?x4xf32>
    }
  }
  return
}

// A reduction carries a value out of the loop: left alone.
// CHECK-LABEL: func.func @reduction(
// CHECK: scf.parallel
func.func @reduction(%in: memref<8xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %sum = scf.parallel (%i) = (%c0) to (%c8) step (%c1) init(%zero) -> f32 {
    %x = memref.load %in[%i] : memref<8xf32>
    scf.reduce(%x : f32) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      scf.reduce.return %s : f32
    }
  }
  return %sum : f32
}

// Loops that do the same share a function, also what is inside of them: the
// layers of a model.
// CHECK: func.func private @alike_parallel_0_parallel_0(
// CHECK: func.func private @alike_parallel_0(
// CHECK-NOT: func.func private @alike_parallel_1
// CHECK: func.func private @alike_parallel_2(
// CHECK-LABEL: func.func @alike(
// CHECK-DAG: %[[SHARED:.*]] = constant @alike_parallel_0 :
// CHECK-DAG: %[[OTHER:.*]] = constant @alike_parallel_2 :
// CHECK: %[[FIRST:.*]] = builtin.unrealized_conversion_cast %[[SHARED]] :
// CHECK: call @infini_parallel_for_outer(%[[FIRST]],
// CHECK: %[[SECOND:.*]] = builtin.unrealized_conversion_cast %[[SHARED]] :
// CHECK: call @infini_parallel_for_outer(%[[SECOND]],
// CHECK: %[[THIRD:.*]] = builtin.unrealized_conversion_cast %[[OTHER]] :
// CHECK: call @infini_parallel_for(%[[THIRD]],
func.func @alike(%a: memref<?x4xf32>, %b: memref<?x4xf32>, %value: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %m = memref.dim %a, %c0 : memref<?x4xf32>
  %n = memref.dim %b, %c0 : memref<?x4xf32>
  scf.parallel (%i) = (%c0) to (%m) step (%c1) {
    scf.parallel (%k) = (%c0) to (%c4) step (%c1) {
      memref.store %value, %a[%i, %k] : memref<?x4xf32>
    }
  }
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    scf.parallel (%k) = (%c0) to (%c4) step (%c1) {
      memref.store %value, %b[%i, %k] : memref<?x4xf32>
    }
  }
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    memref.store %value, %b[%i, %c1] : memref<?x4xf32>
  }
  return
}
