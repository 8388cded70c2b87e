// RUN: infini-opt %s --split-input-file --verify-diagnostics --infini-attn-distribute --canonicalize --infini-attn-expand-step --canonicalize --cse | FileCheck %s
// RUN: infini-opt %s --split-input-file --verify-diagnostics --infini-attn-expand-step --canonicalize --cse | FileCheck %s

// Rows at different places of their segments; several segments a chunk.

// CHECK-LABEL: func.func @chunk(
// CHECK-SAME: %[[COUNTS:[a-z0-9]+]]: tensor<?xi64>)
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[N:.*]] = arith.constant 128 : index
// CHECK-DAG: %[[LAST:.*]] = arith.constant 127 : index
// CHECK: scf.forall (%[[B:.*]], %[[H:.*]]) in
// The heads of a row share its count, so it is read from outside of the loop.
// CHECK: %[[ROW:.*]] = tensor.extract_slice %[[COUNTS]][%[[B]]] [1] [1]
// CHECK: tensor.extract %[[ROW]]
// CHECK: infini_attn.check {{.*}}, "expected count from 0 to {1} tokens, got {0} in row {2}"
// CHECK: %[[BEGIN:.*]] = arith.minui {{.*}}, %[[LAST]]
// CHECK: infini_attn.check {{.*}}, "expected lengths from 0 to {1} tokens, got {0} in row {2}"
// CHECK: %[[VALID:.*]] = arith.minui
// CHECK: %[[END:.*]] = arith.addi %[[BEGIN]], %[[VALID]]
// CHECK: %[[CEIL:.*]] = arith.ceildivui %[[END]], %[[N]]
// CHECK: %[[SEGMENTS:.*]] = arith.select {{.*}}, %[[ZERO]], %[[CEIL]]
// CHECK: scf.for %[[S:.*]] = %[[ZERO]] to %[[SEGMENTS]]
// CHECK-SAME: iter_args(%[[O:.*]] = {{.*}}, %[[M:.*]] = {{.*}}, %[[Z:.*]] = {{.*}}, %[[DM:.*]] = {{.*}}, %[[DZ:.*]] = {{.*}}, %[[KEYS:.*]] = {{.*}}, %[[VALUES:.*]] = {{.*}})
// CHECK: %[[FIRST:.*]] = arith.muli %[[S]], %[[N]]
// CHECK: %[[NEXT:.*]] = arith.addi %[[FIRST]], %[[N]]
// CHECK: %[[FROM:.*]] = arith.maxui %[[FIRST]], %[[BEGIN]]
// CHECK: %[[TO:.*]] = arith.minui %[[NEXT]], %[[END]]
// CHECK: %[[SIZE:.*]] = arith.subi %[[TO]], %[[FROM]]
// CHECK: %[[TOKEN:.*]] = arith.subi %[[FROM]], %[[BEGIN]]
// CHECK: %[[PLACE:.*]] = arith.subi %[[FROM]], %[[FIRST]]
// CHECK: %[[COMPLETE:.*]] = arith.cmpi eq, %[[TO]], %[[NEXT]]
// CHECK: %[[WHOLE:.*]] = arith.cmpi eq, %[[SIZE]], %[[N]]
// CHECK: scf.if %[[WHOLE]]
// CHECK: infini_attn.segment {{.*}} outs(%{{.*}}, %[[M]], %[[Z]]
// CHECK: tensor.insert_slice {{.*}} into %[[O]][0, 0, %[[TOKEN]], 0] [1, 2, 128, 16]
// CHECK: scf.yield %{{.*}}, %{{.*}}, %{{.*}}, %[[DM]], %[[DZ]], %[[KEYS]], %[[VALUES]]
// CHECK: else
// One token is a case of its own, where each key is read for it alone.
// CHECK: %[[SINGLE:.*]] = arith.cmpi eq, %[[SIZE]], %c1
// CHECK: scf.if %[[SINGLE]]
// CHECK: infini_attn.segment_attention {{.*}} {keys_rotated} : tensor<1x2x1x32xf32>
// CHECK: infini_attn.memory_update
// CHECK: else
// CHECK: %[[K:.*]] = tensor.extract_slice %{{.*}}[0, 0, %[[TOKEN]], 0] [1, 1, %[[SIZE]], 32]
// CHECK: %[[V:.*]] = tensor.extract_slice %{{.*}}[0, 0, %[[TOKEN]], 0] [1, 1, %[[SIZE]], 16]
// CHECK: math.cos
// CHECK: math.sin
// CHECK: %[[ROTATED:.*]] = tensor.insert_slice %{{.*}} into %[[KEYS]][0, 0, %[[PLACE]], 0] [1, 1, %[[SIZE]], 32]
// CHECK: %[[STORED:.*]] = tensor.insert_slice %[[V]] into %[[VALUES]][0, 0, %[[PLACE]], 0] [1, 1, %[[SIZE]], 16]
// CHECK: %[[SEEN:.*]] = arith.addi %[[PLACE]], %[[SIZE]]
// CHECK: tensor.extract_slice %[[ROTATED]][0, 0, 0, 0] [1, 1, %[[SEEN]], 32]
// CHECK: tensor.extract_slice %[[STORED]][0, 0, 0, 0] [1, 1, %[[SEEN]], 16]
// CHECK: infini_attn.segment_attention {{.*}} {keys_rotated}
// CHECK: infini_attn.memory_retrieve %{{.*}}, %[[M]], %[[Z]]
// CHECK: infini_attn.gate
// CHECK: infini_attn.memory_update %[[K]], %[[V]] reads(%[[M]], %[[Z]] {{.*}} outs(%[[DM]], %[[DZ]]
// CHECK: scf.if %[[COMPLETE]]
// CHECK: linalg.generic {{.*}} outs(%[[M]]
// CHECK: linalg.fill
// CHECK: linalg.generic {{.*}} outs(%[[Z]]
// CHECK: linalg.fill
// Padding gives 0.
// CHECK: tensor.extract_slice %{{.*}}[0, 0, %[[VALID]], 0]
// CHECK: linalg.fill
// CHECK: arith.remui %[[END]], %[[N]]
// CHECK-NOT: infini_attn
func.func @chunk(%q: tensor<?x4x?x32xf32>,
    %k: tensor<?x2x?x32xf32>,
    %v: tensor<?x2x?x16xf32>,
    %gate: tensor<4xf32>,
    %lengths: tensor<?xi64>,
    %f: tensor<16xf32>,
    %o: tensor<?x4x?x16xf32>,
    %m: tensor<?x2x32x16xf32>,
    %z: tensor<?x2x32xf32>,
    %dm: tensor<?x2x32x16xf32>,
    %dz: tensor<?x2x32xf32>,
    %keys: tensor<?x2x128x32xf32>,
    %values: tensor<?x2x128x16xf32>,
    %count: tensor<?xi64>)
    -> (tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>) {
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate lengths(%lengths : tensor<?xi64>) rotary(%f : tensor<16xf32>)
    outs(%o, %m, %z, %dm, %dz, %keys, %values, %count : tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>)
    {rule = #infini_attn.update_rule<delta>, segment_length = 128}
    : tensor<?x4x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x16xf32>, tensor<4xf32>
    -> tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>
  return %r#0, %r#1, %r#2, %r#3, %r#4, %r#5, %r#6, %r#7 : tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>
}

// -----

// A token never makes a whole segment of 128, nor does it need a loop over heads here.

// CHECK-LABEL: func.func @token(
// CHECK-NOT: scf.forall
// CHECK: scf.for
// CHECK-NOT: infini_attn.segment{{ }}
// CHECK: infini_attn.segment_attention
// Without lengths there is no padding.
// CHECK: } else {
// CHECK-NOT: linalg.fill
// CHECK: return
func.func @token(%q: tensor<1x2x1x32xf32>,
    %k: tensor<1x1x1x32xf32>,
    %v: tensor<1x1x1x16xf32>,
    %gate: tensor<2xf32>,
    %o: tensor<1x2x1x16xf32>,
    %m: tensor<1x1x32x16xf32>,
    %z: tensor<1x1x32xf32>,
    %dm: tensor<1x1x32x16xf32>,
    %dz: tensor<1x1x32xf32>,
    %keys: tensor<1x1x128x32xf32>,
    %values: tensor<1x1x128x16xf32>,
    %count: tensor<1xi64>)
    -> (tensor<1x2x1x16xf32>, tensor<1x1x32x16xf32>, tensor<1x1x32xf32>, tensor<1x1x32x16xf32>, tensor<1x1x32xf32>, tensor<1x1x128x32xf32>, tensor<1x1x128x16xf32>, tensor<1xi64>) {
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
    outs(%o, %m, %z, %dm, %dz, %keys, %values, %count : tensor<1x2x1x16xf32>, tensor<1x1x32x16xf32>, tensor<1x1x32xf32>, tensor<1x1x32x16xf32>, tensor<1x1x32xf32>, tensor<1x1x128x32xf32>, tensor<1x1x128x16xf32>, tensor<1xi64>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 128}
    : tensor<1x2x1x32xf32>, tensor<1x1x1x32xf32>, tensor<1x1x1x16xf32>, tensor<2xf32>
    -> tensor<1x2x1x16xf32>, tensor<1x1x32x16xf32>, tensor<1x1x32xf32>, tensor<1x1x32x16xf32>, tensor<1x1x32xf32>, tensor<1x1x128x32xf32>, tensor<1x1x128x16xf32>, tensor<1xi64>
  return %r#0, %r#1, %r#2, %r#3, %r#4, %r#5, %r#6, %r#7 : tensor<1x2x1x16xf32>, tensor<1x1x32x16xf32>, tensor<1x1x32xf32>, tensor<1x1x32x16xf32>, tensor<1x1x32xf32>, tensor<1x1x128x32xf32>, tensor<1x1x128x16xf32>, tensor<1xi64>
}

// -----

// Of a step whose output is not used only the state remains.

// CHECK-LABEL: func.func @prefill(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x4x?x32xbf16>
// CHECK: scf.forall {{.*}} shared_outs(%{{[a-z0-9]+}} = %{{[a-z0-9]+}}, %{{[a-z0-9]+}} = %{{[a-z0-9]+}}, %{{[a-z0-9]+}} = %{{[a-z0-9]+}}, %{{[a-z0-9]+}} = %{{[a-z0-9]+}}, %{{[a-z0-9]+}} = %{{[a-z0-9]+}}, %{{[a-z0-9]+}} = %{{[a-z0-9]+}}, %{{[a-z0-9]+}} = %{{[a-z0-9]+}}) ->
// CHECK: scf.if
// CHECK-NEXT: tensor.extract_slice
// CHECK-NEXT: tensor.extract_slice
// CHECK-NEXT: infini_attn.memory_update
// CHECK-NEXT: scf.yield
// CHECK: else
// CHECK: infini_attn.memory_update {{.*}} reads
// CHECK: scf.if
// CHECK: else
// Keys of a segment that goes on.
// CHECK: math.cos
// CHECK: tensor.insert_slice
// CHECK-NOT: infini_attn
// CHECK: return
func.func @prefill(%q: tensor<?x4x?x32xbf16>,
    %k: tensor<?x2x?x32xbf16>,
    %v: tensor<?x2x?x16xbf16>,
    %gate: tensor<4xf32>,
    %f: tensor<8xf32>,
    %o: tensor<?x4x?x16xbf16>,
    %m: tensor<?x2x32x16xf32>,
    %z: tensor<?x2x32xf32>,
    %dm: tensor<?x2x32x16xf32>,
    %dz: tensor<?x2x32xf32>,
    %keys: tensor<?x2x128x32xbf16>,
    %values: tensor<?x2x128x16xbf16>,
    %count: tensor<?xi64>)
    -> (tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xbf16>, tensor<?x2x128x16xbf16>, tensor<?xi64>) {
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate rotary(%f : tensor<8xf32>)
    outs(%o, %m, %z, %dm, %dz, %keys, %values, %count : tensor<?x4x?x16xbf16>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xbf16>, tensor<?x2x128x16xbf16>, tensor<?xi64>)
    {rule = #infini_attn.update_rule<delta>, segment_length = 128, rotary_style = #infini_attn.rotary_style<halves>}
    : tensor<?x4x?x32xbf16>, tensor<?x2x?x32xbf16>, tensor<?x2x?x16xbf16>, tensor<4xf32>
    -> tensor<?x4x?x16xbf16>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xbf16>, tensor<?x2x128x16xbf16>, tensor<?xi64>
  return %r#1, %r#2, %r#3, %r#4, %r#5, %r#6, %r#7 : tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xbf16>, tensor<?x2x128x16xbf16>, tensor<?xi64>
}

// -----

// Eight pairs in halves of 32 components: the other 16 stay as they are.

// CHECK-LABEL: func.func @partial_rotary(
// CHECK: %[[PLACE:.*]] = arith.subi
// CHECK: else
// CHECK: tensor.expand_shape {{.*}} : tensor<1x1x?x16xf32> into tensor<1x1x?x2x8xf32>
// CHECK: tensor.extract_slice %[[K:.*]][0, 0, 0, 0] [1, 1, %[[SIZE:.*]], 8] [1, 1, 1, 1]
// CHECK: tensor.extract_slice %[[K]][0, 0, 0, 8] [1, 1, %[[SIZE]], 8] [1, 1, 1, 1]
// CHECK: %[[TURNED:.*]] = tensor.insert_slice {{.*}} [1, 1, %[[SIZE]], 16] [1, 1, 1, 1]
// CHECK: %[[REST:.*]] = tensor.extract_slice %[[K]][0, 0, 0, 16] [1, 1, %[[SIZE]], 16]
// CHECK: tensor.insert_slice %[[REST]] into %[[TURNED]][0, 0, %{{.*}}, 16] [1, 1, %[[SIZE]], 16]
func.func @partial_rotary(%q: tensor<?x4x?x32xf32>,
    %k: tensor<?x2x?x32xf32>,
    %v: tensor<?x2x?x16xf32>,
    %gate: tensor<4xf32>,
    %f: tensor<8xf32>,
    %o: tensor<?x4x?x16xf32>,
    %m: tensor<?x2x32x16xf32>,
    %z: tensor<?x2x32xf32>,
    %dm: tensor<?x2x32x16xf32>,
    %dz: tensor<?x2x32xf32>,
    %keys: tensor<?x2x128x32xf32>,
    %values: tensor<?x2x128x16xf32>,
    %count: tensor<?xi64>)
    -> (tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>) {
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate rotary(%f : tensor<8xf32>)
    outs(%o, %m, %z, %dm, %dz, %keys, %values, %count : tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 128, rotary_style = #infini_attn.rotary_style<halves>}
    : tensor<?x4x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x16xf32>, tensor<4xf32>
    -> tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>
  return %r#0, %r#1, %r#2, %r#3, %r#4, %r#5, %r#6, %r#7 : tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>
}

// -----

// A number of frequencies that is not known is checked when it is.

// CHECK-LABEL: func.func @any_rotary(
// CHECK: infini_attn.check {{.*}}, "expected at most {1} rotary frequencies (Dk / 2), got {0}"
func.func @any_rotary(%q: tensor<?x4x?x32xf32>,
    %k: tensor<?x2x?x32xf32>,
    %v: tensor<?x2x?x16xf32>,
    %gate: tensor<4xf32>,
    %f: tensor<?xf32>,
    %o: tensor<?x4x?x16xf32>,
    %m: tensor<?x2x32x16xf32>,
    %z: tensor<?x2x32xf32>,
    %dm: tensor<?x2x32x16xf32>,
    %dz: tensor<?x2x32xf32>,
    %keys: tensor<?x2x128x32xf32>,
    %values: tensor<?x2x128x16xf32>,
    %count: tensor<?xi64>)
    -> (tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>) {
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate rotary(%f : tensor<?xf32>)
    outs(%o, %m, %z, %dm, %dz, %keys, %values, %count : tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 128}
    : tensor<?x4x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x16xf32>, tensor<4xf32>
    -> tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>
  return %r#0, %r#1, %r#2, %r#3, %r#4, %r#5, %r#6, %r#7 : tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x16xf32>, tensor<?xi64>
}

// -----

func.func @dynamic_segment(%q: tensor<?x4x?x32xf32>,
    %k: tensor<?x2x?x32xf32>,
    %v: tensor<?x2x?x16xf32>,
    %gate: tensor<4xf32>,
    %o: tensor<?x4x?x16xf32>,
    %m: tensor<?x2x32x16xf32>,
    %z: tensor<?x2x32xf32>,
    %dm: tensor<?x2x32x16xf32>,
    %dz: tensor<?x2x32xf32>,
    %keys: tensor<?x2x?x32xf32>,
    %values: tensor<?x2x?x16xf32>,
    %count: tensor<?xi64>)
    -> (tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x16xf32>, tensor<?xi64>) {
  // expected-error @+1 {{expected keys and values of 128 tokens, got a dynamic size}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
    outs(%o, %m, %z, %dm, %dz, %keys, %values, %count : tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x16xf32>, tensor<?xi64>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 128}
    : tensor<?x4x?x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x16xf32>, tensor<4xf32>
    -> tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x16xf32>, tensor<?xi64>
  return %r#0, %r#1, %r#2, %r#3, %r#4, %r#5, %r#6, %r#7 : tensor<?x4x?x16xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x32x16xf32>, tensor<?x2x32xf32>, tensor<?x2x?x32xf32>, tensor<?x2x?x16xf32>, tensor<?xi64>
}
