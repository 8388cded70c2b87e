// The shape of the decomposition: which products there are, what their loops
// run along, where they accumulate.
// RUN: infini-opt %s --convert-infini-attn-to-linalg --canonicalize --mlir-print-local-scope | FileCheck %s

// CHECK-LABEL: @retrieve(
// CHECK-SAME: %[[Q:.*]]: tensor<2x4x?x16xf32>, %[[M:.*]]: tensor<2x2x16x8xf32>, %[[Z:.*]]: tensor<2x2x16xf32>
func.func @retrieve(%q: tensor<2x4x?x16xf32>, %m: tensor<2x2x16x8xf32>, %z: tensor<2x2x16xf32>) -> tensor<2x4x?x8xf32> {
  // Query head h reads memory h / 2 [S12].
  // CHECK: %[[G:.*]] = tensor.expand_shape %[[Q]] {{\[\[}}0], [1, 2], [3], [4]] output_shape [2, 2, 2, %{{.*}}, 16]
  // sigma(Q)^T, queries innermost [S2].
  // CHECK: %[[SQ:.*]] = linalg.generic {{.*}}(d0, d1, d2, d4, d3)>, {{.*}}(d0, d1, d2, d3, d4)>{{.*}} ins(%[[G]] : tensor<2x2x2x?x16xf32>) outs(%{{.*}} : tensor<2x2x2x16x?xf32>)
  // CHECK: %[[POSITIVE:.*]] = arith.cmpf ogt, %[[X:.*]], %{{.*}} : f32
  // CHECK: %[[PLUS:.*]] = arith.addf %[[X]], %{{.*}} : f32
  // CHECK: %[[EXP:.*]] = math.exp %[[X]] : f32
  // CHECK: arith.select %[[POSITIVE]], %[[PLUS]], %[[EXP]] : f32
  // (sigma(Q) M)^T and sigma(Q) z.
  // CHECK: %[[A:.*]] = linalg.generic {{.*}}(d0, d1, d5, d3)>, {{.*}}(d0, d1, d2, d5, d4)>, {{.*}}(d0, d1, d2, d3, d4)>{{.*}} ins(%[[M]], %[[SQ]] :
  // CHECK: %[[D:.*]] = linalg.generic {{.*}} ins(%[[Z]], %[[SQ]] :
  // The quotient, 0 where the divisor is 0 [S9], back to q's layout.
  // CHECK: %[[O:.*]] = linalg.generic {{.*}} ins(%[[A]], %[[D]] : {{.*}} outs(%{{.*}} : tensor<2x2x2x?x8xf32>)
  // CHECK: %[[ZERO:.*]] = arith.cmpf oeq, %[[DIVISOR:.*]], %[[C0:.*]] : f32
  // CHECK: %[[QUOTIENT:.*]] = arith.divf %{{.*}}, %[[DIVISOR]] : f32
  // CHECK: arith.select %[[ZERO]], %[[C0]], %[[QUOTIENT]] : f32
  // CHECK: tensor.collapse_shape %[[O]] {{\[\[}}0], [1, 2], [3], [4]]
  %o = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x?x16xf32>, tensor<2x2x16x8xf32>, tensor<2x2x16xf32> -> tensor<2x4x?x8xf32>
  return %o : tensor<2x4x?x8xf32>
}

// The divisor gets epsilon, but an empty memory reads 0 all the same; a query
// past its row's length reads 0 too.
// CHECK-LABEL: @retrieve_guarded(
// CHECK-SAME: %{{.*}}, %[[LENGTHS:.*]]: tensor<2xi64>)
func.func @retrieve_guarded(%q: tensor<2x2x8x16xf32>, %m: tensor<2x2x16x8xf32>, %z: tensor<2x2x16xf32>, %n: tensor<2xi64>) -> tensor<2x2x8x8xf32> {
  // CHECK: scf.for
  // CHECK: %[[LENGTH:.*]] = tensor.extract %[[LENGTHS]]
  // CHECK: %[[OK:.*]] = arith.cmpi ule, %[[LENGTH]], %c8_i64 : i64
  // CHECK: infini_attn.check %[[OK]], "expected lengths from 0 to {1} tokens, got {0} in row {2}"
  // CHECK: ins(%{{.*}}, %[[LENGTHS]] : tensor<2x2x1x8xf32>, tensor<2xi64>)
  // CHECK-NEXT: ^bb0(%[[D:.*]]: f32, %[[N:.*]]: i64, %{{.*}}: f32):
  // CHECK: %[[EMPTY:.*]] = arith.cmpf oeq, %[[D]], %{{.*}} : f32
  // CHECK: %[[SUM:.*]] = arith.addf %[[D]], %[[EPS:.*]] : f32
  // CHECK: %[[GUARDED:.*]] = arith.select %[[EMPTY]], %[[D]], %[[SUM]] : f32
  // CHECK: %[[VALID:.*]] = arith.cmpi slt, %{{.*}}, %[[N]] : i64
  // CHECK: arith.select %[[VALID]], %[[GUARDED]], %{{.*}} : f32
  %o = infini_attn.memory_retrieve %q, %m, %z lengths(%n : tensor<2xi64>) {epsilon = 0.5} : tensor<2x2x8x16xf32>, tensor<2x2x16x8xf32>, tensor<2x2x16xf32> -> tensor<2x2x8x8xf32>
  return %o : tensor<2x2x8x8xf32>
}

// CHECK-LABEL: @update_linear(
// CHECK-SAME: %[[K:.*]]: tensor<1x2x8x16xf32>, %[[V:.*]]: tensor<1x2x8x4xf32>, %[[M:.*]]: tensor<1x2x16x4xf32>, %[[Z:.*]]: tensor<1x2x16xf32>)
func.func @update_linear(%k: tensor<1x2x8x16xf32>, %v: tensor<1x2x8x4xf32>, %m: tensor<1x2x16x4xf32>, %z: tensor<1x2x16xf32>) -> (tensor<1x2x16x4xf32>, tensor<1x2x16xf32>) {
  // CHECK: %[[SK:.*]] = linalg.generic {{.*}} ins(%[[K]] :
  // Both accumulate into their inits, in the order of the tokens.
  // CHECK: %[[NEW:.*]] = linalg.generic {{.*}}(d0, d1, d4, d2)>, {{.*}}(d0, d1, d4, d3)>, {{.*}}(d0, d1, d2, d3)>{{.*}}"reduction"]} ins(%[[SK]], %[[V]] : {{.*}} outs(%[[M]] :
  // CHECK: %[[NEWZ:.*]] = linalg.generic {{.*}}(d0, d1, d3, d2)>, {{.*}}(d0, d1, d2)>{{.*}}"reduction"]} ins(%[[SK]] : {{.*}} outs(%[[Z]] :
  // CHECK: return %[[NEW]], %[[NEWZ]]
  %a:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<1x2x16x4xf32>, tensor<1x2x16xf32>) {rule = #infini_attn.update_rule<linear>} : tensor<1x2x8x16xf32>, tensor<1x2x8x4xf32> -> tensor<1x2x16x4xf32>, tensor<1x2x16xf32>
  return %a#0, %a#1 : tensor<1x2x16x4xf32>, tensor<1x2x16xf32>
}

// Delta reads at the keys [S6], here from another state than it adds to. Rows of
// sigma(K) and of U past the length are 0 [S14].
// CHECK-LABEL: @update_delta(
// CHECK-SAME: %[[K:.*]]: tensor<1x2x8x16xf32>, %[[V:.*]]: tensor<1x2x8x4xf32>, %[[N:.*]]: tensor<1xi64>, %[[M:.*]]: tensor<1x2x16x4xf32>, %[[Z:.*]]: tensor<1x2x16xf32>, %[[DM:.*]]: tensor<1x2x16x4xf32>, %[[DZ:.*]]: tensor<1x2x16xf32>)
func.func @update_delta(%k: tensor<1x2x8x16xf32>, %v: tensor<1x2x8x4xf32>, %n: tensor<1xi64>, %m: tensor<1x2x16x4xf32>, %z: tensor<1x2x16xf32>, %dm: tensor<1x2x16x4xf32>, %dz: tensor<1x2x16xf32>) -> (tensor<1x2x16x4xf32>, tensor<1x2x16xf32>) {
  // CHECK: %[[SK:.*]] = linalg.generic {{.*}} ins(%[[K]], %[[N]] :
  // CHECK: math.exp
  // CHECK: %[[VALID:.*]] = arith.cmpi slt
  // CHECK: arith.select %[[VALID]], %{{.*}}, %{{.*}} : f32
  // CHECK: %[[READ:.*]] = linalg.generic {{.*}} ins(%[[SK]], %[[M]] :
  // CHECK: %[[E:.*]] = linalg.generic {{.*}} ins(%[[SK]], %[[Z]] :
  // CHECK: %[[U:.*]] = linalg.generic {{.*}} ins(%[[V]], %[[READ]], %[[E]], %[[N]] : {{.*}} outs(%[[READ]] :
  // CHECK: arith.divf
  // CHECK: arith.subf
  // CHECK: arith.cmpi slt
  // CHECK: arith.select
  // CHECK: linalg.generic {{.*}} ins(%[[SK]], %[[U]] : {{.*}} outs(%[[DM]] :
  // CHECK: linalg.generic {{.*}} ins(%[[SK]] : {{.*}} outs(%[[DZ]] :
  %a:2 = infini_attn.memory_update %k, %v lengths(%n : tensor<1xi64>) reads(%m, %z : tensor<1x2x16x4xf32>, tensor<1x2x16xf32>) outs(%dm, %dz : tensor<1x2x16x4xf32>, tensor<1x2x16xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<1x2x8x16xf32>, tensor<1x2x8x4xf32> -> tensor<1x2x16x4xf32>, tensor<1x2x16xf32>
  return %a#0, %a#1 : tensor<1x2x16x4xf32>, tensor<1x2x16xf32>
}

// sigmoid once a head; the mix in f32, rounded once [S5].
// CHECK-LABEL: @gate(
// CHECK-SAME: %[[MEM:.*]]: tensor<2x3x8x4xbf16>, %[[DOT:.*]]: tensor<2x3x8x4xbf16>, %[[GATE:.*]]: tensor<3xf32>)
func.func @gate(%a_mem: tensor<2x3x8x4xbf16>, %a_dot: tensor<2x3x8x4xbf16>, %gate: tensor<3xf32>) -> tensor<2x3x8x4xbf16> {
  // CHECK: %[[WEIGHTS:.*]] = linalg.generic {{.*}} ins(%[[GATE]] : tensor<3xf32>)
  // CHECK: math.exp
  // CHECK: linalg.generic {{.*}} ins(%[[MEM]], %[[DOT]], %[[WEIGHTS]] :
  // CHECK-NOT: math.exp
  // CHECK: %[[REST:.*]] = arith.subf %{{.*}}, %[[W:.*]] : f32
  // CHECK: %[[A:.*]] = arith.mulf %[[W]], %{{.*}} : f32
  // CHECK: %[[B:.*]] = arith.mulf %[[REST]], %{{.*}} : f32
  // CHECK: %[[SUM:.*]] = arith.addf %[[A]], %[[B]] : f32
  // CHECK: arith.truncf %[[SUM]] : f32 to bf16
  %o = infini_attn.gate %a_mem, %a_dot, %gate : tensor<2x3x8x4xbf16>, tensor<2x3x8x4xbf16>, tensor<3xf32> -> tensor<2x3x8x4xbf16>
  return %o : tensor<2x3x8x4xbf16>
}

// Everything is read before the memory is written [S8]; o is written into its
// init.
// CHECK-LABEL: @segment(
// CHECK-SAME: tensor<4xf32>, %[[O:.*]]: tensor<1x4x8x4xf32>, %[[M:.*]]: tensor<1x2x16x4xf32>, %[[Z:.*]]: tensor<1x2x16xf32>)
func.func @segment(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x8x16xf32>, %v: tensor<1x2x8x4xf32>, %gate: tensor<4xf32>, %o: tensor<1x4x8x4xf32>, %m: tensor<1x2x16x4xf32>, %z: tensor<1x2x16xf32>) -> (tensor<1x4x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16xf32>) {
  // CHECK: linalg.generic {{.*}} ins(%[[M]], %{{.*}} :
  // CHECK: linalg.generic {{.*}} ins(%[[Z]], %{{.*}} :
  // CHECK: %[[INTO:.*]] = tensor.expand_shape %[[O]]
  // CHECK: linalg.generic {{.*}} outs(%[[INTO]] : tensor<1x2x2x8x4xf32>)
  // CHECK: linalg.generic {{.*}} outs(%[[M]] :
  // CHECK: linalg.generic {{.*}} outs(%[[Z]] :
  %a:3 = infini_attn.segment %q, %k, %v, %gate outs(%o, %m, %z : tensor<1x4x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16xf32>) {rule = #infini_attn.update_rule<linear>} : tensor<1x4x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x4xf32>, tensor<4xf32> -> tensor<1x4x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16xf32>
  return %a#0, %a#1, %a#2 : tensor<1x4x8x4xf32>, tensor<1x2x16x4xf32>, tensor<1x2x16xf32>
}

// With a rotation Q is transposed once, for it and for sigma(Q).
// CHECK-LABEL: @segment_rotary(
// CHECK-SAME: %[[ROWS:.*]]: tensor<1x1x8x16xf32>, %{{.*}}: tensor<1x1x8x16xf32>
func.func @segment_rotary(%q: tensor<1x1x8x16xf32>, %k: tensor<1x1x8x16xf32>, %v: tensor<1x1x8x4xf32>, %gate: tensor<1xf32>, %f: tensor<8xf32>, %o: tensor<1x1x8x4xf32>, %m: tensor<1x1x16x4xf32>, %z: tensor<1x1x16xf32>) -> tensor<1x1x8x4xf32> {
  // CHECK: %[[Q:.*]] = tensor.expand_shape %[[ROWS]]
  // CHECK: %[[QT:.*]] = linalg.generic {{.*}} ins(%[[Q]] : {{.*}} outs(%{{.*}} : tensor<1x1x1x16x8xf32>)
  // CHECK-NOT: ins(%[[Q]] :
  // CHECK: linalg.generic {{.*}} ins(%[[QT]] :
  // CHECK: math.exp
  // CHECK-NOT: ins(%[[Q]] :
  // CHECK: tensor.expand_shape %[[QT]]
  // CHECK-NOT: ins(%[[Q]] :
  // CHECK: return
  %a:3 = infini_attn.segment %q, %k, %v, %gate rotary(%f : tensor<8xf32>) outs(%o, %m, %z : tensor<1x1x8x4xf32>, tensor<1x1x16x4xf32>, tensor<1x1x16xf32>) {rule = #infini_attn.update_rule<linear>} : tensor<1x1x8x16xf32>, tensor<1x1x8x16xf32>, tensor<1x1x8x4xf32>, tensor<1xf32> -> tensor<1x1x8x4xf32>, tensor<1x1x16x4xf32>, tensor<1x1x16xf32>
  return %a#0 : tensor<1x1x8x4xf32>
}

// Head counts that are known at run time only: no division by zero heads.
// CHECK-LABEL: @dynamic_heads(
// CHECK-SAME: %[[Q:.*]]: tensor<1x8x4x16xf32>, %[[M:.*]]: tensor<1x?x16x4xf32>
func.func @dynamic_heads(%q: tensor<1x8x4x16xf32>, %m: tensor<1x?x16x4xf32>, %z: tensor<1x?x16xf32>) -> tensor<1x8x4x4xf32> {
  // CHECK: %[[HEADS:.*]] = tensor.dim %[[M]], %c1
  // CHECK: %[[NONZERO:.*]] = arith.maxui %[[HEADS]], %c1
  // CHECK: %[[GROUP:.*]] = arith.divui %c8, %[[NONZERO]]
  // CHECK: tensor.expand_shape {{.*}} output_shape [1, %[[HEADS]], %[[GROUP]], 4, 16]
  %o = infini_attn.memory_retrieve %q, %m, %z : tensor<1x8x4x16xf32>, tensor<1x?x16x4xf32>, tensor<1x?x16xf32> -> tensor<1x8x4x4xf32>
  return %o : tensor<1x8x4x4xf32>
}
