// RUN: infini-opt %s --infini-attn-pair-products=unit=amx --canonicalize --split-input-file --verify-diagnostics | FileCheck %s --check-prefixes=CHECK,AMX
// RUN: infini-opt %s --infini-attn-pair-products=unit=dot --canonicalize --split-input-file --verify-diagnostics | FileCheck %s --check-prefixes=CHECK,VECTOR,DOT
// RUN: infini-opt %s --infini-attn-pair-products="unit=fma vector-bits=256" --canonicalize --split-input-file --verify-diagnostics | FileCheck %s --check-prefixes=CHECK,VECTOR,FMA
// RUN: infini-opt %s --infini-attn-pair-products="unit=amx tiles-granted" --canonicalize --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=GRANTED
// RUN: infini-opt %s --infini-attn-pair-products="unit=bfdot vector-bits=128" --canonicalize --split-input-file --verify-diagnostics | FileCheck %s --check-prefixes=CHECK,VECTOR,BFDOT
// RUN: not infini-opt %s --infini-attn-pair-products=unit=bfdot --split-input-file 2>&1 | FileCheck %s --check-prefix=WIDTH
// WIDTH: error: expected vector-bits to be 128 for bfdot, got 512
// RUN: infini-opt %s --infini-attn-pair-products=unit=amx --infini-attn-amx-to-llvm --split-input-file --verify-diagnostics | FileCheck %s --check-prefix=TILES

#left = affine_map<(m, n, k) -> (m, k * 2)>
#right = affine_map<(m, n, k) -> (m, k * 2 + 1)>
#pairs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>

// The vectors' loops are a function: 16 vectors of sums, a pair a step.
// VECTOR: func.func private @infini_product_pairs(
// VECTOR-SAME: memref<?x?xbf16, strided<[?, 1], offset: ?>>, %{{.*}}: memref<?x?xi32, strided<[?, 1], offset: ?>>, %{{.*}}: memref<?x?xf32, strided<[?, 1], offset: ?>>)
// DOT: scf.for {{.*}} step %c8
// DOT: scf.for {{.*}} step %c32
// FMA: scf.for {{.*}} step %c4
// FMA: scf.for {{.*}} step %c32
// BFDOT: scf.for {{.*}} step %c4
// BFDOT: scf.for {{.*}} step %c16
// VECTOR: scf.for {{.*}} iter_args
// DOT-COUNT-2: vector.load {{.*}} vector<16xi32>
// DOT-COUNT-16: x86vector.avx512.dot
// FMA-COUNT-4: vector.load {{.*}} vector<8xi32>
// FMA-COUNT-32: math.fma {{.*}} vector<8xf32>
// BFDOT-COUNT-4: vector.load {{.*}} vector<4xi32>
// BFDOT-COUNT-16: llvm.call_intrinsic "llvm.aarch64.neon.bfdot.v4f32.v8bf16"
// VECTOR-NOT: vector.store
// VECTOR: scf.yield

// Tiles where the process may use them: asked for once, where the function
// begins. Sums stay in registers over all terms: 4 loads and 4 products a step.
// They are stored beside the first step of the next tile.
// CHECK: func.func @product(%[[X:.*]]: memref<64x128xbf16>, %[[Y:.*]]: memref<64x96xi32>, %[[OUT:[a-z0-9]*]]: memref<64x96xf32>)
// AMX: %[[ANSWER:.*]] = call @infini_request_amx() : () -> i32
// AMX: %[[MAY:.*]] = arith.cmpi ne, %[[ANSWER]], %c0_i32
// AMX: scf.if %[[MAY]]
// AMX-COUNT-4: amx.tile_zero
// AMX: scf.for {{.*}} step %c32
// AMX: scf.for {{.*}} step %c32 iter_args(%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}}, %[[C:.*]] = %{{.*}}, %[[D:.*]] = %{{.*}}, %[[ROW:.*]] = %{{.*}}, %[[COLUMN:.*]] = %{{.*}})
// AMX-COUNT-4: amx.tile_load
// AMX: amx.tile_store %[[OUT]][%[[ROW]], %[[COLUMN]]], %[[A]]
// AMX-NEXT: amx.tile_zero
// AMX-NEXT: amx.tile_mulf
// AMX: amx.tile_store %[[OUT]]{{.*}}, %[[B]]
// AMX: amx.tile_store %[[OUT]]{{.*}}, %[[C]]
// AMX: amx.tile_store %[[OUT]]{{.*}}, %[[D]]
// AMX: amx.tile_mulf
// AMX-NOT: amx.tile_store
// AMX: scf.for {{.*}} step %c16 iter_args
// AMX-COUNT-16: memref.prefetch %[[OUT]]{{.*}}, write, locality<3>, data
// AMX-COUNT-2: amx.tile_load %[[X]]{{.*}}!amx.tile<16x32xbf16>
// AMX-COUNT-2: amx.tile_load %[[Y]]{{.*}}!amx.tile<16x16xi32>
// AMX-COUNT-4: amx.tile_mulf
// AMX-NEXT: scf.yield
// AMX-COUNT-4: amx.tile_store %[[OUT]]
// AMX: } else {
// CHECK: call @infini_product_pairs(

// A process that has them does not ask, and has no other way.
// GRANTED-NOT: @infini
// GRANTED-NOT: scf.if
// GRANTED: amx.tile_mulf

// TILES-LABEL: func.func @product(
// TILES: llvm.call_intrinsic "llvm.x86.tilezero.internal"{{.*}} -> !llvm.x86_amx
// TILES: scf.for {{.*}} -> (!llvm.x86_amx, !llvm.x86_amx, !llvm.x86_amx, !llvm.x86_amx)
// TILES: llvm.call_intrinsic "llvm.x86.tdpbf16ps.internal"
// TILES-NOT: amx.tile_
func.func @product(%x: memref<64x128xbf16>, %y: memref<64x96xi32>, %out: memref<64x96xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<64x96xf32>)
  linalg.generic {indexing_maps = [#left, #right, #pairs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %x, %y : memref<64x128xbf16>, memref<64x128xbf16>, memref<64x96xi32>) outs(%out : memref<64x96xf32>) attrs = {infini_attn.pair_product} {
  ^bb0(%a: bf16, %b: bf16, %pair: i32, %sum: f32):
    linalg.yield %sum : f32
  }
  return
}

// What is there already is loaded first.
// CHECK: func.func @added(
// AMX: scf.if
// AMX-COUNT-4: amx.tile_load %{{.*}}!amx.tile<16x16xf32>
// AMX: scf.for
// AMX: amx.tile_store
// AMX-NEXT: amx.tile_load %{{.*}}!amx.tile<16x16xf32>
// AMX-NEXT: amx.tile_mulf
// AMX: scf.for {{.*}} step %c16 iter_args
// CHECK: call @infini_product_pairs_added(
func.func @added(%x: memref<64x128xbf16>, %y: memref<64x96xi32>, %out: memref<64x96xf32>) {
  linalg.generic {indexing_maps = [#left, #right, #pairs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %x, %y : memref<64x128xbf16>, memref<64x128xbf16>, memref<64x96xi32>) outs(%out : memref<64x96xf32>) attrs = {infini_attn.pair_product} {
  ^bb0(%a: bf16, %b: bf16, %pair: i32, %sum: f32):
    linalg.yield %sum : f32
  }
  return
}

// One of several panels: tiles of rows ask for parts of the next one, into L2,
// and their sums lie in L1 already.
// CHECK: func.func @panel(
// AMX-NOT: write, locality
// AMX: scf.for {{.*}} step %c16 iter_args
// AMX-COUNT-4: memref.prefetch %{{.*}}, read, locality<2>, data : memref<64x32xi32
// AMX-NOT: memref.prefetch
// AMX: amx.tile_load
func.func @panel(%x: memref<64x128xbf16>, %packed: memref<3x64x32xi32>, %out: memref<64x32xf32>) {
  %y = memref.subview %packed[1, 0, 0] [1, 64, 32] [1, 1, 1] : memref<3x64x32xi32> to memref<64x32xi32, strided<[32, 1], offset: 2048>>
  linalg.generic {indexing_maps = [#left, #right, #pairs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %x, %y : memref<64x128xbf16>, memref<64x128xbf16>, memref<64x32xi32, strided<[32, 1], offset: 2048>>) outs(%out : memref<64x32xf32>) attrs = {infini_attn.pair_product} {
  ^bb0(%a: bf16, %b: bf16, %pair: i32, %sum: f32):
    linalg.yield %sum : f32
  }
  return
}

// The sum of three products of two parts each: by tiles in a step of 16 terms
// all of them, the smallest first; by vectors in three loops, and what is there
// is added to their sum.
// CHECK: func.func @parts(%[[X0:[a-z0-9]*]]: memref<64x128xbf16>, %[[X1:[a-z0-9]*]]: memref<64x128xbf16>, %[[Y0:[a-z0-9]*]]: memref<64x96xi32>, %[[Y1:[a-z0-9]*]]: memref<64x96xi32>,
// AMX: scf.for {{.*}} step %c16 iter_args
// AMX-COUNT-2: amx.tile_load %[[X0]]
// AMX-COUNT-2: amx.tile_load %[[Y1]]
// AMX-COUNT-4: amx.tile_mulf
// AMX-COUNT-2: amx.tile_load %[[X1]]
// AMX-COUNT-2: amx.tile_load %[[Y0]]
// AMX-COUNT-4: amx.tile_mulf
// AMX-COUNT-2: amx.tile_load %[[X0]]
// AMX-COUNT-2: amx.tile_load %[[Y0]]
// AMX-COUNT-4: amx.tile_mulf
// AMX-NEXT: scf.yield
// CHECK: call @infini_product_pairs_of_2_parts_added(
func.func @parts(%x0: memref<64x128xbf16>, %x1: memref<64x128xbf16>, %y0: memref<64x96xi32>, %y1: memref<64x96xi32>, %out: memref<64x96xf32>) {
  linalg.generic {indexing_maps = [#left, #right, #left, #right, #pairs, #pairs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x0, %x0, %x1, %x1, %y0, %y1 : memref<64x128xbf16>, memref<64x128xbf16>, memref<64x128xbf16>, memref<64x128xbf16>, memref<64x96xi32>, memref<64x96xi32>) outs(%out : memref<64x96xf32>) attrs = {infini_attn.pair_product} {
  ^bb0(%a: bf16, %b: bf16, %c: bf16, %d: bf16, %p: i32, %r: i32, %sum: f32):
    linalg.yield %sum : f32
  }
  return
}

// -----

#left = affine_map<(m, n, k) -> (m, k * 2)>
#right = affine_map<(m, n, k) -> (m, k * 2 + 1)>
#pairs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>

// What reads the product, and nobody else does, runs beside it: in an iteration
// the four tiles of the chunk before are stored in the first step, and after each
// of the 8 products come 4 of the 32 pieces of the chunk before that.
// CHECK-LABEL: func.func @epilogue(
// AMX: %[[RING:.*]] = memref.alloc() {alignment = 64 : i64} : memref<64x32xf32>
// AMX: scf.if
// AMX: scf.for {{.*}} step %c16 iter_args
// AMX: amx.tile_mulf
// The second chunk has no epilogue to run: not written out.
// AMX: scf.for %{{.*}} = %c1 to
// AMX-COUNT-4: amx.tile_store %[[RING]]
// AMX: scf.for {{.*}} step %c16 iter_args
// AMX-COUNT-4: amx.tile_mulf
// AMX-NEXT: scf.yield
// AMX-NOT: math.exp2
// AMX: scf.for %{{.*}} = %c2 to
// AMX: vector.load %{{.*}} : memref<32xf32>, vector<16xf32>
// AMX: amx.tile_store %[[RING]]
// AMX: amx.tile_mulf
// Meanwhile the rows of the next chunk are asked for.
// AMX-COUNT-8: memref.prefetch {{.*}}, read, locality<3>, data
// AMX-COUNT-4: math.exp2 {{.*}} : vector<16xf32>
// AMX: amx.tile_store %[[RING]]
// AMX: amx.tile_mulf
// AMX-COUNT-4: math.exp2 {{.*}} : vector<16xf32>
// AMX-COUNT-6: amx.tile_mulf
// AMX-COUNT-4: math.exp2 {{.*}} : vector<16xf32>
// AMX: scf.yield
// The rest of the rows.
// AMX-COUNT-4: amx.tile_store %[[RING]]
// AMX: math.exp2 {{.*}} : vector<16xf32>
// AMX: } else {
// CHECK: call @infini_product_pairs(
// CHECK: linalg.generic
// CHECK: math.exp2 {{.*}} : f32
// AMX: memref.dealloc %[[RING]]
func.func @epilogue(%m: index, %x: memref<?x64xbf16>, %y: memref<32x32xi32>, %bias: memref<32xf32>, %weights: memref<?x32xf32>) {
  %zero = arith.constant 0.0 : f32
  %c2 = arith.constant 2 : index
  %half = arith.divui %m, %c2 : index
  %room = memref.alloc(%m) : memref<?x32xf32>
  linalg.fill ins(%zero : f32) outs(%room : memref<?x32xf32>)
  linalg.generic {indexing_maps = [#left, #right, #pairs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %x, %y : memref<?x64xbf16>, memref<?x64xbf16>, memref<32x32xi32>) outs(%room : memref<?x32xf32>) attrs = {infini_attn.pair_product} {
  ^bb0(%a: bf16, %b: bf16, %pair: i32, %sum: f32):
    linalg.yield %sum : f32
  }
  %groups = memref.expand_shape %room [[0, 1], [2]] output_shape [%half, 2, 32] : memref<?x32xf32> into memref<?x2x32xf32>
  linalg.generic {indexing_maps = [affine_map<(r, c) -> (r, 0, c)>, affine_map<(r, c) -> (r, 1, c)>, affine_map<(r, c) -> (c)>, affine_map<(r, c) -> (r, c)>], iterator_types = ["parallel", "parallel"]}
    ins(%groups, %groups, %bias : memref<?x2x32xf32>, memref<?x2x32xf32>, memref<32xf32>) outs(%weights : memref<?x32xf32>) {
  ^bb0(%a: f32, %b: f32, %shift: f32, %out: f32):
    %s = arith.addf %a, %b : f32
    %t = arith.addf %s, %shift : f32
    %e = math.exp2 %t : f32
    linalg.yield %e : f32
  }
  memref.dealloc %room : memref<?x32xf32>
  return
}

// -----

#left = affine_map<(m, n, k) -> (m, k * 2)>
#right = affine_map<(m, n, k) -> (m, k * 2 + 1)>
#pairs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
func.func @columns(%x: memref<64x128xbf16, strided<[1, 64]>>, %y: memref<64x96xi32>, %out: memref<64x96xf32>) {
  // expected-error@+1 {{expected matrices with contiguous rows of bf16, i32 and f32, got 'memref<64x128xbf16, strided<[1, 64]>>'}}
  linalg.generic {indexing_maps = [#left, #right, #pairs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %x, %y : memref<64x128xbf16, strided<[1, 64]>>, memref<64x128xbf16, strided<[1, 64]>>, memref<64x96xi32>) outs(%out : memref<64x96xf32>) attrs = {infini_attn.pair_product} {
  ^bb0(%a: bf16, %b: bf16, %pair: i32, %sum: f32):
    linalg.yield %sum : f32
  }
  return
}
