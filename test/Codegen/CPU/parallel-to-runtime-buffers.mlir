// RUN: infini-opt %s --infini-attn-parallel-to-runtime --canonicalize | FileCheck %s

// Iterations of a range follow each other and share their buffers.
// CHECK-LABEL: func.func private @buffers_parallel_0(
// CHECK: %[[ROOM:.*]] = memref.alloc() : memref<8xf32>
// CHECK: scf.for
// CHECK-NOT: memref.alloc() : memref<8xf32>
// CHECK: call @use(%[[ROOM]])
// CHECK: %[[OTHER:.*]] = memref.alloc(%{{.*}}) : memref<?xf32>
// CHECK: memref.dealloc %[[OTHER]]
// CHECK: }
// CHECK: memref.dealloc %[[ROOM]]
func.func private @use(memref<8xf32>)
func.func private @use_more(memref<?xf32>)
func.func @buffers(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    %room = memref.alloc() : memref<8xf32>
    func.call @use(%room) : (memref<8xf32>) -> ()
    %other = memref.alloc(%i) : memref<?xf32>
    func.call @use_more(%other) : (memref<?xf32>) -> ()
    memref.dealloc %other : memref<?xf32>
    memref.dealloc %room : memref<8xf32>
  }
  return
}
