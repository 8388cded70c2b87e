// RUN: infini-opt %s --infini-attn-distribute --canonicalize --cse | FileCheck %s

#delta = #infini_attn.update_rule<delta>
#linear = #infini_attn.update_rule<linear>

// Query heads go with their key/value head; frequencies are for all. Nothing is
// left to compare at run time.
//
// CHECK-LABEL: @attention(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<3x8x5x64xbf16>, %[[K:[a-z0-9]+]]: tensor<3x2x5x64xbf16>, %[[V:[a-z0-9]+]]: tensor<3x2x5x32xbf16>, %[[GATE:[a-z0-9]+]]: tensor<8xf32>, %[[N:[a-z0-9]+]]: tensor<3xi64>, %[[F:[a-z0-9]+]]: tensor<16xf32>, %[[O:[a-z0-9]+]]: tensor<3x8x5x32xbf16>, %[[M:[a-z0-9]+]]: tensor<3x2x64x32xf32>, %[[Z:[a-z0-9]+]]: tensor<3x2x64xf32>)
// CHECK-NOT: cf.assert
// CHECK: %[[ALL:.*]]:3 = scf.forall (%[[B:.*]], %[[H:.*]]) in (3, 2) shared_outs(%[[OS:.*]] = %[[O]], %[[MS:.*]] = %[[M]], %[[ZS:.*]] = %[[Z]])
// CHECK: %[[HQ:.*]] = affine.apply #{{.*}}(%[[H]])
// CHECK-DAG: %[[QT:.*]] = tensor.extract_slice %[[Q]][%[[B]], %[[HQ]], 0, 0] [1, 4, 5, 64]
// CHECK-DAG: %[[KT:.*]] = tensor.extract_slice %[[K]][%[[B]], %[[H]], 0, 0] [1, 1, 5, 64]
// CHECK-DAG: %[[VT:.*]] = tensor.extract_slice %[[V]][%[[B]], %[[H]], 0, 0] [1, 1, 5, 32]
// CHECK-DAG: %[[GT:.*]] = tensor.extract_slice %[[GATE]][%[[HQ]]] [4]
// CHECK-DAG: %[[NT:.*]] = tensor.extract_slice %[[N]][%[[B]]] [1]
// CHECK-DAG: %[[OT:.*]] = tensor.extract_slice %[[OS]][%[[B]], %[[HQ]], 0, 0] [1, 4, 5, 32]
// CHECK-DAG: %[[MT:.*]] = tensor.extract_slice %[[MS]][%[[B]], %[[H]], 0, 0] [1, 1, 64, 32]
// CHECK-DAG: %[[ZT:.*]] = tensor.extract_slice %[[ZS]][%[[B]], %[[H]], 0] [1, 1, 64]
// CHECK: %[[OR:.*]], %[[MR:.*]], %[[ZR:.*]] = infini_attn.attention %[[QT]], %[[KT]], %[[VT]], %[[GT]] lengths(%[[NT]] : tensor<1xi64>) rotary(%[[F]] : tensor<16xf32>) outs(%[[OT]], %[[MT]], %[[ZT]] :
// CHECK: scf.forall.in_parallel
// CHECK-DAG: tensor.parallel_insert_slice %[[OR]] into %[[OS]][%[[B]], %[[HQ]], 0, 0] [1, 4, 5, 32]
// CHECK-DAG: tensor.parallel_insert_slice %[[MR]] into %[[MS]][%[[B]], %[[H]], 0, 0] [1, 1, 64, 32]
// CHECK-DAG: tensor.parallel_insert_slice %[[ZR]] into %[[ZS]][%[[B]], %[[H]], 0] [1, 1, 64]
// CHECK: return %[[ALL]]#0, %[[ALL]]#1, %[[ALL]]#2
func.func @attention(%q: tensor<3x8x5x64xbf16>, %k: tensor<3x2x5x64xbf16>, %v: tensor<3x2x5x32xbf16>, %gate: tensor<8xf32>, %n: tensor<3xi64>, %f: tensor<16xf32>, %o: tensor<3x8x5x32xbf16>, %m: tensor<3x2x64x32xf32>, %z: tensor<3x2x64xf32>) -> (tensor<3x8x5x32xbf16>, tensor<3x2x64x32xf32>, tensor<3x2x64xf32>) {
  %a:3 = infini_attn.attention %q, %k, %v, %gate lengths(%n : tensor<3xi64>) rotary(%f : tensor<16xf32>) outs(%o, %m, %z : tensor<3x8x5x32xbf16>, tensor<3x2x64x32xf32>, tensor<3x2x64xf32>) {rule = #linear, segment_length = 128}
    : tensor<3x8x5x64xbf16>, tensor<3x2x5x64xbf16>, tensor<3x2x5x32xbf16>, tensor<8xf32> -> tensor<3x8x5x32xbf16>, tensor<3x2x64x32xf32>, tensor<3x2x64xf32>
  return %a#0, %a#1, %a#2 : tensor<3x8x5x32xbf16>, tensor<3x2x64x32xf32>, tensor<3x2x64xf32>
}

// Sizes that no type knows are compared. Where they disagree the loop has no row.
//
// CHECK-LABEL: @dynamic(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x?x?x8xf32>, %[[K:[a-z0-9]+]]: tensor<?x?x?x8xf32>, %[[V:[a-z0-9]+]]: tensor<?x?x7x6xf32>, %{{.*}}, %[[N:[a-z0-9]+]]: tensor<?xi64>)
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG: %[[C7:.*]] = arith.constant 7 : index
// CHECK: %[[ROWS:.*]] = tensor.dim %[[Q]], %[[C0]]
// CHECK: %[[HEADS:.*]] = tensor.dim %[[Q]], %[[C1]]
// CHECK: %[[TOKENS:.*]] = tensor.dim %[[Q]], %c2
// CHECK: %[[P0:.*]] = arith.cmpi ne, %[[HEADS]], %[[C0]]
// CHECK: cf.assert %[[P0]], "expected Hq of q >= 1, got 0"
// CHECK: %[[KROWS:.*]] = tensor.dim %[[K]], %[[C0]]
// CHECK: %[[KHEADS:.*]] = tensor.dim %[[K]], %[[C1]]
// CHECK: %[[P1:.*]] = arith.cmpi eq, %[[KROWS]], %[[ROWS]]
// CHECK: cf.assert %[[P1]], "expected B of k to be as in q"
// CHECK: cf.assert %{{.*}}, "expected Hkv of k >= 1, got 0"
// CHECK: cf.assert %{{.*}}, "expected T of k to be as in q"
// CHECK: cf.assert %{{.*}}, "expected B of v to be as in q"
// CHECK: cf.assert %{{.*}}, "expected Hkv of v to be as in k"
// CHECK: %[[P7:.*]] = arith.cmpi eq, %[[TOKENS]], %[[C7]]
// CHECK: cf.assert %[[P7]], "expected T of v to be as in q"
// CHECK-NOT: Dk
// CHECK: cf.assert %{{.*}}, "expected Hq of gate to be as in q"
// CHECK: cf.assert %{{.*}}, "expected B of lengths to be as in q"
// CHECK: cf.assert %{{.*}}, "expected B of init to be as in q"
// CHECK: cf.assert %{{.*}}, "expected B of memory to be as in q"
// CHECK: cf.assert %{{.*}}, "expected Hkv of memory to be as in k"
// CHECK: cf.assert %{{.*}}, "expected Hkv of normalizer to be as in k"
// CHECK: %[[DIVISOR:.*]] = arith.maxui %[[KHEADS]], %[[C1]]
// CHECK: %[[OVER:.*]] = arith.remui %[[HEADS]], %[[DIVISOR]]
// CHECK: %[[GROUPS:.*]] = arith.cmpi eq, %[[OVER]], %[[C0]]
// CHECK: cf.assert %[[GROUPS]], "expected Hq to be a multiple of Hkv"
// CHECK: %[[ALL:.*]] = arith.andi %{{.*}}, %[[GROUPS]]
// CHECK: %[[END:.*]] = arith.select %[[ALL]], %{{.*}}, %[[C0]]
// CHECK: scf.forall (%{{.*}}, %[[H:.*]]) in (%[[END]], %{{.*}})
// Passes may move the division out of the loop, where Hkv may be 0.
// CHECK: %[[ATLEAST1:.*]] = affine.max
// CHECK: affine.apply #{{.*}}(%[[H]])[%[[ATLEAST1]], %[[HEADS]]]
// CHECK: infini_attn.segment
func.func @dynamic(%q: tensor<?x?x?x8xf32>, %k: tensor<?x?x?x8xf32>, %v: tensor<?x?x7x6xf32>, %gate: tensor<?xf32>, %o: tensor<?x?x?x6xf32>, %m: tensor<?x?x8x6xf32>, %z: tensor<?x?x8xf32>, %n: tensor<?xi64>) -> (tensor<?x?x?x6xf32>, tensor<?x?x8x6xf32>, tensor<?x?x8xf32>) {
  %r:3 = infini_attn.segment %q, %k, %v, %gate lengths(%n : tensor<?xi64>) outs(%o, %m, %z : tensor<?x?x?x6xf32>, tensor<?x?x8x6xf32>, tensor<?x?x8xf32>) {rule = #delta}
    : tensor<?x?x?x8xf32>, tensor<?x?x?x8xf32>, tensor<?x?x7x6xf32>, tensor<?xf32> -> tensor<?x?x?x6xf32>, tensor<?x?x8x6xf32>, tensor<?x?x8xf32>
  return %r#0, %r#1, %r#2 : tensor<?x?x?x6xf32>, tensor<?x?x8x6xf32>, tensor<?x?x8xf32>
}

// A static number of rows is not certain either.
// CHECK-LABEL: @one_row(
// CHECK: cf.assert %[[SAME:.*]], "expected Nk of v to be as in k"
// CHECK: %[[END:.*]] = arith.select %[[SAME]], %c1, %c0
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in (%[[END]], 2)
// CHECK: infini_attn.segment_attention {{.*}} query_offset({{.*}} : tensor<1xi64>) lengths({{.*}} : tensor<1xi64>) rotary(%arg5 : tensor<4xf32>) {{.*}} -> tensor<1x2x3x6xf32>, tensor<1x2x3xf32>
func.func @one_row(%q: tensor<1x4x3x8xf32>, %k: tensor<1x2x?x8xf32>, %v: tensor<1x2x?x6xf32>, %at: tensor<1xi64>, %n: tensor<1xi64>, %f: tensor<4xf32>) -> (tensor<1x4x3x6xf32>, tensor<1x4x3xf32>) {
  %o, %lse = infini_attn.segment_attention %q, %k, %v query_offset(%at : tensor<1xi64>) lengths(%n : tensor<1xi64>) rotary(%f : tensor<4xf32>) {return_lse}
    : tensor<1x4x3x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x6xf32> -> tensor<1x4x3x6xf32>, tensor<1x4x3xf32>
  return %o, %lse : tensor<1x4x3x6xf32>, tensor<1x4x3xf32>
}

// CHECK-LABEL: @memory_retrieve(
// CHECK: cf.assert %{{.*}}, "expected B of lengths to be as in q"
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in (%{{.*}}, 2)
// CHECK: infini_attn.memory_retrieve {{.*}} lengths({{.*}} : tensor<1xi64>) {{.*}} -> tensor<1x2x5x6xf32>
func.func @memory_retrieve(%q: tensor<2x4x5x8xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %n: tensor<?xi64>) -> tensor<2x4x5x6xf32> {
  %o = infini_attn.memory_retrieve %q, %m, %z lengths(%n : tensor<?xi64>) : tensor<2x4x5x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x5x6xf32>
  return %o : tensor<2x4x5x6xf32>
}

// CHECK-LABEL: @memory_update(
// CHECK: cf.assert %{{.*}}, "expected Dv of read_memory to be as in v"
// CHECK: cf.assert %{{.*}}, "expected Dk of normalizer to be as in k"
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in (%{{.*}}, 2)
// CHECK: infini_attn.memory_update {{.*}} reads({{.*}} : tensor<1x1x8x?xf32>, tensor<1x1x8xf32>) {{.*}} -> tensor<1x1x8x6xf32>, tensor<1x1x?xf32>
func.func @memory_update(%k: tensor<2x2x5x8xf32>, %v: tensor<2x2x5x6xf32>, %rm: tensor<2x2x8x?xf32>, %rz: tensor<2x2x8xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x?xf32>) -> (tensor<2x2x8x6xf32>, tensor<2x2x?xf32>) {
  %r:2 = infini_attn.memory_update %k, %v reads(%rm, %rz : tensor<2x2x8x?xf32>, tensor<2x2x8xf32>) outs(%m, %z : tensor<2x2x8x6xf32>, tensor<2x2x?xf32>) {rule = #delta} : tensor<2x2x5x8xf32>, tensor<2x2x5x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x?xf32>
  return %r#0, %r#1 : tensor<2x2x8x6xf32>, tensor<2x2x?xf32>
}

// CHECK-LABEL: @gate(
// CHECK: cf.assert %{{.*}}, "expected T of a_dot to be as in a_mem"
// CHECK-NOT: multiple
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in (%{{.*}}, 4)
// CHECK: infini_attn.gate {{.*}} tensor<1xf32>
func.func @gate(%a_mem: tensor<2x4x?x6xf32>, %a_dot: tensor<2x4x?x6xf32>, %gate: tensor<4xf32>) -> tensor<2x4x?x6xf32> {
  %o = infini_attn.gate %a_mem, %a_dot, %gate : tensor<2x4x?x6xf32>, tensor<2x4x?x6xf32>, tensor<4xf32> -> tensor<2x4x?x6xf32>
  return %o : tensor<2x4x?x6xf32>
}

// CHECK-LABEL: @memory_scan(
// CHECK: cf.assert %{{.*}}, "expected T of v to be as in k"
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in (%{{.*}}, 2)
// CHECK: infini_attn.memory_scan {{.*}} -> tensor<1x1x?x8x6xf32>, tensor<1x1x?x8xf32>, tensor<1x1x8x6xf32>, tensor<1x1x8xf32>
func.func @memory_scan(%k: tensor<2x2x?x8xf32>, %v: tensor<2x2x?x6xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>) -> (tensor<2x2x?x8x6xf32>, tensor<2x2x?x8xf32>) {
  %r:4 = infini_attn.memory_scan %k, %v, %m, %z {rule = #delta, segment_length = 4} : tensor<2x2x?x8xf32>, tensor<2x2x?x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x2x?x8x6xf32>, tensor<2x2x?x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return %r#0, %r#1 : tensor<2x2x?x8x6xf32>, tensor<2x2x?x8xf32>
}

// The kept keys are as many as a segment has.
// CHECK-LABEL: @attention_step(
// CHECK: cf.assert %{{.*}}, "expected N of keys to be as in segment_length"
// CHECK: cf.assert %{{.*}}, "expected B of count to be as in q"
// CHECK: scf.forall (%{{.*}}, %{{.*}}) in (%{{.*}}, 2)
// CHECK: infini_attn.attention_step
func.func @attention_step(%q: tensor<2x4x1x8xf32>, %k: tensor<2x2x1x8xf32>, %v: tensor<2x2x1x6xf32>, %gate: tensor<4xf32>, %o: tensor<2x4x1x6xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>, %keys: tensor<2x2x?x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<?xi64>) -> (tensor<2x4x1x6xf32>, tensor<?xi64>) {
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate outs(%o, %m, %z, %m, %z, %keys, %values, %count : tensor<2x4x1x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x?x8xf32>, tensor<2x2x4x6xf32>, tensor<?xi64>)
    {rule = #delta, segment_length = 4} : tensor<2x4x1x8xf32>, tensor<2x2x1x8xf32>, tensor<2x2x1x6xf32>, tensor<4xf32> -> tensor<2x4x1x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x?x8xf32>, tensor<2x2x4x6xf32>, tensor<?xi64>
  return %r#0, %r#7 : tensor<2x4x1x6xf32>, tensor<?xi64>
}

// CHECK-LABEL: @no_rows(
// CHECK-NEXT: return %arg2, %arg3
func.func @no_rows(%k: tensor<0x2x5x8xf32>, %v: tensor<0x2x5x6xf32>, %m: tensor<0x2x8x6xf32>, %z: tensor<0x2x8xf32>) -> (tensor<0x2x8x6xf32>, tensor<0x2x8xf32>) {
  %r:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<0x2x8x6xf32>, tensor<0x2x8xf32>) {rule = #delta} : tensor<0x2x5x8xf32>, tensor<0x2x5x6xf32> -> tensor<0x2x8x6xf32>, tensor<0x2x8xf32>
  return %r#0, %r#1 : tensor<0x2x8x6xf32>, tensor<0x2x8xf32>
}

// What is in a parallel loop is distributed already.
// CHECK-LABEL: @distributed(
// CHECK: scf.forall (%{{.*}}) in (%arg2)
// CHECK-NOT: scf.forall (
// CHECK: infini_attn.gate %arg0, %arg0, %arg1
func.func @distributed(%a: tensor<2x4x5x6xf32>, %gate: tensor<4xf32>, %n: index) -> tensor<2x4x5x6xf32> {
  %r = scf.forall (%i) in (%n) shared_outs(%out = %a) -> (tensor<2x4x5x6xf32>) {
    %o = infini_attn.gate %a, %a, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %o into %out[%i, 0, 0, 0] [2, 4, 5, 6] [1, 1, 1, 1] : tensor<2x4x5x6xf32> into tensor<2x4x5x6xf32>
    }
  }
  return %r : tensor<2x4x5x6xf32>
}
