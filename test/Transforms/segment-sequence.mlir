// RUN: infini-opt %s --infini-attn-segment-sequence --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,SEQ
// RUN: infini-opt %s --infini-attn-segment-sequence=schedule=sequential --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,SEQ
// RUN: infini-opt %s --infini-attn-segment-sequence=schedule=two-phase --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,TWO

#delta = #infini_attn.update_rule<delta>
#linear = #infini_attn.update_rule<linear>

// CHECK-DAG: #[[FIRST:.*]] = affine_map<(d0) -> (d0 * 4)>
// CHECK-DAG: #[[LEFT_OF_14:.*]] = affine_map<(d0) -> (d0 * -4 + 14, 4)>
// CHECK-DAG: #[[LEFT_OF:.*]] = affine_map<(d0)[s0] -> (d0 * -4 + s0, 4)>
// CHECK-DAG: #[[COUNT_OF:.*]] = affine_map<()[s0] -> (s0 ceildiv 4)>

// Three segments of 4 tokens and one of 2 in one loop. What is not cut goes to
// each segment as it is.
//
// CHECK-LABEL: @rest(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x4x14x8xbf16>, %[[K:[a-z0-9]+]]: tensor<2x2x14x8xbf16>, %[[V:[a-z0-9]+]]: tensor<2x2x14x6xbf16>, %[[GATE:[a-z0-9]+]]: tensor<4xf32>, %[[N:[a-z0-9]+]]: tensor<2xi64>, %[[F:[a-z0-9]+]]: tensor<3xf32>, %[[O:[a-z0-9]+]]: tensor<2x4x14x6xbf16>, %[[M:[a-z0-9]+]]: tensor<2x2x8x6xf32>, %[[Z:[a-z0-9]+]]: tensor<2x2x8xf32>)
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG: %[[C2:.*]] = arith.constant 2 : index
// CHECK-DAG: %[[C4:.*]] = arith.constant 4 : index
// CHECK-DAG: %[[I0:.*]] = arith.constant 0 : i64
// CHECK-DAG: %[[I14:.*]] = arith.constant 14 : i64
//
// Each length is 0 to 14.
// CHECK: scf.for %[[ROW:.*]] = %[[C0]] to %[[C2]] step %[[C1]] {
// CHECK: %[[LENGTH:.*]] = tensor.extract %[[N]][%[[ROW]]]
// CHECK: %[[INSIDE:.*]] = arith.cmpi ule, %[[LENGTH]], %[[I14]]
// CHECK: infini_attn.check %[[INSIDE]], "expected lengths from 0 to {1} tokens, got {0} in row {2}"
//
// SEQ: %[[LOOP:.*]]:3 = scf.for %[[S:.*]] = %[[C0]] to %[[C4]] step %[[C1]] iter_args(%[[OS:.*]] = %[[O]], %[[MS:.*]] = %[[M]], %[[ZS:.*]] = %[[Z]])
// SEQ-DAG: %[[T:.*]] = affine.apply #[[FIRST]](%[[S]])
// SEQ-DAG: %[[COUNT:.*]] = affine.min #[[LEFT_OF_14]](%[[S]])
// SEQ-DAG: %[[QS:.*]] = tensor.extract_slice %[[Q]][0, 0, %[[T]], 0] [2, 4, %[[COUNT]], 8] [1, 1, 1, 1]
// SEQ-DAG: %[[KS:.*]] = tensor.extract_slice %[[K]][0, 0, %[[T]], 0] [2, 2, %[[COUNT]], 8] [1, 1, 1, 1]
// SEQ-DAG: %[[VS:.*]] = tensor.extract_slice %[[V]][0, 0, %[[T]], 0] [2, 2, %[[COUNT]], 6] [1, 1, 1, 1]
// SEQ-DAG: %[[INIT:.*]] = tensor.extract_slice %[[OS]][0, 0, %[[T]], 0] [2, 4, %[[COUNT]], 6] [1, 1, 1, 1]
// SEQ-DAG: %[[START:.*]] = arith.index_cast %[[T]] : index to i64
// SEQ-DAG: %[[TOP:.*]] = arith.index_cast %[[COUNT]] : index to i64
// SEQ: %[[NS:.*]] = linalg.generic {{.*}} ins(%[[N]] :
// SEQ: %[[LEFT:.*]] = arith.subi %{{.*}}, %[[START]]
// SEQ: %[[ABOVE:.*]] = arith.maxsi %[[LEFT]], %[[I0]]
// SEQ: arith.minsi %[[ABOVE]], %[[TOP]]
// SEQ: %[[OUT:.*]], %[[M1:.*]], %[[Z1:.*]] = infini_attn.segment %[[QS]], %[[KS]], %[[VS]], %[[GATE]] lengths(%[[NS]] : tensor<2xi64>) rotary(%[[F]] : tensor<3xf32>) outs(%[[INIT]], %[[MS]], %[[ZS]] :
// SEQ-SAME: {epsilon = 5.000000e-01 : f64, precision = #infini_attn.precision<ieee>, rotary_style = #infini_attn.rotary_style<halves>, rule = #infini_attn.update_rule<delta>, scale = 2.500000e-01 : f64}
// SEQ: %[[WRITTEN:.*]] = tensor.insert_slice %[[OUT]] into %[[OS]][0, 0, %[[T]], 0] [2, 4, %[[COUNT]], 6] [1, 1, 1, 1]
// SEQ: scf.yield %[[WRITTEN]], %[[M1]], %[[Z1]]
// SEQ: }
// SEQ-NOT: infini_attn
// SEQ: return %[[LOOP]]#0, %[[LOOP]]#1, %[[LOOP]]#2
//
// The states before each segment, then what each gives.
// TWO-DAG: %[[MEMORIES:.*]] = tensor.empty() : tensor<2x2x4x8x6xf32>
// TWO-DAG: %[[NORMALIZERS:.*]] = tensor.empty() : tensor<2x2x4x8xf32>
// TWO: %[[LOOP:.*]]:4 = scf.for %[[S:.*]] = %[[C0]] to %[[C4]] step %[[C1]] iter_args(%[[MEMS:.*]] = %[[MEMORIES]], %[[NORMS:.*]] = %[[NORMALIZERS]], %[[MS:.*]] = %[[M]], %[[ZS:.*]] = %[[Z]])
// TWO-DAG: %[[T:.*]] = affine.apply #[[FIRST]](%[[S]])
// TWO-DAG: %[[COUNT:.*]] = affine.min #[[LEFT_OF_14]](%[[S]])
// TWO-DAG: %[[MEMS1:.*]] = tensor.insert_slice %[[MS]] into %[[MEMS]][0, 0, %[[S]], 0, 0] [2, 2, 1, 8, 6]
// TWO-DAG: %[[NORMS1:.*]] = tensor.insert_slice %[[ZS]] into %[[NORMS]][0, 0, %[[S]], 0] [2, 2, 1, 8]
// TWO-DAG: %[[KS:.*]] = tensor.extract_slice %[[K]][0, 0, %[[T]], 0] [2, 2, %[[COUNT]], 8] [1, 1, 1, 1]
// TWO-DAG: %[[VS:.*]] = tensor.extract_slice %[[V]][0, 0, %[[T]], 0] [2, 2, %[[COUNT]], 6] [1, 1, 1, 1]
// TWO: %[[U:.*]], %[[W:.*]] = infini_attn.memory_update %[[KS]], %[[VS]] lengths(%{{.*}} : tensor<2xi64>) outs(%[[MS]], %[[ZS]] :
// TWO-SAME: {epsilon = 5.000000e-01 : f64, precision = #infini_attn.precision<ieee>, rule = #infini_attn.update_rule<delta>}
// TWO: scf.yield %[[MEMS1]], %[[NORMS1]], %[[U]], %[[W]]
// TWO: }
// TWO-NOT: infini_attn.memory_update
// TWO: %[[ALL:.*]] = scf.forall (%[[S:.*]]) in (4) shared_outs(%[[OS:.*]] = %[[O]])
// TWO-DAG: %[[T:.*]] = affine.apply #[[FIRST]](%[[S]])
// TWO-DAG: %[[COUNT:.*]] = affine.min #[[LEFT_OF_14]](%[[S]])
// TWO-DAG: %[[MS:.*]] = tensor.extract_slice %[[LOOP]]#0[0, 0, %[[S]], 0, 0] [2, 2, 1, 8, 6] {{.*}} to tensor<2x2x8x6xf32>
// TWO-DAG: %[[ZS:.*]] = tensor.extract_slice %[[LOOP]]#1[0, 0, %[[S]], 0] [2, 2, 1, 8] {{.*}} to tensor<2x2x8xf32>
// TWO-DAG: %[[QS:.*]] = tensor.extract_slice %[[Q]][0, 0, %[[T]], 0] [2, 4, %[[COUNT]], 8]
// TWO-DAG: %[[INIT:.*]] = tensor.extract_slice %[[OS]][0, 0, %[[T]], 0] [2, 4, %[[COUNT]], 6]
// TWO-DAG: %[[START:.*]] = arith.index_cast %[[T]] : index to i64
// TWO-DAG: %[[TOP:.*]] = arith.index_cast %[[COUNT]] : index to i64
// TWO: arith.subi %{{.*}}, %[[START]]
// TWO: arith.minsi %{{.*}}, %[[TOP]]
// TWO: %[[OUT:.*]], %{{.*}}, %{{.*}} = infini_attn.segment %[[QS]], {{.*}}, %[[GATE]] lengths(%{{.*}} : tensor<2xi64>) rotary(%[[F]] : tensor<3xf32>) outs(%[[INIT]], %[[MS]], %[[ZS]] :
// TWO-SAME: {epsilon = 5.000000e-01 : f64, precision = #infini_attn.precision<ieee>, rotary_style = #infini_attn.rotary_style<halves>, rule = #infini_attn.update_rule<delta>, scale = 2.500000e-01 : f64}
// TWO: tensor.parallel_insert_slice %[[OUT]] into %[[OS]][0, 0, %[[T]], 0] [2, 4, %[[COUNT]], 6]
// TWO: return %[[ALL]], %[[LOOP]]#2, %[[LOOP]]#3
func.func @rest(%q: tensor<2x4x14x8xbf16>, %k: tensor<2x2x14x8xbf16>, %v: tensor<2x2x14x6xbf16>, %gate: tensor<4xf32>, %n: tensor<2xi64>, %f: tensor<3xf32>, %o: tensor<2x4x14x6xbf16>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>) -> (tensor<2x4x14x6xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  %r:3 = infini_attn.attention %q, %k, %v, %gate lengths(%n : tensor<2xi64>) rotary(%f : tensor<3xf32>) outs(%o, %m, %z : tensor<2x4x14x6xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
    {rule = #delta, segment_length = 4, scale = 0.25, epsilon = 0.5, rotary_style = #infini_attn.rotary_style<halves>, precision = #infini_attn.precision<ieee>, detach_every = 2}
    : tensor<2x4x14x8xbf16>, tensor<2x2x14x8xbf16>, tensor<2x2x14x6xbf16>, tensor<4xf32> -> tensor<2x4x14x6xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %r#0, %r#1, %r#2 : tensor<2x4x14x6xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// CHECK-LABEL: @dynamic(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x4x?x8xf32>
// CHECK: %[[T:.*]] = tensor.dim %[[Q]], %c2
// SEQ: %[[COUNT:.*]] = affine.apply #[[COUNT_OF]]()[%[[T]]]
// SEQ: %[[LOOP:.*]]:3 = scf.for %[[S:.*]] = %c0 to %[[COUNT]] step %c1
// SEQ: affine.min #[[LEFT_OF]](%[[S]])[%[[T]]]
// SEQ: infini_attn.segment {{.*}} -> tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>
// SEQ-NOT: infini_attn
// SEQ: return %[[LOOP]]#0, %[[LOOP]]#1, %[[LOOP]]#2
//
// TWO-COUNT-1: memory_update
// TWO-NOT: memory_update
// TWO: %[[COUNT:.*]] = affine.apply #[[COUNT_OF]]()[%[[T]]]
// TWO: scf.forall (%[[S:.*]]) in (%[[COUNT]])
// TWO: affine.min #[[LEFT_OF]](%[[S]])[%[[T]]]
// TWO: infini_attn.segment
func.func @dynamic(%q: tensor<?x4x?x8xf32>, %k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x6xf32>, %gate: tensor<4xf32>, %o: tensor<?x4x?x6xf32>, %m: tensor<?x2x8x6xf32>, %z: tensor<?x2x8xf32>) -> (tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>) {
  %r:3 = infini_attn.attention %q, %k, %v, %gate outs(%o, %m, %z : tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>) {rule = #linear, segment_length = 4}
    : tensor<?x4x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x6xf32>, tensor<4xf32> -> tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>
  return %r#0, %r#1, %r#2 : tensor<?x4x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x2x8xf32>
}

// No rest, no second segment.
// CHECK-LABEL: @whole(
// SEQ: scf.for %{{.*}} = %c0 to %c3 step %c1
// SEQ: infini_attn.segment
// TWO: scf.for %{{.*}} = %c0 to %c3 step %c1
// TWO: memory_update
// TWO: scf.forall {{.*}} in (3)
// TWO: infini_attn.segment
// CHECK-NOT: infini_attn.{{segment|memory}}
// CHECK: return
func.func @whole(%q: tensor<1x1x12x8xf32>, %k: tensor<1x1x12x8xf32>, %v: tensor<1x1x12x6xf32>, %gate: tensor<1xf32>, %o: tensor<1x1x12x6xf32>, %m: tensor<1x1x8x6xf32>, %z: tensor<1x1x8xf32>) -> (tensor<1x1x12x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>) {
  %r:3 = infini_attn.attention %q, %k, %v, %gate outs(%o, %m, %z : tensor<1x1x12x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>) {rule = #delta, segment_length = 4}
    : tensor<1x1x12x8xf32>, tensor<1x1x12x8xf32>, tensor<1x1x12x6xf32>, tensor<1xf32> -> tensor<1x1x12x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>
  return %r#0, %r#1, %r#2 : tensor<1x1x12x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>
}

// A sequence shorter than a segment is that segment.
// CHECK-LABEL: @short(
// SEQ-NOT: scf.for
// SEQ: infini_attn.segment {{.*}} outs(%{{.*}}, %arg5, %arg6 :
// TWO: infini_attn.memory_update %arg1, %arg2 outs(%arg5, %arg6 :
// TWO: infini_attn.segment
// CHECK-NOT: infini_attn.segment
// CHECK: return
func.func @short(%q: tensor<1x1x3x8xf32>, %k: tensor<1x1x3x8xf32>, %v: tensor<1x1x3x6xf32>, %gate: tensor<1xf32>, %o: tensor<1x1x3x6xf32>, %m: tensor<1x1x8x6xf32>, %z: tensor<1x1x8xf32>) -> (tensor<1x1x3x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>) {
  %r:3 = infini_attn.attention %q, %k, %v, %gate outs(%o, %m, %z : tensor<1x1x3x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>) {rule = #delta, segment_length = 4}
    : tensor<1x1x3x8xf32>, tensor<1x1x3x8xf32>, tensor<1x1x3x6xf32>, tensor<1xf32> -> tensor<1x1x3x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>
  return %r#0, %r#1, %r#2 : tensor<1x1x3x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>
}

// Without tokens the state stays.
// CHECK-LABEL: @no_tokens(
// CHECK-NOT: infini_attn.memory
// SEQ-NOT: infini_attn
// CHECK: return %{{.*}}, %arg5, %arg6
func.func @no_tokens(%q: tensor<1x1x0x8xf32>, %k: tensor<1x1x0x8xf32>, %v: tensor<1x1x0x6xf32>, %gate: tensor<1xf32>, %o: tensor<1x1x0x6xf32>, %m: tensor<1x1x8x6xf32>, %z: tensor<1x1x8xf32>) -> (tensor<1x1x0x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>) {
  %r:3 = infini_attn.attention %q, %k, %v, %gate outs(%o, %m, %z : tensor<1x1x0x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>) {rule = #delta, segment_length = 4}
    : tensor<1x1x0x8xf32>, tensor<1x1x0x8xf32>, tensor<1x1x0x6xf32>, tensor<1xf32> -> tensor<1x1x0x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>
  return %r#0, %r#1, %r#2 : tensor<1x1x0x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>
}

// Nor without rows.
// CHECK-LABEL: @no_rows(
// CHECK-NOT: infini_attn
// CHECK: return %arg5, %arg6, %arg7
func.func @no_rows(%q: tensor<0x4x14x8xf32>, %k: tensor<0x2x14x8xf32>, %v: tensor<0x2x14x6xf32>, %gate: tensor<4xf32>, %n: tensor<0xi64>, %o: tensor<0x4x14x6xf32>, %m: tensor<0x2x8x6xf32>, %z: tensor<0x2x8xf32>) -> (tensor<0x4x14x6xf32>, tensor<0x2x8x6xf32>, tensor<0x2x8xf32>) {
  %r:3 = infini_attn.attention %q, %k, %v, %gate lengths(%n : tensor<0xi64>) outs(%o, %m, %z : tensor<0x4x14x6xf32>, tensor<0x2x8x6xf32>, tensor<0x2x8xf32>) {rule = #delta, segment_length = 4}
    : tensor<0x4x14x8xf32>, tensor<0x2x14x8xf32>, tensor<0x2x14x6xf32>, tensor<4xf32> -> tensor<0x4x14x6xf32>, tensor<0x2x8x6xf32>, tensor<0x2x8xf32>
  return %r#0, %r#1, %r#2 : tensor<0x4x14x6xf32>, tensor<0x2x8x6xf32>, tensor<0x2x8xf32>
}

// One operand that knows the number of tokens is enough.
// CHECK-LABEL: @tokens_of_values(
// SEQ: scf.for %{{.*}} = %c0 to %c4 step %c1
// SEQ: affine.min #[[LEFT_OF_14]]
// TWO: scf.forall (%{{.*}}) in (4)
func.func @tokens_of_values(%q: tensor<1x1x?x8xf32>, %k: tensor<1x1x?x8xf32>, %v: tensor<1x1x14x6xf32>, %gate: tensor<1xf32>, %o: tensor<1x1x?x6xf32>, %m: tensor<1x1x8x6xf32>, %z: tensor<1x1x8xf32>) -> tensor<1x1x?x6xf32> {
  %r:3 = infini_attn.attention %q, %k, %v, %gate outs(%o, %m, %z : tensor<1x1x?x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>) {rule = #delta, segment_length = 4}
    : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x14x6xf32>, tensor<1xf32> -> tensor<1x1x?x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>
  return %r#0 : tensor<1x1x?x6xf32>
}

// No tensor can hold a segment of so many tokens.
// CHECK-LABEL: @longer_than_memory(
// SEQ: infini_attn.segment {{.*}} -> tensor<1x1x?x6xf32>
// SEQ-NOT: infini_attn
// TWO: infini_attn.memory_update %{{.*}} : tensor<1x1x?x8xf32>
// TWO: infini_attn.segment {{.*}} -> tensor<1x1x?x6xf32>
// CHECK: return
func.func @longer_than_memory(%q: tensor<1x1x?x8xf32>, %k: tensor<1x1x?x8xf32>, %v: tensor<1x1x?x6xf32>, %gate: tensor<1xf32>, %o: tensor<1x1x?x6xf32>, %m: tensor<1x1x8x6xf32>, %z: tensor<1x1x8xf32>) -> tensor<1x1x?x6xf32> {
  %r:3 = infini_attn.attention %q, %k, %v, %gate outs(%o, %m, %z : tensor<1x1x?x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>) {rule = #delta, segment_length = 9223372036854775807}
    : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x6xf32>, tensor<1xf32> -> tensor<1x1x?x6xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>
  return %r#0 : tensor<1x1x?x6xf32>
}

// CHECK-LABEL: @scan_of_no_rows(
// CHECK-NOT: infini_attn
// CHECK: return %{{.*}}, %{{.*}}, %arg2, %arg3
func.func @scan_of_no_rows(%k: tensor<?x2x14x8xf32>, %v: tensor<?x2x14x6xf32>, %m: tensor<0x2x8x6xf32>, %z: tensor<0x2x8xf32>) -> (tensor<0x2x4x8x6xf32>, tensor<0x2x4x8xf32>, tensor<0x2x8x6xf32>, tensor<0x2x8xf32>) {
  %r:4 = infini_attn.memory_scan %k, %v, %m, %z {rule = #linear, segment_length = 4}
    : tensor<?x2x14x8xf32>, tensor<?x2x14x6xf32>, tensor<0x2x8x6xf32>, tensor<0x2x8xf32> -> tensor<0x2x4x8x6xf32>, tensor<0x2x4x8xf32>, tensor<0x2x8x6xf32>, tensor<0x2x8xf32>
  return %r#0, %r#1, %r#2, %r#3 : tensor<0x2x4x8x6xf32>, tensor<0x2x4x8xf32>, tensor<0x2x8x6xf32>, tensor<0x2x8xf32>
}

// The state before each segment is stored before the segment enters it.
// CHECK-LABEL: @scan(
// CHECK-SAME: %[[K:[a-z0-9]+]]: tensor<?x2x?x8xf32>, %{{.*}}, %[[M:[a-z0-9]+]]: tensor<?x2x8x6xf32>, %[[Z:[a-z0-9]+]]: tensor<?x?x?xf32>, %[[N:[a-z0-9]+]]: tensor<?xi64>)
// CHECK: infini_attn.check
// CHECK: %[[LOOP:.*]]:4 = scf.for %[[S:.*]] = %c0 to %{{.*}} step %c1 iter_args(%[[MEMS:.*]] = %{{.*}}, %[[NORMS:.*]] = %{{.*}}, %[[MS:.*]] = %[[M]], %[[ZS:.*]] = %[[Z]])
// CHECK: tensor.insert_slice %[[MS]] into %[[MEMS]][0, 0, %[[S]], 0, 0]
// CHECK: tensor.insert_slice %[[ZS]] into %[[NORMS]][0, 0, %[[S]], 0]
// CHECK: infini_attn.memory_update {{.*}} lengths({{.*}}) outs(%[[MS]], %[[ZS]] :
// CHECK-SAME: tensor<?x2x?x8xf32>
// CHECK-NOT: infini_attn.memory
// CHECK: return
func.func @scan(%k: tensor<?x2x?x8xf32>, %v: tensor<?x2x?x6xf32>, %m: tensor<?x2x8x6xf32>, %z: tensor<?x?x?xf32>, %n: tensor<?xi64>) -> (tensor<?x2x?x8x6xf32>, tensor<?x2x?x8xf32>, tensor<?x2x8x6xf32>, tensor<?x?x?xf32>) {
  %r:4 = infini_attn.memory_scan %k, %v, %m, %z lengths(%n : tensor<?xi64>) {rule = #linear, segment_length = 4}
    : tensor<?x2x?x8xf32>, tensor<?x2x?x6xf32>, tensor<?x2x8x6xf32>, tensor<?x?x?xf32> -> tensor<?x2x?x8x6xf32>, tensor<?x2x?x8xf32>, tensor<?x2x8x6xf32>, tensor<?x?x?xf32>
  return %r#0, %r#1, %r#2, %r#3 : tensor<?x2x?x8x6xf32>, tensor<?x2x?x8xf32>, tensor<?x2x8x6xf32>, tensor<?x?x?xf32>
}
