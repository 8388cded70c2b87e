// RUN: infini-opt %s --infini-attn-prepare-entry | FileCheck %s

// CHECK: func.func @entry(%{{.*}}: tensor<4xf32> {bufferization.writable = false}, %{{.*}}: tensor<4xf32> {bufferization.writable = true}, %{{.*}}: i64,
// CHECK-SAME: %{{.*}}: tensor<4xf32> {bufferization.writable = true, infini_attn.in_place})
// CHECK-SAME: attributes {llvm.emit_c_interface}
func.func @entry(%x: tensor<4xf32> {infini_attn.name = "x"}, %y: tensor<4xf32> {bufferization.writable = true}, %n: i64, %m: tensor<4xf32> {infini_attn.in_place}) {
  return
}

// CHECK: func.func private @helper(%{{.*}}: tensor<4xf32>) {
func.func private @helper(%x: tensor<4xf32>) {
  return
}

// CHECK: func.func private @declared(tensor<4xf32>)
// CHECK-NOT: emit_c_interface
func.func private @declared(tensor<4xf32>)
