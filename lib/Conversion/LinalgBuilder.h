//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Linalg operations written like the equations of the specification.
///
/// A loop is a letter: b batch, h key/value head, g query head of its group,
/// q query, n key or token, d key width, v value width, i pair of a rotation,
/// j member of a pair and J the other member. `"bhnd"` is a tensor indexed by
/// four of them.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CONVERSION_LINALGBUILDER_H
#define INFINI_ATTN_LIB_CONVERSION_LINALGBUILDER_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::infini_attn {

inline constexpr double kLog2E = 1.4426950408889634;

/// A tensor and the letters of its dimensions.
struct Indexed {
  Value value;
  StringRef letters;
};

class LinalgBuilder : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  /// The payload: values of the inputs, then of the output; returns the new
  /// one.
  using Payload = function_ref<Value(ValueRange)>;
  using Payloads = function_ref<SmallVector<Value>(ValueRange)>;

  /// out[letters of init] = payload over `loops`; a loop whose letter the
  /// output lacks is a reduction. Letters of `loops` in the order of the nest.
  Value generic(StringRef loops, ArrayRef<Indexed> inputs, Indexed init,
                Payload payload);
  /// The same with several outputs, all of the letters of the first.
  SmallVector<Value> generic(StringRef loops, ArrayRef<Indexed> inputs,
                             ArrayRef<Indexed> inits, Payloads payload);

  /// init + sum of lhs * rhs in f32. bf16 and f16 factors are widened first, so
  /// that their products are exact [S15].
  Value contract(StringRef loops, Indexed lhs, Indexed rhs, Indexed init);

  /// \p x (B x H x N x D) where it is of \p type, narrower than it, or of f32
  /// rounded to \p type: a factor of a product [S17].
  Value rounded(Type type, Value x);

  /// An f32 tensor of `sizes`, empty or filled.
  Value empty(ArrayRef<OpFoldResult> sizes);
  Value filled(ArrayRef<OpFoldResult> sizes, double value);

  /// One size of a tensor.
  OpFoldResult size(Value tensor, int64_t dim);

  // Scalars of a payload.
  Value f32(double value);
  Value i32(uint32_t bits);
  Value widen(Value value);
  /// Rounds an f32 to `type`, the factor of a product, and back [S17].
  Value roundTo(Type type, Value value);
  /// sigma(x) = x + 1 if x > 0 else exp(x), one select [S2], as accurately as
  /// \p type has digits.
  Value sigma(Value x, Type type);
  /// numerator / divisor; 0 where the divisor is 0, whatever the numerator
  /// holds [S9], [S14].
  Value quotient(Value numerator, Value divisor);
  /// 2^x, as accurately as \p type has digits.
  Value exp2(Value x, Type type);
  /// The greater one; \p y where one is no number.
  Value greater(Value x, Value y);
  /// numerator / (divisor + epsilon), 0 where the divisor is 0 [S9]: what each
  /// term of a quotient is multiplied by.
  Value share(Value numerator, Value divisor, double epsilon);
  /// x * share, 0 where the share is 0, whatever x holds.
  Value times(Value x, Value share);
  /// \p value as an element of \p type.
  Value narrow(Type type, Value value);
  /// 1 / (1 + exp(-x)).
  Value sigmoid(Value x);
};

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_LIB_CONVERSION_LINALGBUILDER_H
