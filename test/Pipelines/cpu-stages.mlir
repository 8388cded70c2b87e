// The order of the stages is a contract: each requires what the one before it
// ensures.
// RUN: infini-opt %s --infini-attn-to-cpu-pipeline=target=amx-emulated --dump-pass-pipeline 2>&1 | FileCheck %s
// RUN: infini-opt %s --infini-attn-to-cpu-pipeline=target=avx2 --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=AVX2
// RUN: not infini-opt %s --infini-attn-to-cpu-pipeline=target=z80 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: infini-opt %s --infini-attn-to-linalg-pipeline --dump-pass-pipeline 2>&1 | FileCheck %s --check-prefix=PLAIN

// CHECK: convert-elementwise-to-linalg
// CHECK: infini-attn-guard-lookups
// CHECK: infini-attn-guard-divisions
// CHECK: infini-attn-guard-extents
// CHECK: infini-attn-guard-slices
// CHECK: infini-attn-distribute
// CHECK: infini-attn-segment-sequence
// CHECK: infini-attn-expand-step
// CHECK: infini-attn-tile{bf16-pairs=true split-factors=true}
// CHECK: convert-infini-attn-to-linalg
// CHECK: infini-attn-fuse-elementwise
// CHECK: infini-attn-prepare-entry
// CHECK: one-shot-bufferize{{.*}}bufferize-function-boundaries=true
// CHECK: infini-attn-separate-results
// CHECK: ownership-based-buffer-deallocation
// CHECK: infini-attn-return-in-place
// CHECK: scf-forall-to-parallel
// CHECK: infini-attn-outline-thin-products{vector-bits=512}
// CHECK: infini-attn-pair-products{tiles-granted=false unit=fma vector-bits=512}
// CHECK: infini-attn-outline-kernels{vector-bits=512}
// CHECK: infini-attn-linalg-to-vector-loops{vector-bits=512}
// CHECK: infini-attn-approximate-math{has-scale=false}
// CHECK: infini-attn-parallel-to-runtime
// CHECK: infini-attn-checks-to-runtime
// CHECK: infini-attn-amx-to-llvm
// CHECK: convert-scf-to-cf
// CHECK: infini-attn-convert-to-llvm
// CHECK: reconcile-unrealized-casts
// CHECK: infini-attn-check-layouts
// CHECK: infini-attn-bfloat-to-integer

// AVX2: infini-attn-tile{bf16-pairs=false split-factors=false}
// AVX2-NOT: infini-attn-pair-products
// AVX2: infini-attn-linalg-to-vector-loops{vector-bits=256}

// UNKNOWN: expected target to be one of amx, avx512-bf16, avx512, avx2, avx, neon-bf16, generic, amx-granted, amx-emulated, got 'z80'

// PLAIN: convert-elementwise-to-linalg
// PLAIN: infini-attn-guard-lookups
// PLAIN: infini-attn-guard-divisions
// PLAIN: infini-attn-guard-extents
// PLAIN: infini-attn-guard-slices
// PLAIN: infini-attn-distribute
// PLAIN: infini-attn-expand-step
// PLAIN: one-shot-bufferize
// PLAIN: convert-linalg-to-loops
// PLAIN: infini-attn-checks-to-runtime
// PLAIN: reconcile-unrealized-casts
// PLAIN: infini-attn-check-layouts
// PLAIN: infini-attn-bfloat-to-integer
module {}
