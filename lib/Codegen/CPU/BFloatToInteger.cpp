//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Moves bf16 as the integers of 16 bits that hold it.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNBFLOATTOINTEGER
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

/// The integer, or vector of integers, with the bits of \p type; null where it
/// is neither bf16 nor a vector of it.
static Type integerFor(Type type) {
  if (!getElementTypeOrSelf(type).isBF16())
    return {};
  Type bits = IntegerType::get(type.getContext(), 16);
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(vector.clone(bits)) : bits;
}

/// The constant of bf16 with the same bits as integers; null for others.
static TypedAttr integerFor(Attribute value) {
  auto typed = dyn_cast<TypedAttr>(value);
  if (!typed || !integerFor(typed.getType()))
    return {};
  if (auto scalar = dyn_cast<FloatAttr>(typed))
    return IntegerAttr::get(integerFor(scalar.getType()),
                            scalar.getValue().bitcastToAPInt());
  if (auto dense = dyn_cast<DenseFPElementsAttr>(typed))
    return dense.bitcast(IntegerType::get(value.getContext(), 16));
  return {};
}

/// Whether \p op gives bits on as they came, and takes integers as well.
static bool movesBits(Operation &op) {
  if (auto constant = dyn_cast<LLVM::ConstantOp>(op))
    return integerFor(constant.getValue()) != nullptr;
  // The operands of a branch are the arguments of blocks.
  return op.getNumSuccessors() > 0 ||
         isa<LLVM::BitcastOp, LLVM::ExtractElementOp, LLVM::FreezeOp,
             LLVM::InsertElementOp, LLVM::LoadOp, LLVM::MaskedLoadOp,
             LLVM::MaskedStoreOp, LLVM::PoisonOp, LLVM::SelectOp,
             LLVM::ShuffleVectorOp, LLVM::StoreOp, LLVM::UndefOp, LLVM::ZeroOp>(
             op);
}

namespace {
/// What holds bf16 in a function.
struct Uses {
  SmallVector<Value> moved;       ///< become integers
  SmallVector<Value> computed;    ///< stay as they are: arguments, arithmetic
  SmallVector<OpOperand *> taken; ///< of operations that take no integers

  explicit Uses(LLVM::LLVMFuncOp function) {
    for (Block &block : function.getBody()) {
      add(block.getArguments(), block.isEntryBlock() ? computed : moved);
      for (Operation &op : block) {
        bool moves = movesBits(op);
        add(op.getResults(), moves ? moved : computed);
        for (OpOperand &operand : op.getOpOperands())
          if (!moves && integerFor(operand.get().getType()))
            taken.push_back(&operand);
      }
    }
  }

private:
  static void add(ValueRange values, SmallVectorImpl<Value> &to) {
    llvm::copy_if(values, std::back_inserter(to), [](Value value) {
      return integerFor(value.getType()) != nullptr;
    });
  }
};
} // namespace

static void rewrite(LLVM::LLVMFuncOp function) {
  Uses uses(function);
  OpBuilder b(function.getContext());
  for (OpOperand *operand : uses.taken) {
    b.setInsertionPoint(operand->getOwner());
    operand->set(LLVM::BitcastOp::create(b, operand->getOwner()->getLoc(),
                                         operand->get().getType(),
                                         operand->get()));
  }
  for (Value value : uses.computed) {
    b.setInsertionPointAfterValue(value);
    auto bits = LLVM::BitcastOp::create(b, value.getLoc(),
                                        integerFor(value.getType()), value);
    value.replaceAllUsesExcept(bits, bits);
  }
  for (Value value : uses.moved) {
    value.setType(integerFor(value.getType()));
    if (auto constant = value.getDefiningOp<LLVM::ConstantOp>())
      constant.setValueAttr(integerFor(constant.getValue()));
  }
  // Bits of bits, of one type.
  function.walk([](LLVM::BitcastOp cast) {
    if (cast.getArg().getType() != cast.getType())
      return;
    cast.replaceAllUsesWith(cast.getArg());
    cast.erase();
  });
}

namespace {
struct BFloatToInteger
    : public cpu::impl::InfiniAttnBFloatToIntegerBase<BFloatToInteger> {
  void runOnOperation() override {
    getOperation()->walk([](LLVM::LLVMFuncOp function) {
      if (!function.isExternal())
        rewrite(function);
    });
  }
};
} // namespace
