//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The infini_attn dialect: its attributes and operations.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_DIALECT_INFINIATTN_H
#define INFINI_ATTN_DIALECT_INFINIATTN_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"

#include "infini_attn/Dialect/InfiniAttnDialect.h.inc"
#include "infini_attn/Dialect/InfiniAttnEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "infini_attn/Dialect/InfiniAttnAttrs.h.inc"

namespace mlir::infini_attn {

/// Emits an error for an attribute of \p op that has no dialect's prefix and is
/// none of the operation's own.
LogicalResult verifyKnownAttributes(Operation *op);

/// An operation with no attributes but its own and those of dialects.
template <typename ConcreteType>
class KnownAttributes
    : public OpTrait::TraitBase<ConcreteType, KnownAttributes> {
public:
  static LogicalResult verifyTrait(Operation *op) {
    return verifyKnownAttributes(op);
  }
};

} // namespace mlir::infini_attn

#define GET_OP_CLASSES
#include "infini_attn/Dialect/InfiniAttnOps.h.inc"

#endif // INFINI_ATTN_DIALECT_INFINIATTN_H
