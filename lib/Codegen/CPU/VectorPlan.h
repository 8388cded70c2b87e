//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// How one linalg operation on buffers becomes loops over vector registers.
///
/// Every element of a result is computed by the same sequence of operations,
/// wherever it lies in a tile: tails are masked, never computed in another way.
/// Hence the bits of a row depend neither on the other rows nor on the number
/// of threads [S16].
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CODEGEN_CPU_VECTORPLAN_H
#define INFINI_ATTN_LIB_CODEGEN_CPU_VECTORPLAN_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <optional>

namespace mlir::infini_attn::cpu {

/// Whether \p op runs on one of several threads already.
bool isSequential(Operation *op);

/// Reports \p bits that are no width of a vector register.
LogicalResult verifyVectorBits(Operation *op, unsigned bits);

/// Rows of a product handed to a thread at once: 64 rows of a few hundred f32
/// stay in L2 while the other operand streams past them.
inline constexpr int64_t kRowBlock = 64;

/// How an operand moves when one loop of the operation advances by one.
enum class Access {
  Uniform,    ///< it stays where it is
  Contiguous, ///< to the next element in memory
  Strided     ///< somewhere else
};

/// The access of `operand` along loop `dim` of `op`.
Access getAccess(linalg::GenericOp op, OpOperand &operand, unsigned dim);

/// The choice of what a vector's lanes hold, and of the register tile.
struct VectorPlan {
  enum class Kind {
    Lanes, ///< lanes hold neighbours along a parallel loop
    Reduce ///< lanes hold partial results of a reduction
  };
  Kind kind = Kind::Lanes;
  /// Lanes of a vector; the same for every element type of the operation.
  int64_t lanes = 0;
  /// The loop that runs along the lanes.
  unsigned vectorDim = 0;
  /// The parallel loop whose iterations share a vector operand, if any: `rows`
  /// of them make a register tile together with `columns` vectors.
  std::optional<unsigned> rowDim;
  int64_t rows = 1;
  int64_t columns = 1;
  /// For each output the fill that it starts from, or null: such an output is
  /// not read, and the fill need not be done.
  SmallVector<linalg::FillOp> fills;
  /// For each fill the condition under which it is done, or null.
  SmallVector<Value> conditions;
};

/// A plan for `op` with vectors of `lanes` lanes, or nothing where its payload
/// or its layouts have no vector form.
std::optional<VectorPlan> planVectorLoops(linalg::GenericOp op, int64_t lanes);

/// The fill that alone determines what `init` holds when `op` begins, so that
/// it need not be done: `op` itself writes each element of the buffer.
linalg::FillOp findFill(linalg::GenericOp op, OpOperand &init);

/// The same for the first output, where it begins with +0: -0 + 0 would be +0.
linalg::FillOp findZeroFill(linalg::GenericOp op);

/// The operation that combines output `index` of `op` over its reduction loops,
/// and the other operand of it; null where the payload is no such reduction.
std::pair<Operation *, Value> getCombiner(linalg::GenericOp op, unsigned index);

/// Replaces `op` by loops after `plan`. Outside of any parallel loop the outer
/// loops become an `scf.parallel`.
void emitVectorLoops(OpBuilder &b, linalg::GenericOp op,
                     const VectorPlan &plan);

} // namespace mlir::infini_attn::cpu

#endif // INFINI_ATTN_LIB_CODEGEN_CPU_VECTORPLAN_H
