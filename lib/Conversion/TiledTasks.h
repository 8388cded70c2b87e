//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The independent parts of one segment of one batch row and key/value head, as
/// the iterations of one parallel loop. What the segment adds to the memory is
/// the first of them: it is the longest, and attention reads the memory as it
/// was [S8], so that neither waits for the other.
///
///     forall task in 1 + blocks of queries
///       task 0:      dM, dz = sigma(K)^T U, sum sigma(K)
///       all others:  o of one block of queries, those that see most keys first
///     M' = M + dM;  z' = z + dz
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CONVERSION_TILEDTASKS_H
#define INFINI_ATTN_LIB_CONVERSION_TILEDTASKS_H

#include "TiledSegment.h"

namespace mlir::infini_attn {

/// The results of \p attention in \p init, 1 x G x Nq x Dv.
Value attendInTasks(TileBuilder &b, TiledAttention &attention, Value init);

struct SegmentResults {
  Value o, memory, normalizer;
};

/// The same, and M' and z' from \p memory (d x v) and \p normalizer (d).
SegmentResults segmentInTasks(TileBuilder &b, TiledAttention &attention,
                              TiledUpdate &update, Value init, Value memory,
                              Value normalizer);

/// M' and z' alone, with the same bits.
std::pair<Value, Value> updateApart(TileBuilder &b, TiledUpdate &update,
                                    Value memory, Value normalizer);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_CONVERSION_TILEDTASKS_H
