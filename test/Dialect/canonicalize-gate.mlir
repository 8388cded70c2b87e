// RUN: infini-opt %s --canonicalize | FileCheck %s

// A gate whose f32 sigmoid is exactly 1, or 0, for every head.

// CHECK-LABEL: @all_memory(
// CHECK-SAME: %[[MEM:[a-z0-9]*]]: tensor<?x4x?x6xf32>
// CHECK-NEXT: return %[[MEM]]
func.func @all_memory(%mem: tensor<?x4x?x6xf32>, %dot: tensor<?x4x?x6xf32>) -> tensor<?x4x?x6xf32> {
  %gate = arith.constant dense<[20.0, 89.0, 1.0e+30, 0x7F800000]> : tensor<4xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<?x4x?x6xf32>, tensor<?x4x?x6xf32>, tensor<4xf32> -> tensor<?x4x?x6xf32>
  return %o : tensor<?x4x?x6xf32>
}

// CHECK-LABEL: @all_local(
// CHECK-SAME: %[[DOT:[a-z0-9]*]]: tensor<?x4x?x6xbf16>)
// CHECK-NEXT: return %[[DOT]]
func.func @all_local(%mem: tensor<?x4x?x6xbf16>, %dot: tensor<?x4x?x6xbf16>) -> tensor<?x4x?x6xbf16> {
  %gate = arith.constant dense<-90.0> : tensor<4xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<?x4x?x6xbf16>, tensor<?x4x?x6xbf16>, tensor<4xf32> -> tensor<?x4x?x6xbf16>
  return %o : tensor<?x4x?x6xbf16>
}

// What each side of the gate was computed with is dead then.
// CHECK-LABEL: @local_attention(
// CHECK-NEXT: %[[DOT:.*]] = infini_attn.segment_attention
// CHECK-NEXT: return %[[DOT]]
func.func @local_attention(%q: tensor<2x4x?x8xf32>, %k: tensor<2x2x?x8xf32>, %v: tensor<2x2x?x6xf32>, %m: tensor<2x2x8x6xf32>, %z: tensor<2x2x8xf32>) -> tensor<2x4x?x6xf32> {
  %low = arith.constant -1.0e+03 : f32
  %empty = tensor.empty() : tensor<4xf32>
  %gate = linalg.fill ins(%low : f32) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
  %dot = infini_attn.segment_attention %q, %k, %v : tensor<2x4x?x8xf32>, tensor<2x2x?x8xf32>, tensor<2x2x?x6xf32> -> tensor<2x4x?x6xf32>
  %mem = infini_attn.memory_retrieve %q, %m, %z : tensor<2x4x?x8xf32>, tensor<2x2x8x6xf32>, tensor<2x2x8xf32> -> tensor<2x4x?x6xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x?x6xf32>, tensor<2x4x?x6xf32>, tensor<4xf32> -> tensor<2x4x?x6xf32>
  return %o : tensor<2x4x?x6xf32>
}

// The type stays.
// CHECK-LABEL: @type(
// CHECK-SAME: %[[MEM:[a-z0-9]*]]: tensor<2x4x?x6xf32>
// CHECK-NEXT: %[[O:.*]] = tensor.cast %[[MEM]] : tensor<2x4x?x6xf32> to tensor<?x4x?x6xf32>
// CHECK-NEXT: return %[[O]]
func.func @type(%mem: tensor<2x4x?x6xf32>, %dot: tensor<2x4x?x6xf32>) -> tensor<?x4x?x6xf32> {
  %high = arith.constant 100.0 : f32
  %gate = tensor.splat %high : tensor<4xf32>
  %o = infini_attn.gate %mem, %dot, %gate : tensor<2x4x?x6xf32>, tensor<2x4x?x6xf32>, tensor<4xf32> -> tensor<?x4x?x6xf32>
  return %o : tensor<?x4x?x6xf32>
}

// sigmoid(-88) is 6e-39 and sigmoid(16) is 1 - 1.1e-7, neither is exact; heads
// that differ, a NaN and an unknown gate stay, too.
// CHECK-LABEL: @kept(
// CHECK-COUNT-5: infini_attn.gate
// CHECK-NOT: infini_attn.gate
func.func @kept(%mem: tensor<?x4x?x6xf32>, %dot: tensor<?x4x?x6xf32>, %gate: tensor<4xf32>) -> (tensor<?x4x?x6xf32>, tensor<?x4x?x6xf32>, tensor<?x4x?x6xf32>, tensor<?x4x?x6xf32>, tensor<?x4x?x6xf32>) {
  %low = arith.constant dense<-88.0> : tensor<4xf32>
  %high = arith.constant dense<16.0> : tensor<4xf32>
  %mixed = arith.constant dense<[-90.0, 90.0, 90.0, 90.0]> : tensor<4xf32>
  %nan = arith.constant dense<0x7FC00000> : tensor<4xf32>
  %0 = infini_attn.gate %mem, %dot, %low : tensor<?x4x?x6xf32>, tensor<?x4x?x6xf32>, tensor<4xf32> -> tensor<?x4x?x6xf32>
  %1 = infini_attn.gate %mem, %dot, %high : tensor<?x4x?x6xf32>, tensor<?x4x?x6xf32>, tensor<4xf32> -> tensor<?x4x?x6xf32>
  %2 = infini_attn.gate %mem, %dot, %mixed : tensor<?x4x?x6xf32>, tensor<?x4x?x6xf32>, tensor<4xf32> -> tensor<?x4x?x6xf32>
  %3 = infini_attn.gate %mem, %dot, %nan : tensor<?x4x?x6xf32>, tensor<?x4x?x6xf32>, tensor<4xf32> -> tensor<?x4x?x6xf32>
  %4 = infini_attn.gate %mem, %dot, %gate : tensor<?x4x?x6xf32>, tensor<?x4x?x6xf32>, tensor<4xf32> -> tensor<?x4x?x6xf32>
  return %0, %1, %2, %3, %4 : tensor<?x4x?x6xf32>, tensor<?x4x?x6xf32>, tensor<?x4x?x6xf32>, tensor<?x4x?x6xf32>, tensor<?x4x?x6xf32>
}
