// RUN: infini-opt %s --convert-infini-attn-to-linalg --canonicalize --mlir-print-local-scope | FileCheck %s

// Transposed products, softmax along keys, the mask by positions [S3].
// CHECK-LABEL: @plain(
// CHECK-SAME: %[[Q:.*]]: tensor<1x4x8x16xf32>, %[[K:.*]]: tensor<1x2x8x16xf32>, %[[V:.*]]: tensor<1x2x8x4xf32>)
func.func @plain(%q: tensor<1x4x8x16xf32>, %k: tensor<1x2x8x16xf32>, %v: tensor<1x2x8x4xf32>) -> (tensor<1x4x8x4xf32>, tensor<1x4x8xf32>) {
  // CHECK-DAG: %[[SCALE:.*]] = arith.constant 2.500000e-01 : f32
  // CHECK-DAG: %[[INFINITE:.*]] = arith.constant 0xFF800000 : f32
  // CHECK-DAG: %[[LOWEST:.*]] = arith.constant -3.40282347E+38 : f32
  // CHECK: %[[G:.*]] = tensor.expand_shape %[[Q]] {{\[\[}}0], [1, 2], [3], [4]]
  // CHECK: %[[QT:.*]] = linalg.generic {{.*}}(d0, d1, d2, d4, d3)>{{.*}} ins(%[[G]] : {{.*}} outs(%{{.*}} : tensor<1x2x2x16x8xf32>)
  // CHECK: arith.mulf %{{.*}}, %[[SCALE]]
  // CHECK: %[[S:.*]] = linalg.generic {{.*}}(d0, d1, d3, d5)>, {{.*}}(d0, d1, d2, d5, d4)>, {{.*}}(d0, d1, d2, d3, d4)>{{.*}} ins(%[[K]], %[[QT]] :
  // CHECK: %[[START:.*]] = linalg.fill ins(%[[LOWEST]]
  // CHECK: %[[MAX:.*]] = linalg.generic {{.*}} ins(%[[S]] : {{.*}} outs(%[[START]] :
  // CHECK: %[[KEY:.*]] = linalg.index 4
  // CHECK: %[[KEY64:.*]] = arith.index_cast %[[KEY]]
  // CHECK: %[[QUERY:.*]] = linalg.index 3
  // CHECK: %[[QUERY64:.*]] = arith.index_cast %[[QUERY]]
  // CHECK: %[[SEEN:.*]] = arith.cmpi sle, %[[KEY64]], %[[QUERY64]]
  // CHECK: %[[SCORE:.*]] = arith.select %[[SEEN]], %{{.*}}, %[[INFINITE]]
  // CHECK: arith.maxnumf %{{.*}}, %[[SCORE]]
  // CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[S]], %[[MAX]] : {{.*}} outs(%[[S]] :
  // CHECK: arith.select
  // CHECK: arith.subf
  // CHECK: math.exp
  // CHECK: %[[L:.*]] = linalg.generic {{.*}} ins(%[[P]] :
  // CHECK: %[[OT:.*]] = linalg.generic {{.*}}(d0, d1, d5, d3)>, {{.*}}(d0, d1, d2, d5, d4)>, {{.*}}(d0, d1, d2, d3, d4)>{{.*}} ins(%[[V]], %[[P]] :
  // CHECK: linalg.generic {{.*}} ins(%[[MAX]], %[[L]], %[[L]] :
  // CHECK: math.log
  // CHECK: linalg.generic {{.*}} ins(%[[OT]], %[[L]] :
  %o, %lse = infini_attn.segment_attention %q, %k, %v {return_lse} : tensor<1x4x8x16xf32>, tensor<1x2x8x16xf32>, tensor<1x2x8x4xf32> -> tensor<1x4x8x4xf32>, tensor<1x4x8xf32>
  return %o, %lse : tensor<1x4x8x4xf32>, tensor<1x4x8xf32>
}

// One query at the end of a dynamic number of keys; factors are bf16, sums f32
// [S15]: the query is not scaled before it is rounded, the score is after.
// CHECK-LABEL: @decode(
// CHECK-SAME: %[[Q:.*]]: tensor<2x2x1x16xbf16>, %[[K:.*]]: tensor<2x2x?x16xbf16>, %[[V:.*]]: tensor<2x2x?x16xbf16>)
func.func @decode(%q: tensor<2x2x1x16xbf16>, %k: tensor<2x2x?x16xbf16>, %v: tensor<2x2x?x16xbf16>) -> tensor<2x2x1x16xbf16> {
  // CHECK-DAG: %[[SCALE:.*]] = arith.constant 5.000000e-01 : f32
  // CHECK: %[[NK:.*]] = tensor.dim %[[K]], %c2
  // CHECK: %[[FIRST:.*]] = arith.subi %[[NK]], %c1
  // CHECK: %[[FIRST64:.*]] = arith.index_cast %[[FIRST]] : index to i64
  // CHECK: %[[QT:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<2x2x1x16x1xf32>)
  // CHECK-NOT: arith.mulf
  // CHECK: linalg.generic {{.*}} ins(%[[K]], %[[QT]] : tensor<2x2x?x16xbf16>, tensor<2x2x1x16x1xf32>)
  // CHECK: arith.extf %{{.*}} : bf16 to f32
  // CHECK: arith.mulf
  // CHECK: arith.addf
  // CHECK: linalg.generic
  // CHECK: arith.mulf %{{.*}}, %[[SCALE]]
  // CHECK: arith.cmpi sle, %{{.*}}, %[[FIRST64]]
  // CHECK: %[[P:.*]] = math.exp
  // CHECK-NEXT: %[[ROUNDED:.*]] = arith.truncf %[[P]] : f32 to bf16
  // CHECK-NEXT: arith.extf %[[ROUNDED]]
  // CHECK: arith.truncf %{{.*}} : f32 to bf16
  %o = infini_attn.segment_attention %q, %k, %v {scale = 0.5} : tensor<2x2x1x16xbf16>, tensor<2x2x?x16xbf16>, tensor<2x2x?x16xbf16> -> tensor<2x2x1x16xbf16>
  return %o : tensor<2x2x1x16xbf16>
}

// f32 under precision bf16: all four factors are rounded [S17], once.
// CHECK-LABEL: @rounded(
// CHECK-SAME: %[[Q:.*]]: tensor<1x1x8x16xf32>, %[[K:.*]]: tensor<1x1x8x16xf32>, %[[V:.*]]: tensor<1x1x8x16xf32>)
func.func @rounded(%q: tensor<1x1x8x16xf32>, %k: tensor<1x1x8x16xf32>, %v: tensor<1x1x8x16xf32>) -> tensor<1x1x8x16xf32> {
  // CHECK: linalg.generic
  // CHECK: arith.truncf
  // CHECK: %[[KR:.*]] = linalg.generic {{.*}} ins(%[[K]] :
  // CHECK: arith.truncf
  // CHECK: linalg.generic {{.*}} ins(%[[KR]], %{{.*}} :
  // CHECK-NOT: arith.truncf
  // CHECK: linalg.yield
  // CHECK: linalg.generic
  // CHECK: arith.maxnumf
  // CHECK: %[[P:.*]] = linalg.generic
  // CHECK: math.exp
  // CHECK: arith.truncf
  // CHECK: %[[VR:.*]] = linalg.generic {{.*}} ins(%[[V]] :
  // CHECK: arith.truncf
  // CHECK: linalg.generic {{.*}} ins(%[[VR]], %[[P]] :
  %o = infini_attn.segment_attention %q, %k, %v {precision = #infini_attn.precision<bf16>} : tensor<1x1x8x16xf32>, tensor<1x1x8x16xf32>, tensor<1x1x8x16xf32> -> tensor<1x1x8x16xf32>
  return %o : tensor<1x1x8x16xf32>
}

// Lengths and offsets come from the host: checked, and used in comparisons only,
// never as an address. V of padding is zeroed by a select [S14].
// CHECK-LABEL: @lengths(
// CHECK-SAME: %[[V:[a-z0-9]*]]: tensor<2x1x8x4xf32>, %[[OFFSET:.*]]: tensor<2xi64>, %[[LENGTHS:.*]]: tensor<2xi64>)
func.func @lengths(%q: tensor<2x1x2x16xf32>, %k: tensor<2x1x8x16xf32>, %v: tensor<2x1x8x4xf32>, %offset: tensor<2xi64>, %n: tensor<2xi64>) -> tensor<2x1x2x4xf32> {
  // CHECK: infini_attn.check %{{.*}}, "expected lengths from 0 to {1} keys, got {0} in row {2}"
  // CHECK: infini_attn.check %{{.*}}, "expected query_offset from 0 to {1} keys, got {0} in row {2}"
  // CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[OFFSET]], %[[LENGTHS]] :
  // CHECK: %[[POSITION:.*]] = arith.addi
  // CHECK: %[[CAUSAL:.*]] = arith.cmpi sle, %{{.*}}, %[[POSITION]]
  // CHECK: arith.select %[[CAUSAL]]
  // CHECK: %[[VZ:.*]] = linalg.generic {{.*}} ins(%[[V]], %[[LENGTHS]] :
  // CHECK: arith.select
  // CHECK: linalg.generic {{.*}} ins(%[[VZ]], %{{.*}} :
  %o = infini_attn.segment_attention %q, %k, %v query_offset(%offset : tensor<2xi64>) lengths(%n : tensor<2xi64>) : tensor<2x1x2x16xf32>, tensor<2x1x8x16xf32>, tensor<2x1x8x4xf32> -> tensor<2x1x2x4xf32>
  return %o : tensor<2x1x2x4xf32>
}

// Two of four pairs rotate, the rest passes. Queries and keys of a whole segment
// share the tables [S11].
// CHECK-LABEL: @rotary(
// CHECK-SAME: %[[F:[a-z0-9]*]]: tensor<2xf32>)
func.func @rotary(%q: tensor<1x1x8x8xf32>, %k: tensor<1x1x8x8xf32>, %v: tensor<1x1x8x4xf32>, %f: tensor<2xf32>) -> tensor<1x1x8x4xf32> {
  // CHECK: %[[TABLE:.*]]:2 = linalg.generic {{.*}} ins(%[[F]] : tensor<2xf32>) outs(%{{.*}} : tensor<2x8xf32>, tensor<2x8xf32>)
  // CHECK: %[[ANGLE:.*]] = arith.mulf
  // CHECK-NEXT: math.cos %[[ANGLE]]
  // CHECK-NEXT: math.sin %[[ANGLE]]
  // CHECK-NOT: math.cos
  // CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 0, 0] [1, 1, 1, 4, 8]
  // CHECK: tensor.expand_shape {{.*}} into tensor<1x1x1x2x2x8xf32>
  // CHECK: linalg.generic {{.*}}(d0, d1, d2, d3, -d4 + 1, d5)>{{.*}} ins(%{{.*}}, %{{.*}}, %[[TABLE]]#0, %[[TABLE]]#1 :
  // CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 4, 0] [1, 1, 1, 4, 8]
  // CHECK: linalg.generic {{.*}}(d0, d1, d2, -d3 + 1, d4)>{{.*}} ins(%{{.*}}, %{{.*}}, %[[TABLE]]#0, %[[TABLE]]#1 :
  %o = infini_attn.segment_attention %q, %k, %v rotary(%f : tensor<2xf32>) : tensor<1x1x8x8xf32>, tensor<1x1x8x8xf32>, tensor<1x1x8x4xf32> -> tensor<1x1x8x4xf32>
  return %o : tensor<1x1x8x4xf32>
}

// Halves: the other member of a pair is in the other half. Keys that are rotated
// already are read as they are; each row has positions of its own.
// CHECK-LABEL: @rotated_keys(
// CHECK-SAME: %[[K:[a-z0-9]*]]: tensor<2x1x8x8xf32>, %{{.*}}, %[[F:.*]]: tensor<4xf32>, %[[OFFSET:.*]]: tensor<2xi64>)
func.func @rotated_keys(%q: tensor<2x1x2x8xf32>, %k: tensor<2x1x8x8xf32>, %v: tensor<2x1x8x4xf32>, %f: tensor<4xf32>, %offset: tensor<2xi64>) -> tensor<2x1x2x4xf32> {
  // CHECK: linalg.generic {{.*}} ins(%[[F]], %[[OFFSET]] : {{.*}} outs(%{{.*}} : tensor<2x4x2xf32>, tensor<2x4x2xf32>)
  // CHECK: tensor.expand_shape {{.*}} into tensor<2x1x1x2x4x2xf32>
  // CHECK: linalg.generic {{.*}}(d0, d1, d2, -d3 + 1, d4, d5)>
  // CHECK-NOT: math.cos
  // CHECK: linalg.generic {{.*}} ins(%[[K]], %{{.*}} :
  %o = infini_attn.segment_attention %q, %k, %v query_offset(%offset : tensor<2xi64>) rotary(%f : tensor<4xf32>) {keys_rotated, rotary_style = #infini_attn.rotary_style<halves>} : tensor<2x1x2x8xf32>, tensor<2x1x8x8xf32>, tensor<2x1x8x4xf32> -> tensor<2x1x2x4xf32>
  return %o : tensor<2x1x2x4xf32>
}

// More frequencies than pairs, known at run time only: reported, and cut.
// CHECK-LABEL: @too_many_frequencies(
// CHECK-SAME: %[[F:[a-z0-9]*]]: tensor<?xf32>)
func.func @too_many_frequencies(%q: tensor<1x1x8x8xf32>, %k: tensor<1x1x8x8xf32>, %v: tensor<1x1x8x4xf32>, %f: tensor<?xf32>) -> tensor<1x1x8x4xf32> {
  // CHECK: %[[COUNT:.*]] = tensor.dim %[[F]], %c0
  // CHECK: %[[FITS:.*]] = arith.cmpi ule, %[[COUNT]], %c4
  // CHECK: infini_attn.check %[[FITS]], "expected at most {1} rotary frequencies (Dk / 2), got {0}"
  // CHECK: %[[BOUND:.*]] = arith.minui %[[COUNT]], %c4
  // CHECK: tensor.extract_slice %[[F]][0] [%[[BOUND]]] [1]
  %o = infini_attn.segment_attention %q, %k, %v rotary(%f : tensor<?xf32>) : tensor<1x1x8x8xf32>, tensor<1x1x8x8xf32>, tensor<1x1x8x4xf32> -> tensor<1x1x8x4xf32>
  return %o : tensor<1x1x8x4xf32>
}

// Tables that depend on no loop are made once, before all of them.
// CHECK-LABEL: @hoisted(
func.func @hoisted(%q: tensor<1x1x8x8xf32>, %k: tensor<1x1x8x8xf32>, %v: tensor<1x1x8x8xf32>, %f: tensor<4xf32>, %n: index) -> tensor<1x1x8x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // CHECK: math.cos
  // CHECK: scf.for
  // CHECK-NOT: math.cos
  // CHECK: return
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%x = %q) -> tensor<1x1x8x8xf32> {
    %o = infini_attn.segment_attention %x, %k, %v rotary(%f : tensor<4xf32>) : tensor<1x1x8x8xf32>, tensor<1x1x8x8xf32>, tensor<1x1x8x8xf32> -> tensor<1x1x8x8xf32>
    scf.yield %o : tensor<1x1x8x8xf32>
  }
  return %r : tensor<1x1x8x8xf32>
}
