// RUN: infini-opt %s --infini-attn-tile=bf16-pairs --canonicalize --mlir-print-local-scope --split-input-file | FileCheck %s

// h = (x wg) (x wu);  y = h wd, each rounded.
#rows = affine_map<(m, n, k) -> (m, k)>
#columns = affine_map<(m, n, k) -> (k, n)>
#sums = affine_map<(m, n, k) -> (m, n)>
#all = affine_map<(m, n) -> (m, n)>

// Fewer rows than a tile are left alone; right factors are packed before the
// loop over blocks of rows.
// CHECK-LABEL: @mlp(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x64xbf16>
// CHECK-NOT: scf.forall
// CHECK: %[[MANY:.*]] = arith.cmpi sge, %{{.*}}, %c32
// CHECK: scf.if %[[MANY]]
// CHECK-COUNT-3: scf.forall (%{{.*}}) in ({{.*}}x32xi32>)
// CHECK-NOT: scf.forall (%{{.*}}) in
// CHECK: scf.forall (%[[FROM:[^)]*]]) = (0) to (%{{.*}}) step (%{{.*}}) shared_outs(%[[OUT:.*]] = %{{.*}}) -> (tensor<?x64xbf16>)
// CHECK-NOT: scf.forall
// The left factor is copied once for both products of it, whose columns are
// computed together; h is written where the next product reads it.
// CHECK: %[[ROOM:.*]] = tensor.empty({{.*}}) : tensor<?x160xbf16>
// CHECK: tensor.empty({{.*}}) : tensor<?x96xbf16>
// CHECK-NOT: tensor.empty({{.*}}) : tensor<?x96xbf16>
// CHECK: scf.for
// CHECK-COUNT-2: infini_attn.pair_product
// CHECK: arith.mulf {{.*}} : f32
// CHECK: arith.truncf
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}} : tensor<?x128xbf16> into tensor<?x160xbf16>
// CHECK: scf.for
// CHECK: infini_attn.pair_product
// CHECK: arith.truncf
// CHECK: tensor.parallel_insert_slice %{{.*}} into %[[OUT]][%[[FROM]], 0]
// CHECK: } else {
// CHECK-NOT: infini_attn.pair_product
// CHECK-COUNT-3: arith.addf
// CHECK: return
func.func @mlp(%x: tensor<?x64xbf16>, %wg: tensor<64x128xbf16>, %wu: tensor<64x128xbf16>, %wd: tensor<128x64xbf16>) -> tensor<?x64xbf16> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x64xbf16>
  %wide = tensor.empty(%n) : tensor<?x128xf32>
  %start = linalg.fill ins(%zero : f32) outs(%wide : tensor<?x128xf32>) -> tensor<?x128xf32>
  %g = linalg.generic {indexing_maps = [#rows, #columns, #sums], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %wg : tensor<?x64xbf16>, tensor<64x128xbf16>) outs(%start : tensor<?x128xf32>) {
  ^bb0(%a: bf16, %b: bf16, %sum: f32):
    %aw = arith.extf %a : bf16 to f32
    %bw = arith.extf %b : bf16 to f32
    %p = arith.mulf %aw, %bw : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x128xf32>
  %u = linalg.generic {indexing_maps = [#rows, #columns, #sums], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %wu : tensor<?x64xbf16>, tensor<64x128xbf16>) outs(%start : tensor<?x128xf32>) {
  ^bb0(%a: bf16, %b: bf16, %sum: f32):
    %aw = arith.extf %a : bf16 to f32
    %bw = arith.extf %b : bf16 to f32
    %p = arith.mulf %aw, %bw : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x128xf32>
  %small = tensor.empty(%n) : tensor<?x128xbf16>
  %h = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]}
    ins(%g, %u : tensor<?x128xf32>, tensor<?x128xf32>) outs(%small : tensor<?x128xbf16>) {
  ^bb0(%a: f32, %b: f32, %out: bf16):
    %p = arith.mulf %a, %b : f32
    %t = arith.truncf %p : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<?x128xbf16>
  %narrow = tensor.empty(%n) : tensor<?x64xf32>
  %begin = linalg.fill ins(%zero : f32) outs(%narrow : tensor<?x64xf32>) -> tensor<?x64xf32>
  %d = linalg.generic {indexing_maps = [#rows, #columns, #sums], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%h, %wd : tensor<?x128xbf16>, tensor<128x64xbf16>) outs(%begin : tensor<?x64xf32>) {
  ^bb0(%a: bf16, %b: bf16, %sum: f32):
    %aw = arith.extf %a : bf16 to f32
    %bw = arith.extf %b : bf16 to f32
    %p = arith.mulf %aw, %bw : f32
    %s = arith.addf %sum, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x64xf32>
  %out = tensor.empty(%n) : tensor<?x64xbf16>
  %y = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
    ins(%d : tensor<?x64xf32>) outs(%out : tensor<?x64xbf16>) {
  ^bb0(%a: f32, %o: bf16):
    %t = arith.truncf %a : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// -----

// An operation in between that mixes rows ends the loop; a product by itself
// has the loop that it always had.
// CHECK-LABEL: @mixed(
// CHECK: scf.forall (%{{.*}}) = (0) to (256) step (128)
// CHECK: linalg.reduce
// CHECK: scf.forall (%{{.*}}) = (0) to (256) step (128)
func.func @mixed(%x: tensor<256x64xf32>, %w: tensor<64x64xf32>) -> tensor<256x64xf32> {
  %zero = arith.constant 0.0 : f32
  %room = tensor.empty() : tensor<256x64xf32>
  %start = linalg.fill ins(%zero : f32) outs(%room : tensor<256x64xf32>) -> tensor<256x64xf32>
  %a = linalg.matmul ins(%x, %w : tensor<256x64xf32>, tensor<64x64xf32>) outs(%start : tensor<256x64xf32>) -> tensor<256x64xf32>
  %row = tensor.empty() : tensor<64xf32>
  %sums = linalg.fill ins(%zero : f32) outs(%row : tensor<64xf32>) -> tensor<64xf32>
  %mean = linalg.reduce { arith.addf } ins(%a : tensor<256x64xf32>) outs(%sums : tensor<64xf32>) dimensions = [0]
  %c = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
    ins(%a, %mean : tensor<256x64xf32>, tensor<64xf32>) outs(%room : tensor<256x64xf32>) {
  ^bb0(%v: f32, %m: f32, %o: f32):
    %d = arith.subf %v, %m : f32
    linalg.yield %d : f32
  } -> tensor<256x64xf32>
  %y = linalg.matmul ins(%c, %w : tensor<256x64xf32>, tensor<64x64xf32>) outs(%start : tensor<256x64xf32>) -> tensor<256x64xf32>
  return %y : tensor<256x64xf32>
}
