//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The constraints that verifiers of infini_attn operations are made of.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_DIALECT_CHECKS_H
#define INFINI_ATTN_LIB_DIALECT_CHECKS_H

#include "infini_attn/Dialect/InfiniAttn.h"

#include "llvm/ADT/StringMap.h"

namespace mlir::infini_attn {

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

  /// The operands have the shapes of `operandShapes`.
  Checks &operands();
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

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_DIALECT_CHECKS_H
