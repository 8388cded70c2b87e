// RUN: infini-opt %s -verify-diagnostics -split-input-file

// (C1) one element type
func.func @f(%a_mem: tensor<2x4x9x6xf32>, %a_dot: tensor<2x4x9x6xbf16>, %gate: tensor<4xf32>) {
  // expected-error @below {{'infini_attn.gate' op expected a_dot of element type 'f32' as a_mem, got 'bf16'}}
  %r = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<2x4x9x6xf32>, tensor<2x4x9x6xbf16>, tensor<4xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C1) one element type
func.func @f(%a_mem: tensor<2x4x9x6xf32>, %a_dot: tensor<2x4x9x6xf32>, %gate: tensor<4xf32>) {
  // expected-error @below {{'infini_attn.gate' op expected o of element type 'f32' as a_mem, got 'bf16'}}
  %r = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<2x4x9x6xf32>, tensor<2x4x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xbf16>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%a_mem: tensor<2x4x9x6xf32>, %a_dot: tensor<1x4x9x6xf32>, %gate: tensor<4xf32>) {
  // expected-error @below {{'infini_attn.gate' op expected B of a_dot to be 2 as in a_mem, got 1}}
  %r = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<2x4x9x6xf32>, tensor<1x4x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%a_mem: tensor<2x4x9x6xf32>, %a_dot: tensor<2x2x9x6xf32>, %gate: tensor<4xf32>) {
  // expected-error @below {{'infini_attn.gate' op expected Hq of a_dot to be 4 as in a_mem, got 2}}
  %r = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<2x4x9x6xf32>, tensor<2x2x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%a_mem: tensor<2x4x9x6xf32>, %a_dot: tensor<2x4x8x6xf32>, %gate: tensor<4xf32>) {
  // expected-error @below {{'infini_attn.gate' op expected T of a_dot to be 9 as in a_mem, got 8}}
  %r = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<2x4x9x6xf32>, tensor<2x4x8x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%a_mem: tensor<2x4x9x6xf32>, %a_dot: tensor<2x4x9x8xf32>, %gate: tensor<4xf32>) {
  // expected-error @below {{'infini_attn.gate' op expected Dv of a_dot to be 6 as in a_mem, got 8}}
  %r = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<2x4x9x6xf32>, tensor<2x4x9x8xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%a_mem: tensor<2x4x9x6xf32>, %a_dot: tensor<2x4x9x6xf32>, %gate: tensor<2xf32>) {
  // expected-error @below {{'infini_attn.gate' op expected Hq of gate to be 4 as in a_mem, got 2}}
  %r = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<2x4x9x6xf32>, tensor<2x4x9x6xf32>, tensor<2xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%a_mem: tensor<2x4x9x6xf32>, %a_dot: tensor<2x4x9x6xf32>, %gate: tensor<4xf32>) {
  // expected-error @below {{'infini_attn.gate' op expected B of o to be 2 as in a_mem, got 3}}
  %r = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<2x4x9x6xf32>, tensor<2x4x9x6xf32>, tensor<4xf32> -> tensor<3x4x9x6xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%a_mem: tensor<2x0x9x6xf32>, %a_dot: tensor<2x4x9x6xf32>, %gate: tensor<4xf32>) {
  // expected-error @below {{'infini_attn.gate' op expected Hq of a_mem >= 1, got 0}}
  %r = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<2x0x9x6xf32>, tensor<2x4x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%a_mem: tensor<2x4x9x0xf32>, %a_dot: tensor<2x4x9x6xf32>, %gate: tensor<4xf32>) {
  // expected-error @below {{'infini_attn.gate' op expected Dv of a_mem >= 1, got 0}}
  %r = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<2x4x9x0xf32>, tensor<2x4x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C4) no encodings
func.func @f(%a_mem: tensor<2x4x9x6xf32, 7>, %a_dot: tensor<2x4x9x6xf32>, %gate: tensor<4xf32>) {
  // expected-error @below {{'infini_attn.gate' op expected a_mem without an encoding, got 'tensor<2x4x9x6xf32, 7 : i64>'}}
  %r = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<2x4x9x6xf32, 7>, tensor<2x4x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C5) bytes fit in 63 bits
func.func @f(%a_mem: tensor<4611686018427387904x4x9x6xf32>, %a_dot: tensor<2x4x9x6xf32>, %gate: tensor<4xf32>) {
  // expected-error @below {{'infini_attn.gate' op expected a_mem of less than 2^63 bytes, got 'tensor<4611686018427387904x4x9x6xf32>'}}
  %r = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<4611686018427387904x4x9x6xf32>, tensor<2x4x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// (C5) bytes fit in 63 bits
func.func @f(%a_mem: tensor<4611686018427387904x4x0x6xf32>, %a_dot: tensor<2x4x9x6xf32>, %gate: tensor<4xf32>) {
  // expected-error @below {{'infini_attn.gate' op expected a_mem of less than 2^63 bytes, got 'tensor<4611686018427387904x4x0x6xf32>'}}
  %r = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<4611686018427387904x4x0x6xf32>, tensor<2x4x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>
  return
}
