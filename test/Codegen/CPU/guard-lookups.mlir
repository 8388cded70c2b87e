// RUN: infini-opt %s --infini-attn-guard-lookups | FileCheck %s

#row = affine_map<(t, d) -> (t)>
#out = affine_map<(t, d) -> (t, d)>

// The size of the table is taken outside of the loop; an index that is data is
// checked and clamped, an index of the loop is left alone. Where the table is
// empty, zeros of one row are read in its place.
// CHECK-LABEL: @lookup(
// CHECK-SAME: %[[TOKENS:[a-z0-9]+]]: tensor<?xi32>, %[[TABLE:[a-z0-9]+]]: tensor<?x8xf32>
// CHECK: %[[SIZE:.*]] = tensor.dim %[[TABLE]], %{{.*}}
// CHECK: %[[GROWN:.*]] = arith.maxui %[[SIZE]], %{{.*}}
// CHECK: %[[LAST:.*]] = arith.subi %[[GROWN]], %{{.*}}
// CHECK: %[[EMPTY:.*]] = arith.cmpi eq, %[[SIZE]], %{{.*}}
// CHECK: %[[ROW:.*]] = arith.maxui %[[SIZE]], %{{.*}}
// CHECK: %[[ROWS:.*]] = arith.select %[[EMPTY]], %[[ROW]], %{{.*}} : index
// CHECK: %[[ZEROS:.*]] = tensor.splat %{{.*}}[%[[ROWS]]] : tensor<?x8xf32>
// CHECK: %[[FULL:.*]] = arith.select %[[EMPTY]], %[[ZEROS]], %[[TABLE]] : tensor<?x8xf32>
// CHECK: linalg.generic
// CHECK: %[[INDEX:.*]] = arith.index_cast %{{.*}} : i32 to index
// CHECK: %[[D:.*]] = linalg.index 1
// CHECK: %[[OK:.*]] = arith.cmpi ult, %[[INDEX]], %[[SIZE]]
// CHECK: infini_attn.check %[[OK]], "expected an index below {1} into the table it looks up, got {0}"
// CHECK: %[[SAFE:.*]] = arith.minui %[[INDEX]], %[[LAST]]
// CHECK: tensor.extract %[[FULL]][%[[SAFE]], %[[D]]]
func.func @lookup(%tokens: tensor<?xi32>, %table: tensor<?x8xf32>, %init: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = linalg.generic {indexing_maps = [#row, #out], iterator_types = ["parallel", "parallel"]}
      ins(%tokens : tensor<?xi32>) outs(%init : tensor<?x8xf32>) {
  ^bb0(%token: i32, %unused: f32):
    %i = arith.index_cast %token : i32 to index
    %d = linalg.index 1 : index
    %e = tensor.extract %table[%i, %d] : tensor<?x8xf32>
    linalg.yield %e : f32
  } -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// A table that is known to have rows stays; a computed index is data.
// CHECK-LABEL: @computed(
// CHECK-NOT: arith.select
// CHECK: %[[NEXT:.*]] = arith.addi
// CHECK: infini_attn.check
// CHECK: %[[SAFE:.*]] = arith.minui %[[NEXT]]
// CHECK: tensor.extract %arg0[%[[SAFE]]]
func.func @computed(%table: tensor<4xi64>, %data: i64) -> i64 {
  %c1 = arith.constant 1 : index
  %i = arith.index_cast %data : i64 to index
  %next = arith.addi %i, %c1 : index
  %e = tensor.extract %table[%next] : tensor<4xi64>
  return %e : i64
}

// CHECK-LABEL: @indices(
// CHECK: infini_attn.check
// CHECK: tensor.extract %arg0[%{{.*}}]
func.func @indices(%table: tensor<4xf32>, %rows: tensor<3xindex>, %init: tensor<3xf32>) -> tensor<3xf32> {
  %0 = linalg.map ins(%rows : tensor<3xindex>) outs(%init : tensor<3xf32>)
    (%i: index, %o: f32) {
      %e = tensor.extract %table[%i] : tensor<4xf32>
      linalg.yield %e : f32
    }
  return %0 : tensor<3xf32>
}

// CHECK-LABEL: @loop(
// CHECK-NOT: infini_attn.check
// CHECK: return
func.func @loop(%table: tensor<?xf32>, %n: index, %init: f32) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %sum = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %init) -> f32 {
    %e = tensor.extract %table[%i] : tensor<?xf32>
    %next = arith.addf %acc, %e : f32
    scf.yield %next : f32
  }
  return %sum : f32
}

// A constant is inside of a static size, perhaps not of another.
// CHECK-LABEL: @constants(
// CHECK: tensor.extract %arg0[%c1
// CHECK: infini_attn.check
// CHECK: arith.minui %c1
func.func @constants(%a: tensor<2xf32>, %b: tensor<?xf32>) -> (f32, f32) {
  %c1 = arith.constant 1 : index
  %0 = tensor.extract %a[%c1] : tensor<2xf32>
  %1 = tensor.extract %b[%c1] : tensor<?xf32>
  return %0, %1 : f32, f32
}

// CHECK-LABEL: @empty(
// CHECK: %[[ZEROS:.*]] = tensor.splat %{{.*}} : tensor<?xbf16>
// CHECK: %[[OPEN:.*]] = tensor.cast %arg0 : tensor<0xbf16> to tensor<?xbf16>
// CHECK: %[[FULL:.*]] = arith.select %{{.*}}, %[[ZEROS]], %[[OPEN]]
// CHECK: tensor.extract %[[FULL]][
func.func @empty(%table: tensor<0xbf16>, %data: i64) -> bf16 {
  %i = arith.index_castui %data : i64 to index
  %e = tensor.extract %table[%i] : tensor<0xbf16>
  return %e : bf16
}
