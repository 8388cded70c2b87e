// RUN: infini-opt %s -verify-diagnostics -split-input-file

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<3x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected B of k to be 2 as in q, got 3}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<3x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x8x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected T of k to be 9 as in q, got 8}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x8x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x7xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Dk of k to be 8 as in q, got 7}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x7xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<1x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected B of v to be 2 as in q, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<1x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x1x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Hkv of v to be 2 as in k, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x1x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x8x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected T of v to be 9 as in q, got 8}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x8x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<2xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Hq of gate to be 4 as in q, got 2}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<2xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %lengths: tensor<1xi64>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected B of lengths to be 2 as in q, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate lengths(%lengths : tensor<1xi64>)
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<1x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected B of init to be 2 as in q, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<1x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<1x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Hq of init to be 4 as in q, got 2}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x2x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x2x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x8x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected T of init to be 9 as in q, got 8}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x8x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x8x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Dv of init to be 6 as in v, got 8}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<1x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected B of memory to be 2 as in q, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<1x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<1x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x1x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Hkv of memory to be 2 as in k, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x1x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x1x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x6x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Dk of memory to be 8 as in q, got 6}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x6x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x6x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x8xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Dv of memory to be 6 as in v, got 8}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x8xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x8xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<1x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected B of pending_memory to be 2 as in q, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<1x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<1x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x1x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Hkv of pending_memory to be 2 as in k, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x1x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x1x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x6x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Dk of pending_memory to be 8 as in q, got 6}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x6x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x6x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x8xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Dv of pending_memory to be 6 as in v, got 8}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x8xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x8xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<1x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected B of normalizer to be 2 as in q, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<1x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<1x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x1x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Hkv of normalizer to be 2 as in k, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x1x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x1x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x6xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Dk of normalizer to be 8 as in q, got 6}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<1x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected B of pending_normalizer to be 2 as in q, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<1x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<1x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x1x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Hkv of pending_normalizer to be 2 as in k, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x1x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x1x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x6xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Dk of pending_normalizer to be 8 as in q, got 6}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x6xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x6xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<1x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected B of keys to be 2 as in q, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<1x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<1x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x1x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Hkv of keys to be 2 as in k, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x1x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x1x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x5x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected N of keys to be 4 as in segment_length, got 5}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x6xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Dk of keys to be 8 as in q, got 6}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x6xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x6xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x3x6xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected N of values to be 4 as in segment_length, got 3}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x3x6xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x3x6xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x8xf32>, %count: tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected Dv of values to be 6 as in v, got 8}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x8xf32>, tensor<2xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x8xf32>, tensor<2xi64>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %pending_memory: tensor<2x2x8x6xf32>, %pending_normalizer: tensor<2x2x8xf32>, %keys: tensor<2x2x4x8xf32>, %values: tensor<2x2x4x6xf32>, %count: tensor<1xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected B of count to be 2 as in q, got 1}}
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<1xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<1xi64>
  return
}
