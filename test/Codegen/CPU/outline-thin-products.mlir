// RUN: infini-opt %s --infini-attn-outline-thin-products --canonicalize --split-input-file --mlir-print-local-scope | FileCheck %s
// RUN: infini-opt %s --infini-attn-outline-thin-products=vector-bits=256 --canonicalize --split-input-file | FileCheck %s --check-prefix=AVX2

// One row by keys as they lie: 16 keys side by side, whose lanes are added up
// together, then the rest one by one. The fill is the function's. Keys are
// widened in registers, a bf16 key is read as such.
// CHECK: func.func private @infini_thin_dots_1x64xf32_64_nx64xbf16_64_1xnxf32_256(
// CHECK-SAME: %{{.*}}: memref<1x64xf32, strided<[64, 1], offset: ?>>, %[[K:.*]]: memref<?x64xbf16, strided<[64, 1], offset: ?>>, %[[S:.*]]: memref<1x?xf32, strided<[256, 1], offset: ?>>)
// CHECK-SAME: attributes {infini_attn.sequential, passthrough = ["noinline"]}
// CHECK: scf.for %{{.*}} step %c16
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<16xf32>, {{.*}}, vector<16xf32>)
// CHECK-COUNT-16: vector.load %[[K]][{{.*}}] : {{.*}}, vector<16xbf16>
// CHECK: scf.yield
// CHECK-COUNT-30: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK: vector.store {{.*}} vector<16xf32>
// CHECK: scf.for
// CHECK: memref.store
// CHECK: func.func @dots(
// CHECK-NOT: linalg.
// CHECK: scf.parallel
// CHECK: call @infini_thin_dots_1x64xf32_64_nx64xbf16_64_1xnxf32_256(
// AVX2: scf.for {{.*}} iter_args({{.*}}) -> (vector<8xf32>, {{.*}}, vector<8xf32>)
// AVX2-COUNT-8: vector.load {{.*}}, vector<8xbf16>
func.func @dots(%q: memref<1x64xf32>, %k: memref<?x64xbf16>, %room: memref<1x256xf32>, %n: index) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    %s = memref.subview %room[0, 0] [1, %n] [1, 1] : memref<1x256xf32> to memref<1x?xf32, strided<[256, 1]>>
    linalg.fill ins(%zero : f32) outs(%s : memref<1x?xf32, strided<[256, 1]>>)
    linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %k : memref<1x64xf32>, memref<?x64xbf16>) outs(%s : memref<1x?xf32, strided<[256, 1]>>) {
    ^bb0(%x: f32, %y: bf16, %z: f32):
      %w = arith.extf %y : bf16 to f32
      %p = arith.mulf %x, %w : f32
      %t = arith.addf %z, %p : f32
      linalg.yield %t : f32
    }
  }
  return
}

// -----

// Two rows share what is loaded: 2 x 8 accumulators. Outside of a parallel loop
// 128 columns are a task.
// CHECK: func.func private @infini_thin_sums_2xnxf32_512_nxnxf32_384_2xnxf32_384(
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (vector<16xf32>, {{.*}}, vector<16xf32>)
// CHECK-COUNT-8: vector.load
// CHECK: memref.load
// CHECK: vector.broadcast
// CHECK-COUNT-8: math.fma
// CHECK: memref.load
// CHECK-COUNT-8: math.fma
// CHECK-NOT: math.fma
// CHECK: scf.yield
// CHECK: vector.maskedstore
// CHECK: func.func @sums(
// CHECK: scf.parallel (%{{.*}}) = (%c0) to (%c3)
// CHECK: call @infini_thin_sums_2xnxf32_512_nxnxf32_384_2xnxf32_384(
func.func @sums(%p: memref<2x512xf32>, %v: memref<512x384xf32>, %o: memref<2x384xf32>) {
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%p, %v : memref<2x512xf32>, memref<512x384xf32>) outs(%o : memref<2x384xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %w = arith.mulf %x, %y : f32
    %t = arith.addf %z, %w : f32
    linalg.yield %t : f32
  }
  return
}

// -----

// A sum that adds to what is there, and rows that are not few.
// CHECK: @infini_thin_dots_added_1x64xf32_64_nx64xf32_64_1xnxf32_32
// CHECK: func.func @others(
// CHECK: call @infini_thin_dots_added
// CHECK: linalg.generic
func.func @others(%a: memref<1x64xf32>, %b: memref<32x64xf32>, %c: memref<1x32xf32>, %d: memref<17x64xf32>, %e: memref<17x32xf32>) {
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%a, %b : memref<1x64xf32>, memref<32x64xf32>) outs(%c : memref<1x32xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %w = arith.mulf %x, %y : f32
    %t = arith.addf %z, %w : f32
    linalg.yield %t : f32
  }
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%d, %b : memref<17x64xf32>, memref<32x64xf32>) outs(%e : memref<17x32xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %w = arith.mulf %x, %y : f32
    %t = arith.addf %z, %w : f32
    linalg.yield %t : f32
  }
  return
}
