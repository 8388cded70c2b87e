//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Checks.h"

#include "infini_attn/Dialect/OperandShapes.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::infini_attn;

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

Checks &Checks::operands() {
  for (const OperandShape &operand : operandShapes(op))
    shape(operand.name, operand.value, operand.shape);
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

/// Compiled code computes in f32, where an f64 may be too large.
static bool isFiniteInF32(APFloat value) {
  bool losesDigits;
  value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                &losesDigits);
  return value.isFinite();
}

Checks &Checks::finite(StringRef name, FloatAttr value) {
  if (ok && value && !isFiniteInF32(value.getValue()))
    fail() << "a " << name << " that is finite in f32, got " << value;
  return *this;
}

Checks &Checks::epsilon(const APFloat &value) {
  if (ok &&
      (!isFiniteInF32(value) || (value.isNegative() && !value.isZero()))) {
    SmallString<16> text;
    value.toString(text);
    fail() << "an epsilon >= 0 that is finite in f32, got " << text;
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
