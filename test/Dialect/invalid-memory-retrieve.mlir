// RUN: infini-opt %s -verify-diagnostics -split-input-file

// (C1) one element type
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected o of element type 'f32' as q, got 'bf16'}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xbf16>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<1x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected B of memory to be 2 as in q, got 1}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x4x9x8xf32>, tensor<1x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x2x6x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected Dk of memory to be 8 as in q, got 6}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x4x9x8xf32>, tensor<2x2x6x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<1x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected B of normalizer to be 2 as in q, got 1}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<1x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x4x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected Hkv of normalizer to be 2 as in memory, got 4}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x4x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x6xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected Dk of normalizer to be 8 as in q, got 6}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>, %lengths: tensor<3xi64>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected B of lengths to be 2 as in q, got 3}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer lengths(%lengths : tensor<3xi64>)
      : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected B of o to be 2 as in q, got 1}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<1x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected Hq of o to be 4 as in q, got 2}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x2x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected T of o to be 9 as in q, got 8}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x8x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected Dv of o to be 6 as in memory, got 8}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x8xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%q: tensor<2x0x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected Hq of q >= 1, got 0}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x0x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%q: tensor<2x4x9x0xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected Dk of q >= 1, got 0}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x4x9x0xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x0x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected Hkv of memory >= 1, got 0}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x4x9x8xf32>, tensor<2x0x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x0xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected Dv of memory >= 1, got 0}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x4x9x8xf32>, tensor<2x2x8x0xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C4) Hq is a multiple of Hkv
func.func @f(%q: tensor<2x5x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected Hq to be a multiple of Hkv = 2, got 5}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x5x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x5x9x6xf32>
  return
}

// -----

// (C5) no encodings
func.func @f(%q: tensor<2x4x9x8xf32, 7>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected q without an encoding, got 'tensor<2x4x9x8xf32, 7 : i64>'}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<2x4x9x8xf32, 7>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C6) bytes fit in 63 bits
func.func @f(%q: tensor<4611686018427387904x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected q of less than 2^63 bytes, got 'tensor<4611686018427387904x4x9x8xf32>'}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<4611686018427387904x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C6) bytes fit in 63 bits
func.func @f(%q: tensor<4611686018427387904x4x0x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected q of less than 2^63 bytes, got 'tensor<4611686018427387904x4x0x8xf32>'}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      : tensor<4611686018427387904x4x0x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C7) epsilon is finite and not negative
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected an epsilon >= 0 that is finite in f32, got -9.9999999999999995E-7}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {epsilon = -1.0e-6 : f64}
      : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C7) epsilon is finite and not negative
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected an epsilon >= 0 that is finite in f32, got +Inf}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {epsilon = 0x7FF0000000000000 : f64}
      : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C7) epsilon is finite and not negative
func.func @f(%q: tensor<2x4x9x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected an epsilon >= 0 that is finite in f32, got NaN}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {epsilon = 0x7FF8000000000000 : f64}
      : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C8) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xbf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected precision ieee or 'bf16' for activations of 'bf16', got f16}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {precision = #infini_attn.precision<f16>}
      : tensor<2x4x9x8xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xbf16>
  return
}

// -----

// (C8) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected precision ieee or 'f16' for activations of 'f16', got bf16}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {precision = #infini_attn.precision<bf16>}
      : tensor<2x4x9x8xf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf16>
  return
}

// -----

// (C8) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xbf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected precision ieee or 'bf16' for activations of 'bf16', got bf16x3}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {precision = #infini_attn.precision<bf16x3>}
      : tensor<2x4x9x8xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xbf16>
  return
}

// -----

// (C8) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected precision ieee or 'f16' for activations of 'f16', got bf16x6}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {precision = #infini_attn.precision<bf16x6>}
      : tensor<2x4x9x8xf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf16>
  return
}

// -----

// (C8) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xbf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected precision ieee or 'bf16' for activations of 'bf16', got tf32}}
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {precision = #infini_attn.precision<tf32>}
      : tensor<2x4x9x8xbf16>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xbf16>
  return
}
