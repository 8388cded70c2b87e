//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Objects of a lowered module, made by several threads.
///
/// No pass of LLVM that runs here looks at two functions at once, so that
/// functions become the same code in modules of their own as in one.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Target/CPU.h"

#include "infini_attn/Pipelines/Pipelines.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace mlir::infini_attn;

/// Enough that threads are done at about the same time; more would pay more for
/// what each module costs (a millisecond) than they balance.
static constexpr size_t kMostParts = 8;

namespace {
struct Part {
  SmallVector<func::FuncOp> functions;
  size_t operations = 0;

  /// A total order, so that objects are the same in each run.
  bool operator>(const Part &other) const {
    auto nameOf = [](func::FuncOp function) { return function.getName(); };
    return operations != other.operations
               ? operations > other.operations
               : nameOf(functions[0]) > nameOf(other.functions[0]);
  }
};
} // namespace

static size_t countOperations(func::FuncOp function) {
  size_t count = 0;
  function->walk([&](Operation *) { ++count; });
  return count;
}

/// The functions with a body, in parts of about the same size, the largest
/// first.
static SmallVector<Part> distribute(ModuleOp module) {
  SmallVector<Part> functions;
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isExternal())
      functions.push_back({{function}, countOperations(function)});
  llvm::sort(functions, std::greater<>());
  SmallVector<Part> parts;
  for (const Part &function : functions) {
    if (parts.size() < kMostParts) {
      parts.push_back(function);
      continue;
    }
    Part &lightest = *llvm::max_element(parts, std::greater<>());
    lightest.functions.append(function.functions);
    lightest.operations += function.operations;
  }
  llvm::sort(parts, std::greater<>());
  return parts;
}

/// Whether each part may have a copy of its own: nobody writes it, and no other
/// object knows its name.
static bool isCopied(Operation &op) {
  if (auto global = dyn_cast<memref::GlobalOp>(op))
    return global.getConstant() && global.isPrivate();
  auto global = dyn_cast<LLVM::GlobalOp>(op);
  return global && global.getConstant() &&
         global.getLinkage() == LLVM::Linkage::Internal;
}

static bool canBeParted(ModuleOp module) {
  return llvm::all_of(module.getOps(), [](Operation &op) {
    return isa<func::FuncOp>(op) || isCopied(op);
  });
}

/// Moves the functions of \p part to \p made, with what they refer to:
/// functions are declared, constants copied.
static void separate(const SymbolTable &symbols, const Part &part,
                     ModuleOp made) {
  OpBuilder b = OpBuilder::atBlockBegin(made.getBody());
  llvm::SetVector<Operation *> outside;
  for (func::FuncOp function : part.functions) {
    std::optional<SymbolTable::UseRange> uses =
        SymbolTable::getSymbolUses(&function.getBody());
    for (SymbolTable::SymbolUse use : *uses)
      if (Operation *used =
              symbols.lookup(use.getSymbolRef().getRootReference()))
        outside.insert(used);
    function->remove();
    b.insert(function);
  }
  for (Operation *used : outside) {
    auto function = dyn_cast<func::FuncOp>(used);
    if (!function) {
      b.clone(*used);
    } else if (!llvm::is_contained(part.functions, function)) {
      auto declared = cast<func::FuncOp>(function->cloneWithoutRegions());
      declared.setPrivate();
      declared->removeAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName());
      b.insert(declared);
    }
  }
}

/// Modules inside of one, each with some of the functions of \p module.
static OwningOpRef<ModuleOp> part(ModuleOp module) {
  OwningOpRef<ModuleOp> whole = ModuleOp::create(module.getLoc());
  OpBuilder b = OpBuilder::atBlockBegin(whole->getBody());
  auto addModule = [&] { return ModuleOp::create(b, module.getLoc()); };
  if (!canBeParted(module)) {
    addModule()->getRegion(0).takeBody(module.getRegion());
    return whole;
  }
  SymbolTable symbols(module);
  for (const Part &part : distribute(module))
    separate(symbols, part, addModule());
  return whole;
}

namespace {
/// What became of a part.
struct Outcome {
  Object object;
  std::string error;
};

/// The last pass of a part: writes its object.
class EmitObject : public PassWrapper<EmitObject, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EmitObject)

  EmitObject(const CPUTarget &target, ExtendModule extend,
             DenseMap<Operation *, Outcome> &outcomes)
      : target(target), extend(extend), outcomes(outcomes) {}

  void runOnOperation() override {
    Outcome &outcome = outcomes.find(getOperation())->second;
    if (llvm::Error error = emit().moveInto(outcome.object))
      outcome.error = llvm::toString(std::move(error));
    markAllAnalysesPreserved();
  }

private:
  llvm::Expected<Object> emit() {
    // LLVM's description of a machine serves one thread.
    CPUTarget own = target.clone();
    llvm::LLVMContext context;
    if (succeeded(verify(getOperation())))
      if (std::unique_ptr<llvm::Module> module =
              translateForCPU(getOperation(), context, own)) {
        extend(*module);
        return emitForCPU(*module, own, llvm::CodeGenFileType::ObjectFile);
      }
    return llvm::createStringError("expected a module that can be compiled");
  }

  const CPUTarget &target;
  ExtendModule extend;
  DenseMap<Operation *, Outcome> &outcomes;
};
} // namespace

llvm::Expected<SmallVector<Object>>
infini_attn::compileForCPU(ModuleOp module, const CPUTarget &target,
                           ExtendModule extend) {
  // Verified last, as in lowerForCPU.
  PassManager whole(module.getContext()), nested(module.getContext());
  whole.enableVerifier(false);
  buildCPUFunctions(whole, target.kind());
  nested.enableVerifier(false);
  OpPassManager &each = nested.nest<ModuleOp>();
  buildCPUFunctionsToLLVM(each, target.kind());
  DenseMap<Operation *, Outcome> outcomes;
  each.addPass(std::make_unique<EmitObject>(target, extend, outcomes));
  auto failure = [] {
    return llvm::createStringError("expected a module that can be compiled");
  };

  if (failed(whole.run(module)))
    return failure();
  OwningOpRef<ModuleOp> parted = part(module);
  SmallVector<ModuleOp> parts(parted->getOps<ModuleOp>());
  for (ModuleOp part : parts)
    outcomes[part];
  if (failed(nested.run(*parted)))
    return failure();
  SmallVector<Object> objects;
  for (ModuleOp part : parts) {
    Outcome &outcome = outcomes[part];
    if (!outcome.error.empty())
      return llvm::createStringError(outcome.error);
    objects.push_back(std::move(outcome.object));
  }
  return objects;
}
