// RUN: infini-opt %s --split-input-file --verify-diagnostics --infini-attn-stream

// A sum over all tokens.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  %s = tensor.empty() : tensor<1x2x8xf32>
  // expected-error @+1 {{'linalg.generic' op expected to act on each token alone, got a reduction over the token dimension}}
  %r = linalg.generic {indexing_maps = [affine_map<(b, h, t, d) -> (b, h, t, d)>, affine_map<(b, h, t, d) -> (b, h, d)>], iterator_types = ["parallel", "parallel", "reduction", "parallel"]} ins(%a#0 : tensor<1x2x?x8xf32>) outs(%s : tensor<1x2x8xf32>) {
  ^bb0(%i: f32, %o: f32):
    %y = arith.addf %i, %o : f32
    linalg.yield %y : f32
  } -> tensor<1x2x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// Positions counted from the begin of the sequence.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  // expected-error @+1 {{'linalg.generic' op expected to act on each token alone, got the index of a token}}
  %r = linalg.generic {indexing_maps = [affine_map<(b, h, t, d) -> (b, h, t, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%a#0 : tensor<1x2x?x8xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 2 : index
    %n = arith.index_cast %i : index to i32
    %y = arith.sitofp %n : i32 to f32
    linalg.yield %y : f32
  } -> tensor<1x2x?x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// Ordinary attention: every token with every other.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  %s = tensor.empty(%t, %t) : tensor<1x2x?x?xf32>
  // expected-error @+1 {{'linalg.generic' op expected to act on each token alone, got each token with every other}}
  %r = linalg.generic {indexing_maps = [affine_map<(b, h, t, s, d) -> (b, h, t, d)>, affine_map<(b, h, t, s, d) -> (b, h, s, d)>, affine_map<(b, h, t, s, d) -> (b, h, t, s)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%a#0, %x : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>) outs(%s : tensor<1x2x?x?xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %p = arith.mulf %i, %j : f32
    %y = arith.addf %p, %o : f32
    linalg.yield %y : f32
  } -> tensor<1x2x?x?xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// A convolution over tokens.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>, %taps: tensor<3xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  %s = tensor.empty(%t) : tensor<1x2x?x8xf32>
  // expected-error @+1 {{'linalg.generic' op expected to act on each token alone, got an access to other tokens}}
  %r = linalg.generic {indexing_maps = [affine_map<(b, h, t, d, w) -> (b, h, t + w, d)>, affine_map<(b, h, t, d, w) -> (w)>, affine_map<(b, h, t, d, w) -> (b, h, t, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%a#0, %taps : tensor<1x2x?x8xf32>, tensor<3xf32>) outs(%s : tensor<1x2x?x8xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %p = arith.mulf %i, %j : f32
    %y = arith.addf %p, %o : f32
    linalg.yield %y : f32
  } -> tensor<1x2x?x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// The value of the first token for all.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  // expected-error @+1 {{'linalg.generic' op expected to act on each token alone, got a look-up among tokens}}
  %r = linalg.generic {indexing_maps = [affine_map<(b, h, t, d) -> (b, h, t, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%e : tensor<1x2x?x8xf32>) {
  ^bb0(%o: f32):
    %y = tensor.extract %a#0[%c0, %c0, %c0, %c0] : tensor<1x2x?x8xf32>
    linalg.yield %y : f32
  } -> tensor<1x2x?x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// An output without tokens cannot be written by each of them.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  %s = tensor.empty() : tensor<1xf32>
  // expected-error @+1 {{'linalg.generic' op expected to act on each token alone, got a result that all tokens share}}
  %r:2 = linalg.generic {indexing_maps = [affine_map<(b, h, t, d) -> (b, h, t, d)>, affine_map<(b, h, t, d) -> (b)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%a#0, %s : tensor<1x2x?x8xf32>, tensor<1xf32>) {
  ^bb0(%o: f32, %p: f32):
    linalg.yield %o, %p : f32, f32
  } -> (tensor<1x2x?x8xf32>, tensor<1xf32>)
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// The last token alone.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{'tensor.extract_slice' op expected to act on each token alone, got a part of the tokens}}
  %r = tensor.extract_slice %a#0[0, 0, 0, 0] [1, 2, 1, 8] [1, 1, 1, 1] : tensor<1x2x?x8xf32> to tensor<1x2x1x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// Batch rows and tokens in one dimension.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  // expected-error @+1 {{'tensor.collapse_shape' op expected to act on each token alone, got a token dimension that is split or merged}}
  %r = tensor.collapse_shape %a#0 [[0], [1, 2], [3]] : tensor<1x2x?x8xf32> into tensor<1x?x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// Tokens of the chunk before.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  // expected-error @+1 {{'tensor.pad' op expected to act on each token alone, got an operation that is not known to}}
  %r = tensor.pad %a#0 low[0, 0, 1, 0] high[0, 0, 0, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x2x?x8xf32> to tensor<1x2x?x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// An operation whose body uses tokens.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>, %flag: i1) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  // expected-error @+1 {{'scf.if' op expected to act on each token alone, got an operation that is not known to}}
  %r = scf.if %flag -> tensor<1x2x?x8xf32> {
    scf.yield %a#0 : tensor<1x2x?x8xf32>
  } else {
    scf.yield %x : tensor<1x2x?x8xf32>
  }
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// Two tensors whose tokens are in different dimensions.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  %u = tensor.empty(%t) : tensor<1x2x8x?xf32>
  %v = linalg.transpose ins(%a#0 : tensor<1x2x?x8xf32>) outs(%u : tensor<1x2x8x?xf32>) permutation = [0, 1, 3, 2]
  %w = tensor.cast %v : tensor<1x2x8x?xf32> to tensor<1x2x?x?xf32>
  %s = tensor.cast %a#0 : tensor<1x2x?x8xf32> to tensor<1x2x?x?xf32>
  // expected-error @+1 {{'arith.addf' op expected to act on each token alone, got tokens in dimensions 2 and 3 of a tensor}}
  %r = arith.addf %w, %s : tensor<1x2x?x?xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// The mean over tokens needs their number.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  // expected-error @+1 {{'arith.index_cast' op expected to act on each token alone, got the number of tokens as a value}}
  %n = arith.index_cast %t : index to i64
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// A mask of tokens by tokens.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  // expected-error @+1 {{'tensor.empty' op expected to act on each token alone, got the number of tokens as a value}}
  %r = tensor.empty(%t, %t) : tensor<?x?xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// Which size this is, cannot be known.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>, %which: index) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  // expected-error @+1 {{'tensor.dim' op expected to act on each token alone, got the size of a dimension that is not constant}}
  %r = tensor.dim %a#0, %which : tensor<1x2x?x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// A table of positions.
func.func @positions(%x: tensor<1x1x2x1xf32>, %gate: tensor<1xf32>) -> tensor<1x1x2x1xf32> {
  // expected-error @+1 {{'arith.constant' op expected to act on each token alone, got a constant that differs from token to token}}
  %p = arith.constant dense<[[[[0.0], [1.0]]]]> : tensor<1x1x2x1xf32>
  %e = tensor.empty() : tensor<1x1x2x1xf32>
  %m = arith.constant dense<0.0> : tensor<1x1x1x1xf32>
  %z = arith.constant dense<0.0> : tensor<1x1x1xf32>
  %q = arith.addf %x, %p : tensor<1x1x2x1xf32>
  %a:3 = infini_attn.attention %q, %q, %q, %gate outs(%e, %m, %z : tensor<1x1x2x1xf32>, tensor<1x1x1x1xf32>, tensor<1x1x1xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>, tensor<1xf32> -> tensor<1x1x2x1xf32>, tensor<1x1x1x1xf32>, tensor<1x1x1xf32>
  return %a#0 : tensor<1x1x2x1xf32>
}

// -----

// A stream begins with an empty memory.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>, %m0: tensor<1x2x8x8xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  // expected-error @+1 {{'infini_attn.attention' op expected a memory filled with 0, got another}}
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m0, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// The memory after all tokens does not exist.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  // expected-error @+1 {{'infini_attn.attention' op expected a new memory that is only returned, got a use by 'tensor.cast'}}
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  %r = tensor.cast %a#1 : tensor<1x2x8x8xf32> to tensor<?x2x8x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// Lengths of each chunk are given by the caller.
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %n = arith.constant dense<3> : tensor<1xi64>
  // expected-error @+1 {{'infini_attn.attention' op expected lengths that are an argument of the function, got a computed value}}
  %a:3 = infini_attn.attention %x, %x, %x, %gate lengths(%n : tensor<1xi64>) outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// The state must have a type.
func.func @f(%x: tensor<1x?x?x?xf32>, %gate: tensor<2xf32>, %w: index) -> tensor<1x?x?x?xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x?x?x?xf32>
  %e = tensor.empty(%w, %t, %w) : tensor<1x?x?x?xf32>
  %em = tensor.empty(%w, %w, %w) : tensor<1x?x?x?xf32>
  %m = linalg.fill ins(%zero : f32) outs(%em : tensor<1x?x?x?xf32>) -> tensor<1x?x?x?xf32>
  %ez = tensor.empty(%w, %w) : tensor<1x?x?xf32>
  %z = linalg.fill ins(%zero : f32) outs(%ez : tensor<1x?x?xf32>) -> tensor<1x?x?xf32>
  // expected-error @+1 {{'infini_attn.attention' op expected static sizes of key/value heads, keys and values, got k of type 'tensor<1x?x?x?xf32>' and v of type 'tensor<1x?x?x?xf32>'}}
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x?x?x?xf32>, tensor<1x?x?x?xf32>, tensor<1x?x?xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x?x?x?xf32>, tensor<1x?x?x?xf32>, tensor<1x?x?x?xf32>, tensor<2xf32> -> tensor<1x?x?x?xf32>, tensor<1x?x?x?xf32>, tensor<1x?x?xf32>
  return %a#0 : tensor<1x?x?x?xf32>
}

// -----

// An attention in a loop has one state too few.
func.func @nested(%x: tensor<1x1x?x8xf32>, %gate: tensor<1xf32>, %flag: i1, %e: tensor<1x1x?x8xf32>) -> tensor<1x1x?x8xf32> {
  %m = arith.constant dense<0.0> : tensor<1x1x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x1x8xf32>
  %r = scf.if %flag -> tensor<1x1x?x8xf32> {
    // expected-error @+1 {{'infini_attn.attention' op expected to be in the body of a function, got 'scf.if' around it}}
    %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x1x?x8xf32>, tensor<1x1x8x8xf32>, tensor<1x1x8xf32>)
      {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1xf32> -> tensor<1x1x?x8xf32>, tensor<1x1x8x8xf32>, tensor<1x1x8xf32>
    scf.yield %a#0 : tensor<1x1x?x8xf32>
  } else {
    scf.yield %x : tensor<1x1x?x8xf32>
  }
  return %r : tensor<1x1x?x8xf32>
}

// -----

// Whoever calls the function would miss it.
// expected-error @+1 {{'func.func' op expected a function that nobody calls, got a use of its name}}
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}
func.func private @caller(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %r = call @f(%x, %gate) : (tensor<1x2x?x8xf32>, tensor<2xf32>) -> tensor<1x2x?x8xf32>
  return %r : tensor<1x2x?x8xf32>
}

// -----

// A name that is taken.
// expected-error @+1 {{'func.func' op expected the name @f_step to be free, got another of that name}}
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  return %a#0 : tensor<1x2x?x8xf32>
}
func.func private @f_step()

// -----

// Control flow.
// expected-error @+1 {{'func.func' op expected one block, got 2}}
func.func @f(%x: tensor<1x2x?x8xf32>, %gate: tensor<2xf32>) -> tensor<1x2x?x8xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  %t = tensor.dim %x, %c2 : tensor<1x2x?x8xf32>
  %e = tensor.empty(%t) : tensor<1x2x?x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x2x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x2x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<2xf32> -> tensor<1x2x?x8xf32>, tensor<1x2x8x8xf32>, tensor<1x2x8xf32>
  cf.br ^end
^end:
  return %a#0 : tensor<1x2x?x8xf32>
}

// -----

// expected-error @+2 {{'func.func' op expected an argument with a token dimension}}
// Tokens that come from nowhere.
func.func @no_tokens(%gate: tensor<1xf32>) -> tensor<1x1x4x8xf32> {
  %x = arith.constant dense<1.0> : tensor<1x1x4x8xf32>
  %e = tensor.empty() : tensor<1x1x4x8xf32>
  %m = arith.constant dense<0.0> : tensor<1x1x8x8xf32>
  %z = arith.constant dense<0.0> : tensor<1x1x8xf32>
  %a:3 = infini_attn.attention %x, %x, %x, %gate outs(%e, %m, %z : tensor<1x1x4x8xf32>, tensor<1x1x8x8xf32>, tensor<1x1x8xf32>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 4} : tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1xf32> -> tensor<1x1x4x8xf32>, tensor<1x1x8x8xf32>, tensor<1x1x8xf32>
  return %a#0 : tensor<1x1x4x8xf32>
}
