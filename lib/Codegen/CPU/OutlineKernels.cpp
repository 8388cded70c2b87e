//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Products and transpositions of matrices as calls of one function a kind.
///
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "VectorPlan.h"

#include "infini_attn/Codegen/CPU/Passes.h"

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNOUTLINEKERNELS
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

namespace {
/// out[m, n] (+)= sum over k of lhs[m, k] * rhs[k, n], in loops over the rest.
struct Contraction {
  unsigned m = 0, n = 0, k = 0;
  OpOperand *lhs = nullptr, *rhs = nullptr;
  /// The product does not add to what was there.
  linalg::FillOp fill;
};

/// How the left factor lies in memory.
enum class Layout { Rows, Columns, Strided };

/// One dimension of an operand: its size and its distance in memory.
struct Dimension {
  OpFoldResult size, stride;
};
} // namespace

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// The input whose value \p value is, perhaps widened.
static OpOperand *inputOf(linalg::GenericOp op, Value value) {
  if (auto extend = value.getDefiningOp<arith::ExtFOp>())
    value = extend.getIn();
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != op.getBody() ||
      argument.getArgNumber() >= op.getNumDpsInputs())
    return nullptr;
  return op.getDpsInputOperand(argument.getArgNumber());
}

bool cpu::isSumOfProducts(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      !getElementTypeOrSelf(op.getDpsInits()[0]).isF32())
    return false;
  auto [combiner, product] = cpu::getCombiner(op, 0);
  auto multiply =
      product ? product.getDefiningOp<arith::MulFOp>() : arith::MulFOp();
  if (!isa_and_nonnull<arith::AddFOp>(combiner) || !multiply)
    return false;
  OpOperand *first = inputOf(op, multiply.getLhs()),
            *second = inputOf(op, multiply.getRhs());
  // Nothing but the extensions, the product, the sum and the yield.
  unsigned widened = llvm::count_if(op->getOpOperands(), [](OpOperand &use) {
    return !getElementTypeOrSelf(use.get()).isF32();
  });
  return first && second && first != second &&
         op.getBody()->getOperations().size() == 3 + widened;
}

/// Whether loop \p dim moves \p operand along exactly one dimension of it.
static bool isOneDimension(linalg::GenericOp op, OpOperand &operand,
                           unsigned dim) {
  AffineExpr loop = getAffineDimExpr(dim, op.getContext());
  unsigned count = 0;
  for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
    if (expr.isFunctionOfDim(dim) && expr != loop)
      return false;
    count += expr == loop;
  }
  return count == 1;
}

static std::optional<Contraction> match(linalg::GenericOp op, int64_t lanes) {
  if (!op.hasPureBufferSemantics() || op.getNumReductionLoops() == 0 ||
      !cpu::isSumOfProducts(op))
    return std::nullopt;
  std::optional<cpu::VectorPlan> plan = cpu::planVectorLoops(op, lanes);
  if (!plan || plan->kind != cpu::VectorPlan::Kind::Lanes || !plan->rowDim)
    return std::nullopt;
  Contraction found;
  found.m = *plan->rowDim;
  found.n = plan->vectorDim;
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  found.k = reductions.back();
  for (OpOperand *input : op.getDpsInputOperands())
    (cpu::getAccess(op, *input, found.n) == cpu::Access::Uniform ? found.lhs
                                                                 : found.rhs) =
        input;
  OpOperand &out = op.getDpsInitsMutable()[0];
  if (!found.lhs || !found.rhs ||
      cpu::getAccess(op, *found.rhs, found.n) != cpu::Access::Contiguous ||
      cpu::getAccess(op, *found.rhs, found.m) != cpu::Access::Uniform)
    return std::nullopt;
  for (auto [operand, dim] : {std::pair{found.lhs, found.m},
                              {found.lhs, found.k},
                              std::pair{found.rhs, found.k},
                              {found.rhs, found.n},
                              std::pair{&out, found.m},
                              {&out, found.n}})
    if (!isOneDimension(op, *operand, dim))
      return std::nullopt;
  // Of several reductions all but the last add to what is there.
  if (reductions.size() == 1)
    if (linalg::FillOp fill = plan->fills.front();
        fill && !plan->conditions.front() &&
        matchPattern(fill.value(), m_PosZeroFloat()))
      found.fill = fill;
  return found;
}

//===----------------------------------------------------------------------===//
// The function of a kind
//===----------------------------------------------------------------------===//

SmallVector<Value>
cpu::emitLoop(ImplicitLocOpBuilder &b, Value from, Value to, int64_t step,
              ValueRange carried,
              function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  Value by = arith::ConstantIndexOp::create(b, step);
  auto loop = scf::ForOp::create(b, from, to, by, carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  // A loop that carries nothing comes with its terminator.
  if (!carried.empty())
    scf::YieldOp::create(b, next);
  return loop.getResults();
}

MemRefType cpu::matrixViewType(Type element, int64_t rowStride,
                               int64_t columnStride) {
  constexpr int64_t kDynamic = ShapedType::kDynamic;
  return MemRefType::get({kDynamic, kDynamic}, element,
                         StridedLayoutAttr::get(element.getContext(), kDynamic,
                                                {rowStride, columnStride}));
}

func::FuncOp cpu::declareKernel(ImplicitLocOpBuilder &b, StringRef name,
                                ArrayRef<Type> types) {
  auto function = func::FuncOp::create(b, name, b.getFunctionType(types, {}));
  function.setPrivate();
  function->setAttr(InfiniAttnDialect::kSequentialAttr, b.getUnitAttr());
  function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  return function;
}

/// func @infini_product_...(lhs: m x k, rhs: k x n, out: m x n, replaces: i1)
/// replaces out by the product, or adds to it: one function for both, which
/// differ in what a tile begins with.
static func::FuncOp makeProduct(ModuleOp module, StringRef name,
                                ArrayRef<Type> types) {
  ImplicitLocOpBuilder b(module.getLoc(),
                         OpBuilder::atBlockBegin(module.getBody()));
  func::FuncOp function = cpu::declareKernel(b, name, types);
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  Value lhs = entry->getArgument(0), rhs = entry->getArgument(1),
        out = entry->getArgument(2);
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
  auto branch = scf::IfOp::create(b, entry->getArgument(3));
  b.setInsertionPointToStart(branch.thenBlock());
  linalg::FillOp::create(b, zero, out);
  b.setInsertionPointAfter(branch);
  AffineExpr m = b.getAffineDimExpr(0), n = b.getAffineDimExpr(1),
             k = b.getAffineDimExpr(2);
  auto map = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(3, 0, results, b.getContext());
  };
  using utils::IteratorType;
  linalg::GenericOp::create(
      b, ValueRange{lhs, rhs}, ValueRange{out},
      ArrayRef<AffineMap>{map({m, k}), map({k, n}), map({m, n})},
      ArrayRef{IteratorType::parallel, IteratorType::parallel,
               IteratorType::reduction},
      [](OpBuilder &nested, Location loc, ValueRange args) {
        auto widen = [&](Value x) -> Value {
          return x.getType().isF32() ? x
                                     : arith::ExtFOp::create(
                                           nested, loc, nested.getF32Type(), x);
        };
        Value product =
            arith::MulFOp::create(nested, loc, widen(args[0]), widen(args[1]));
        Value sum = arith::AddFOp::create(nested, loc, args[2], product);
        linalg::YieldOp::create(nested, loc, sum);
      });
  func::ReturnOp::create(b);
  return function;
}

//===----------------------------------------------------------------------===//
// The call
//===----------------------------------------------------------------------===//

namespace {
class CallEmitter {
public:
  CallEmitter(OpBuilder &builder, linalg::GenericOp op,
              const Contraction &contraction)
      : b(op.getLoc(), builder), op(op), contraction(contraction),
        indices(op.getNumLoops(), b.getIndexAttr(0)) {}

  void emit();

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  void emitLoops(ArrayRef<unsigned> parallel, ArrayRef<unsigned> reductions);
  void emitCall(Value rows);
  /// The dimension of \p operand that loop \p dim moves along.
  unsigned dimensionOf(OpOperand &operand, unsigned dim);
  Layout layoutOf();
  Value view(OpOperand &operand, unsigned rowLoop, unsigned columnLoop,
             Value rows, MemRefType type);

  ImplicitLocOpBuilder b;
  linalg::GenericOp op;
  const Contraction &contraction;
  SmallVector<OpFoldResult> indices; ///< of the loops around the call
  SmallVector<OpFoldResult> extents;
};
} // namespace

unsigned CallEmitter::dimensionOf(OpOperand &operand, unsigned dim) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  return *map.getResultPosition(getAffineDimExpr(dim, b.getContext()));
}

Layout CallEmitter::layoutOf() {
  auto type = cast<MemRefType>(contraction.lhs->get().getType());
  auto [strides, offset] = type.getStridesAndOffset();
  if (strides[dimensionOf(*contraction.lhs, contraction.k)] == 1)
    return Layout::Rows;
  if (strides[dimensionOf(*contraction.lhs, contraction.m)] == 1)
    return Layout::Columns;
  return Layout::Strided;
}

/// The part of an operand that a call works on: the loops around it at their
/// indices, \p rowLoop from its index on.
Value CallEmitter::view(OpOperand &operand, unsigned rowLoop,
                        unsigned columnLoop, Value rows, MemRefType type) {
  Location loc = b.getLoc();
  auto metadata = memref::ExtractStridedMetadataOp::create(b, operand.get());
  SmallVector<OpFoldResult> strides = metadata.getConstifiedMixedStrides();
  // offset + sum of index * stride
  SmallVector<OpFoldResult> operands{metadata.getConstifiedMixedOffset()};
  AffineExpr total = b.getAffineSymbolExpr(0);
  AffineMap map = op.getMatchingIndexingMap(&operand);
  for (auto [expr, stride] : llvm::zip_equal(map.getResults(), strides)) {
    OpFoldResult index = affine::makeComposedFoldedAffineApply(
        b, loc, AffineMap::get(map.getNumDims(), 0, expr, b.getContext()),
        indices);
    unsigned next = operands.size();
    total =
        total + b.getAffineSymbolExpr(next) * b.getAffineSymbolExpr(next + 1);
    operands.append({index, stride});
  }
  OpFoldResult offset = affine::makeComposedFoldedAffineApply(
      b, loc, AffineMap::get(0, operands.size(), total), operands);
  auto toValue = [&](OpFoldResult value) {
    return getValueOrCreateConstantIndexOp(b, loc, value);
  };
  SmallVector<OpFoldResult> sizes{rows ? rows : toValue(extents[rowLoop]),
                                  toValue(extents[columnLoop])};
  SmallVector<OpFoldResult> viewStrides;
  for (auto [known, dim] : llvm::zip(type.getStridesAndOffset().first,
                                     std::array{rowLoop, columnLoop}))
    viewStrides.push_back(
        ShapedType::isDynamic(known)
            ? OpFoldResult(toValue(strides[dimensionOf(operand, dim)]))
            : b.getIndexAttr(known));
  return memref::ReinterpretCastOp::create(b, type, metadata.getBaseBuffer(),
                                           toValue(offset), sizes, viewStrides);
}

void CallEmitter::emit() {
  for (Range range : cast<linalg::LinalgOp>(op.getOperation())
                         .createLoopRanges(b, op.getLoc()))
    extents.push_back(range.size);
  SmallVector<unsigned> parallel, reductions;
  for (auto [dim, kind] : llvm::enumerate(op.getIteratorTypesArray()))
    if (dim != contraction.m && dim != contraction.n && dim != contraction.k)
      (kind == utils::IteratorType::parallel ? parallel : reductions)
          .push_back(dim);
  emitLoops(parallel, reductions);
}

void CallEmitter::emitLoops(ArrayRef<unsigned> parallel,
                            ArrayRef<unsigned> reductions) {
  Location loc = b.getLoc();
  OpBuilder::InsertionGuard guard(b);
  auto extentOf = [&](unsigned dim) {
    return getValueOrCreateConstantIndexOp(b, loc, extents[dim]);
  };
  Value zero = constant(0), one = constant(1);
  Value rows;
  if (cpu::isSequential(op)) {
    for (unsigned dim : parallel) {
      auto loop = scf::ForOp::create(b, zero, extentOf(dim), one);
      b.setInsertionPointToStart(loop.getBody());
      indices[dim] = loop.getInductionVar();
    }
  } else {
    SmallVector<Value> counts;
    for (unsigned dim : parallel)
      counts.push_back(extentOf(dim));
    Value all = extentOf(contraction.m), block = constant(cpu::kRowBlock);
    counts.push_back(arith::CeilDivUIOp::create(b, all, block));
    auto loop =
        scf::ParallelOp::create(b, SmallVector<Value>(counts.size(), zero),
                                counts, SmallVector<Value>(counts.size(), one));
    b.setInsertionPointToStart(loop.getBody());
    for (auto [dim, iv] : llvm::zip(parallel, loop.getInductionVars()))
      indices[dim] = iv;
    Value from =
        arith::MulIOp::create(b, loop.getInductionVars().back(), block);
    indices[contraction.m] = from;
    rows =
        arith::MinUIOp::create(b, arith::SubIOp::create(b, all, from), block);
  }
  for (unsigned dim : reductions) {
    auto loop = scf::ForOp::create(b, zero, extentOf(dim), one);
    b.setInsertionPointToStart(loop.getBody());
    indices[dim] = loop.getInductionVar();
  }
  emitCall(rows);
}

void CallEmitter::emitCall(Value rows) {
  OpOperand &out = op.getDpsInitsMutable()[0];
  Type lhsElement = getElementTypeOrSelf(contraction.lhs->get()),
       rhsElement = getElementTypeOrSelf(contraction.rhs->get());
  Layout layout = layoutOf();
  constexpr int64_t kDynamic = ShapedType::kDynamic;
  MemRefType lhsType =
      cpu::matrixViewType(lhsElement, layout == Layout::Columns ? 1 : kDynamic,
                          layout == Layout::Rows ? 1 : kDynamic);
  MemRefType rhsType = cpu::matrixViewType(rhsElement, kDynamic, 1),
             outType = cpu::matrixViewType(b.getF32Type(), kDynamic, 1);

  std::string name;
  llvm::raw_string_ostream(name)
      << "infini_product_" << lhsElement << '_' << rhsElement
      << (layout == Layout::Rows      ? "_rows"
          : layout == Layout::Columns ? "_columns"
                                      : "_strided");
  auto module = op->getParentOfType<ModuleOp>();
  auto function = module.lookupSymbol<func::FuncOp>(name);
  if (!function)
    function =
        makeProduct(module, name, {lhsType, rhsType, outType, b.getI1Type()});
  Value replaces = arith::ConstantOp::create(
      b, b.getBoolAttr(static_cast<bool>(contraction.fill)));
  func::CallOp::create(
      b, function,
      ValueRange{
          view(*contraction.lhs, contraction.m, contraction.k, rows, lhsType),
          view(*contraction.rhs, contraction.k, contraction.n, {}, rhsType),
          view(out, contraction.m, contraction.n, rows, outType), replaces});
}

namespace {
struct OutlineKernels
    : public cpu::impl::InfiniAttnOutlineKernelsBase<OutlineKernels> {
  using InfiniAttnOutlineKernelsBase::InfiniAttnOutlineKernelsBase;

  void runOnOperation() override {
    if (failed(cpu::verifyVectorBits(getOperation(), vectorBits)))
      return signalPassFailure();
    SmallVector<linalg::GenericOp> generics;
    getOperation()->walk([&](linalg::GenericOp op) { generics.push_back(op); });
    for (linalg::GenericOp op : generics) {
      if (cpu::isSequential(op) && cpu::isTransposition(op)) {
        cpu::outlineTransposition(op, vectorBits / 32);
        continue;
      }
      std::optional<Contraction> contraction = match(op, vectorBits / 32);
      if (!contraction)
        continue;
      OpBuilder b(op);
      CallEmitter(b, op, *contraction).emit();
      if (contraction->fill)
        contraction->fill.erase();
      op.erase();
    }
  }
};
} // namespace
