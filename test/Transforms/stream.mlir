// RUN: infini-opt %s --split-input-file --infini-attn-stream | FileCheck %s
// RUN: infini-opt %s --split-input-file --infini-attn-stream --infini-attn-expand-step --canonicalize -o /dev/null

// A model with everything that a language model has: embedding, RMSNorm, projections, MLP, logits. Static tokens become
// chunks of any size; static and dynamic sizes of all else stay.

#all = affine_map<(b, t, d) -> (b, t, d)>
#token = affine_map<(b, t, d) -> (b, t)>
#component = affine_map<(b, t, d) -> (d)>
#mm_x = affine_map<(b, t, n, d) -> (b, t, d)>
#mm_w = affine_map<(b, t, n, d) -> (d, n)>
#mm_y = affine_map<(b, t, n, d) -> (b, t, n)>

// CHECK-LABEL: func.func @model_init(
// CHECK-SAME: %[[BATCH:.*]]: index) -> (tensor<?x2x32x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32x32xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x32xf32>, tensor<?xi64>)
// CHECK: cf.assert {{.*}}, "expected a batch of 0 or more rows"
// CHECK: %[[ROWS:.*]] = arith.maxsi %[[BATCH]]
// CHECK: tensor.empty(%[[ROWS]]) : tensor<?x2x32x32xf32>
// CHECK-COUNT-7: linalg.fill

// CHECK-LABEL: func.func @model_step(
// CHECK-SAME: %[[TOKENS:[a-z0-9]+]]: tensor<?x?xi32> {infini_attn.name = "tokens"}
// CHECK-SAME: tensor<100x64xf32> {infini_attn.name = "embedding"}
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<?x2x32x32xf32> {infini_attn.name = "state.0.memory"}
// CHECK-SAME: %[[Z:[a-z0-9]+]]: tensor<?x2x32xf32> {infini_attn.name = "state.0.normalizer"}
// CHECK-SAME: %[[DM:[a-z0-9]+]]: tensor<?x2x32x32xf32> {infini_attn.name = "state.0.pending_memory"}
// CHECK-SAME: %[[DZ:[a-z0-9]+]]: tensor<?x2x32xf32> {infini_attn.name = "state.0.pending_normalizer"}
// CHECK-SAME: %[[KEYS:[a-z0-9]+]]: tensor<?x2x128x32xf32> {infini_attn.name = "state.0.keys"}
// CHECK-SAME: %[[VALUES:[a-z0-9]+]]: tensor<?x2x128x32xf32> {infini_attn.name = "state.0.values"}
// CHECK-SAME: %[[COUNT:[a-z0-9]+]]: tensor<?xi64> {infini_attn.name = "state.0.count"}
// CHECK-SAME: -> (tensor<?x?x100xf32>, tensor<?x2x32x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32x32xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x32xf32>, tensor<?xi64>)
// CHECK: %[[C:.*]] = tensor.dim %[[TOKENS]], %{{.*}} : tensor<?x?xi32>
// CHECK: tensor.empty(%{{.*}}, %[[C]]) : tensor<?x?x64xf32>
// CHECK: tensor.extract %
// CHECK: tensor.expand_shape {{.*}} output_shape [%{{.*}}, %[[C]], 2, 32] : tensor<?x?x64xf32> into tensor<?x?x2x32xf32>
// CHECK: linalg.transpose
// CHECK: infini_attn.attention_step {{.*}} outs(%{{.*}}, %[[M]], %[[Z]], %[[DM]], %[[DZ]], %[[KEYS]], %[[VALUES]], %[[COUNT]] :
// CHECK-SAME: {rule = #infini_attn.update_rule<delta>, scale = 2.500000e-01 : f64, segment_length = 128 : i64}
// CHECK: tensor.collapse_shape {{.*}} : tensor<?x?x2x32xf32> into tensor<?x?x64xf32>
// CHECK: math.exp
// CHECK: return

// Without logits neither the MLP nor what only the output needs: q, the gate's use.
// CHECK-LABEL: func.func @model_prefill(
// CHECK-SAME: -> (tensor<?x2x32x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32x32xf32>, tensor<?x2x32xf32>, tensor<?x2x128x32xf32>, tensor<?x2x128x32xf32>, tensor<?xi64>)
// CHECK: linalg.transpose
// CHECK: %[[Q:.*]] = tensor.empty({{.*}}) : tensor<?x2x?x32xf32>
// CHECK: infini_attn.attention_step %[[Q]],
// CHECK-NOT: math.exp
// CHECK: return

// CHECK-LABEL: func.func @model_flush(
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<?x2x32x32xf32> {infini_attn.name = "state.0.memory"}
// CHECK: linalg.generic {{.*}} outs(%[[M]]
// CHECK: %[[OPEN:.*]] = arith.cmpi ne
// CHECK: %[[SUM:.*]] = arith.addf
// CHECK: arith.select %[[OPEN]], %[[SUM]]
// CHECK-COUNT-3: linalg.fill
// CHECK: return
// CHECK-NOT: func.func @model(
func.func @model(%tokens: tensor<?x1024xi32> {infini_attn.name = "tokens"}, %embedding: tensor<100x64xf32> {infini_attn.name = "embedding"}, %norm: tensor<64xf32>,
    %wq: tensor<64x64xf32>, %wk: tensor<64x64xf32>, %gate: tensor<2xf32>, %up: tensor<64x64xf32>, %logits: tensor<64x100xf32>) -> (tensor<?x1024x100xf32>, tensor<?x2x32x32xf32>) {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %tokens, %c0 : tensor<?x1024xi32>
  // One empty tensor for many uses, as CSE leaves it.
  %e = tensor.empty(%b) : tensor<?x1024x64xf32>
  %x = linalg.generic {indexing_maps = [#token, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%tokens : tensor<?x1024xi32>) outs(%e : tensor<?x1024x64xf32>) {
  ^bb0(%token: i32, %out: f32):
    %row = arith.index_cast %token : i32 to index
    %d = linalg.index 2 : index
    %y = tensor.extract %embedding[%row, %d] : tensor<100x64xf32>
    linalg.yield %y : f32
  } -> tensor<?x1024x64xf32>
  %e2 = tensor.empty(%b) : tensor<?x1024xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x1024xf32>) -> tensor<?x1024xf32>
  %sum = linalg.generic {indexing_maps = [#all, #token], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x : tensor<?x1024x64xf32>) outs(%f2 : tensor<?x1024xf32>) {
  ^bb0(%xi: f32, %s: f32):
    %square = arith.mulf %xi, %xi : f32
    %r = arith.addf %s, %square : f32
    linalg.yield %r : f32
  } -> tensor<?x1024xf32>
  %normed = linalg.generic {indexing_maps = [#all, #token, #component, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x, %sum, %norm : tensor<?x1024x64xf32>, tensor<?x1024xf32>, tensor<64xf32>) outs(%e : tensor<?x1024x64xf32>) {
  ^bb0(%xi: f32, %s: f32, %w: f32, %out: f32):
    %root = math.rsqrt %s : f32
    %u = arith.mulf %xi, %root : f32
    %y = arith.mulf %u, %w : f32
    linalg.yield %y : f32
  } -> tensor<?x1024x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x1024x64xf32>) -> tensor<?x1024x64xf32>
  %q0 = linalg.generic {indexing_maps = [#mm_x, #mm_w, #mm_y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%normed, %wq : tensor<?x1024x64xf32>, tensor<64x64xf32>) outs(%f : tensor<?x1024x64xf32>) {
  ^bb0(%xi: f32, %w: f32, %y: f32):
    %p = arith.mulf %xi, %w : f32
    %s = arith.addf %y, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x1024x64xf32>
  %k0 = linalg.generic {indexing_maps = [#mm_x, #mm_w, #mm_y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%normed, %wk : tensor<?x1024x64xf32>, tensor<64x64xf32>) outs(%f : tensor<?x1024x64xf32>) {
  ^bb0(%xi: f32, %w: f32, %y: f32):
    %p = arith.mulf %xi, %w : f32
    %s = arith.addf %y, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x1024x64xf32>
  %q1 = tensor.expand_shape %q0 [[0], [1], [2, 3]] output_shape [%b, 1024, 2, 32] : tensor<?x1024x64xf32> into tensor<?x1024x2x32xf32>
  %k1 = tensor.expand_shape %k0 [[0], [1], [2, 3]] output_shape [%b, 1024, 2, 32] : tensor<?x1024x64xf32> into tensor<?x1024x2x32xf32>
  %e3 = tensor.empty(%b) : tensor<?x2x1024x32xf32>
  %q = linalg.transpose ins(%q1 : tensor<?x1024x2x32xf32>) outs(%e3 : tensor<?x2x1024x32xf32>) permutation = [0, 2, 1, 3]
  %k = linalg.transpose ins(%k1 : tensor<?x1024x2x32xf32>) outs(%e3 : tensor<?x2x1024x32xf32>) permutation = [0, 2, 1, 3]
  %em = tensor.empty(%b) : tensor<?x2x32x32xf32>
  %m = linalg.fill ins(%zero : f32) outs(%em : tensor<?x2x32x32xf32>) -> tensor<?x2x32x32xf32>
  %ez = tensor.empty(%b) : tensor<?x2x32xf32>
  %z = linalg.fill ins(%zero : f32) outs(%ez : tensor<?x2x32xf32>) -> tensor<?x2x32xf32>
  %a:3 = infini_attn.attention %q, %k, %k, %gate outs(%e3, %m, %z : tensor<?x2x1024x32xf32>, tensor<?x2x32x32xf32>, tensor<?x2x32xf32>)
    {rule = #infini_attn.update_rule<delta>, segment_length = 128, scale = 0.25 : f64} : tensor<?x2x1024x32xf32>, tensor<?x2x1024x32xf32>, tensor<?x2x1024x32xf32>, tensor<2xf32> -> tensor<?x2x1024x32xf32>, tensor<?x2x32x32xf32>, tensor<?x2x32xf32>
  %e4 = tensor.empty(%b) : tensor<?x1024x2x32xf32>
  %o0 = linalg.transpose ins(%a#0 : tensor<?x2x1024x32xf32>) outs(%e4 : tensor<?x1024x2x32xf32>) permutation = [0, 2, 1, 3]
  %o = tensor.collapse_shape %o0 [[0], [1], [2, 3]] : tensor<?x1024x2x32xf32> into tensor<?x1024x64xf32>
  %res = arith.addf %x, %o : tensor<?x1024x64xf32>
  %silu = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]} ins(%res : tensor<?x1024x64xf32>) outs(%e : tensor<?x1024x64xf32>) {
  ^bb0(%xi: f32, %out: f32):
    %n = arith.negf %xi : f32
    %ex = math.exp %n : f32
    %d = arith.addf %ex, %one : f32
    %y = arith.divf %xi, %d : f32
    linalg.yield %y : f32
  } -> tensor<?x1024x64xf32>
  %el = tensor.empty(%b) : tensor<?x1024x100xf32>
  %fl = linalg.fill ins(%zero : f32) outs(%el : tensor<?x1024x100xf32>) -> tensor<?x1024x100xf32>
  %l = linalg.generic {indexing_maps = [#mm_x, #mm_w, #mm_y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%silu, %logits : tensor<?x1024x64xf32>, tensor<64x100xf32>) outs(%fl : tensor<?x1024x100xf32>) {
  ^bb0(%xi: f32, %w: f32, %y: f32):
    %p = arith.mulf %xi, %w : f32
    %s = arith.addf %y, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x1024x100xf32>
  return %l, %a#1 : tensor<?x1024x100xf32>, tensor<?x2x32x32xf32>
}

// -----

// What is of the same shape as a token-wise tensor, but no such tensor, stays as it is (here T = D = 32), also where
// both begin from one empty tensor. Two layers have two states.

// CHECK-LABEL: func.func @square_step(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x32xf32>, %[[W:[a-z0-9]+]]: tensor<32x32xf32>
// CHECK-SAME: "state.0.count"
// CHECK-SAME: "state.1.memory"
// CHECK: linalg.transpose ins(%[[W]] : tensor<32x32xf32>) outs(%{{.*}} : tensor<32x32xf32>)
// CHECK: linalg.matmul ins(%[[X]], %{{.*}} : tensor<?x32xf32>, tensor<32x32xf32>) outs(%{{.*}} : tensor<?x32xf32>)
// CHECK: tensor.expand_shape {{.*}} output_shape [1, 1, %{{.*}}, 32] : tensor<?x32xf32> into tensor<1x1x?x32xf32>
// CHECK: %[[FIRST:.*]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} = infini_attn.attention_step
// CHECK: tensor.extract_slice %[[FIRST]][0, 0, 0, 0] [1, 1, %{{.*}}, 16]
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, 0, 0, 16] [1, 1, %{{.*}}, 16]
// CHECK: infini_attn.attention_step {{.*}} lengths(
// CHECK: tensor.collapse_shape
// The first layer's output is needed in the prefill too, the second's is not.
// CHECK-LABEL: func.func @square_prefill(
// CHECK: linalg.matmul
// CHECK: infini_attn.attention_step
// CHECK: tensor.insert_slice
// CHECK: %[[NO_QUERIES:.*]] = tensor.empty
// CHECK: infini_attn.attention_step %[[NO_QUERIES]],
// CHECK-NEXT: return
func.func @square(%x: tensor<32x32xf32>, %w: tensor<32x32xf32>, %gate: tensor<1xf32>, %lengths: tensor<1xi64>) -> tensor<32x32xf32> {
  %e = tensor.empty() : tensor<32x32xf32>
  %zero = arith.constant 0.0 : f32
  %wt = linalg.transpose ins(%w : tensor<32x32xf32>) outs(%e : tensor<32x32xf32>) permutation = [1, 0]
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<32x32xf32>) -> tensor<32x32xf32>
  %p = linalg.matmul ins(%x, %wt : tensor<32x32xf32>, tensor<32x32xf32>) outs(%f : tensor<32x32xf32>) -> tensor<32x32xf32>
  %q = tensor.expand_shape %p [[0, 1, 2], [3]] output_shape [1, 1, 32, 32] : tensor<32x32xf32> into tensor<1x1x32x32xf32>
  %init = tensor.empty() : tensor<1x1x32x32xf32>
  %m = arith.constant dense<0.0> : tensor<1x1x32x32xf32>
  %z = arith.constant dense<0.0> : tensor<1x1x32xf32>
  %a:3 = infini_attn.attention %q, %q, %q, %gate outs(%init, %m, %z : tensor<1x1x32x32xf32>, tensor<1x1x32x32xf32>, tensor<1x1x32xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 8} : tensor<1x1x32x32xf32>, tensor<1x1x32x32xf32>, tensor<1x1x32x32xf32>, tensor<1xf32> -> tensor<1x1x32x32xf32>, tensor<1x1x32x32xf32>, tensor<1x1x32xf32>
  %half = tensor.extract_slice %a#0[0, 0, 0, 0] [1, 1, 32, 16] [1, 1, 1, 1] : tensor<1x1x32x32xf32> to tensor<1x1x32x16xf32>
  %ones = arith.constant dense<1.0> : tensor<1x1x32x32xf32>
  %i = tensor.insert_slice %half into %ones[0, 0, 0, 16] [1, 1, 32, 16] [1, 1, 1, 1] : tensor<1x1x32x16xf32> into tensor<1x1x32x32xf32>
  %d:3 = infini_attn.attention %i, %i, %i, %gate lengths(%lengths : tensor<1xi64>) outs(%init, %m, %z : tensor<1x1x32x32xf32>, tensor<1x1x32x32xf32>, tensor<1x1x32xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 8} : tensor<1x1x32x32xf32>, tensor<1x1x32x32xf32>, tensor<1x1x32x32xf32>, tensor<1xf32> -> tensor<1x1x32x32xf32>, tensor<1x1x32x32xf32>, tensor<1x1x32xf32>
  %c = tensor.collapse_shape %d#0 [[0, 1, 2], [3]] : tensor<1x1x32x32xf32> into tensor<32x32xf32>
  return %c : tensor<32x32xf32>
}

// -----

// Functions without an attention are left alone.

// CHECK-LABEL: func.func @other(
// CHECK-NOT: func.func
func.func @other(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// Zeros are zeros in whatever way they are written.
// CHECK-LABEL: func.func @zeros_init(
// CHECK-LABEL: func.func @zeros_step(
func.func @zeros(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = tensor.splat %zero : tensor<1x2x8x8xf32>
  %zs = arith.constant dense<0.0> : tensor<1x4x8xf32>
  %z = tensor.extract_slice %zs[0, 0, 0] [1, 2, 8] [1, 1, 1] : tensor<1x4x8xf32> to tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}
