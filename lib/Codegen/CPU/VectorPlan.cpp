//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorPlan.h"

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::infini_attn;
using namespace mlir::infini_attn::cpu;

/// The register tile of a contraction. 8 x 3 accumulators and the 3 vectors
/// that each row takes fill 27 of the 32 registers of AVX-512, and give 24
/// products for 8 + 3 loads. Of narrower vectors x86 has half the registers;
/// NEON has as many, but each element of a row takes one there, too.
static constexpr int64_t kRows = 8;
static constexpr int64_t kRowsNarrow = 4;
static constexpr int64_t kColumns = 3;
/// Vectors of an elementwise operation side by side.
static constexpr int64_t kElementwiseColumns = 4;
/// Rows of a reduction along the lanes that run side by side, to hide latency.
static constexpr int64_t kReduceRows = 4;

bool cpu::isSequential(Operation *op) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  return op->getParentOfType<scf::ParallelOp>() ||
         (function && function->hasAttr(InfiniAttnDialect::kSequentialAttr));
}

LogicalResult cpu::verifyVectorBits(Operation *op, unsigned bits) {
  if (bits == 512 || bits == 256 || bits == 128)
    return success();
  return emitError(op->getLoc(),
                   "expected vector-bits to be 512, 256 or 128, got ")
         << bits;
}

/// Whether the elements of a vector of these lie in memory as those of a buffer
/// do, at as many bytes as they have.
static bool isWholeBytes(Type element) {
  return isa<IndexType>(element) ||
         (element.isIntOrFloat() &&
          llvm::is_contained({8u, 16u, 32u, 64u},
                             element.getIntOrFloatBitWidth()));
}

Access cpu::getAccess(linalg::GenericOp op, OpOperand &operand, unsigned dim) {
  auto type = dyn_cast<MemRefType>(operand.get().getType());
  if (!type)
    return Access::Uniform;
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (!map.isFunctionOfDim(dim))
    return Access::Uniform;
  AffineExpr self = getAffineDimExpr(dim, op.getContext());
  unsigned last = map.getNumResults() - 1;
  for (auto [index, expr] : llvm::enumerate(map.getResults())) {
    bool isSelf = expr == self;
    if (expr.isFunctionOfDim(dim) && (!isSelf || index != last))
      return Access::Strided;
  }
  return type.isLastDimUnitStride() && isWholeBytes(type.getElementType())
             ? Access::Contiguous
             : Access::Strided;
}

/// Whether `value` of the payload differs from lane to lane along `dim`.
static bool variesAlong(linalg::GenericOp op, Value value, unsigned dim) {
  if (auto arg = dyn_cast<BlockArgument>(value)) {
    if (arg.getOwner() != op.getBody())
      return false;
    OpOperand &operand = op->getOpOperand(arg.getArgNumber());
    return op.isDpsInit(&operand) ||
           getAccess(op, operand, dim) != Access::Uniform;
  }
  Operation *def = value.getDefiningOp();
  if (def->getBlock() != op.getBody())
    return false;
  if (auto index = dyn_cast<linalg::IndexOp>(def))
    return index.getDim() == dim;
  return llvm::any_of(def->getOperands(), [&](Value operand) {
    return variesAlong(op, operand, dim);
  });
}

/// Whether a load of the payload (a table look-up) keeps to one row of its
/// table along `dim`.
static bool isRowLoad(linalg::GenericOp op, memref::LoadOp load, unsigned dim) {
  auto indices = load.getIndices();
  if (indices.empty())
    return true;
  if (llvm::any_of(indices.drop_back(),
                   [&](Value index) { return variesAlong(op, index, dim); }))
    return false;
  if (!variesAlong(op, indices.back(), dim))
    return true;
  auto index = indices.back().getDefiningOp<linalg::IndexOp>();
  return index && index.getDim() == dim &&
         load.getMemRefType().isLastDimUnitStride();
}

/// Sums of any integers have a vector form: better lanes that are loaded and
/// stored one by one than a product without a tile.
static bool hasVectorElement(Type type, bool isReduced) {
  Type element = getElementTypeOrSelf(type);
  if (isa<IndexType>(element) || (isReduced && isa<IntegerType>(element)))
    return true;
  return element.isF32() || element.isF64() || element.isF16() ||
         element.isBF16() || element.isInteger(8) || element.isInteger(16) ||
         element.isInteger(32) || element.isInteger(64);
}

/// Whether every operation of the payload has a vector form along `dim`.
static bool hasVectorPayload(linalg::GenericOp op, unsigned dim) {
  for (Value operand : op->getOperands())
    if (!hasVectorElement(operand.getType(), op.getNumReductionLoops() != 0))
      return false;
  for (Operation &inner : *op.getBody()) {
    if (isa<linalg::IndexOp, linalg::YieldOp>(inner) ||
        inner.hasTrait<OpTrait::ConstantLike>() ||
        OpTrait::hasElementwiseMappableTraits(&inner))
      continue;
    if (auto load = dyn_cast<memref::LoadOp>(inner);
        load && isRowLoad(op, load, dim))
      continue;
    if (isa<cf::AssertOp, CheckOp>(inner) &&
        llvm::none_of(inner.getOperands(), [&](Value operand) {
          return variesAlong(op, operand, dim);
        }))
      continue;
    return false;
  }
  return true;
}

std::pair<Operation *, Value> cpu::getCombiner(linalg::GenericOp op,
                                               unsigned index) {
  auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
  Operation *combiner = yield.getOperand(index).getDefiningOp();
  BlockArgument out = op.getRegionOutputArgs()[index];
  if (!combiner || !out.hasOneUse() || combiner->getBlock() != op.getBody() ||
      !isa<arith::AddFOp, arith::MaximumFOp, arith::MaxNumFOp,
           arith::MinimumFOp, arith::MinNumFOp, arith::AddIOp, arith::OrIOp>(
          combiner))
    return {};
  if (combiner->getOperand(0) == out)
    return {combiner, combiner->getOperand(1)};
  if (combiner->getOperand(1) == out)
    return {combiner, combiner->getOperand(0)};
  return {};
}

/// Strided inputs along `dim`; nothing where an output stays where it is, or is
/// not contiguous, unless that is \p allowed.
static std::optional<int64_t> lanesCost(linalg::GenericOp op, unsigned dim,
                                        bool allowed) {
  for (OpOperand &init : op.getDpsInitsMutable()) {
    Access access = getAccess(op, init, dim);
    if (access == Access::Uniform || (access == Access::Strided && !allowed))
      return std::nullopt;
  }
  int64_t cost = 0;
  for (OpOperand *input : op.getDpsInputOperands())
    cost += getAccess(op, *input, dim) == Access::Strided;
  return cost;
}

/// Whether the lanes can hold partial results along reduction loop `dim`, of
/// contiguous inputs, or of any where that is \p allowed.
static bool canReduceAlong(linalg::GenericOp op, unsigned dim, bool allowed) {
  bool contiguous = allowed;
  for (OpOperand *input : op.getDpsInputOperands()) {
    Access access = getAccess(op, *input, dim);
    if (access == Access::Strided && !allowed)
      return false;
    contiguous |= access == Access::Contiguous;
  }
  for (unsigned i = 0, e = op.getNumDpsInits(); i < e; ++i)
    if (!getCombiner(op, i).first)
      return false;
  return contiguous;
}

/// The parallel loop, innermost first, along which an operand that runs along
/// the lanes stays where it is, so that a tile of rows loads it once.
static std::optional<unsigned> findRowDim(linalg::GenericOp op,
                                          const VectorPlan &plan) {
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  for (unsigned dim : llvm::reverse(parallel)) {
    if (dim == plan.vectorDim)
      continue;
    for (OpOperand *input : op.getDpsInputOperands())
      if (plan.kind == VectorPlan::Kind::Reduce ||
          (getAccess(op, *input, plan.vectorDim) != Access::Uniform &&
           getAccess(op, *input, dim) == Access::Uniform))
        return dim;
  }
  return std::nullopt;
}

/// The parallel loop along which an input that is strided along the lanes is
/// contiguous: a square tile of the two is loaded by rows and transposed.
static std::optional<unsigned> findTransposedDim(linalg::GenericOp op,
                                                 const VectorPlan &plan) {
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (getAccess(op, *input, plan.vectorDim) != Access::Strided)
      continue;
    for (unsigned dim : parallel)
      if (dim != plan.vectorDim &&
          getAccess(op, *input, dim) == Access::Contiguous)
        return dim;
  }
  return std::nullopt;
}

/// Vectors of a tile along a loop of \p extent: as many as leave few columns to
/// the smaller tiles of the tail.
static int64_t chooseColumns(int64_t extent, int64_t lanes) {
  if (ShapedType::isDynamic(extent))
    return kColumns;
  for (int64_t columns = kColumns; columns > 1; --columns)
    if (extent % (columns * lanes) == 0 || extent >= 8 * columns * lanes)
      return columns;
  return 1;
}

static void chooseTile(linalg::GenericOp op, VectorPlan &plan) {
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  if (op.getNumReductionLoops() == 0) {
    plan.rowDim = findTransposedDim(op, plan);
    if (plan.rowDim) {
      plan.rows = plan.lanes;
      return;
    }
    // What each iteration does besides is shared by several vectors, where they
    // leave no tail.
    int64_t extent = extents[plan.vectorDim];
    for (plan.columns = kElementwiseColumns; plan.columns > 1; --plan.columns)
      if (!ShapedType::isDynamic(extent) &&
          extent % (plan.columns * plan.lanes) == 0)
        break;
    return;
  }
  plan.rowDim = findRowDim(op, plan);
  if (plan.kind == VectorPlan::Kind::Lanes) {
    plan.columns = chooseColumns(extents[plan.vectorDim], plan.lanes);
    if (plan.rowDim)
      plan.rows = plan.lanes < 16 ? kRowsNarrow : kRows;
  } else if (plan.rowDim) {
    plan.rows = kReduceRows;
  }
  if (plan.rowDim && !ShapedType::isDynamic(extents[*plan.rowDim]))
    plan.rows = std::clamp<int64_t>(extents[*plan.rowDim], 1, plan.rows);
}

/// The buffer that \p view is a part of.
static Value getViewedBuffer(Value view) {
  while (auto op = view.getDefiningOp<ViewLikeOpInterface>())
    view = op.getViewSource();
  return view;
}

/// What happens right before \p op; null where an input of \p op may be what it
/// writes, a view of \p buffer.
static Operation *effectBefore(linalg::GenericOp op, Value buffer) {
  Operation *before = op->getPrevNode();
  while (before && isMemoryEffectFree(before))
    before = before->getPrevNode();
  bool isRead = llvm::any_of(op.getDpsInputs(), [&](Value input) {
    return getViewedBuffer(input) == getViewedBuffer(buffer);
  });
  return isRead ? nullptr : before;
}

/// The same as findFill, for a fill in a branch that does nothing else.
static linalg::FillOp findConditionalFill(linalg::GenericOp op,
                                          OpOperand &init) {
  auto branch = dyn_cast_or_null<scf::IfOp>(effectBefore(op, init.get()));
  if (!branch || branch.elseBlock() || branch.getNumResults() != 0 ||
      branch.thenBlock()->getOperations().size() != 2 ||
      !op.payloadUsesValueFromOperand(&init))
    return {};
  auto fill = dyn_cast<linalg::FillOp>(branch.thenBlock()->front());
  return fill && fill.output() == init.get() ? fill : linalg::FillOp();
}

linalg::FillOp cpu::findFill(linalg::GenericOp op, OpOperand &init) {
  Value buffer = init.get();
  if (!op.payloadUsesValueFromOperand(&init))
    return {};
  // Right before, and no input is a view of what it wrote.
  if (auto fill = dyn_cast_or_null<linalg::FillOp>(effectBefore(op, buffer));
      fill && fill.output() == buffer)
    return fill;
  // Or on a buffer that nothing else has seen in between.
  if (!buffer.getDefiningOp<memref::AllocOp>())
    return {};
  linalg::FillOp fill;
  for (Operation *user : buffer.getUsers()) {
    if (user == op)
      continue;
    if (user->getBlock() != op->getBlock())
      return {};
    if (!user->isBeforeInBlock(op))
      continue;
    auto candidate = dyn_cast<linalg::FillOp>(user);
    if (!candidate || fill)
      return {};
    fill = candidate;
  }
  return fill;
}

linalg::FillOp cpu::findZeroFill(linalg::GenericOp op) {
  linalg::FillOp fill = findFill(op, op.getDpsInitsMutable()[0]);
  return fill && matchPattern(fill.value(), m_PosZeroFloat())
             ? fill
             : linalg::FillOp();
}

/// The loop along the lanes: one that moves every output and few inputs other
/// than to the next element, or a reduction. Where all else fails \p isAny
/// allows lanes that are loaded and stored one by one.
static bool chooseLanes(linalg::GenericOp op, VectorPlan &plan, bool isAny) {
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  std::optional<int64_t> best;
  SmallVector<unsigned> dims;
  op.getParallelDims(dims);
  for (unsigned dim : llvm::reverse(dims)) {
    std::optional<int64_t> cost = lanesCost(op, dim, isAny);
    if (!cost || !hasVectorPayload(op, dim))
      continue;
    // A loop known to be short leaves the lanes empty.
    if (!ShapedType::isDynamic(extents[dim]) && extents[dim] < plan.lanes / 2)
      *cost += op->getNumOperands();
    if (!best || *cost < *best) {
      best = cost;
      plan.vectorDim = dim;
    }
  }
  if (best && *best == 0)
    return true;
  dims.clear();
  op.getReductionDims(dims);
  for (unsigned dim : llvm::reverse(dims))
    if (canReduceAlong(op, dim, isAny && !best) && hasVectorPayload(op, dim)) {
      plan.kind = VectorPlan::Kind::Reduce;
      plan.vectorDim = dim;
      return true;
    }
  return best.has_value();
}

std::optional<VectorPlan> cpu::planVectorLoops(linalg::GenericOp op,
                                               int64_t lanes) {
  VectorPlan plan;
  plan.lanes = lanes;
  bool isReduced = op.getNumReductionLoops() != 0;
  if (!chooseLanes(op, plan, /*isAny=*/false) &&
      !(isReduced && chooseLanes(op, plan, /*isAny=*/true)))
    return std::nullopt;
  chooseTile(op, plan);
  for (OpOperand &init : op.getDpsInitsMutable()) {
    linalg::FillOp fill = findFill(op, init);
    Value condition;
    if (!fill && (fill = findConditionalFill(op, init)))
      condition = cast<scf::IfOp>(fill->getParentOp()).getCondition();
    plan.fills.push_back(fill);
    plan.conditions.push_back(condition);
  }
  return plan;
}
