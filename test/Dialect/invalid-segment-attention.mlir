// RUN: infini-opt %s -verify-diagnostics -split-input-file

// (C1) one element type
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xbf16>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected k of element type 'f32' as q, got 'bf16'}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xbf16>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C1) one element type
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xbf16>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected v of element type 'f32' as q, got 'bf16'}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xbf16> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C1) one element type
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected o of element type 'f32' as q, got 'bf16'}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xbf16>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<3x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected B of k to be 2 as in q, got 3}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<3x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x7xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected Dk of k to be 8 as in q, got 7}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<2x2x9x7xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<1x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected B of v to be 2 as in q, got 1}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<1x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x1x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected Hkv of v to be 2 as in k, got 1}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x1x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x8x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected Nk of v to be 9 as in k, got 8}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x8x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %query_offset: tensor<3xi64>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected B of query_offset to be 2 as in q, got 3}}
  %r = infini_attn.segment_attention %q, %k, %v query_offset(%query_offset : tensor<3xi64>)
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %lengths: tensor<1xi64>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected B of lengths to be 2 as in q, got 1}}
  %r = infini_attn.segment_attention %q, %k, %v lengths(%lengths : tensor<1xi64>)
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected B of o to be 2 as in q, got 1}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<1x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected Hq of o to be 4 as in q, got 2}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected Nq of o to be 9 as in q, got 10}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x10x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected Dv of o to be 6 as in v, got 8}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected B of lse to be 2 as in q, got 3}}
  %r:2 = infini_attn.segment_attention %q, %k, %v
      {return_lse}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>, tensor<3x4x9xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected Hq of lse to be 4 as in q, got 2}}
  %r:2 = infini_attn.segment_attention %q, %k, %v
      {return_lse}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>, tensor<2x2x9xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected Nq of lse to be 9 as in q, got 8}}
  %r:2 = infini_attn.segment_attention %q, %k, %v
      {return_lse}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>, tensor<2x4x8xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%q: tensor<2x0x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected Hq of q >= 1, got 0}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x0x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%q: tensor<2x4x9x0xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected Dk of q >= 1, got 0}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x0xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x0x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected Hkv of k >= 1, got 0}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<2x0x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x0xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected Dv of v >= 1, got 0}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x0xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C4) Hq is a multiple of Hkv
func.func @f(%q: tensor<2x5x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected Hq to be a multiple of Hkv = 2, got 5}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x5x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x5x9x6xf32>
  return
}

// -----

// (C5) no encodings
func.func @f(%q: tensor<2x4x9x8xf32, 7>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected q without an encoding, got 'tensor<2x4x9x8xf32, 7 : i64>'}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32, 7>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C6) bytes fit in 63 bits
func.func @f(%q: tensor<4611686018427387904x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected q of less than 2^63 bytes, got 'tensor<4611686018427387904x4x9x8xf32>'}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<4611686018427387904x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C6) bytes fit in 63 bits
func.func @f(%q: tensor<4611686018427387904x4x0x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected q of less than 2^63 bytes, got 'tensor<4611686018427387904x4x0x8xf32>'}}
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<4611686018427387904x4x0x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C7) scale is finite
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected a scale that is finite in f32, got 0x7FF0000000000000 : f64}}
  %r = infini_attn.segment_attention %q, %k, %v
      {scale = 0x7FF0000000000000 : f64}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C7) scale is finite
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected a scale that is finite in f32, got 0x7FF8000000000000 : f64}}
  %r = infini_attn.segment_attention %q, %k, %v
      {scale = 0x7FF8000000000000 : f64}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C8) F <= Dk / 2
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %rotary: tensor<5xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected at most Dk / 2 = 4 rotary_frequencies, got 5}}
  %r = infini_attn.segment_attention %q, %k, %v rotary(%rotary : tensor<5xf32>)
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C9) rotary_style without frequencies
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected rotary_frequencies with rotary_style halves, got none}}
  %r = infini_attn.segment_attention %q, %k, %v
      {rotary_style = #infini_attn.rotary_style<halves>}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C10) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xbf16>, %k: tensor<2x2x9x8xbf16>, %v: tensor<2x2x9x6xbf16>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected precision ieee or 'bf16' for activations of 'bf16', got f16}}
  %r = infini_attn.segment_attention %q, %k, %v
      {precision = #infini_attn.precision<f16>}
      : tensor<2x4x9x8xbf16>, tensor<2x2x9x8xbf16>, tensor<2x2x9x6xbf16> -> tensor<2x4x9x6xbf16>
  return
}

// -----

// (C10) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xf16>, %k: tensor<2x2x9x8xf16>, %v: tensor<2x2x9x6xf16>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected precision ieee or 'f16' for activations of 'f16', got bf16}}
  %r = infini_attn.segment_attention %q, %k, %v
      {precision = #infini_attn.precision<bf16>}
      : tensor<2x4x9x8xf16>, tensor<2x2x9x8xf16>, tensor<2x2x9x6xf16> -> tensor<2x4x9x6xf16>
  return
}

// -----

// (C10) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xbf16>, %k: tensor<2x2x9x8xbf16>, %v: tensor<2x2x9x6xbf16>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected precision ieee or 'bf16' for activations of 'bf16', got bf16x3}}
  %r = infini_attn.segment_attention %q, %k, %v
      {precision = #infini_attn.precision<bf16x3>}
      : tensor<2x4x9x8xbf16>, tensor<2x2x9x8xbf16>, tensor<2x2x9x6xbf16> -> tensor<2x4x9x6xbf16>
  return
}

// -----

// (C10) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xf16>, %k: tensor<2x2x9x8xf16>, %v: tensor<2x2x9x6xf16>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected precision ieee or 'f16' for activations of 'f16', got bf16x6}}
  %r = infini_attn.segment_attention %q, %k, %v
      {precision = #infini_attn.precision<bf16x6>}
      : tensor<2x4x9x8xf16>, tensor<2x2x9x8xf16>, tensor<2x2x9x6xf16> -> tensor<2x4x9x6xf16>
  return
}

// -----

// (C10) precision fits the element type
func.func @f(%q: tensor<2x4x9x8xbf16>, %k: tensor<2x2x9x8xbf16>, %v: tensor<2x2x9x6xbf16>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected precision ieee or 'bf16' for activations of 'bf16', got tf32}}
  %r = infini_attn.segment_attention %q, %k, %v
      {precision = #infini_attn.precision<tf32>}
      : tensor<2x4x9x8xbf16>, tensor<2x2x9x8xbf16>, tensor<2x2x9x6xbf16> -> tensor<2x4x9x6xbf16>
  return
}

// -----

// (C11) lse exactly if return_lse
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected an lse result with return_lse, got none}}
  %r = infini_attn.segment_attention %q, %k, %v
      {return_lse}
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C11) lse exactly if return_lse
func.func @f(%q: tensor<2x4x9x8xf32>, %k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected no lse result without return_lse, got one}}
  %r:2 = infini_attn.segment_attention %q, %k, %v
      : tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x4x9x6xf32>, tensor<2x4x9xf32>
  return
}
