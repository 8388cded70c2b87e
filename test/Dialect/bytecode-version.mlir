// RUN: infini-opt %s --emit-bytecode -o %t.mlirbc
// RUN: %python %S/Inputs/set_dialect_version.py 1 < %t.mlirbc > %t.same.mlirbc
// RUN: infini-opt %t.same.mlirbc | FileCheck %s
// RUN: %python %S/Inputs/set_dialect_version.py 2 < %t.mlirbc > %t.newer.mlirbc
// RUN: not infini-opt %t.newer.mlirbc 2>&1 | FileCheck %s --check-prefix=NEWER

// Bytecode of a newer dialect may mean something else: it is refused.

// CHECK: infini_attn.gate
// NEWER: error: expected infini_attn bytecode version <= 1, got 2
// NEWER-NOT: infini_attn.gate
func.func @f(%a: tensor<2x4x5x6xf32>, %gate: tensor<4xf32>) -> tensor<2x4x5x6xf32> {
  %o = infini_attn.gate %a, %a, %gate : tensor<2x4x5x6xf32>, tensor<2x4x5x6xf32>, tensor<4xf32> -> tensor<2x4x5x6xf32>
  return %o : tensor<2x4x5x6xf32>
}
