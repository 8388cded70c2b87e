//===- InfiniAttnOps.td - Operations of infini_attn -*- tablegen -*-===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_OPS_TD
#define INFINI_ATTN_OPS_TD

include "infini_attn/Dialect/CheckOps.td"
include "infini_attn/Dialect/SegmentOps.td"
include "infini_attn/Dialect/SequenceOps.td"
include "infini_attn/Dialect/StreamOps.td"

#endif // INFINI_ATTN_OPS_TD
