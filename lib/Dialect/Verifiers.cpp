//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Verifiers of the infini_attn operations.
///
/// The numbers (C1), (C2), ... are those of the constraints in each
/// operation's documentation. Shapes of operands are those of
/// OperandShapes.cpp.
///
//===----------------------------------------------------------------------===//

#include "Checks.h"

using namespace mlir;
using namespace mlir::infini_attn;

/// Each operand of `names` is there, once; those that end in `?` may be absent.
/// ODS checks that the sizes of operand groups add up, not that a group of one
/// has one, so that accessors would read past the operands.
static LogicalResult verifyOperands(Operation *op, ArrayRef<int32_t> groups,
                                    ArrayRef<StringRef> names) {
  for (auto [size, name] : llvm::zip_equal(groups, names))
    if (size != 1 && !(size == 0 && name.ends_with("?")))
      return op->emitOpError("expected one ")
             << name.rtrim('?') << " operand, got " << size;
  return success();
}

LogicalResult SegmentAttentionOp::verify() {
  if (failed(verifyOperands(
          *this, getProperties().operandSegmentSizes,
          {"q", "k", "v", "query_offset?", "lengths?", "rotary_frequencies?"})))
    return failure();
  return Checks(*this)
      .elementType(
          {{"q", getQ()}, {"k", getK()}, {"v", getV()}, {"o", getO()}}) // (C1)
      .operands()                      // (C2), (C3), (C5), (C6)
      .multiple("Hq", "Hkv")           // (C4)
      .finite("scale", getScaleAttr()) // (C7)
      .rotary(getRotaryFrequencies(), getRotaryStyle()) // (C8), (C9)
      .precision(getPrecision(), getQ())                // (C10)
      .require(getLse() || !getReturnLse(),             // (C11)
               "an lse result with return_lse, got none")
      .require(!getLse() || getReturnLse(),
               "no lse result without return_lse, got one")
      .shape("o", getO(), "B x Hq x Nq x Dv")
      .shape("lse", getLse(), "B x Hq x Nq")
      .result();
}

LogicalResult MemoryRetrieveOp::verify() {
  return Checks(*this)
      .elementType({{"q", getQ()}, {"o", getO()}}) // (C1)
      .operands()                                  // (C2), (C3), (C5), (C6)
      .multiple("Hq", "Hkv")                       // (C4)
      .epsilon(getEpsilon())                       // (C7)
      .precision(getPrecision(), getQ())           // (C8)
      .shape("o", getO(), "B x Hq x T x Dv")
      .result();
}

LogicalResult MemoryUpdateOp::verify() {
  if (failed(verifyOperands(*this, getProperties().operandSegmentSizes,
                            {"k", "v", "lengths?", "read_memory?",
                             "read_normalizer?", "memory", "normalizer"})))
    return failure();
  return Checks(*this)
      .elementType({{"k", getK()}, {"v", getV()}})       // (C1)
      .require(!getReadMemory() == !getReadNormalizer(), // (C6)
               "read_memory and read_normalizer together, got one of them")
      .operands()                                        // (C2) - (C5)
      .resultsAreInits({"new_memory", "new_normalizer"}) // (C7)
      .epsilon(getEpsilon())                             // (C8)
      .precision(getPrecision(), getK())                 // (C9)
      .result();
}

LogicalResult GateOp::verify() {
  return Checks(*this)
      .elementType(
          {{"a_mem", getAMem()}, {"a_dot", getADot()}, {"o", getO()}}) // (C1)
      .operands() // (C2) - (C5)
      .shape("o", getO(), "B x Hq x T x Dv")
      .result();
}

/// The operands of segment and of attention.
static constexpr StringRef kSegmentOperands[] = {
    "q",    "k",      "v",         "gate", "lengths?", "rotary_frequencies?",
    "init", "memory", "normalizer"};

/// The constraints of segment that attention has too, by the same numbers.
template <typename Op> static Checks checkSegment(Op op) {
  return Checks(op)
      .elementType({{"q", op.getQ()},
                    {"k", op.getK()},
                    {"v", op.getV()},
                    {"o", op.getInit()}}) // (C1)
      .operands()                         // (C2), (C3), (C5), (C6)
      .multiple("Hq", "Hkv")              // (C4)
      .resultsAreInits({"o", "new_memory", "new_normalizer"}) // (C7)
      .finite("scale", op.getScaleAttr())                     // (C8)
      .epsilon(op.getEpsilon())                               // (C9)
      .rotary(op.getRotaryFrequencies(), op.getRotaryStyle()) // (C10), (C11)
      .precision(op.getPrecision(), op.getQ());               // (C12)
}

LogicalResult SegmentOp::verify() {
  if (failed(verifyOperands(*this, getProperties().operandSegmentSizes,
                            kSegmentOperands)))
    return failure();
  return checkSegment(*this).result(); // (C1) - (C12)
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyOperands(*this, getProperties().operandSegmentSizes,
                            kSegmentOperands)))
    return failure();
  return checkSegment(*this)                            // (C1) - (C12)
      .atLeastOne("segment_length", getSegmentLength()) // (C13)
      .atLeastOne("detach_every", getDetachEvery())     // (C14)
      .result();
}

LogicalResult MemoryScanOp::verify() {
  return Checks(*this)
      .elementType({{"k", getK()}, {"v", getV()}})      // (C1)
      .atLeastOne("segment_length", getSegmentLength()) // (C9)
      .size("N", getSegmentLength(), "segment_length")
      .operands()                        // (C2), (C3), (C4), (C5)
      .epsilon(getEpsilon())             // (C7)
      .precision(getPrecision(), getK()) // (C8)
      .segments()                        // (C6)
      .shape("memories", getMemories(), "B x Hkv x S x Dk x Dv")
      .shape("normalizers", getNormalizers(), "B x Hkv x S x Dk")
      .shape("new_memory", getNewMemory(), "B x Hkv x Dk x Dv")
      .shape("new_normalizer", getNewNormalizer(), "B x Hkv x Dk")
      .result();
}

LogicalResult AttentionStepOp::verify() {
  if (failed(verifyOperands(*this, getProperties().operandSegmentSizes,
                            {"q", "k", "v", "gate", "lengths?",
                             "rotary_frequencies?", "init", "memory",
                             "normalizer", "pending_memory",
                             "pending_normalizer", "keys", "values", "count"})))
    return failure();
  return Checks(*this)
      .elementType({{"q", getQ()},
                    {"k", getK()},
                    {"v", getV()},
                    {"o", getInit()},
                    {"keys", getKeys()},
                    {"values", getValues()}})           // (C1)
      .atLeastOne("segment_length", getSegmentLength()) // (C13)
      .size("N", getSegmentLength(), "segment_length")
      .operands()            // (C2), (C3), (C5), (C6)
      .multiple("Hq", "Hkv") // (C4)
      .resultsAreInits({"o", "new_memory", "new_normalizer",
                        "new_pending_memory", "new_pending_normalizer",
                        "new_keys", "new_values", "new_count"}) // (C7)
      .finite("scale", getScaleAttr())                          // (C8)
      .epsilon(getEpsilon())                                    // (C9)
      .rotary(getRotaryFrequencies(), getRotaryStyle())         // (C10), (C11)
      .precision(getPrecision(), getQ())                        // (C12)
      .result();
}
