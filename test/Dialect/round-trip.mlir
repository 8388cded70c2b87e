// RUN: infini-opt %s | infini-opt | FileCheck %s
// RUN: infini-opt %s --emit-bytecode | infini-opt | FileCheck %s
// RUN: infini-opt %s --mlir-print-op-generic | infini-opt | FileCheck %s

// CHECK-LABEL: @ops
// CHECK: infini_attn.segment_attention {{.*}}return_lse
// CHECK: infini_attn.memory_retrieve
// CHECK: infini_attn.gate
// CHECK: infini_attn.memory_update {{.*}}update_rule<delta>
// CHECK: infini_attn.attention {{.*}}segment_length = 128
// CHECK: infini_attn.memory_scan
// CHECK: infini_attn.attention_step
func.func @ops(%q: tensor<?x8x?x64xbf16> {infini_attn.name = "q"}, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x32xbf16>, %gate: tensor<8xf32>,
    %m: tensor<?x2x64x32xf32>, %z: tensor<?x2x64xf32>, %l: tensor<?xi64>, %f: tensor<32xf32>, %init: tensor<?x8x?x32xbf16>, %keys: tensor<?x2x128x64xbf16>, %values: tensor<?x2x128x32xbf16>) {
  %dot, %lse = infini_attn.segment_attention %q, %k, %v lengths(%l : tensor<?xi64>) rotary(%f : tensor<32xf32>) {return_lse, scale = 0.125} : tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x32xbf16> -> tensor<?x8x?x32xbf16>, tensor<?x8x?xf32>
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<?x8x?x64xbf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32> -> tensor<?x8x?x32xbf16>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<?x8x?x32xbf16>, tensor<?x8x?x32xbf16>, tensor<8xf32> -> tensor<?x8x?x32xbf16>
  %nm, %nz = infini_attn.memory_update %k, %v outs(%m, %z : tensor<?x2x64x32xf32>, tensor<?x2x64xf32>) {rule = #infini_attn.update_rule<delta>} : tensor<?x2x?x64xbf16>, tensor<?x2x?x32xbf16> -> tensor<?x2x64x32xf32>, tensor<?x2x64xf32>
  %a:3 = infini_attn.attention %q, %k, %v, %gate rotary(%f : tensor<32xf32>) outs(%init, %m, %z : tensor<?x8x?x32xbf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>) {rule = #infini_attn.update_rule<linear>, segment_length = 128, precision = #infini_attn.precision<bf16>} : tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x32xbf16>, tensor<8xf32> -> tensor<?x8x?x32xbf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>
  %s:4 = infini_attn.memory_scan %k, %v, %m, %z {rule = #infini_attn.update_rule<linear>, segment_length = 128} : tensor<?x2x?x64xbf16>, tensor<?x2x?x32xbf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32> -> tensor<?x2x?x64x32xf32>, tensor<?x2x?x64xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>
  %t:8 = infini_attn.attention_step %q, %k, %v, %gate outs(%init, %m, %z, %m, %z, %keys, %values, %l : tensor<?x8x?x32xbf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>, tensor<?x2x128x64xbf16>, tensor<?x2x128x32xbf16>, tensor<?xi64>)
    {rule = #infini_attn.update_rule<linear>, segment_length = 128} : tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x32xbf16>, tensor<8xf32> -> tensor<?x8x?x32xbf16>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>, tensor<?x2x64x32xf32>, tensor<?x2x64xf32>, tensor<?x2x128x64xbf16>, tensor<?x2x128x32xbf16>, tensor<?xi64>
  return
}
