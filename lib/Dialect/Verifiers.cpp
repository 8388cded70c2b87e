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
/// operation's documentation. Shapes are written as there: equal letters are
/// equal sizes, so that one line an operand states its shape.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::infini_attn;

namespace {
/// A value and the name that diagnostics give it.
struct Named {
  StringRef name;
  Value value;
};

/// Checks constraints one after another; after the first that fails the rest
/// do nothing, since a wrong shape makes more errors than one.
class Checks {
public:
  explicit Checks(Operation *op) : op(op) {}

  /// `value`, where present, is a tensor of `shape`, such as "B x Hq x T x Dk".
  Checks &shape(StringRef name, Value value, StringRef shape);
  /// The size of `letter` is `size`, because of `source`.
  Checks &size(StringRef letter, int64_t size, StringRef source);
  /// S = ceil(T / N), so far as they are known.
  Checks &segments();
  /// The size of `letter` is a multiple of that of `divisor`.
  Checks &multiple(StringRef letter, StringRef divisor);
  /// All have the element type of the first.
  Checks &elementType(ArrayRef<Named> values);
  /// Every result has the type of its init, the last operands.
  Checks &resultsAreInits(ArrayRef<StringRef> names);
  Checks &atLeastOne(StringRef name, std::optional<int64_t> value);
  Checks &finite(StringRef name, FloatAttr value);
  Checks &epsilon(const APFloat &value);
  Checks &rotary(Value frequencies, RotaryStyle style);
  Checks &precision(std::optional<Precision> precision, Value activations);
  /// `holds`, or the operation expected what the message says.
  Checks &require(bool holds, const Twine &message);

  LogicalResult result() const { return success(ok); }

private:
  /// A size and who fixed it.
  struct Size {
    int64_t value;
    StringRef source;
  };
  InFlightDiagnostic fail() {
    ok = false;
    return op->emitOpError("expected ");
  }
  int64_t lookup(StringRef letter) const {
    auto it = sizes.find(letter);
    return it == sizes.end() ? ShapedType::kDynamic : it->second.value;
  }

  Operation *op;
  bool ok = true;
  llvm::StringMap<Size> sizes;
};
} // namespace

/// The bytes of a dense tensor of `type` with dynamic sizes taken as 1, and 0
/// too, since strides are products of the other sizes; none on overflow.
static std::optional<int64_t> leastBytes(RankedTensorType type) {
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  for (int64_t size : type.getShape())
    if (!ShapedType::isDynamic(size) && size != 0 &&
        llvm::MulOverflow(bytes, size, bytes))
      return std::nullopt;
  return bytes;
}

Checks &Checks::require(bool holds, const Twine &message) {
  if (ok && !holds)
    fail() << message;
  return *this;
}

Checks &Checks::size(StringRef letter, int64_t size, StringRef source) {
  if (!ok || ShapedType::isDynamic(size))
    return *this;
  auto [known, isNew] = sizes.try_emplace(letter, Size{size, source});
  if (!isNew && known->second.value != size)
    fail() << letter << " of " << source << " to be " << known->second.value
           << " as in " << known->second.source << ", got " << size;
  // B, T, Nq, Nk, S and F may be 0: an empty batch or sequence is a valid one.
  else if (size == 0 && (letter.starts_with("H") || letter.starts_with("D")))
    fail() << letter << " of " << source << " >= 1, got 0";
  return *this;
}

Checks &Checks::shape(StringRef name, Value value, StringRef shape) {
  if (!ok || !value)
    return *this;
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getEncoding()) {
    fail() << name << " without an encoding, got " << type;
    return *this;
  }
  if (!leastBytes(type)) {
    fail() << name << " of less than 2^63 bytes, got " << type;
    return *this;
  }
  SmallVector<StringRef> letters;
  shape.split(letters, " x ");
  for (auto [letter, extent] : llvm::zip_equal(letters, type.getShape()))
    size(letter, extent, name);
  return *this;
}

Checks &Checks::segments() {
  int64_t tokens = lookup("T"), length = lookup("N");
  if (!ok || ShapedType::isDynamic(tokens))
    return *this;
  int64_t expected = tokens == 0 ? 0 : (tokens - 1) / length + 1;
  return size("S", expected, "k and segment_length");
}

Checks &Checks::multiple(StringRef letter, StringRef divisor) {
  int64_t lhs = lookup(letter), rhs = lookup(divisor);
  if (ok && !ShapedType::isDynamic(lhs) && !ShapedType::isDynamic(rhs) &&
      lhs % rhs != 0)
    fail() << letter << " to be a multiple of " << divisor << " = " << rhs
           << ", got " << lhs;
  return *this;
}

Checks &Checks::elementType(ArrayRef<Named> values) {
  Type expected = getElementTypeOrSelf(values.front().value);
  for (auto [name, value] : values.drop_front())
    if (Type type = getElementTypeOrSelf(value); ok && type != expected)
      fail() << name << " of element type " << expected << " as "
             << values.front().name << ", got " << type;
  return *this;
}

Checks &Checks::resultsAreInits(ArrayRef<StringRef> names) {
  OperandRange inits = op->getOperands().take_back(op->getNumResults());
  for (auto [name, result, init] :
       llvm::zip_equal(names, op->getResults(), inits))
    if (ok && result.getType() != init.getType())
      fail() << "result " << name << " of the type of its init, "
             << init.getType() << ", got " << result.getType();
  return *this;
}

Checks &Checks::atLeastOne(StringRef name, std::optional<int64_t> value) {
  if (ok && value && *value < 1)
    fail() << name << " >= 1, got " << *value;
  return *this;
}

Checks &Checks::finite(StringRef name, FloatAttr value) {
  if (ok && value && !value.getValue().isFinite())
    fail() << "a finite " << name << ", got " << value;
  return *this;
}

Checks &Checks::epsilon(const APFloat &value) {
  if (ok && (!value.isFinite() || (value.isNegative() && !value.isZero()))) {
    SmallString<16> text;
    value.toString(text);
    fail() << "a finite epsilon >= 0, got " << text;
  }
  return *this;
}

Checks &Checks::rotary(Value frequencies, RotaryStyle style) {
  shape("rotary_frequencies", frequencies, "F");
  // A style says that a rotation is wanted; forgetting the frequencies would
  // silently give other results.
  require(frequencies || style == RotaryStyle::Interleaved,
          "rotary_frequencies with rotary_style halves, got none");
  int64_t pairs = frequencies ? lookup("F") : 0, width = lookup("Dk");
  if (ok && !ShapedType::isDynamic(pairs) && !ShapedType::isDynamic(width) &&
      pairs > width / 2)
    fail() << "at most Dk / 2 = " << width / 2 << " rotary_frequencies, got "
           << pairs;
  return *this;
}

Checks &Checks::precision(std::optional<Precision> precision,
                          Value activations) {
  Type type = getElementTypeOrSelf(activations);
  // Splitting (bf16x3, bf16x6), tf32 and the other half type would all drop
  // bits of, or add work without bits to, what is a 16-bit number already.
  if (!ok || !precision || *precision == Precision::Ieee || type.isF32() ||
      (*precision == Precision::Bf16 && type.isBF16()) ||
      (*precision == Precision::F16 && type.isF16()))
    return *this;
  fail() << "precision ieee or " << type << " for activations of " << type
         << ", got " << stringifyPrecision(*precision);
  return *this;
}

LogicalResult SegmentAttentionOp::verify() {
  return Checks(*this)
      .elementType(
          {{"q", getQ()}, {"k", getK()}, {"v", getV()}, {"o", getO()}}) // (C1)
      .shape("q", getQ(), "B x Hq x Nq x Dk") // (C2), (C3), (C5), (C6)
      .shape("k", getK(), "B x Hkv x Nk x Dk")
      .shape("v", getV(), "B x Hkv x Nk x Dv")
      .shape("query_offset", getQueryOffset(), "B")
      .shape("lengths", getLengths(), "B")
      .multiple("Hq", "Hkv")                            // (C4)
      .finite("scale", getScaleAttr())                  // (C7)
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
      .shape("q", getQ(), "B x Hq x T x Dk")       // (C2), (C3), (C5), (C6)
      .shape("memory", getMemory(), "B x Hkv x Dk x Dv")
      .shape("normalizer", getNormalizer(), "B x Hkv x Dk")
      .shape("lengths", getLengths(), "B")
      .multiple("Hq", "Hkv")             // (C4)
      .epsilon(getEpsilon())             // (C7)
      .precision(getPrecision(), getQ()) // (C8)
      .shape("o", getO(), "B x Hq x T x Dv")
      .result();
}

LogicalResult MemoryUpdateOp::verify() {
  return Checks(*this)
      .elementType({{"k", getK()}, {"v", getV()}}) // (C1)
      .shape("k", getK(), "B x Hkv x T x Dk")      // (C2), (C3), (C4), (C5)
      .shape("v", getV(), "B x Hkv x T x Dv")
      .shape("lengths", getLengths(), "B")
      .require(!getReadMemory() == !getReadNormalizer(), // (C6)
               "read_memory and read_normalizer together, got one of them")
      .shape("read_memory", getReadMemory(), "B x Hkv x Dk x Dv")
      .shape("read_normalizer", getReadNormalizer(), "B x Hkv x Dk")
      .shape("memory", getMemory(), "B x Hkv x Dk x Dv")
      .shape("normalizer", getNormalizer(), "B x Hkv x Dk")
      .resultsAreInits({"new_memory", "new_normalizer"}) // (C7)
      .epsilon(getEpsilon())                             // (C8)
      .precision(getPrecision(), getK())                 // (C9)
      .result();
}

LogicalResult GateOp::verify() {
  return Checks(*this)
      .elementType(
          {{"a_mem", getAMem()}, {"a_dot", getADot()}, {"o", getO()}}) // (C1)
      .shape("a_mem", getAMem(), "B x Hq x T x Dv") // (C2) - (C5)
      .shape("a_dot", getADot(), "B x Hq x T x Dv")
      .shape("gate", getGate(), "Hq")
      .shape("o", getO(), "B x Hq x T x Dv")
      .result();
}

LogicalResult SegmentOp::verify() {
  return Checks(*this)
      .elementType({{"q", getQ()},
                    {"k", getK()},
                    {"v", getV()},
                    {"o", getInit()}})       // (C1)
      .shape("q", getQ(), "B x Hq x T x Dk") // (C2), (C3), (C5), (C6)
      .shape("k", getK(), "B x Hkv x T x Dk")
      .shape("v", getV(), "B x Hkv x T x Dv")
      .shape("gate", getGate(), "Hq")
      .shape("lengths", getLengths(), "B")
      .shape("init", getInit(), "B x Hq x T x Dv")
      .shape("memory", getMemory(), "B x Hkv x Dk x Dv")
      .shape("normalizer", getNormalizer(), "B x Hkv x Dk")
      .multiple("Hq", "Hkv")                                  // (C4)
      .resultsAreInits({"o", "new_memory", "new_normalizer"}) // (C7)
      .finite("scale", getScaleAttr())                        // (C8)
      .epsilon(getEpsilon())                                  // (C9)
      .rotary(getRotaryFrequencies(), getRotaryStyle())       // (C10), (C11)
      .precision(getPrecision(), getQ())                      // (C12)
      .result();
}

LogicalResult AttentionOp::verify() {
  return Checks(*this)
      .elementType({{"q", getQ()},
                    {"k", getK()},
                    {"v", getV()},
                    {"o", getInit()}})       // (C1)
      .shape("q", getQ(), "B x Hq x T x Dk") // (C2), (C3), (C5), (C6)
      .shape("k", getK(), "B x Hkv x T x Dk")
      .shape("v", getV(), "B x Hkv x T x Dv")
      .shape("gate", getGate(), "Hq")
      .shape("lengths", getLengths(), "B")
      .shape("init", getInit(), "B x Hq x T x Dv")
      .shape("memory", getMemory(), "B x Hkv x Dk x Dv")
      .shape("normalizer", getNormalizer(), "B x Hkv x Dk")
      .multiple("Hq", "Hkv")                                  // (C4)
      .resultsAreInits({"o", "new_memory", "new_normalizer"}) // (C7)
      .finite("scale", getScaleAttr())                        // (C8)
      .epsilon(getEpsilon())                                  // (C9)
      .rotary(getRotaryFrequencies(), getRotaryStyle())       // (C10), (C11)
      .precision(getPrecision(), getQ())                      // (C12)
      .atLeastOne("segment_length", getSegmentLength())       // (C13)
      .atLeastOne("detach_every", getDetachEvery())           // (C14)
      .result();
}

LogicalResult MemoryScanOp::verify() {
  return Checks(*this)
      .elementType({{"k", getK()}, {"v", getV()}})      // (C1)
      .atLeastOne("segment_length", getSegmentLength()) // (C9)
      .size("N", getSegmentLength(), "segment_length")
      .shape("k", getK(), "B x Hkv x T x Dk") // (C2), (C3), (C4), (C5)
      .shape("v", getV(), "B x Hkv x T x Dv")
      .shape("memory", getMemory(), "B x Hkv x Dk x Dv")
      .shape("normalizer", getNormalizer(), "B x Hkv x Dk")
      .shape("lengths", getLengths(), "B")
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
  return Checks(*this)
      .elementType({{"q", getQ()},
                    {"k", getK()},
                    {"v", getV()},
                    {"o", getInit()},
                    {"keys", getKeys()},
                    {"values", getValues()}})           // (C1)
      .atLeastOne("segment_length", getSegmentLength()) // (C13)
      .size("N", getSegmentLength(), "segment_length")
      .shape("q", getQ(), "B x Hq x T x Dk") // (C2), (C3), (C5), (C6)
      .shape("k", getK(), "B x Hkv x T x Dk")
      .shape("v", getV(), "B x Hkv x T x Dv")
      .shape("gate", getGate(), "Hq")
      .shape("lengths", getLengths(), "B")
      .shape("init", getInit(), "B x Hq x T x Dv")
      .shape("memory", getMemory(), "B x Hkv x Dk x Dv")
      .shape("normalizer", getNormalizer(), "B x Hkv x Dk")
      .shape("pending_memory", getPendingMemory(), "B x Hkv x Dk x Dv")
      .shape("pending_normalizer", getPendingNormalizer(), "B x Hkv x Dk")
      .shape("keys", getKeys(), "B x Hkv x N x Dk")
      .shape("values", getValues(), "B x Hkv x N x Dv")
      .shape("count", getCount(), "B")
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
