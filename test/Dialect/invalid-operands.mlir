// RUN: infini-opt %s -verify-diagnostics -split-input-file

// What only the generic form can get wrong: operands and attributes that are
// not there, and types that are no ranked tensors.

func.func @f(%a0: tensor<2x4x9x8xf32>, %a1: tensor<2x2x9x8xf32>, %a2: tensor<2xi64>, %a3: tensor<2xi64>, %a4: tensor<4xf32>) -> (tensor<2x4x9x6xf32>, tensor<2x4x9xf32>) {
  // expected-error @below {{'infini_attn.segment_attention' op expected one v operand, got 0}}
  %r:2 = "infini_attn.segment_attention"(%a0, %a1, %a2, %a3, %a4) <{scale = 5.0e-01 : f64, rotary_style = #infini_attn.rotary_style<halves>, precision = #infini_attn.precision<bf16x3>, keys_rotated, return_lse, operandSegmentSizes = array<i32: 1, 1, 0, 1, 1, 1>}> : (tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2xi64>, tensor<2xi64>, tensor<4xf32>) -> (tensor<2x4x9x6xf32>, tensor<2x4x9xf32>)
  return %r#0, %r#1 : tensor<2x4x9x6xf32>, tensor<2x4x9xf32>
}

// -----

func.func @f(%a0: tensor<2x2x9x8xf32>, %a1: tensor<2x2x9x6xf32>, %a2: tensor<2xi64>, %a3: tensor<2x2x8x6xf32>, %a4: tensor<2x2x8xf32>, %a5: tensor<2x2x8x6xf32>) -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected one normalizer operand, got 0}}
  %r:2 = "infini_attn.memory_update"(%a0, %a1, %a2, %a3, %a4, %a5) <{epsilon = 1.0e-06 : f64, precision = #infini_attn.precision<bf16x3>, rule = #infini_attn.update_rule<delta>, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1, 0>}> : (tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<2xi64>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>) -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
  return %r#0, %r#1 : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// -----

func.func @f(%a0: tensor<2x4x9x8xf32>, %a1: tensor<2x2x9x8xf32>, %a2: tensor<2x2x9x6xf32>, %a3: tensor<4xf32>, %a4: tensor<2xi64>, %a5: tensor<4xf32>, %a6: tensor<2x4x9x6xf32>, %a7: tensor<2x2x8x6xf32>) -> (tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.segment' op expected one normalizer operand, got 0}}
  %r:3 = "infini_attn.segment"(%a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7) <{scale = 5.0e-01 : f64, epsilon = 1.0e-06 : f64, rotary_style = #infini_attn.rotary_style<halves>, precision = #infini_attn.precision<bf16x3>, rule = #infini_attn.update_rule<delta>, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1, 1, 1, 0>}> : (tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32>, tensor<2xi64>, tensor<4xf32>, tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>) -> (tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
  return %r#0, %r#1, %r#2 : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// -----

func.func @f(%a0: tensor<2x4x9x8xf32>, %a1: tensor<2x2x9x8xf32>, %a2: tensor<2x2x9x6xf32>, %a3: tensor<4xf32>, %a4: tensor<2xi64>, %a5: tensor<4xf32>, %a6: tensor<2x4x9x6xf32>, %a7: tensor<2x2x8x6xf32>) -> (tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.attention' op expected one normalizer operand, got 0}}
  %r:3 = "infini_attn.attention"(%a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7) <{scale = 5.0e-01 : f64, epsilon = 1.0e-06 : f64, rotary_style = #infini_attn.rotary_style<halves>, precision = #infini_attn.precision<bf16x3>, rule = #infini_attn.update_rule<delta>, segment_length = 4 : i64, detach_every = 2 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1, 1, 1, 0>}> : (tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32>, tensor<2xi64>, tensor<4xf32>, tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>) -> (tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
  return %r#0, %r#1, %r#2 : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// -----

func.func @f(%a0: tensor<2x4x9x8xf32>, %a1: tensor<2x2x9x8xf32>, %a2: tensor<2x2x9x6xf32>, %a3: tensor<4xf32>, %a4: tensor<2xi64>, %a5: tensor<4xf32>, %a6: tensor<2x4x9x6xf32>, %a7: tensor<2x2x8x6xf32>, %a8: tensor<2x2x8xf32>, %a9: tensor<2x2x8x6xf32>, %a10: tensor<2x2x8xf32>, %a11: tensor<2x2x4x8xf32>, %a12: tensor<2x2x4x6xf32>) -> (tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>) {
  // expected-error @below {{'infini_attn.attention_step' op expected one count operand, got 0}}
  %r:8 = "infini_attn.attention_step"(%a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7, %a8, %a9, %a10, %a11, %a12) <{scale = 5.0e-01 : f64, epsilon = 1.0e-06 : f64, rotary_style = #infini_attn.rotary_style<halves>, precision = #infini_attn.precision<bf16x3>, rule = #infini_attn.update_rule<delta>, segment_length = 4 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0>}> : (tensor<2x4x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<4xf32>, tensor<2xi64>, tensor<4xf32>, tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>) -> (tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>)
  return %r#0, %r#1, %r#2, %r#3, %r#4, %r#5, %r#6, %r#7 : tensor<2x4x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x4x8xf32>, tensor<2x2x4x6xf32>, tensor<2xi64>
}

// -----

func.func @f(%a0: tensor<2x2x9x8xf32>, %a1: tensor<2x2x9x8xf32>, %a2: tensor<2x2x9x6xf32>, %a3: tensor<2xi64>, %a4: tensor<2x2x8x6xf32>, %a5: tensor<2x2x8xf32>, %a6: tensor<2x2x8x6xf32>, %a7: tensor<2x2x8xf32>) -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op expected one k operand, got 2}}
  %r:2 = "infini_attn.memory_update"(%a0, %a1, %a2, %a3, %a4, %a5, %a6, %a7) <{epsilon = 1.0e-06 : f64, precision = #infini_attn.precision<bf16x3>, rule = #infini_attn.update_rule<delta>, operandSegmentSizes = array<i32: 2, 1, 1, 1, 1, 1, 1>}> : (tensor<2x2x9x8xf32>, tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<2xi64>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
  return %r#0, %r#1 : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// -----

func.func @f(%a0: tensor<2x2x9x8xf32>, %a1: tensor<2x2x9x6xf32>, %a2: tensor<2xi64>, %a3: tensor<2x2x8x6xf32>, %a4: tensor<2x2x8xf32>, %a5: tensor<2x2x8x6xf32>, %a6: tensor<2x2x8xf32>) -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op requires attribute 'rule'}}
  %r:2 = "infini_attn.memory_update"(%a0, %a1, %a2, %a3, %a4, %a5, %a6) <{epsilon = 1.0e-06 : f64, precision = #infini_attn.precision<bf16x3>, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1, 1>}> : (tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<2xi64>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
  return %r#0, %r#1 : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// -----

func.func @f(%a0: tensor<2x2x9x8xf32>, %a1: tensor<2x2x9x6xf32>, %a2: tensor<2xi64>, %a3: tensor<2x2x8x6xf32>, %a4: tensor<2x2x8xf32>, %a5: tensor<2x2x8x6xf32>, %a6: tensor<2x2x8xf32>) -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_update' op operand count (7) does not match with the total size (8) specified in attribute 'operandSegmentSizes'}}
  %r:2 = "infini_attn.memory_update"(%a0, %a1, %a2, %a3, %a4, %a5, %a6) <{epsilon = 1.0e-06 : f64, precision = #infini_attn.precision<bf16x3>, rule = #infini_attn.update_rule<delta>, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1, 2>}> : (tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<2xi64>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) -> (tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
  return %r#0, %r#1 : tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// -----

func.func @f(%a0: tensor<2x2x9x8xf32>, %a1: tensor<2x2x9x6xf32>, %a2: tensor<2x2x8x6xf32>, %a3: tensor<2x2x8xf32>, %a4: tensor<2xi64>) -> (tensor<2x2x3x8x6xf32>, tensor<2x2x3x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>) {
  // expected-error @below {{'infini_attn.memory_scan' op requires attribute 'segment_length'}}
  %r:4 = "infini_attn.memory_scan"(%a0, %a1, %a2, %a3, %a4) <{epsilon = 1.0e-06 : f64, precision = #infini_attn.precision<bf16x3>, rule = #infini_attn.update_rule<delta>}> : (tensor<2x2x9x8xf32>, tensor<2x2x9x6xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>, tensor<2xi64>) -> (tensor<2x2x3x8x6xf32>, tensor<2x2x3x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>)
  return %r#0, %r#1, %r#2, %r#3 : tensor<2x2x3x8x6xf32>, tensor<2x2x3x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32>
}

// -----

func.func @f(%a0: tensor<*xf32>, %a1: tensor<2x4x9x6xf32>, %a2: tensor<4xf32>) -> (tensor<2x4x9x6xf32>) {
  // expected-error @below {{'infini_attn.gate' op operand #0 must be 4D tensor of 32-bit float or bfloat16 type or 16-bit float values, but got 'tensor<*xf32>'}}
  %r = "infini_attn.gate"(%a0, %a1, %a2) : (tensor<*xf32>, tensor<2x4x9x6xf32>, tensor<4xf32>) -> (tensor<2x4x9x6xf32>)
  return %r : tensor<2x4x9x6xf32>
}

// -----

func.func @f(%a0: tensor<2x4x9x6xf64>, %a1: tensor<2x4x9x6xf32>, %a2: tensor<4xf32>) -> (tensor<2x4x9x6xf32>) {
  // expected-error @below {{'infini_attn.gate' op operand #0 must be 4D tensor of 32-bit float or bfloat16 type or 16-bit float values, but got 'tensor<2x4x9x6xf64>'}}
  %r = "infini_attn.gate"(%a0, %a1, %a2) : (tensor<2x4x9x6xf64>, tensor<2x4x9x6xf32>, tensor<4xf32>) -> (tensor<2x4x9x6xf32>)
  return %r : tensor<2x4x9x6xf32>
}

// -----

func.func @f(%a0: tensor<2x4x9x6xf32>, %a1: tensor<2x4x9x6xf32>, %a2: tensor<4xbf16>) -> (tensor<2x4x9x6xf32>) {
  // expected-error @below {{'infini_attn.gate' op operand #2 must be 1D tensor of 32-bit float values, but got 'tensor<4xbf16>'}}
  %r = "infini_attn.gate"(%a0, %a1, %a2) : (tensor<2x4x9x6xf32>, tensor<2x4x9x6xf32>, tensor<4xbf16>) -> (tensor<2x4x9x6xf32>)
  return %r : tensor<2x4x9x6xf32>
}
