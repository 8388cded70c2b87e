// RUN: infini-opt %s -verify-diagnostics -split-input-file

// (C1) one element type
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xbf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected v of element type 'f32' as k, got 'bf16'}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xbf16> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<1x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected B of v to be 2 as in k, got 1}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<1x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x4x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected Hkv of v to be 2 as in k, got 4}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x4x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x8x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected T of v to be 9 as in k, got 8}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x8x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %lengths: tensor<3xi64>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected B of lengths to be 2 as in k, got 3}}
  %r:2 = infini_attn.memory_update %k, %v lengths(%lengths : tensor<3xi64>)
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %read_memory: tensor<1x2x8x6xf32>, %read_normalizer: tensor<2x2x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected B of read_memory to be 2 as in k, got 1}}
  %r:2 = infini_attn.memory_update %k, %v reads(%read_memory, %read_normalizer : tensor<1x2x8x6xf32>, tensor<2x2x8xf32>)
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %read_memory: tensor<2x1x8x6xf32>, %read_normalizer: tensor<2x2x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected Hkv of read_memory to be 2 as in k, got 1}}
  %r:2 = infini_attn.memory_update %k, %v reads(%read_memory, %read_normalizer : tensor<2x1x8x6xf32>, tensor<2x2x8xf32>)
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %read_memory: tensor<2x2x6x6xf32>, %read_normalizer: tensor<2x2x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected Dk of read_memory to be 8 as in k, got 6}}
  %r:2 = infini_attn.memory_update %k, %v reads(%read_memory, %read_normalizer : tensor<2x2x6x6xf32>, tensor<2x2x8xf32>)
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %read_memory: tensor<2x2x8x8xf32>, %read_normalizer: tensor<2x2x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected Dv of read_memory to be 6 as in v, got 8}}
  %r:2 = infini_attn.memory_update %k, %v reads(%read_memory, %read_normalizer : tensor<2x2x8x8xf32>, tensor<2x2x8xf32>)
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<1x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected B of memory to be 2 as in k, got 1}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<1x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<1x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x1x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected Hkv of memory to be 2 as in k, got 1}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x1x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x1x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x6x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected Dk of memory to be 8 as in k, got 6}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x6x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x6x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x8xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected Dv of memory to be 6 as in v, got 8}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x8xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x8xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %read_memory: tensor<2x2x8x6xf32>, %read_normalizer: tensor<1x2x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected B of read_normalizer to be 2 as in k, got 1}}
  %r:2 = infini_attn.memory_update %k, %v reads(%read_memory, %read_normalizer : tensor<2x2x8x6xf32>, tensor<1x2x8xf32>)
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %read_memory: tensor<2x2x8x6xf32>, %read_normalizer: tensor<2x1x8xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected Hkv of read_normalizer to be 2 as in k, got 1}}
  %r:2 = infini_attn.memory_update %k, %v reads(%read_memory, %read_normalizer : tensor<2x2x8x6xf32>, tensor<2x1x8xf32>)
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %read_memory: tensor<2x2x8x6xf32>, %read_normalizer: tensor<2x2x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected Dk of read_normalizer to be 8 as in k, got 6}}
  %r:2 = infini_attn.memory_update %k, %v reads(%read_memory, %read_normalizer : tensor<2x2x8x6xf32>, tensor<2x2x6xf32>)
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<1x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected B of normalizer to be 2 as in k, got 1}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<1x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<1x2x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x1x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected Hkv of normalizer to be 2 as in k, got 1}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x1x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x1x8xf32>
  return
}

// -----

// (C2) equal letters are equal sizes
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x6xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected Dk of normalizer to be 8 as in k, got 6}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x6xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x6xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%k: tensor<2x0x9x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected Hkv of k >= 1, got 0}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x0x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%k: tensor<2x2x9x0xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected Dk of k >= 1, got 0}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x0xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C3) no head and no width of 0
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x0xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected Dv of v >= 1, got 0}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x0xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C4) no encodings
func.func @f(%k: tensor<2x2x9x8xf32, 7>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected k without an encoding, got 'tensor<2x2x9x8xf32, 7 : i64>'}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32, 7>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C5) bytes fit in 63 bits
func.func @f(%k: tensor<4611686018427387904x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected k of less than 2^63 bytes, got 'tensor<4611686018427387904x2x9x8xf32>'}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<4611686018427387904x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C5) bytes fit in 63 bits
func.func @f(%k: tensor<4611686018427387904x2x0x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected k of less than 2^63 bytes, got 'tensor<4611686018427387904x2x0x8xf32>'}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<4611686018427387904x2x0x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C6) both reads or neither
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %read_memory: tensor<2x2x8x6xf32>,
            %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected read_memory and read_normalizer together, got one of them}}
  %r:2 = "infini_attn.memory_update"(%k, %v, %read_memory, %memory, %normalizer)
      <{operandSegmentSizes = array<i32: 1, 1, 0, 1, 0, 1, 1>, rule = #infini_attn.update_rule<delta>}>
      : (tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
  return
}

// -----

// (C6) both reads or neither
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %read_normalizer: tensor<2x2x8xf32>,
            %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected read_memory and read_normalizer together, got one of them}}
  %r:2 = "infini_attn.memory_update"(%k, %v, %read_normalizer, %memory, %normalizer)
      <{operandSegmentSizes = array<i32: 1, 1, 0, 0, 1, 1, 1>, rule = #infini_attn.update_rule<delta>}>
      : (tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
  return
}

// -----

// (C7) each result has the type of its init
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected result new_memory of the type of its init, 'tensor<2x2x8x6xf32>', got 'tensor<?x2x8x6xf32>'}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<?x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C7) each result has the type of its init
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected result new_normalizer of the type of its init, 'tensor<2x2x8xf32>', got 'tensor<?x2x8xf32>'}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<?x2x8xf32>
  return
}

// -----

// (C8) epsilon is finite and not negative
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected an epsilon >= 0 that is finite in f32, got -9.9999999999999995E-7}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, epsilon = -1.0e-6 : f64}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C8) epsilon is finite and not negative
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected an epsilon >= 0 that is finite in f32, got +Inf}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, epsilon = 0x7FF0000000000000 : f64}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C8) epsilon is finite and not negative
func.func @f(%k: tensor<2x2x9x8xf32>, %v: tensor<2x2x9x6xf32>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected an epsilon >= 0 that is finite in f32, got NaN}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, epsilon = 0x7FF8000000000000 : f64}
      : tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C9) precision fits the element type
func.func @f(%k: tensor<2x2x9x8xbf16>, %v: tensor<2x2x9x6xbf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected precision ieee or 'bf16' for activations of 'bf16', got f16}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, precision = #infini_attn.precision<f16>}
      : tensor<2x2x9x8xbf16>, tensor<2x2x9x6xbf16> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C9) precision fits the element type
func.func @f(%k: tensor<2x2x9x8xf16>, %v: tensor<2x2x9x6xf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected precision ieee or 'f16' for activations of 'f16', got bf16}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, precision = #infini_attn.precision<bf16>}
      : tensor<2x2x9x8xf16>, tensor<2x2x9x6xf16> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C9) precision fits the element type
func.func @f(%k: tensor<2x2x9x8xbf16>, %v: tensor<2x2x9x6xbf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected precision ieee or 'bf16' for activations of 'bf16', got bf16x3}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, precision = #infini_attn.precision<bf16x3>}
      : tensor<2x2x9x8xbf16>, tensor<2x2x9x6xbf16> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C9) precision fits the element type
func.func @f(%k: tensor<2x2x9x8xf16>, %v: tensor<2x2x9x6xf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected precision ieee or 'f16' for activations of 'f16', got bf16x6}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, precision = #infini_attn.precision<bf16x6>}
      : tensor<2x2x9x8xf16>, tensor<2x2x9x6xf16> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}

// -----

// (C9) precision fits the element type
func.func @f(%k: tensor<2x2x9x8xbf16>, %v: tensor<2x2x9x6xbf16>, %memory: tensor<2x2x8x6xf32>, %normalizer: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected precision ieee or 'bf16' for activations of 'bf16', got tf32}}
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
      {rule = #infini_attn.update_rule<delta>, precision = #infini_attn.precision<tf32>}
      : tensor<2x2x9x8xbf16>, tensor<2x2x9x6xbf16> -> tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
  return
}
