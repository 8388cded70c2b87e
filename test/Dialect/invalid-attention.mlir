// RUN: infini-opt %s -verify-diagnostics -split-input-file

// (C1) one element type
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xbf16>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected k of element type 'f32' as q, got 'bf16'}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xbf16>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C1) one element type
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xbf16>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected v of element type 'f32' as q, got 'bf16'}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xbf16>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C1) one element type
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xbf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected o of element type 'f32' as q, got 'bf16'}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%q: tensor<2x0x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Hq of q >= 1, got 0}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x0x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%q: tensor<2x4x9x0xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Dk of q >= 1, got 0}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x0xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x0x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Hkv of k >= 1, got 0}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x0x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x0xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Dv of v >= 1, got 0}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x0xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C4) Hq is a multiple of Hkv
func.func @f(%q: tensor<2x5x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<5xf32>, %init: tensor<2x5x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected Hq to be a multiple of Hkv = 2, got 5}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x5x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x5x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<5xf32> -> tensor<2x5x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C5) no encodings
func.func @f(%q: tensor<2x4x9x8xf32, 7>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected q without an encoding, got 'tensor<2x4x9x8xf32, 7 : i64>'}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32, 7>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C6) bytes fit in 63 bits
func.func @f(%q: tensor<4611686018427387904x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected q of less than 2^63 bytes, got 'tensor<4611686018427387904x4x9x8xf32>'}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<4611686018427387904x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C6) bytes fit in 63 bits
func.func @f(%q: tensor<4611686018427387904x4x0x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected q of less than 2^63 bytes, got 'tensor<4611686018427387904x4x0x8xf32>'}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<4611686018427387904x4x0x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C7) each result has the type of its init
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected result o of the type of its init, 'tensor<2x4x9x6xf32>', got 'tensor<?x4x9x6xf32>'}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<?x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C7) each result has the type of its init
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected result new_memory of the type of its init, 'tensor<2x2x8x6xf32>', got 'tensor<?x2x8x6xf32>'}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<?x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C7) each result has the type of its init
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected result new_normalizer of the type of its init, 'tensor<2x2x8xf32>', got 'tensor<?x2x8xf32>'}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<?x2x8xf32>
  return
}

// -----

// (C8) scale is finite
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected a scale that is finite in f32, got 0x7FF0000000000000 : f64}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4, scale = 0x7FF0000000000000 : f64}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C8) scale is finite
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected a scale that is finite in f32, got 0x7FF8000000000000 : f64}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4, scale = 0x7FF8000000000000 : f64}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C9) epsilon is finite and not negative
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected an epsilon >= 0 that is finite in f32, got -9.9999999999999995E-7}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4, epsilon = -1.0e-6 : f64}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C9) epsilon is finite and not negative
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected an epsilon >= 0 that is finite in f32, got +Inf}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4, epsilon = 0x7FF0000000000000 : f64}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C9) epsilon is finite and not negative
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected an epsilon >= 0 that is finite in f32, got NaN}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4, epsilon = 0x7FF8000000000000 : f64}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C10) F <= Dk / 2
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %rotary: tensor<5xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected at most Dk / 2 = 4 rotary_frequencies, got 5}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate rotary(%rotary : tensor<5xf32>)
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C11) rotary_style without frequencies
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected rotary_frequencies with rotary_style halves, got none}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4, rotary_style = #infini_attn.rotary_style<halves>}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C12) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xbf16>, %k: tensor<2x2x9x8xbf16>, %v: tensor<2x2x9x6xbf16>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xbf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected precision ieee or 'bf16' for activations of 'bf16', got f16}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4, precision = #infini_attn.precision<f16>}
      : tensor<2x4x9x8xbf16>, tensor<2x2x9x8xbf16>, tensor<2x2x9x6xbf16>, tensor<4xf32> -> tensor<2x4x9x6xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C12) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xf16>, %k: tensor<2x2x9x8xf16>, %v: tensor<2x2x9x6xf16>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected precision ieee or 'f16' for activations of 'f16', got bf16}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4, precision = #infini_attn.precision<bf16>}
      : tensor<2x4x9x8xf16>, tensor<2x2x9x8xf16>, tensor<2x2x9x6xf16>, tensor<4xf32> -> tensor<2x4x9x6xf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C12) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xbf16>, %k: tensor<2x2x9x8xbf16>, %v: tensor<2x2x9x6xbf16>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xbf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected precision ieee or 'bf16' for activations of 'bf16', got bf16x3}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4, precision = #infini_attn.precision<bf16x3>}
      : tensor<2x4x9x8xbf16>, tensor<2x2x9x8xbf16>, tensor<2x2x9x6xbf16>, tensor<4xf32> -> tensor<2x4x9x6xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C12) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xf16>, %k: tensor<2x2x9x8xf16>, %v: tensor<2x2x9x6xf16>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected precision ieee or 'f16' for activations of 'f16', got bf16x6}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4, precision = #infini_attn.precision<bf16x6>}
      : tensor<2x4x9x8xf16>, tensor<2x2x9x8xf16>, tensor<2x2x9x6xf16>, tensor<4xf32> -> tensor<2x4x9x6xf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C12) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xbf16>, %k: tensor<2x2x9x8xbf16>, %v: tensor<2x2x9x6xbf16>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xbf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected precision ieee or 'bf16' for activations of 'bf16', got tf32}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4, precision = #infini_attn.precision<tf32>}
      : tensor<2x4x9x8xbf16>, tensor<2x2x9x8xbf16>, tensor<2x2x9x6xbf16>, tensor<4xf32> -> tensor<2x4x9x6xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C13) segment_length >= 1
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected segment_length >= 1, got 0}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 0}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C13) segment_length >= 1
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected segment_length >= 1, got -4}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = -4}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C14) detach_every >= 1
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected detach_every >= 1, got 0}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4, detach_every = 0}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C8) scale is finite in f32, in which it is used
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected a scale that is finite in f32, got 9.9999999999999994E+38 : f64}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4, scale = 1.0e39 : f64}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C9) epsilon is finite in f32, in which it is used
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>, %init: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected an epsilon >= 0 that is finite in f32, got 9.9999999999999994E+38}}
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 4, epsilon = 1.0e39 : f64}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}
