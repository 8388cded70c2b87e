//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Products whose left factor has few rows, as calls of one function a kind.
///
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "ThinProduct.h"
#include "VectorPlan.h"

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNOUTLINETHINPRODUCTS
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

/// The most rows of a thin product: 16 rows a head make the register tiles of
/// a general product worth their packing.
static constexpr int64_t kThinRows = 16;
/// Columns that a task computes where threads share a product.
static constexpr int64_t kTaskColumns = 128;

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

namespace {
struct Thin {
  OpOperand *lhs, *rhs, *out;
  bool isDot; ///< the right factor is n x k, not k x n
  int64_t rows;
  /// Of a dot, the fill with 0 that it starts from; a sum adds to it.
  linalg::FillOp fill;
};
} // namespace

static bool isRowMajor(Value x) {
  auto type = dyn_cast<MemRefType>(x.getType());
  return type && type.getRank() == 2 && type.isLastDimUnitStride();
}

/// \p op as out[m, n] += lhs[m, k] * rhs of few rows, all of them row-major.
static std::optional<Thin> match(linalg::GenericOp op, int64_t lanes) {
  if (!op.hasPureBufferSemantics() || op.getNumLoops() != 3 ||
      op.getNumReductionLoops() != 1 || !cpu::isSumOfProducts(op) ||
      !llvm::all_of(op->getOperands(), isRowMajor))
    return std::nullopt;
  OpOperand &out = op.getDpsInitsMutable()[0];
  auto dimensions = [&](OpOperand *operand) {
    SmallVector<unsigned> dims;
    for (AffineExpr expr : op.getMatchingIndexingMap(operand).getResults())
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        dims.push_back(dim.getPosition());
    return dims;
  };
  SmallVector<unsigned> outDims = dimensions(&out), reductions;
  op.getReductionDims(reductions);
  if (outDims.size() != 2)
    return std::nullopt;
  unsigned m = outDims[0], n = outDims[1], k = reductions.front();
  int64_t rows = op.getStaticLoopRanges()[m];
  if (ShapedType::isDynamic(rows) || rows > kThinRows || rows == 0)
    return std::nullopt;
  for (auto [left, right] : {std::pair{0, 1}, {1, 0}}) {
    OpOperand *lhs = op.getDpsInputOperand(left),
              *rhs = op.getDpsInputOperand(right);
    SmallVector<unsigned> rhsDims = dimensions(rhs);
    bool isDot = rhsDims == SmallVector<unsigned>{n, k};
    if (dimensions(lhs) == SmallVector<unsigned>{m, k} &&
        (isDot || rhsDims == SmallVector<unsigned>{k, n})) {
      Thin thin{lhs, rhs, &out, isDot, rows, {}};
      std::optional<cpu::VectorPlan> plan = cpu::planVectorLoops(op, lanes);
      if (isDot && plan && plan->fills.front() && !plan->conditions.front() &&
          matchPattern(plan->fills.front().value(), m_PosZeroFloat()))
        thin.fill = plan->fills.front();
      return thin;
    }
  }
  return std::nullopt;
}

/// The type of \p x as an argument of a function that others call, too:
/// anywhere, and with any number of keys.
static MemRefType argumentType(Value x, std::optional<unsigned> keyDim) {
  auto type = cast<MemRefType>(x.getType());
  SmallVector<int64_t> shape(type.getShape());
  if (keyDim)
    shape[*keyDim] = ShapedType::kDynamic;
  SmallVector<int64_t> strides = type.getStridesAndOffset().first;
  return MemRefType::get(
      shape, type.getElementType(),
      StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides),
      type.getMemorySpace());
}

/// The function of a kind of product on arguments of these types, which is made
/// where there is none.
static func::FuncOp functionFor(ModuleOp module, const Thin &thin,
                                ArrayRef<Type> types, int64_t lanes) {
  std::string name = !thin.isDot ? "infini_thin_sums"
                     : thin.fill ? "infini_thin_dots"
                                 : "infini_thin_dots_added";
  llvm::raw_string_ostream text(name);
  for (Type type : types) {
    auto view = cast<MemRefType>(type);
    auto print = [&](int64_t size) {
      if (ShapedType::isDynamic(size))
        text << 'n';
      else
        text << size;
    };
    text << '_';
    for (int64_t size : view.getShape()) {
      print(size);
      text << 'x';
    }
    text << view.getElementType() << '_';
    print(view.getStridesAndOffset().first.front());
  }
  if (auto function = module.lookupSymbol<func::FuncOp>(name))
    return function;
  ImplicitLocOpBuilder b(module.getLoc(),
                         OpBuilder::atBlockBegin(module.getBody()));
  func::FuncOp function = cpu::declareKernel(b, name, types);
  b.setInsertionPointToStart(function.addEntryBlock());
  cpu::ThinProduct product(b, function, thin.rows, lanes);
  if (thin.isDot)
    product.emitDots(/*isAdded=*/!thin.fill);
  else
    product.emitSums();
  func::ReturnOp::create(b);
  return function;
}

/// \p count columns of a product from \p from on, of dimension \p dim of \p x.
static Value columnsOf(ImplicitLocOpBuilder &b, Value x, unsigned dim,
                       Value from, Value count) {
  SmallVector<OpFoldResult> sizes = memref::getMixedSizes(b, b.getLoc(), x),
                            offsets(2, b.getIndexAttr(0)),
                            strides(2, b.getIndexAttr(1));
  offsets[dim] = from;
  sizes[dim] = count;
  return memref::SubViewOp::create(b, x, offsets, sizes, strides);
}

static void emitCall(linalg::GenericOp op, const Thin &thin, int64_t lanes) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value lhs = thin.lhs->get(), rhs = thin.rhs->get(), out = thin.out->get();
  if (!cpu::isSequential(op)) {
    Value zero = arith::ConstantIndexOp::create(b, 0),
          one = arith::ConstantIndexOp::create(b, 1),
          step = arith::ConstantIndexOp::create(b, kTaskColumns);
    Value columns = memref::DimOp::create(b, out, 1);
    Value tasks = arith::CeilDivUIOp::create(b, columns, step);
    auto loop = scf::ParallelOp::create(b, zero, tasks, one);
    b.setInsertionPointToStart(loop.getBody());
    Value from =
        arith::MulIOp::create(b, loop.getInductionVars().front(), step);
    Value count = arith::MinUIOp::create(
        b, arith::SubIOp::create(b, columns, from), step);
    rhs = columnsOf(b, rhs, thin.isDot ? 0 : 1, from, count);
    out = columnsOf(b, out, 1, from, count);
  }
  // Keys are the columns of dots and the terms of sums.
  using Dim = std::optional<unsigned>;
  std::array<Dim, 3> keyDims{Dim(1), Dim(0), Dim()};
  if (thin.isDot)
    keyDims = {Dim(), Dim(0), Dim(1)};
  SmallVector<Value> arguments{lhs, rhs, out};
  SmallVector<Type> types;
  for (auto [value, keyDim] : llvm::zip_equal(arguments, keyDims)) {
    types.push_back(argumentType(value, keyDim));
    value = memref::CastOp::create(b, types.back(), value);
  }
  func::FuncOp function =
      functionFor(op->getParentOfType<ModuleOp>(), thin, types, lanes);
  func::CallOp::create(b, function, arguments);
}

namespace {
struct OutlineThinProducts
    : public cpu::impl::InfiniAttnOutlineThinProductsBase<OutlineThinProducts> {
  using InfiniAttnOutlineThinProductsBase::InfiniAttnOutlineThinProductsBase;

  void runOnOperation() override {
    if (failed(cpu::verifyVectorBits(getOperation(), vectorBits)))
      return signalPassFailure();
    int64_t lanes = vectorBits / 32;
    SmallVector<linalg::GenericOp> generics;
    getOperation()->walk([&](linalg::GenericOp op) { generics.push_back(op); });
    for (linalg::GenericOp op : generics) {
      std::optional<Thin> thin = match(op, lanes);
      if (!thin)
        continue;
      emitCall(op, *thin, lanes);
      if (thin->fill)
        thin->fill.erase();
      op.erase();
    }
  }
};
} // namespace
