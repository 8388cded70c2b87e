// RUN: infini-opt %s -verify-diagnostics -split-input-file -allow-unregistered-dialect

// A misspelt attribute would silently be none at all.

func.func @f(%q: tensor<2x4x9x8xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_retrieve' op expected an attribute with a dialect's prefix or epsilon, precision, got epsilom}}
  %r = infini_attn.memory_retrieve %q, %m, %z {epsilom = 1.0e-06 : f64}
      : tensor<2x4x9x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// An operation without attributes, in the generic form.
func.func @f(%a: tensor<2x4x9x6xf32>, %gate: tensor<4xf32>) {
  // expected-error @below {{'infini_attn.gate' op expected an attribute with a dialect's prefix, got scale}}
  %r = "infini_attn.gate"(%a, %a, %gate) {scale = 0.5 : f64} : (tensor<2x4x9x6xf32>, tensor<2x4x9x6xf32>, tensor<4xf32>) -> tensor<2x4x9x6xf32>
  return
}

// -----

// Nothing reads attributes of this prefix.
func.func @f(%a: tensor<2x4x9x6xf32>, %gate: tensor<4xf32>) {
  // expected-error @below {{'infini_attn.gate' op got unknown attribute "infini_attn.scale"}}
  %r = infini_attn.gate %a, %a, %gate {infini_attn.scale = 0.5 : f64}
      : tensor<2x4x9x6xf32>, tensor<2x4x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

func.func @f(%x: f32) -> f32 {
  // expected-error @below {{'math.exp' op got unknown attribute "infini_attn.weight"}}
  %0 = math.exp %x {infini_attn.weight} : f32
  return %0 : f32
}

// -----

// expected-error @below {{'func.func' op got unknown attribute "infini_attn.name"}}
func.func private @f(tensor<4xf32>) attributes {infini_attn.name = "f"}

// -----

// expected-error @below {{'func.func' op got unknown result attribute "infini_attn.name"}}
func.func private @f() -> (tensor<4xf32> {infini_attn.name = "o"})

// -----

// Other dialects' attributes may stand everywhere.
func.func @f(%a: tensor<2x4x9x6xf32>, %gate: tensor<4xf32>) {
  %r = infini_attn.gate %a, %a, %gate {other.layer = 3}
      : tensor<2x4x9x6xf32>, tensor<2x4x9x6xf32>, tensor<4xf32> -> tensor<2x4x9x6xf32>
  return
}

// -----

// expected-error @below {{'func.func' op expected infini_attn.in_place to be a unit attribute, got true}}
func.func private @f(tensor<4xf32> {infini_attn.in_place = true})
