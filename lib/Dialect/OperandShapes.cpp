//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Dialect/OperandShapes.h"

#include "infini_attn/Dialect/InfiniAttn.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Operands = SmallVector<OperandShape>;

static Operands operandsOf(SegmentAttentionOp op) {
  return {{"q", op.getQ(), "B x Hq x Nq x Dk"},
          {"k", op.getK(), "B x Hkv x Nk x Dk"},
          {"v", op.getV(), "B x Hkv x Nk x Dv"},
          {"query_offset", op.getQueryOffset(), "B"},
          {"lengths", op.getLengths(), "B"}};
}

static Operands operandsOf(MemoryRetrieveOp op) {
  return {{"q", op.getQ(), "B x Hq x T x Dk"},
          {"memory", op.getMemory(), "B x Hkv x Dk x Dv"},
          {"normalizer", op.getNormalizer(), "B x Hkv x Dk"},
          {"lengths", op.getLengths(), "B"}};
}

static Operands operandsOf(MemoryUpdateOp op) {
  return {{"k", op.getK(), "B x Hkv x T x Dk"},
          {"v", op.getV(), "B x Hkv x T x Dv"},
          {"lengths", op.getLengths(), "B"},
          {"read_memory", op.getReadMemory(), "B x Hkv x Dk x Dv"},
          {"read_normalizer", op.getReadNormalizer(), "B x Hkv x Dk"},
          {"memory", op.getMemory(), "B x Hkv x Dk x Dv"},
          {"normalizer", op.getNormalizer(), "B x Hkv x Dk"}};
}

static Operands operandsOf(GateOp op) {
  return {{"a_mem", op.getAMem(), "B x Hq x T x Dv"},
          {"a_dot", op.getADot(), "B x Hq x T x Dv"},
          {"gate", op.getGate(), "Hq"}};
}

static Operands operandsOf(MemoryScanOp op) {
  return {{"k", op.getK(), "B x Hkv x T x Dk"},
          {"v", op.getV(), "B x Hkv x T x Dv"},
          {"memory", op.getMemory(), "B x Hkv x Dk x Dv"},
          {"normalizer", op.getNormalizer(), "B x Hkv x Dk"},
          {"lengths", op.getLengths(), "B"}};
}

/// What `segment`, `attention` and `attention_step` have alike.
template <typename Op> static Operands operandsOf(Op op) {
  return {{"q", op.getQ(), "B x Hq x T x Dk"},
          {"k", op.getK(), "B x Hkv x T x Dk"},
          {"v", op.getV(), "B x Hkv x T x Dv"},
          {"gate", op.getGate(), "Hq"},
          {"lengths", op.getLengths(), "B"},
          {"init", op.getInit(), "B x Hq x T x Dv"},
          {"memory", op.getMemory(), "B x Hkv x Dk x Dv"},
          {"normalizer", op.getNormalizer(), "B x Hkv x Dk"}};
}

static Operands operandsOf(AttentionStepOp op) {
  Operands operands = operandsOf<AttentionStepOp>(op);
  operands.append(
      {{"pending_memory", op.getPendingMemory(), "B x Hkv x Dk x Dv"},
       {"pending_normalizer", op.getPendingNormalizer(), "B x Hkv x Dk"},
       {"keys", op.getKeys(), "B x Hkv x N x Dk"},
       {"values", op.getValues(), "B x Hkv x N x Dv"},
       {"count", op.getCount(), "B"}});
  return operands;
}

Operands infini_attn::operandShapes(Operation *op) {
  return llvm::TypeSwitch<Operation *, Operands>(op)
      .Case<SegmentAttentionOp, MemoryRetrieveOp, MemoryUpdateOp, GateOp,
            SegmentOp, AttentionOp, MemoryScanOp, AttentionStepOp>(
          [](auto known) { return operandsOf(known); })
      .Default(Operands());
}
