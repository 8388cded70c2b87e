// RUN: infini-opt %s > %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: infini-opt %t.mlir | diff %t.mlir -
// RUN: infini-opt %s --emit-bytecode | infini-opt | diff %t.mlir -
// RUN: infini-opt %s --mlir-print-op-generic | infini-opt | diff %t.mlir -

// Every operation, bare and with all that it can have, through the text, the
// bytecode and the generic form.

// CHECK-LABEL: @segment_attention(
// CHECK: infini_attn.segment_attention %arg0, %arg1, %arg2 : 
func.func @segment_attention(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>) {
  %r = infini_attn.segment_attention %q, %k, %v
      : tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32> -> tensor<?x8x?x32xf32>
  return
}

// CHECK-LABEL: @segment_attention_all(
// CHECK: infini_attn.segment_attention {{.*}} query_offset(%arg3 : tensor<?xi64>) lengths(%arg4 : tensor<?xi64>) rotary(%arg5 : tensor<32xf32>) {keys_rotated, precision = #infini_attn.precision<bf16>, return_lse, rotary_style = #infini_attn.rotary_style<halves>, scale = 1.250000e-01 : f64}
func.func @segment_attention_all(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x32xbf16>, %query_offset: tensor<?xi64>, %lengths: tensor<?xi64>, %rotary: tensor<32xf32>) {
  %r:2 = infini_attn.segment_attention %q, %k, %v query_offset(%query_offset : tensor<?xi64>) lengths(%lengths : tensor<?xi64>) rotary(%rotary : tensor<32xf32>)
      {keys_rotated, return_lse, rotary_style = #infini_attn.rotary_style<halves>, scale = 1.250000e-01 : f64, precision = #infini_attn.precision<bf16>}
      : tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x32xbf16> -> tensor<?x8x?x32xbf16>, tensor<?x8x?xf32>
  return
}

// CHECK-LABEL: @memory_retrieve(
// CHECK: infini_attn.memory_retrieve {{.*}} lengths(%arg3 : tensor<?xi64>) {epsilon = 9.9999999999999995E-7 : f64, precision = #infini_attn.precision<f16>}
func.func @memory_retrieve(%q: tensor<?x8x?x64xf16>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>, %lengths: tensor<?xi64>) {
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer lengths(%lengths : tensor<?xi64>)
      {epsilon = 1.000000e-06 : f64, precision = #infini_attn.precision<f16>}
      : tensor<?x8x?x64xf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32> -> tensor<?x8x?x32xf16>
  return
}

// CHECK-LABEL: @memory_update(
// CHECK: infini_attn.memory_update %arg0, %arg1 outs(%arg2, %arg3 : {{.*}}) {rule = #infini_attn.update_rule<linear>}
func.func @memory_update(%k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>) {
  %r:2 = infini_attn.memory_update %k, %v
      outs(%memory, %normalizer : tensor<?x2x64x32xf32>, tensor<?x2x64xf32>)
      {rule = #infini_attn.update_rule<linear>}
      : tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32> -> tensor<?x2x64x32xf32>, tensor<?x2x64xf32>
  return
}

// CHECK-LABEL: @memory_update_all(
// CHECK: infini_attn.memory_update {{.*}} lengths(%arg2 : {{.*}}) reads(%arg3, %arg4 : {{.*}}) outs(%arg5, %arg6 : {{.*}}) {epsilon = 1.000000e+00 : f64, precision = #infini_attn.precision<bf16x6>, rule = #infini_attn.update_rule<delta>}
func.func @memory_update_all(%k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>, %lengths: tensor<?xi64>, %read_memory: tensor<?x2x64x32xf32>, %read_normalizer: tensor<?x2x64xf32>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>) {
  %r:2 = infini_attn.memory_update %k, %v lengths(%lengths : tensor<?xi64>) reads(%read_memory, %read_normalizer : tensor<?x2x64x32xf32>, tensor<?x2x64xf32>)
      outs(%memory, %normalizer : tensor<?x2x64x32xf32>, tensor<?x2x64xf32>)
      {rule = #infini_attn.update_rule<delta>, epsilon = 1.0 : f64, precision = #infini_attn.precision<bf16x6>}
      : tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32> -> tensor<?x2x64x32xf32>, tensor<?x2x64xf32>
  return
}

// CHECK-LABEL: @gate(
// CHECK: infini_attn.gate %arg0, %arg1, %arg2 : 
func.func @gate(%a_mem: tensor<?x8x?x32xbf16>, %a_dot: tensor<?x8x?x32xbf16>, %gate: tensor<8xf32>) {
  %r = infini_attn.gate %a_mem, %a_dot, %gate
      : tensor<?x8x?x32xbf16>, tensor<?x8x?x32xbf16>, tensor<8xf32> -> tensor<?x8x?x32xbf16>
  return
}

// CHECK-LABEL: @segment(
// CHECK: infini_attn.segment %arg0, %arg1, %arg2, %arg3 outs(%arg4, %arg5, %arg6 : 
func.func @segment(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>, %gate: tensor<8xf32>, %init: tensor<?x8x?x32xf32>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>) {
  %r:3 = infini_attn.segment %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<?x8x?x32xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>)
      {rule = #infini_attn.update_rule<linear>}
      : tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32>, tensor<8xf32> -> tensor<?x8x?x32xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>
  return
}

// CHECK-LABEL: @segment_all(
// CHECK: infini_attn.segment {{.*}} lengths(%arg4 : {{.*}}) rotary(%arg5 : {{.*}}) outs(%arg6, %arg7, %arg8 : {{.*}}) {epsilon = 1.000000e+00 : f64, precision = #infini_attn.precision<bf16x3>, rotary_style = #infini_attn.rotary_style<halves>, rule = #infini_attn.update_rule<delta>, scale = 2.000000e+00 : f64}
func.func @segment_all(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>, %gate: tensor<8xf32>, %lengths: tensor<?xi64>, %rotary: tensor<32xf32>, %init: tensor<?x8x?x32xf32>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>) {
  %r:3 = infini_attn.segment %q, %k, %v, %gate lengths(%lengths : tensor<?xi64>) rotary(%rotary : tensor<32xf32>)
      outs(%init, %memory, %normalizer : tensor<?x8x?x32xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>)
      {rule = #infini_attn.update_rule<delta>, rotary_style = #infini_attn.rotary_style<halves>, scale = 2.0 : f64, epsilon = 1.0 : f64, precision = #infini_attn.precision<bf16x3>}
      : tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32>, tensor<8xf32> -> tensor<?x8x?x32xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>
  return
}

// CHECK-LABEL: @attention(
// CHECK: infini_attn.attention %arg0, %arg1, %arg2, %arg3 outs(%arg4, %arg5, %arg6 : {{.*}}) {rule = #infini_attn.update_rule<linear>, segment_length = 128 : i64}
func.func @attention(%q: tensor<?x8x?x64xf16>, %k: tensor<?x2x?x64xf16>, %v: tensor<?x2x?x32xf16>, %gate: tensor<8xf32>, %init: tensor<?x8x?x32xf16>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>) {
  %r:3 = infini_attn.attention %q, %k, %v, %gate
      outs(%init, %memory, %normalizer : tensor<?x8x?x32xf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>)
      {rule = #infini_attn.update_rule<linear>, segment_length = 128}
      : tensor<?x8x?x64xf16>, tensor<?x2x?x64xf16>, tensor<?x2x?x32xf16>, tensor<8xf32> -> tensor<?x8x?x32xf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>
  return
}

// CHECK-LABEL: @attention_all(
// CHECK: infini_attn.attention {{.*}} {detach_every = 4 : i64, epsilon = 1.000000e+00 : f64, precision = #infini_attn.precision<tf32>, rotary_style = #infini_attn.rotary_style<halves>, rule = #infini_attn.update_rule<delta>, scale = 2.000000e+00 : f64, segment_length = 128 : i64}
func.func @attention_all(%q: tensor<?x8x?x64xf32>, %k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>, %gate: tensor<8xf32>, %lengths: tensor<?xi64>, %rotary: tensor<32xf32>, %init: tensor<?x8x?x32xf32>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>) {
  %r:3 = infini_attn.attention %q, %k, %v, %gate lengths(%lengths : tensor<?xi64>) rotary(%rotary : tensor<32xf32>)
      outs(%init, %memory, %normalizer : tensor<?x8x?x32xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 128, rotary_style = #infini_attn.rotary_style<halves>, scale = 2.0 : f64, epsilon = 1.0 : f64, precision = #infini_attn.precision<tf32>, detach_every = 4}
      : tensor<?x8x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32>, tensor<8xf32> -> tensor<?x8x?x32xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>
  return
}

// CHECK-LABEL: @memory_scan(
// CHECK: infini_attn.memory_scan {{.*}} lengths(%arg4 : {{.*}}) {epsilon = 1.000000e+00 : f64, precision = #infini_attn.precision<ieee>, rule = #infini_attn.update_rule<delta>, segment_length = 128 : i64}
func.func @memory_scan(%k: tensor<?x2x?x64xf32>, %v: tensor<?x2x?x32xf32>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>, %lengths: tensor<?xi64>) {
  %r:4 = infini_attn.memory_scan %k, %v, %memory, %normalizer lengths(%lengths : tensor<?xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 128, epsilon = 1.0 : f64, precision = #infini_attn.precision<ieee>}
      : tensor<?x2x?x64xf32>, tensor<?x2x?x32xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32> -> tensor<?x2x?x64x32xf32>, tensor<?x2x?x64xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>
  return
}

// CHECK-LABEL: @attention_step(
// CHECK: infini_attn.attention_step %arg0, %arg1, %arg2, %arg3 outs(%arg4, %arg5, %arg6, %arg7, %arg8, %arg9, %arg10, %arg11 : 
func.func @attention_step(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x32xbf16>, %gate: tensor<8xf32>, %init: tensor<?x8x?x32xbf16>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>, %pending_memory: tensor<?x2x64x32xf32>, %pending_normalizer: tensor<?x2x64xf32>, %keys: tensor<?x2x128x64xbf16>, %values: tensor<?x2x128x32xbf16>, %count: tensor<?xi64>) {
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<?x8x?x32xbf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>, tensor<?x2x128x64xbf16>, tensor<?x2x128x32xbf16>, tensor<?xi64>)
      {rule = #infini_attn.update_rule<linear>, segment_length = 128}
      : tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x32xbf16>, tensor<8xf32> -> tensor<?x8x?x32xbf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>, tensor<?x2x128x64xbf16>, tensor<?x2x128x32xbf16>, tensor<?xi64>
  return
}

// CHECK-LABEL: @attention_step_all(
// CHECK: infini_attn.attention_step {{.*}} lengths(%arg4 : {{.*}}) rotary(%arg5 : {{.*}}) outs(%arg6, {{.*}}) {epsilon = 1.000000e+00 : f64, precision = #infini_attn.precision<ieee>, rotary_style = #infini_attn.rotary_style<halves>, rule = #infini_attn.update_rule<delta>, scale = 2.000000e+00 : f64, segment_length = 128 : i64}
func.func @attention_step_all(%q: tensor<?x8x?x64xf16>, %k: tensor<?x2x?x64xf16>, %v: tensor<?x2x?x32xf16>, %gate: tensor<8xf32>, %lengths: tensor<?xi64>, %rotary: tensor<32xf32>, %init: tensor<?x8x?x32xf16>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>, %pending_memory: tensor<?x2x64x32xf32>, %pending_normalizer: tensor<?x2x64xf32>, %keys: tensor<?x2x128x64xf16>, %values: tensor<?x2x128x32xf16>, %count: tensor<?xi64>) {
  %r:8 = infini_attn.attention_step %q, %k, %v, %gate lengths(%lengths : tensor<?xi64>) rotary(%rotary : tensor<32xf32>)
      outs(%init, %memory, %normalizer, %pending_memory, %pending_normalizer, %keys, %values, %count : tensor<?x8x?x32xf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>, tensor<?x2x128x64xf16>, tensor<?x2x128x32xf16>, tensor<?xi64>)
      {rule = #infini_attn.update_rule<delta>, segment_length = 128, rotary_style = #infini_attn.rotary_style<halves>, scale = 2.0 : f64, epsilon = 1.0 : f64, precision = #infini_attn.precision<ieee>}
      : tensor<?x8x?x64xf16>, tensor<?x2x?x64xf16>, tensor<?x2x?x32xf16>, tensor<8xf32> -> tensor<?x8x?x32xf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>, tensor<?x2x128x64xf16>, tensor<?x2x128x32xf16>, tensor<?xi64>
  return
}

// CHECK-LABEL: @precision_ieee(
// CHECK: infini_attn.memory_retrieve {{.*}} {precision = #infini_attn.precision<ieee>}
func.func @precision_ieee(%q: tensor<?x8x?x64xf32>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>) {
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {precision = #infini_attn.precision<ieee>}
      : tensor<?x8x?x64xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32> -> tensor<?x8x?x32xf32>
  return
}

// CHECK-LABEL: @precision_bf16x6(
// CHECK: infini_attn.memory_retrieve {{.*}} {precision = #infini_attn.precision<bf16x6>}
func.func @precision_bf16x6(%q: tensor<?x8x?x64xf32>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>) {
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {precision = #infini_attn.precision<bf16x6>}
      : tensor<?x8x?x64xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32> -> tensor<?x8x?x32xf32>
  return
}

// CHECK-LABEL: @precision_bf16x3(
// CHECK: infini_attn.memory_retrieve {{.*}} {precision = #infini_attn.precision<bf16x3>}
func.func @precision_bf16x3(%q: tensor<?x8x?x64xf32>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>) {
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {precision = #infini_attn.precision<bf16x3>}
      : tensor<?x8x?x64xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32> -> tensor<?x8x?x32xf32>
  return
}

// CHECK-LABEL: @precision_bf16(
// CHECK: infini_attn.memory_retrieve {{.*}} {precision = #infini_attn.precision<bf16>}
func.func @precision_bf16(%q: tensor<?x8x?x64xf32>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>) {
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {precision = #infini_attn.precision<bf16>}
      : tensor<?x8x?x64xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32> -> tensor<?x8x?x32xf32>
  return
}

// CHECK-LABEL: @precision_f16(
// CHECK: infini_attn.memory_retrieve {{.*}} {precision = #infini_attn.precision<f16>}
func.func @precision_f16(%q: tensor<?x8x?x64xf32>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>) {
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {precision = #infini_attn.precision<f16>}
      : tensor<?x8x?x64xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32> -> tensor<?x8x?x32xf32>
  return
}

// CHECK-LABEL: @precision_tf32(
// CHECK: infini_attn.memory_retrieve {{.*}} {precision = #infini_attn.precision<tf32>}
func.func @precision_tf32(%q: tensor<?x8x?x64xf32>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>) {
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {precision = #infini_attn.precision<tf32>}
      : tensor<?x8x?x64xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32> -> tensor<?x8x?x32xf32>
  return
}

// CHECK-LABEL: @bf16_precision_ieee(
// CHECK: infini_attn.memory_retrieve {{.*}} {precision = #infini_attn.precision<ieee>}
func.func @bf16_precision_ieee(%q: tensor<?x8x?x64xbf16>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>) {
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {precision = #infini_attn.precision<ieee>}
      : tensor<?x8x?x64xbf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32> -> tensor<?x8x?x32xbf16>
  return
}

// CHECK-LABEL: @f16_precision_ieee(
// CHECK: infini_attn.memory_retrieve {{.*}} {precision = #infini_attn.precision<ieee>}
func.func @f16_precision_ieee(%q: tensor<?x8x?x64xf16>, %memory: tensor<?x2x64x32xf32>, %normalizer: tensor<?x2x64xf32>) {
  %r = infini_attn.memory_retrieve %q, %memory, %normalizer
      {precision = #infini_attn.precision<ieee>}
      : tensor<?x8x?x64xf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32> -> tensor<?x8x?x32xf16>
  return
}

// Sizes of 0 that are valid: no batch row, no token, no key, no frequency.
// CHECK-LABEL: @empty(
// CHECK: infini_attn.segment_attention {{.*}} -> tensor<0x4x3x6xf32>
// CHECK: infini_attn.memory_scan {{.*}} -> tensor<0x2x0x8x6xf32>
func.func @empty(%q: tensor<0x4x3x8xf32>, %k: tensor<0x2x0x8xf32>, %v: tensor<0x2x0x6xf32>, %m: tensor<0x2x8x6xf32>, %z: tensor<0x2x8xf32>, %f: tensor<0xf32>) {
  %o = infini_attn.segment_attention %q, %k, %v rotary(%f : tensor<0xf32>)
      : tensor<0x4x3x8xf32>, tensor<0x2x0x8xf32>, tensor<0x2x0x6xf32> -> tensor<0x4x3x6xf32>
  %s:4 = infini_attn.memory_scan %k, %v, %m, %z {rule = #infini_attn.update_rule<delta>, segment_length = 4}
      : tensor<0x2x0x8xf32>, tensor<0x2x0x6xf32>, tensor<0x2x8x6xf32>, tensor<0x2x8xf32>
      -> tensor<0x2x0x8x6xf32>, tensor<0x2x0x8xf32>, tensor<0x2x8x6xf32>, tensor<0x2x8xf32>
  return
}

// Every width its own, so that a swapped letter in a shape would be an error;
// the clauses in another order than they are printed in.
// CHECK-LABEL: @static(
// CHECK: infini_attn.segment_attention {{.*}} lengths({{.*}}) rotary({{.*}})
// CHECK: infini_attn.memory_update {{.*}} lengths({{.*}}) reads({{.*}})
func.func @static(%q: tensor<2x6x5x8xf32> {infini_attn.name = "q"}, %k: tensor<2x3x7x8xf32>, %v: tensor<2x3x7x9xf32>, %n: tensor<2xi64>, %f: tensor<4xf32>,
                  %m: tensor<2x3x8x9xf32>, %z: tensor<2x3x8xf32>) {
  %o, %lse = infini_attn.segment_attention %q, %k, %v rotary(%f : tensor<4xf32>) lengths(%n : tensor<2xi64>) {return_lse}
      : tensor<2x6x5x8xf32>, tensor<2x3x7x8xf32>, tensor<2x3x7x9xf32> -> tensor<2x6x5x9xf32>, tensor<2x6x5xf32>
  %u:2 = infini_attn.memory_update %k, %v reads(%m, %z : tensor<2x3x8x9xf32>, tensor<2x3x8xf32>) lengths(%n : tensor<2xi64>)
      outs(%m, %z : tensor<2x3x8x9xf32>, tensor<2x3x8xf32>) {rule = #infini_attn.update_rule<delta>}
      : tensor<2x3x7x8xf32>, tensor<2x3x7x9xf32> -> tensor<2x3x8x9xf32>, tensor<2x3x8xf32>
  %r = infini_attn.memory_retrieve %q, %m, %z : tensor<2x6x5x8xf32>, tensor<2x3x8x9xf32>, tensor<2x3x8xf32> -> tensor<2x6x5x9xf32>
  return
}

// CHECK-LABEL: @check(
// CHECK: infini_attn.check %{{.*}}, "wrong"
// CHECK-NEXT: infini_attn.check %{{.*}}, "got {0} in row {1}"(%{{.*}}, %{{.*}} : i64, index)
func.func @check(%ok: i1, %n: i64, %row: index) {
  infini_attn.check %ok, "wrong"
  infini_attn.check %ok, "got {0} in row {1}" (%n, %row : i64, index)
  return
}
