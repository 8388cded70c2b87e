// RUN: infini-opt %s --infini-attn-guard-lookups | FileCheck %s

#row = affine_map<(t, d) -> (t)>
#out = affine_map<(t, d) -> (t, d)>

// The size of the table is taken outside of the loop; an index that is data is
// checked and clamped, an index of the loop is left alone.
// CHECK-LABEL: @lookup(
// CHECK-SAME: %[[TOKENS:[a-z0-9]+]]: tensor<?xi32>, %[[TABLE:[a-z0-9]+]]: tensor<?x8xf32>
// CHECK: %[[SIZE:.*]] = tensor.dim %[[TABLE]], %{{.*}}
// CHECK: %[[LAST:.*]] = arith.subi %[[SIZE]], %{{.*}}
// CHECK: linalg.generic
// CHECK: %[[INDEX:.*]] = arith.index_cast %{{.*}} : i32 to index
// CHECK: %[[D:.*]] = linalg.index 1
// CHECK: %[[OK:.*]] = arith.cmpi ult, %[[INDEX]], %[[SIZE]]
// CHECK: cf.assert %[[OK]], "expected an index inside of the table it looks up"
// CHECK: %[[SAFE:.*]] = arith.minui %[[INDEX]], %[[LAST]]
// CHECK: tensor.extract %[[TABLE]][%[[SAFE]], %[[D]]]
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
