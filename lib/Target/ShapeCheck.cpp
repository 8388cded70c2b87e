//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Whether the sizes of arrays fit together, where types leave them open.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Target/ShapeCheck.h"

#include "infini_attn/Dialect/InfiniAttn.h"
#include "infini_attn/Target/Diagnostics.h"

#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

using namespace mlir;
using namespace mlir::infini_attn;

llvm::Error infini_attn::checkShapes(func::FuncOp function,
                                     ArrayRef<infini::Array> arrays) {
  OwningOpRef<func::FuncOp> copy = function.clone();
  for (auto [argument, array] : llvm::zip(copy->getArguments(), arrays))
    if (auto type = dyn_cast<RankedTensorType>(argument.getType()))
      argument.setType(type.clone(array.shape));
  FirstError errors(function.getContext(), "");
  WalkResult result = copy->walk([](Operation *op) {
    if (!isa<InfiniAttnDialect>(op->getDialect()))
      return WalkResult::advance();
    // A result has the type of its init.
    if (auto inits = dyn_cast<DestinationStyleOpInterface>(op))
      for (OpResult value : op->getResults())
        value.setType(inits.getTiedOpOperand(value)->get().getType());
    return WalkResult(verify(op, /*verifyRecursively=*/false));
  });
  if (!result.wasInterrupted())
    return llvm::Error::success();
  return errors.explain(
      llvm::createStringError("expected arrays whose sizes fit together"));
}
