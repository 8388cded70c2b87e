// RUN: infini-opt %s --infini-attn-convert-to-llvm --reconcile-unrealized-casts | FileCheck %s

// All dialects at a time: nothing is cast between them.
// CHECK: llvm.func @erff(f32) -> f32
// CHECK-LABEL: llvm.func @mixed(
// CHECK-NOT: unrealized_conversion_cast
// CHECK: llvm.intr.masked.load
// CHECK: llvm.intr.fma({{.*}}vector<16xf32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// CHECK: llvm.store {{.*}} : vector<16xf32>, !llvm.ptr
// CHECK: llvm.cond_br
// A function with an intrinsic, and one of the C library.
// CHECK: llvm.intr.exp({{.*}}) : (f32) -> f32
// CHECK: llvm.call @erff
// CHECK-NOT: {{arith|cf|func|index|math|memref|vector}}.
// CHECK: llvm.return
func.func @mixed(%m: memref<?xf32>, %n: index, %pairs: vector<32xbf16>) -> f32 {
  %c1 = index.constant 1
  %zeros = arith.constant dense<0.0> : vector<16xf32>
  %at = index.add %n, %c1
  %mask = vector.create_mask %n : vector<16xi1>
  %x = vector.maskedload %m[%at], %mask, %zeros : memref<?xf32>, vector<16xi1>, vector<16xf32> into vector<16xf32>
  %y = math.fma %x, %x, %x : vector<16xf32>
  %z = x86vector.avx512.dot %y, %pairs, %pairs : vector<32xbf16> -> vector<16xf32>
  vector.store %z, %m[%n] : memref<?xf32>, vector<16xf32>
  %c0 = arith.constant 0 : index
  %first = memref.load %m[%c0] : memref<?xf32>
  %some = arith.cmpi ugt, %n, %c0 : index
  cf.cond_br %some, ^some, ^none
^some:
  %e = math.exp %first : f32
  cf.br ^end(%e : f32)
^none:
  %f = math.erf %first : f32
  cf.br ^end(%f : f32)
^end(%result: f32):
  return %result : f32
}
