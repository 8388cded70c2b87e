// RUN: infini-opt %s --infini-attn-tile --canonicalize --mlir-print-local-scope | FileCheck %s

// The update (task 0) and blocks of 48 queries, the last ones first, are tasks;
// for each block, keys up to its last query's place in blocks of 128. Scores
// stay in one buffer; weights past the first query's place, which are a few
// rows of the last blocks, are cleared in place.
// CHECK-LABEL: @segment(
// CHECK-SAME: %[[Q:.*]]: tensor<1x1x256x64xf32>, %[[K:.*]]: tensor<1x1x256x64xf32>, %[[V:.*]]: tensor<1x1x256x32xf32>, %[[GATE:[a-z0-9]*]]: tensor<1xf32>
// CHECK-DAG: %[[C48:.*]] = arith.constant 48 : index
// CHECK-DAG: %[[C128:.*]] = arith.constant 128 : index
// CHECK: scf.forall (%[[TASK:.*]]) in (7) shared_outs({{.*}}) -> (tensor<1x1x256x32xf32>, tensor<64x32xf32>, tensor<64xf32>)
// CHECK: %[[ATTENDS:.*]] = arith.minui %[[TASK]], %c1
// CHECK: %[[UPDATES:.*]] = arith.subi %c1, %[[ATTENDS]]
// CHECK: %[[FIRST:.*]] = arith.muli %{{.*}}, %[[C48]]
// CHECK: scf.for %{{.*}} = %c0 to %[[ATTENDS]] step %c1
// CHECK: %[[ROWS:.*]] = tensor.extract_slice %[[Q]][0, 0, %[[FIRST]], 0] [1, 1, %{{.*}}, 64]
// CHECK: linalg.generic {{.*}} ins(%[[ROWS]] : tensor<?x64xf32>) outs(%{{.*}} : tensor<64x?xf32>)
// The largest scores are looked for where norms do not bound them.
// CHECK: %[[IS_SMALL:.*]] = arith.cmpf ole, %{{.*}}, %cst{{.*}} : f32
// CHECK: %[[EXACT:.*]] = arith.select %[[IS_SMALL]], %c0, %{{.*}} : index
// CHECK: scf.for %{{.*}} = %c0 to %[[EXACT]] step %[[C128]] iter_args({{.*}}) -> (tensor<48xf32>, tensor<128x48xf32>)
// CHECK: arith.cmpi sle
// CHECK: arith.cmpf ogt
// CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %[[C128]] iter_args({{.*}}) -> (tensor<48xf32>, tensor<32x48xf32>, tensor<128x48xf32>)
// CHECK: %[[S:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
// CHECK: %[[ALL:.*]] = linalg.generic {{.*}} outs(%[[S]] : tensor<?x48xf32>)
// CHECK: math.fma
// CHECK-NEXT: math.exp2
// CHECK-NEXT: linalg.yield
// CHECK: %[[FROM:.*]] = arith.minsi
// CHECK: %[[HIDDEN:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?x48xf32>)
// CHECK: arith.cmpi sle
// CHECK: %[[P:.*]] = tensor.insert_slice %[[HIDDEN]] into %[[ALL]][%[[FROM]], 0]
// CHECK: linalg.generic {{.*}} ins(%[[P]] : tensor<?x48xf32>)
// CHECK-NOT: arith.cmpi
// CHECK: arith.addf
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[P]] : tensor<?x32xf32>, tensor<?x48xf32>) outs(%{{.*}} : tensor<32x48xf32>)
// CHECK: scf.yield
// The update, summed apart, reads M as it was [S8], in blocks of tokens.
// CHECK: scf.for %{{.*}} = %c0 to %[[UPDATES]] step %c1
// CHECK: scf.for {{.*}} step %[[C128]] iter_args({{.*}}) -> (tensor<64x32xf32>, tensor<64xf32>)
// CHECK: scf.forall.in_parallel
// CHECK: tensor.parallel_insert_slice {{.*}} tensor<?x32xf32> into tensor<1x1x256x32xf32>
// CHECK: tensor.parallel_insert_slice {{.*}} into tensor<64x32xf32>
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<64x32xf32>)
// CHECK-NEXT: ^bb0(%[[DM:.*]]: f32, %[[M:.*]]: f32):
// CHECK-NEXT: arith.addf %[[M]], %[[DM]]
// CHECK-NOT: infini_attn.
func.func @segment(%q: tensor<1x1x256x64xf32>, %k: tensor<1x1x256x64xf32>, %v: tensor<1x1x256x32xf32>, %gate: tensor<1xf32>,
                   %o: tensor<1x1x256x32xf32>, %m: tensor<1x1x64x32xf32>, %z: tensor<1x1x64xf32>)
    -> (tensor<1x1x256x32xf32>, tensor<1x1x64x32xf32>, tensor<1x1x64xf32>) {
  %r:3 = infini_attn.segment %q, %k, %v, %gate outs(%o, %m, %z : tensor<1x1x256x32xf32>, tensor<1x1x64x32xf32>, tensor<1x1x64xf32>)
    {rule = #infini_attn.update_rule<delta>} : tensor<1x1x256x64xf32>, tensor<1x1x256x64xf32>, tensor<1x1x256x32xf32>, tensor<1xf32>
    -> tensor<1x1x256x32xf32>, tensor<1x1x64x32xf32>, tensor<1x1x64xf32>
  return %r#0, %r#1, %r#2 : tensor<1x1x256x32xf32>, tensor<1x1x64x32xf32>, tensor<1x1x64xf32>
}

// Keys at or past the length are never read.
// CHECK-LABEL: @lengths(
// CHECK-SAME: %[[N:[a-z0-9]*]]: tensor<1xi64>
// CHECK: infini_attn.check %{{.*}}, "expected lengths from 0 to {1} keys, got {0} in row {2}"
// CHECK: %[[COUNT:.*]] = tensor.extract %[[N]]
// CHECK: %[[LENGTH:.*]] = arith.minsi
// CHECK: arith.minsi %{{.*}}, %[[LENGTH]]
func.func @lengths(%q: tensor<1x1x?x8xf32>, %k: tensor<1x1x?x8xf32>, %v: tensor<1x1x?x8xf32>, %n: tensor<1xi64>) -> tensor<1x1x?x8xf32> {
  %o = infini_attn.segment_attention %q, %k, %v lengths(%n : tensor<1xi64>) : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x?x8xf32>
  return %o : tensor<1x1x?x8xf32>
}

// Rows and heads become loops.
// CHECK-LABEL: @heads(
// CHECK: scf.for
// CHECK: scf.for
// CHECK: tensor.extract_slice %{{.*}} tensor<3x2x?x8xf32> to tensor<1x1x?x8xf32>
// CHECK-NOT: infini_attn.
func.func @heads(%k: tensor<3x2x?x8xf32>, %v: tensor<3x2x?x8xf32>, %m: tensor<3x2x8x8xf32>, %z: tensor<3x2x8xf32>) -> tensor<3x2x8x8xf32> {
  %r:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<3x2x8x8xf32>, tensor<3x2x8xf32>) {rule = #infini_attn.update_rule<linear>}
    : tensor<3x2x?x8xf32>, tensor<3x2x?x8xf32> -> tensor<3x2x8x8xf32>, tensor<3x2x8xf32>
  return %r#0 : tensor<3x2x8x8xf32>
}

// What has no tiles stays: a log-sum-exp of many queries, a precision of no
// type.
// CHECK-LABEL: @stay(
// CHECK-COUNT-2: infini_attn.segment_attention
func.func @stay(%q: tensor<1x1x16x8xf32>) -> (tensor<1x1x16xf32>, tensor<1x1x16x8xf32>) {
  %a, %lse = infini_attn.segment_attention %q, %q, %q {return_lse} : tensor<1x1x16x8xf32>, tensor<1x1x16x8xf32>, tensor<1x1x16x8xf32> -> tensor<1x1x16x8xf32>, tensor<1x1x16xf32>
  %b = infini_attn.segment_attention %q, %q, %q {precision = #infini_attn.precision<tf32>} : tensor<1x1x16x8xf32>, tensor<1x1x16x8xf32>, tensor<1x1x16x8xf32> -> tensor<1x1x16x8xf32>
  return %lse, %b : tensor<1x1x16xf32>, tensor<1x1x16x8xf32>
}
