// RUN: infini-opt %s --convert-infini-attn-to-linalg --split-input-file --verify-diagnostics

func.func @whole_sequence(%q: tensor<1x1x8x16xf32>, %v: tensor<1x1x8x4xf32>, %gate: tensor<1xf32>, %m: tensor<1x1x16x4xf32>, %z: tensor<1x1x16xf32>) -> tensor<1x1x16x4xf32> {
  // expected-error @below {{expected infini-attn-segment-sequence to have run}}
  %a:3 = infini_attn.attention %q, %q, %v, %gate outs(%v, %m, %z : tensor<1x1x8x4xf32>, tensor<1x1x16x4xf32>, tensor<1x1x16xf32>) {segment_length = 4, rule = #infini_attn.update_rule<linear>} : tensor<1x1x8x16xf32>, tensor<1x1x8x16xf32>, tensor<1x1x8x4xf32>, tensor<1xf32> -> tensor<1x1x8x4xf32>, tensor<1x1x16x4xf32>, tensor<1x1x16xf32>
  return %a#1 : tensor<1x1x16x4xf32>
}

// -----

func.func @scan(%k: tensor<1x1x8x16xf32>, %v: tensor<1x1x8x4xf32>, %m: tensor<1x1x16x4xf32>, %z: tensor<1x1x16xf32>) -> tensor<1x1x16x4xf32> {
  // expected-error @below {{expected infini-attn-segment-sequence to have run}}
  %a:4 = infini_attn.memory_scan %k, %v, %m, %z {segment_length = 4, rule = #infini_attn.update_rule<linear>} : tensor<1x1x8x16xf32>, tensor<1x1x8x4xf32>, tensor<1x1x16x4xf32>, tensor<1x1x16xf32> -> tensor<1x1x2x16x4xf32>, tensor<1x1x2x16xf32>, tensor<1x1x16x4xf32>, tensor<1x1x16xf32>
  return %a#2 : tensor<1x1x16x4xf32>
}

// -----

func.func @step(%q: tensor<1x1x2x16xf32>, %v: tensor<1x1x2x4xf32>, %gate: tensor<1xf32>, %m: tensor<1x1x16x4xf32>, %z: tensor<1x1x16xf32>, %keys: tensor<1x1x4x16xf32>, %values: tensor<1x1x4x4xf32>, %count: tensor<1xi64>) -> tensor<1xi64> {
  // expected-error @below {{expected infini-attn-expand-step to have run}}
  %a:8 = infini_attn.attention_step %q, %q, %v, %gate outs(%v, %m, %z, %m, %z, %keys, %values, %count : tensor<1x1x2x4xf32>, tensor<1x1x16x4xf32>, tensor<1x1x16xf32>, tensor<1x1x16x4xf32>, tensor<1x1x16xf32>, tensor<1x1x4x16xf32>, tensor<1x1x4x4xf32>, tensor<1xi64>) {segment_length = 4, rule = #infini_attn.update_rule<linear>} : tensor<1x1x2x16xf32>, tensor<1x1x2x16xf32>, tensor<1x1x2x4xf32>, tensor<1xf32> -> tensor<1x1x2x4xf32>, tensor<1x1x16x4xf32>, tensor<1x1x16xf32>, tensor<1x1x16x4xf32>, tensor<1x1x16xf32>, tensor<1x1x4x16xf32>, tensor<1x1x4x4xf32>, tensor<1xi64>
  return %a#7 : tensor<1xi64>
}

// -----

// No unit for products of parts is known here, and those of f32 are as exact.
func.func @bf16x3(%q: tensor<1x1x8x16xf32>) -> tensor<1x1x8x16xf32> {
  // expected-remark @below {{products of f32 instead of bf16x3: as exact and no slower here}}
  %o = infini_attn.segment_attention %q, %q, %q {precision = #infini_attn.precision<bf16x3>} : tensor<1x1x8x16xf32>, tensor<1x1x8x16xf32>, tensor<1x1x8x16xf32> -> tensor<1x1x8x16xf32>
  return %o : tensor<1x1x8x16xf32>
}

// -----

func.func @bf16x6(%q: tensor<1x1x8x16xf32>, %m: tensor<1x1x16x4xf32>, %z: tensor<1x1x16xf32>) -> tensor<1x1x8x4xf32> {
  // expected-remark @below {{products of f32 instead of bf16x6: as exact and no slower here}}
  %o = infini_attn.memory_retrieve %q, %m, %z {precision = #infini_attn.precision<bf16x6>} : tensor<1x1x8x16xf32>, tensor<1x1x16x4xf32>, tensor<1x1x16xf32> -> tensor<1x1x8x4xf32>
  return %o : tensor<1x1x8x4xf32>
}

// -----

func.func @tf32(%k: tensor<1x1x8x16xf32>, %v: tensor<1x1x8x4xf32>, %m: tensor<1x1x16x4xf32>, %z: tensor<1x1x16xf32>) -> tensor<1x1x16x4xf32> {
  // expected-error @below {{expected precision ieee, bf16x6, bf16x3, bf16 or f16, which convert-infini-attn-to-linalg has, got tf32}}
  %a:2 = infini_attn.memory_update %k, %v outs(%m, %z : tensor<1x1x16x4xf32>, tensor<1x1x16xf32>) {rule = #infini_attn.update_rule<linear>, precision = #infini_attn.precision<tf32>} : tensor<1x1x8x16xf32>, tensor<1x1x8x4xf32> -> tensor<1x1x16x4xf32>, tensor<1x1x16xf32>
  return %a#0 : tensor<1x1x16x4xf32>
}
