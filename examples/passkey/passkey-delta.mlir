// Written by make_model.py: the pass-key model over a whole sequence, delta rule.
//
// b batch row, t token, d component of the model's width, n output of a product, h head, e component of a head.

#all = affine_map<(b, t, d) -> (b, t, d)>
#token = affine_map<(b, t, d) -> (b, t)>
#component = affine_map<(b, t, d) -> (d)>
// y[b, t, n] += x[b, t, d] * w[d, n]
#mm_x = affine_map<(b, t, n, d) -> (b, t, d)>
#mm_w = affine_map<(b, t, n, d) -> (d, n)>
#mm_y = affine_map<(b, t, n, d) -> (b, t, n)>
// y[b, h, t, e] += x[b, t, d] * w[d, h, e]
#to_heads_x = affine_map<(b, h, t, e, d) -> (b, t, d)>
#to_heads_w = affine_map<(b, h, t, e, d) -> (d, h, e)>
#to_heads_y = affine_map<(b, h, t, e, d) -> (b, h, t, e)>
// y[b, t, n] += x[b, h, t, e] * w[h, e, n]
#from_heads_x = affine_map<(b, t, n, h, e) -> (b, h, t, e)>
#from_heads_w = affine_map<(b, t, n, h, e) -> (h, e, n)>
#from_heads_y = affine_map<(b, t, n, h, e) -> (b, t, n)>

func.func @lm(
    %tokens: tensor<?x?xi32> {infini_attn.name = "tokens"},
    %embedding: tensor<?x128xf32> {infini_attn.name = "embedding.weight"},
    %layers_0_attention_norm: tensor<128xf32> {infini_attn.name = "layers.0.attention_norm.weight"},
    %layers_0_qkv: tensor<128x384xf32> {infini_attn.name = "layers.0.qkv.weight"},
    %layers_0_gate: tensor<4xf32> {infini_attn.name = "layers.0.gate"},
    %layers_0_output: tensor<128x128xf32> {infini_attn.name = "layers.0.output.weight"},
    %layers_0_mlp_norm: tensor<128xf32> {infini_attn.name = "layers.0.mlp_norm.weight"},
    %layers_0_up: tensor<128x512xf32> {infini_attn.name = "layers.0.up.weight"},
    %layers_0_down: tensor<512x128xf32> {infini_attn.name = "layers.0.down.weight"},
    %layers_1_attention_norm: tensor<128xf32> {infini_attn.name = "layers.1.attention_norm.weight"},
    %layers_1_qkv: tensor<128x384xf32> {infini_attn.name = "layers.1.qkv.weight"},
    %layers_1_gate: tensor<4xf32> {infini_attn.name = "layers.1.gate"},
    %layers_1_output: tensor<128x128xf32> {infini_attn.name = "layers.1.output.weight"},
    %layers_1_mlp_norm: tensor<128xf32> {infini_attn.name = "layers.1.mlp_norm.weight"},
    %layers_1_up: tensor<128x512xf32> {infini_attn.name = "layers.1.up.weight"},
    %layers_1_down: tensor<512x128xf32> {infini_attn.name = "layers.1.down.weight"},
    %norm: tensor<128xf32> {infini_attn.name = "norm.weight"},
    %logits: tensor<128x?xf32> {infini_attn.name = "logits.weight"},
    %rotary_frequencies: tensor<16xf32> {infini_attn.name = "rotary_frequencies"})
    -> tensor<?x?x?xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %epsilon = arith.constant 1.0e-6 : f32
  %width = arith.constant 128.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %batch = tensor.dim %tokens, %c0 : tensor<?x?xi32>
  %length = tensor.dim %tokens, %c1 : tensor<?x?xi32>
  %vocabulary = tensor.dim %logits, %c1 : tensor<128x?xf32>

  // embedding
  %x1 = tensor.empty(%batch, %length) : tensor<?x?x128xf32>
  %x2 = linalg.generic {indexing_maps = [#token, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%tokens : tensor<?x?xi32>) outs(%x1 : tensor<?x?x128xf32>) {
  ^bb0(%token: i32, %out: f32):
    %row = arith.index_cast %token : i32 to index
    %d = linalg.index 2 : index
    %y = tensor.extract %embedding[%row, %d] : tensor<?x128xf32>
    linalg.yield %y : f32
  } -> tensor<?x?x128xf32>

  // layer 0: attention
  %x3 = tensor.empty(%batch, %length) : tensor<?x?xf32>
  %x4 = linalg.fill ins(%zero : f32) outs(%x3 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %x6 = linalg.generic {indexing_maps = [#all, #token], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x2 : tensor<?x?x128xf32>) outs(%x4 : tensor<?x?xf32>) {
  ^bb0(%xi: f32, %sum: f32):
    %square = arith.mulf %xi, %xi : f32
    %s = arith.addf %sum, %square : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %x7 = tensor.empty(%batch, %length) : tensor<?x?x128xf32>
  %x5 = linalg.generic {indexing_maps = [#all, #token, #component, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x2, %x6, %layers_0_attention_norm : tensor<?x?x128xf32>, tensor<?x?xf32>, tensor<128xf32>) outs(%x7 : tensor<?x?x128xf32>) {
  ^bb0(%xi: f32, %sum: f32, %wi: f32, %out: f32):
    %mean = arith.divf %sum, %width : f32
    %shifted = arith.addf %mean, %epsilon : f32
    %root = math.sqrt %shifted : f32
    %unit = arith.divf %xi, %root : f32
    %y = arith.mulf %unit, %wi : f32
    linalg.yield %y : f32
  } -> tensor<?x?x128xf32>
  %x8 = tensor.extract_slice %layers_0_qkv[0, 0] [128, 128] [1, 1]
      : tensor<128x384xf32> to tensor<128x128xf32>
  %x9 = tensor.expand_shape %x8 [[0], [1, 2]] output_shape [128, 4, 32] : tensor<128x128xf32> into tensor<128x4x32xf32>
  %x10 = tensor.empty(%batch, %length) : tensor<?x4x?x32xf32>
  %x11 = linalg.fill ins(%zero : f32) outs(%x10 : tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32>
  %x12 = linalg.generic {indexing_maps = [#to_heads_x, #to_heads_w, #to_heads_y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%x5, %x9 : tensor<?x?x128xf32>, tensor<128x4x32xf32>) outs(%x11 : tensor<?x4x?x32xf32>) {
  ^bb0(%xi: f32, %wi: f32, %yi: f32):
    %p = arith.mulf %xi, %wi : f32
    %s = arith.addf %yi, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x4x?x32xf32>
  %x13 = tensor.extract_slice %layers_0_qkv[0, 128] [128, 128] [1, 1]
      : tensor<128x384xf32> to tensor<128x128xf32>
  %x14 = tensor.expand_shape %x13 [[0], [1, 2]] output_shape [128, 4, 32] : tensor<128x128xf32> into tensor<128x4x32xf32>
  %x15 = tensor.empty(%batch, %length) : tensor<?x4x?x32xf32>
  %x16 = linalg.fill ins(%zero : f32) outs(%x15 : tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32>
  %x17 = linalg.generic {indexing_maps = [#to_heads_x, #to_heads_w, #to_heads_y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%x5, %x14 : tensor<?x?x128xf32>, tensor<128x4x32xf32>) outs(%x16 : tensor<?x4x?x32xf32>) {
  ^bb0(%xi: f32, %wi: f32, %yi: f32):
    %p = arith.mulf %xi, %wi : f32
    %s = arith.addf %yi, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x4x?x32xf32>
  %x18 = tensor.extract_slice %layers_0_qkv[0, 256] [128, 128] [1, 1]
      : tensor<128x384xf32> to tensor<128x128xf32>
  %x19 = tensor.expand_shape %x18 [[0], [1, 2]] output_shape [128, 4, 32] : tensor<128x128xf32> into tensor<128x4x32xf32>
  %x20 = tensor.empty(%batch, %length) : tensor<?x4x?x32xf32>
  %x21 = linalg.fill ins(%zero : f32) outs(%x20 : tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32>
  %x22 = linalg.generic {indexing_maps = [#to_heads_x, #to_heads_w, #to_heads_y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%x5, %x19 : tensor<?x?x128xf32>, tensor<128x4x32xf32>) outs(%x21 : tensor<?x4x?x32xf32>) {
  ^bb0(%xi: f32, %wi: f32, %yi: f32):
    %p = arith.mulf %xi, %wi : f32
    %s = arith.addf %yi, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x4x?x32xf32>
  %x23 = tensor.empty(%batch, %length) : tensor<?x4x?x32xf32>
  %x24 = tensor.empty(%batch) : tensor<?x4x32x32xf32>
  %x25 = linalg.fill ins(%zero : f32) outs(%x24 : tensor<?x4x32x32xf32>) -> tensor<?x4x32x32xf32>
  %x26 = tensor.empty(%batch) : tensor<?x4x32xf32>
  %x27 = linalg.fill ins(%zero : f32) outs(%x26 : tensor<?x4x32xf32>) -> tensor<?x4x32xf32>
  %x28:3 = infini_attn.attention %x12, %x17, %x22, %layers_0_gate
      rotary(%rotary_frequencies : tensor<16xf32>)
      outs(%x23, %x25, %x27 : tensor<?x4x?x32xf32>, tensor<?x4x32x32xf32>, tensor<?x4x32xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 128}
      : tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<4xf32>
      -> tensor<?x4x?x32xf32>, tensor<?x4x32x32xf32>, tensor<?x4x32xf32>
  %x29 = tensor.expand_shape %layers_0_output [[0, 1], [2]] output_shape [4, 32, 128]
      : tensor<128x128xf32> into tensor<4x32x128xf32>
  %x30 = linalg.generic {indexing_maps = [#from_heads_x, #from_heads_w, #from_heads_y], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x28#0, %x29 : tensor<?x4x?x32xf32>, tensor<4x32x128xf32>) outs(%x2 : tensor<?x?x128xf32>) {
  ^bb0(%xi: f32, %wi: f32, %yi: f32):
    %p = arith.mulf %xi, %wi : f32
    %s = arith.addf %yi, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?x128xf32>

  // layer 0: MLP
  %x31 = tensor.empty(%batch, %length) : tensor<?x?xf32>
  %x32 = linalg.fill ins(%zero : f32) outs(%x31 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %x34 = linalg.generic {indexing_maps = [#all, #token], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x30 : tensor<?x?x128xf32>) outs(%x32 : tensor<?x?xf32>) {
  ^bb0(%xi: f32, %sum: f32):
    %square = arith.mulf %xi, %xi : f32
    %s = arith.addf %sum, %square : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %x35 = tensor.empty(%batch, %length) : tensor<?x?x128xf32>
  %x33 = linalg.generic {indexing_maps = [#all, #token, #component, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x30, %x34, %layers_0_mlp_norm : tensor<?x?x128xf32>, tensor<?x?xf32>, tensor<128xf32>) outs(%x35 : tensor<?x?x128xf32>) {
  ^bb0(%xi: f32, %sum: f32, %wi: f32, %out: f32):
    %mean = arith.divf %sum, %width : f32
    %shifted = arith.addf %mean, %epsilon : f32
    %root = math.sqrt %shifted : f32
    %unit = arith.divf %xi, %root : f32
    %y = arith.mulf %unit, %wi : f32
    linalg.yield %y : f32
  } -> tensor<?x?x128xf32>
  %x36 = tensor.empty(%batch, %length) : tensor<?x?x512xf32>
  %x37 = linalg.fill ins(%zero : f32) outs(%x36 : tensor<?x?x512xf32>) -> tensor<?x?x512xf32>
  %x38 = linalg.generic {indexing_maps = [#mm_x, #mm_w, #mm_y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x33, %layers_0_up : tensor<?x?x128xf32>, tensor<128x512xf32>) outs(%x37 : tensor<?x?x512xf32>) {
  ^bb0(%xi: f32, %wi: f32, %yi: f32):
    %p = arith.mulf %xi, %wi : f32
    %s = arith.addf %yi, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?x512xf32>
  %x39 = tensor.empty(%batch, %length) : tensor<?x?x512xf32>
  %x40 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x38 : tensor<?x?x512xf32>) outs(%x39 : tensor<?x?x512xf32>) {
  ^bb0(%xi: f32, %out: f32):
    %minus = arith.negf %xi : f32
    %e = math.exp %minus : f32
    %divisor = arith.addf %e, %one : f32
    %y = arith.divf %xi, %divisor : f32
    linalg.yield %y : f32
  } -> tensor<?x?x512xf32>
  %x41 = linalg.generic {indexing_maps = [#mm_x, #mm_w, #mm_y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x40, %layers_0_down : tensor<?x?x512xf32>, tensor<512x128xf32>) outs(%x30 : tensor<?x?x128xf32>) {
  ^bb0(%xi: f32, %wi: f32, %yi: f32):
    %p = arith.mulf %xi, %wi : f32
    %s = arith.addf %yi, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?x128xf32>

  // layer 1: attention
  %x42 = tensor.empty(%batch, %length) : tensor<?x?xf32>
  %x43 = linalg.fill ins(%zero : f32) outs(%x42 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %x45 = linalg.generic {indexing_maps = [#all, #token], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x41 : tensor<?x?x128xf32>) outs(%x43 : tensor<?x?xf32>) {
  ^bb0(%xi: f32, %sum: f32):
    %square = arith.mulf %xi, %xi : f32
    %s = arith.addf %sum, %square : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %x46 = tensor.empty(%batch, %length) : tensor<?x?x128xf32>
  %x44 = linalg.generic {indexing_maps = [#all, #token, #component, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x41, %x45, %layers_1_attention_norm : tensor<?x?x128xf32>, tensor<?x?xf32>, tensor<128xf32>) outs(%x46 : tensor<?x?x128xf32>) {
  ^bb0(%xi: f32, %sum: f32, %wi: f32, %out: f32):
    %mean = arith.divf %sum, %width : f32
    %shifted = arith.addf %mean, %epsilon : f32
    %root = math.sqrt %shifted : f32
    %unit = arith.divf %xi, %root : f32
    %y = arith.mulf %unit, %wi : f32
    linalg.yield %y : f32
  } -> tensor<?x?x128xf32>
  %x47 = tensor.extract_slice %layers_1_qkv[0, 0] [128, 128] [1, 1]
      : tensor<128x384xf32> to tensor<128x128xf32>
  %x48 = tensor.expand_shape %x47 [[0], [1, 2]] output_shape [128, 4, 32] : tensor<128x128xf32> into tensor<128x4x32xf32>
  %x49 = tensor.empty(%batch, %length) : tensor<?x4x?x32xf32>
  %x50 = linalg.fill ins(%zero : f32) outs(%x49 : tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32>
  %x51 = linalg.generic {indexing_maps = [#to_heads_x, #to_heads_w, #to_heads_y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%x44, %x48 : tensor<?x?x128xf32>, tensor<128x4x32xf32>) outs(%x50 : tensor<?x4x?x32xf32>) {
  ^bb0(%xi: f32, %wi: f32, %yi: f32):
    %p = arith.mulf %xi, %wi : f32
    %s = arith.addf %yi, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x4x?x32xf32>
  %x52 = tensor.extract_slice %layers_1_qkv[0, 128] [128, 128] [1, 1]
      : tensor<128x384xf32> to tensor<128x128xf32>
  %x53 = tensor.expand_shape %x52 [[0], [1, 2]] output_shape [128, 4, 32] : tensor<128x128xf32> into tensor<128x4x32xf32>
  %x54 = tensor.empty(%batch, %length) : tensor<?x4x?x32xf32>
  %x55 = linalg.fill ins(%zero : f32) outs(%x54 : tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32>
  %x56 = linalg.generic {indexing_maps = [#to_heads_x, #to_heads_w, #to_heads_y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%x44, %x53 : tensor<?x?x128xf32>, tensor<128x4x32xf32>) outs(%x55 : tensor<?x4x?x32xf32>) {
  ^bb0(%xi: f32, %wi: f32, %yi: f32):
    %p = arith.mulf %xi, %wi : f32
    %s = arith.addf %yi, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x4x?x32xf32>
  %x57 = tensor.extract_slice %layers_1_qkv[0, 256] [128, 128] [1, 1]
      : tensor<128x384xf32> to tensor<128x128xf32>
  %x58 = tensor.expand_shape %x57 [[0], [1, 2]] output_shape [128, 4, 32] : tensor<128x128xf32> into tensor<128x4x32xf32>
  %x59 = tensor.empty(%batch, %length) : tensor<?x4x?x32xf32>
  %x60 = linalg.fill ins(%zero : f32) outs(%x59 : tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32>
  %x61 = linalg.generic {indexing_maps = [#to_heads_x, #to_heads_w, #to_heads_y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%x44, %x58 : tensor<?x?x128xf32>, tensor<128x4x32xf32>) outs(%x60 : tensor<?x4x?x32xf32>) {
  ^bb0(%xi: f32, %wi: f32, %yi: f32):
    %p = arith.mulf %xi, %wi : f32
    %s = arith.addf %yi, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x4x?x32xf32>
  %x62 = tensor.empty(%batch, %length) : tensor<?x4x?x32xf32>
  %x63 = tensor.empty(%batch) : tensor<?x4x32x32xf32>
  %x64 = linalg.fill ins(%zero : f32) outs(%x63 : tensor<?x4x32x32xf32>) -> tensor<?x4x32x32xf32>
  %x65 = tensor.empty(%batch) : tensor<?x4x32xf32>
  %x66 = linalg.fill ins(%zero : f32) outs(%x65 : tensor<?x4x32xf32>) -> tensor<?x4x32xf32>
  %x67:3 = infini_attn.attention %x51, %x56, %x61, %layers_1_gate
      rotary(%rotary_frequencies : tensor<16xf32>)
      outs(%x62, %x64, %x66 : tensor<?x4x?x32xf32>, tensor<?x4x32x32xf32>, tensor<?x4x32xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 128}
      : tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<4xf32>
      -> tensor<?x4x?x32xf32>, tensor<?x4x32x32xf32>, tensor<?x4x32xf32>
  %x68 = tensor.expand_shape %layers_1_output [[0, 1], [2]] output_shape [4, 32, 128]
      : tensor<128x128xf32> into tensor<4x32x128xf32>
  %x69 = linalg.generic {indexing_maps = [#from_heads_x, #from_heads_w, #from_heads_y], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x67#0, %x68 : tensor<?x4x?x32xf32>, tensor<4x32x128xf32>) outs(%x41 : tensor<?x?x128xf32>) {
  ^bb0(%xi: f32, %wi: f32, %yi: f32):
    %p = arith.mulf %xi, %wi : f32
    %s = arith.addf %yi, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?x128xf32>

  // layer 1: MLP
  %x70 = tensor.empty(%batch, %length) : tensor<?x?xf32>
  %x71 = linalg.fill ins(%zero : f32) outs(%x70 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %x73 = linalg.generic {indexing_maps = [#all, #token], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x69 : tensor<?x?x128xf32>) outs(%x71 : tensor<?x?xf32>) {
  ^bb0(%xi: f32, %sum: f32):
    %square = arith.mulf %xi, %xi : f32
    %s = arith.addf %sum, %square : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %x74 = tensor.empty(%batch, %length) : tensor<?x?x128xf32>
  %x72 = linalg.generic {indexing_maps = [#all, #token, #component, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x69, %x73, %layers_1_mlp_norm : tensor<?x?x128xf32>, tensor<?x?xf32>, tensor<128xf32>) outs(%x74 : tensor<?x?x128xf32>) {
  ^bb0(%xi: f32, %sum: f32, %wi: f32, %out: f32):
    %mean = arith.divf %sum, %width : f32
    %shifted = arith.addf %mean, %epsilon : f32
    %root = math.sqrt %shifted : f32
    %unit = arith.divf %xi, %root : f32
    %y = arith.mulf %unit, %wi : f32
    linalg.yield %y : f32
  } -> tensor<?x?x128xf32>
  %x75 = tensor.empty(%batch, %length) : tensor<?x?x512xf32>
  %x76 = linalg.fill ins(%zero : f32) outs(%x75 : tensor<?x?x512xf32>) -> tensor<?x?x512xf32>
  %x77 = linalg.generic {indexing_maps = [#mm_x, #mm_w, #mm_y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x72, %layers_1_up : tensor<?x?x128xf32>, tensor<128x512xf32>) outs(%x76 : tensor<?x?x512xf32>) {
  ^bb0(%xi: f32, %wi: f32, %yi: f32):
    %p = arith.mulf %xi, %wi : f32
    %s = arith.addf %yi, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?x512xf32>
  %x78 = tensor.empty(%batch, %length) : tensor<?x?x512xf32>
  %x79 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x77 : tensor<?x?x512xf32>) outs(%x78 : tensor<?x?x512xf32>) {
  ^bb0(%xi: f32, %out: f32):
    %minus = arith.negf %xi : f32
    %e = math.exp %minus : f32
    %divisor = arith.addf %e, %one : f32
    %y = arith.divf %xi, %divisor : f32
    linalg.yield %y : f32
  } -> tensor<?x?x512xf32>
  %x80 = linalg.generic {indexing_maps = [#mm_x, #mm_w, #mm_y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x79, %layers_1_down : tensor<?x?x512xf32>, tensor<512x128xf32>) outs(%x69 : tensor<?x?x128xf32>) {
  ^bb0(%xi: f32, %wi: f32, %yi: f32):
    %p = arith.mulf %xi, %wi : f32
    %s = arith.addf %yi, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?x128xf32>

  // logits
  %x81 = tensor.empty(%batch, %length) : tensor<?x?xf32>
  %x82 = linalg.fill ins(%zero : f32) outs(%x81 : tensor<?x?xf32>) -> tensor<?x?xf32>
  %x84 = linalg.generic {indexing_maps = [#all, #token], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x80 : tensor<?x?x128xf32>) outs(%x82 : tensor<?x?xf32>) {
  ^bb0(%xi: f32, %sum: f32):
    %square = arith.mulf %xi, %xi : f32
    %s = arith.addf %sum, %square : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  %x85 = tensor.empty(%batch, %length) : tensor<?x?x128xf32>
  %x83 = linalg.generic {indexing_maps = [#all, #token, #component, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x80, %x84, %norm : tensor<?x?x128xf32>, tensor<?x?xf32>, tensor<128xf32>) outs(%x85 : tensor<?x?x128xf32>) {
  ^bb0(%xi: f32, %sum: f32, %wi: f32, %out: f32):
    %mean = arith.divf %sum, %width : f32
    %shifted = arith.addf %mean, %epsilon : f32
    %root = math.sqrt %shifted : f32
    %unit = arith.divf %xi, %root : f32
    %y = arith.mulf %unit, %wi : f32
    linalg.yield %y : f32
  } -> tensor<?x?x128xf32>
  %x86 = tensor.empty(%batch, %length, %vocabulary) : tensor<?x?x?xf32>
  %x87 = linalg.fill ins(%zero : f32) outs(%x86 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %x88 = linalg.generic {indexing_maps = [#mm_x, #mm_w, #mm_y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x83, %logits : tensor<?x?x128xf32>, tensor<128x?xf32>) outs(%x87 : tensor<?x?x?xf32>) {
  ^bb0(%xi: f32, %wi: f32, %yi: f32):
    %p = arith.mulf %xi, %wi : f32
    %s = arith.addf %yi, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x?x?xf32>
  return %x88 : tensor<?x?x?xf32>
}
