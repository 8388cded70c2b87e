//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// What a step does to one of the segments that its chunk touches.
///
//===----------------------------------------------------------------------===//

#include "StepExpander.h"

#include "infini_attn/Dialect/Rotation.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

Value StepExpander::slice(Value tensor, unsigned dim, OpFoldResult offset,
                          OpFoldResult size) {
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), tensor);
  Sizes offsets(sizes.size(), b.getIndexAttr(0)),
      strides(sizes.size(), b.getIndexAttr(1));
  offsets[dim] = offset;
  sizes[dim] = size;
  return tensor::ExtractSliceOp::create(b, tensor, offsets, sizes, strides);
}

Value StepExpander::insert(Value source, Value into, unsigned dim,
                           OpFoldResult offset, OpFoldResult size) {
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), into);
  Sizes offsets(sizes.size(), b.getIndexAttr(0)),
      strides(sizes.size(), b.getIndexAttr(1));
  offsets[dim] = offset;
  sizes[dim] = size;
  auto type = tensor::ExtractSliceOp::inferResultType(
      cast<RankedTensorType>(into.getType()), sizes);
  if (source.getType() != type)
    source = tensor::CastOp::create(b, type, source);
  return tensor::InsertSliceOp::create(b, source, into, offsets, sizes,
                                       strides);
}

//===----------------------------------------------------------------------===//
// One segment
//===----------------------------------------------------------------------===//

void StepExpander::choose(Value condition, State &state,
                          function_ref<void(State &)> then,
                          function_ref<void(State &)> otherwise) {
  auto branch = [&](function_ref<void(State &)> change) {
    return [&, change](OpBuilder &builder, Location) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(builder.getInsertionBlock(),
                          builder.getInsertionPoint());
      State changed = state;
      change(changed);
      scf::YieldOp::create(b, changed.values);
    };
  };
  auto either =
      scf::IfOp::create(b, condition, branch(then), branch(otherwise));
  llvm::copy(either.getResults(), state.values.begin());
}

void StepExpander::wholeSegment(State &state, const Part &part) {
  Value k = tokensOf(op.getK(), part), v = tokensOf(op.getV(), part);
  Value &memory = state[State::Memory], &normalizer = state[State::Normalizer];
  if (!writesOutput) {
    auto update = MemoryUpdateOp::create(
        b, memory.getType(), normalizer.getType(), k, v, /*lengths=*/Value(),
        /*read_memory=*/Value(), /*read_normalizer=*/Value(), memory,
        normalizer, op.getRuleAttr(), op.getEpsilonAttr(),
        op.getPrecisionAttr());
    memory = update.getNewMemory();
    normalizer = update.getNewNormalizer();
    return;
  }
  Value &o = state[State::O];
  Value into = tokensOf(o, part);
  auto segment = SegmentOp::create(
      b, into.getType(), memory.getType(), normalizer.getType(),
      tokensOf(op.getQ(), part), k, v, op.getGate(), /*lengths=*/Value(),
      frequencies, into, memory, normalizer, op.getRuleAttr(),
      op.getScaleAttr(), op.getEpsilonAttr(), op.getRotaryStyleAttr(),
      op.getPrecisionAttr());
  o = insert(segment.getO(), o, 2, part.token, part.size);
  memory = segment.getNewMemory();
  normalizer = segment.getNewNormalizer();
}

void StepExpander::attend(State &state, const Part &part) {
  // O = sigmoid(gate) * A_mem + (1 - sigmoid(gate)) * A_dot [S5]. The queries
  // are the last of the tokens that the segment has, so that they stand at the
  // default offset.
  Value q = tokensOf(op.getQ(), part);
  Value tokens = add(getValueOrCreateConstantIndexOp(b, b.getLoc(), part.place),
                     getValueOrCreateConstantIndexOp(b, b.getLoc(), part.size));
  Value keys = slice(state[State::Keys], 2, b.getIndexAttr(0), tokens);
  Value values = slice(state[State::Values], 2, b.getIndexAttr(0), tokens);
  auto local = SegmentAttentionOp::create(
      b, q, keys, values, /*query_offset=*/Value(), /*lengths=*/Value(),
      frequencies, op.getScaleAttr(), op.getRotaryStyleAttr(),
      op.getPrecisionAttr(), /*keys_rotated=*/b.getUnitAttr(),
      /*return_lse=*/UnitAttr());
  auto read = MemoryRetrieveOp::create(
      b, q, state[State::Memory], state[State::Normalizer],
      /*lengths=*/Value(), op.getEpsilonAttr(), op.getPrecisionAttr());
  auto gated = GateOp::create(b, read.getO(), local.getO(), op.getGate());
  Value &o = state[State::O];
  o = insert(gated.getO(), o, 2, part.token, part.size);
}

void StepExpander::keep(State &state, const Part &part, Value k, Value v) {
  Value &keys = state[State::Keys], &values = state[State::Values];
  if (frequencies)
    keys = rotateTokens(b, k, frequencies, op.getRotaryStyle(), part.place,
                        part.size, keys, part.place);
  else
    keys = insert(k, keys, 2, part.place, part.size);
  values = insert(v, values, 2, part.place, part.size);
}

/// M, z = M + dM, z + dz; dM, dz = 0.
void StepExpander::commit(State &state) {
  for (auto [total, pending] :
       {std::pair{State::Memory, State::PendingMemory},
        std::pair{State::Normalizer, State::PendingNormalizer}}) {
    unsigned rank = cast<RankedTensorType>(state[total].getType()).getRank();
    AffineMap identity = b.getMultiDimIdentityMap(rank);
    SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
    auto sum = linalg::GenericOp::create(
        b, state[total].getType(), state[pending], state[total],
        ArrayRef{identity, identity}, loops,
        [](OpBuilder &nested, Location loc, ValueRange args) {
          Value value = arith::AddFOp::create(nested, loc, args[1], args[0]);
          linalg::YieldOp::create(nested, loc, value);
        });
    state[total] = sum.getResult(0);
    Value nothing = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
    state[pending] =
        linalg::FillOp::create(b, nothing, state[pending]).getResult(0);
  }
}

void StepExpander::partOfSegment(State &state, const Part &part) {
  Value k = tokensOf(op.getK(), part), v = tokensOf(op.getV(), part);
  if (writesOutput) {
    keep(state, part, k, v);
    attend(state, part);
  }
  // dM, dz += this part, which reads what is committed [S6], [S7].
  auto update = MemoryUpdateOp::create(
      b, state[State::PendingMemory].getType(),
      state[State::PendingNormalizer].getType(), k, v, /*lengths=*/Value(),
      state[State::Memory], state[State::Normalizer],
      state[State::PendingMemory], state[State::PendingNormalizer],
      op.getRuleAttr(), op.getEpsilonAttr(), op.getPrecisionAttr());
  state[State::PendingMemory] = update.getNewMemory();
  state[State::PendingNormalizer] = update.getNewNormalizer();
  choose(
      part.isComplete, state, [&](State &done) { commit(done); },
      [&](State &open) {
        // Without an output, keys are needed by later steps only.
        if (!writesOutput)
          keep(open, part, k, v);
      });
}
