// RUN: infini-opt %s -verify-diagnostics -split-input-file

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<3x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected B of k to be 2 as in q, got 3}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<3x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x8x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected T of k to be 9 as in q, got 8}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x8x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x7xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Dk of k to be 8 as in q, got 7}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x7xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<1x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected B of v to be 2 as in q, got 1}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<1x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x1x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Hkv of v to be 2 as in k, got 1}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x1x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x8x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected T of v to be 9 as in q, got 8}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x8x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<2xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Hq of gate to be 4 as in q, got 2}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<2xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %lengths: tensor<1xi64>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected B of lengths to be 2 as in q, got 1}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate lengths(%lengths : tensor<1xi64>)
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<1x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected B of init to be 2 as in q, got 1}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<1x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<1x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Hq of init to be 4 as in q, got 2}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x2x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x2x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x8x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected T of init to be 9 as in q, got 8}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x8x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x8x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Dv of init to be 6 as in v, got 8}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<1x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected B of memory to be 2 as in q, got 1}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<1x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<1x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x1x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Hkv of memory to be 2 as in k, got 1}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x1x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x1x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x6x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Dk of memory to be 8 as in q, got 6}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x6x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x6x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x8xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Dv of memory to be 6 as in v, got 8}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x8xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x8xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<1x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected B of normalizer to be 2 as in q, got 1}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<1x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<1x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x1x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Hkv of normalizer to be 2 as in k, got 1}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x1x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x1x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x6xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Dk of normalizer to be 8 as in q, got 6}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x6xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x6xf32>
  return
}
