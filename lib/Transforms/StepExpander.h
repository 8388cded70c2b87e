//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Expands a step of one batch row and one key/value head.
///
/// Positions are counted from the begin of the open segment: its count c tokens
/// came earlier, the chunk's tokens are c .. c + length - 1, and segment s
/// covers sN .. sN + N - 1. So nothing but the state is carried from one
/// segment to the next.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_TRANSFORMS_STEPEXPANDER_H
#define INFINI_ATTN_LIB_TRANSFORMS_STEPEXPANDER_H

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::infini_attn {

/// What a step changes: its results, without the count.
struct State {
  enum {
    O,
    Memory,
    Normalizer,
    PendingMemory,
    PendingNormalizer,
    Keys,
    Values
  };
  SmallVector<Value> values;

  Value &operator[](unsigned index) { return values[index]; }
};

/// The part of a chunk that lies in one segment, as index values.
struct Part {
  OpFoldResult token; ///< of the chunk, where it begins
  OpFoldResult size;  ///< in tokens
  OpFoldResult place; ///< of its first token in the segment
  Value isComplete;   ///< whether the segment ends with it
};

/// Expands a step of one batch row and one key/value head.
class StepExpander {
public:
  StepExpander(OpBuilder &builder, AttentionStepOp op, bool writesOutput)
      : b(op.getLoc(), builder), op(op), length(op.getSegmentLength()),
        zero(constant(0)), one(constant(1)), n(constant(length)),
        writesOutput(writesOutput) {}

  /// The values of the op's results.
  SmallVector<Value> expand();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value add(Value lhs, Value rhs) { return arith::AddIOp::create(b, lhs, rhs); }
  Value sub(Value lhs, Value rhs) { return arith::SubIOp::create(b, lhs, rhs); }
  Value min(Value lhs, Value rhs) {
    return arith::MinUIOp::create(b, lhs, rhs);
  }
  Value max(Value lhs, Value rhs) {
    return arith::MaxUIOp::create(b, lhs, rhs);
  }
  Value equal(Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lhs, rhs);
  }
  void check(Value holds, const Twine &message);

  /// Tokens of the chunk: of q, k, v and o, which must agree.
  Value chunkTokens();
  /// The one element of a tensor of counts, which are called `name`, made to be
  /// from 0 to `last`.
  Value boundedCount(Value tensor, Value last, StringRef name);
  Value segmentsTouched(Value begin, Value end);

  Value slice(Value tensor, unsigned dim, OpFoldResult offset,
              OpFoldResult size);
  Value insert(Value source, Value into, unsigned dim, OpFoldResult offset,
               OpFoldResult size);
  Value tokensOf(Value activation, const Part &part) {
    return slice(activation, 2, part.token, part.size);
  }

  /// A whole segment that begins in this chunk: nothing of it is kept.
  void wholeSegment(State &state, const Part &part);
  void partOfSegment(State &state, const Part &part);
  void attend(State &state, const Part &part);
  void keep(State &state, const Part &part, Value k, Value v);
  void commit(State &state);
  /// Either `then` or `otherwise` changes the state.
  void choose(Value condition, State &state, function_ref<void(State &)> then,
              function_ref<void(State &)> otherwise);

  ImplicitLocOpBuilder b;
  AttentionStepOp op;
  int64_t length;
  Value zero, one, n, frequencies;
  bool writesOutput;
};

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_TRANSFORMS_STEPEXPANDER_H
