//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Products of pairs of bf16 by the unit that a target has for them.
///
/// All units share the loops: tiles of the result stay in registers over all
/// terms.
///
///     for a tile of rows, for a tile of columns
///       load the accumulators, or zeros
///       for a step of terms                      acc += x y
///       store the accumulators
///
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "PairUnits.h"
#include "VectorPlan.h"

#include "infini_attn/Codegen/CPU/Passes.h"

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNPAIRPRODUCTS
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;
using namespace mlir::infini_attn::cpu;

/// By vectors, of several products the sum. Each term is rounded: those of the
/// small products are summed up before the large ones, and what is there is
/// added last, or they would lose digits to it.
static void emit(ImplicitLocOpBuilder &b, VectorUnit &unit,
                 ArrayRef<PairOperands> products, bool isAdded) {
  const PairOperands &operands = products.front();
  bool addsLast = isAdded && products.size() > 1;
  auto size = [&](Value buffer, int64_t dim) {
    return b.createOrFold<memref::DimOp>(buffer, dim);
  };
  Value m = size(operands.out, 0), n = size(operands.out, 1),
        k = size(operands.y, 0);
  Value none = arith::ConstantIndexOp::create(b, 0);
  emitLoop(b, none, m, unit.rows, {}, [&](Value row, ValueRange) {
    emitLoop(b, none, n, unit.columns, {}, [&](Value column, ValueRange) {
      Values tile = isAdded && !addsLast ? unit.load(operands.out, row, column)
                                         : unit.zeros();
      for (const PairOperands &product : products)
        tile = emitLoop(b, none, k, unit.terms, tile,
                        [&](Value term, ValueRange carried) {
                          return unit.step(product, row, column, term, carried);
                        });
      if (addsLast)
        tile = unit.add(tile, unit.load(operands.out, row, column));
      unit.store(operands.out, row, column, tile);
      return Values();
    });
    return Values();
  });
}

/// Whether \p y is a part of a panel, after which lies the next.
static bool isOneOfPanels(Value y) {
  while (auto view = y.getDefiningOp<memref::SubViewOp>())
    y = view.getSource();
  return cast<MemRefType>(y.getType()).getRank() > 2;
}

/// By tiles of AMX: the sums of one tile are stored beside the first products
/// of the next, which would wait for them otherwise. The first ones to be
/// stored are those that were loaded.
/// Of several products each step has all: a part that two of them share is
/// loaded for each, since it would take registers that there are none of.
static void emitTiles(ImplicitLocOpBuilder &b, ArrayRef<PairOperands> products,
                      bool isAdded) {
  AMXUnit unit(b);
  const PairOperands &operands = products.front();
  bool isPanel = isOneOfPanels(operands.y);
  auto stepOf = [&](ArrayRef<PairOperands> some, Value row, Value column,
                    Value term, Values tile) {
    for (const PairOperands &product : some)
      tile = unit.step(product, row, column, term, tile);
    return tile;
  };
  auto size = [&](Value buffer, int64_t dim) {
    return b.createOrFold<memref::DimOp>(buffer, dim);
  };
  Value m = size(operands.out, 0), n = size(operands.out, 1),
        k = size(operands.y, 0);
  Value none = arith::ConstantIndexOp::create(b, 0),
        second = arith::ConstantIndexOp::create(b, unit.terms);
  // Carried: the sums, and the row and the column of their place.
  Values carried = isAdded ? unit.load(operands.out, none, none) : unit.zeros();
  carried.append({none, none});
  auto tileOf = [](ValueRange values) {
    return values.take_front(AMXUnit::kTiles);
  };
  carried = emitLoop(
      b, none, m, unit.rows, carried, [&](Value row, ValueRange outer) {
        return emitLoop(
            b, none, n, unit.columns, outer,
            [&](Value column, ValueRange before) {
              Values factors = unit.loadFactors(operands, row, column, none);
              Values tile;
              for (int64_t i = 0; i < AMXUnit::kTiles; ++i) {
                unit.store(operands.out, before[AMXUnit::kTiles],
                           before[AMXUnit::kTiles + 1], i, before[i]);
                Value sum = isAdded ? unit.load(operands.out, row, column, i)
                                    : unit.zero();
                tile.push_back(unit.multiply(factors, i, sum));
              }
              tile = stepOf(products.drop_front(), row, column, none, tile);
              tile = emitLoop(
                  b, second, k, unit.terms, tile,
                  [&](Value term, ValueRange values) {
                    if (isPanel)
                      unit.prefetchPanel(operands.y, row, k, term);
                    else
                      unit.prefetch(operands.out, row, column, term);
                    return stepOf(products, row, column, term, Values(values));
                  });
              tile.append({row, column});
              return tile;
            });
      });
  unit.store(operands.out, carried[AMXUnit::kTiles],
             carried[AMXUnit::kTiles + 1], tileOf(carried));
}

/// func @infini_product_pairs...(x: m x 2k, y: k x n, out: m x n), by vectors;
/// of \p parts x first, then as many y.
static func::FuncOp getVectorProduct(ModuleOp module, int64_t lanes,
                                     cpu::PairProductUnit kind, bool isAdded,
                                     int64_t parts) {
  std::string name = "infini_product_pairs";
  if (parts > 1)
    name += "_of_" + std::to_string(parts) + "_parts";
  if (isAdded)
    name += "_added";
  if (auto function = module.lookupSymbol<func::FuncOp>(name))
    return function;
  ImplicitLocOpBuilder b(module.getLoc(),
                         OpBuilder::atBlockBegin(module.getBody()));
  auto matrix = [&](Type element) -> Type {
    return cpu::matrixViewType(element, ShapedType::kDynamic, 1);
  };
  SmallVector<Type> types(parts, matrix(b.getBF16Type()));
  types.append(parts, matrix(b.getI32Type()));
  types.push_back(matrix(b.getF32Type()));
  func::FuncOp function = cpu::declareKernel(b, name, types);
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  VectorUnit unit(b, lanes, kind);
  emit(b, unit, productsOfParts(entry->getArguments()), isAdded);
  func::ReturnOp::create(b);
  return function;
}

namespace {
struct PairProducts
    : public cpu::impl::InfiniAttnPairProductsBase<PairProducts> {
  using InfiniAttnPairProductsBase::InfiniAttnPairProductsBase;

  void runOnOperation() override {
    if (failed(cpu::verifyVectorBits(getOperation(), vectorBits)))
      return signalPassFailure();
    if (unit == cpu::PairProductUnit::NEONDot && vectorBits != 128) {
      getOperation().emitError("expected vector-bits to be 128 for bfdot, got ")
          << vectorBits.getValue();
      return signalPassFailure();
    }
    permissions.clear();
    rings.clear();
    SmallVector<linalg::GenericOp> products;
    getOperation().walk([&](linalg::GenericOp op) {
      if (op->hasAttr(InfiniAttnDialect::kPairProductAttr))
        products.push_back(op);
    });
    for (linalg::GenericOp op : products)
      if (failed(lower(op)))
        return signalPassFailure();
  }

  /// Whether a function may use the tiles: asked where it begins.
  DenseMap<func::FuncOp, Value> permissions;

  Value getPermission(func::FuncOp function) {
    Value &permission = permissions[function];
    if (permission)
      return permission;
    constexpr StringRef kRequest = "infini_request_amx";
    ModuleOp module = getOperation();
    auto request = module.lookupSymbol<func::FuncOp>(kRequest);
    if (!request) {
      OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
      request = func::FuncOp::create(b, module.getLoc(), kRequest,
                                     b.getFunctionType({}, {b.getI32Type()}));
      request.setPrivate();
    }
    ImplicitLocOpBuilder b(function.getLoc(), OpBuilder::atBlockBegin(
                                                  &function.getBody().front()));
    Value answer = func::CallOp::create(b, request, ValueRange()).getResult(0);
    Value no = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
    return permission =
               arith::CmpIOp::create(b, arith::CmpIPredicate::ne, answer, no);
  }

  /// Tiles where \p function may use them, vectors elsewhere.
  void choose(ImplicitLocOpBuilder &b, func::FuncOp function,
              function_ref<void()> byTiles, function_ref<void()> byVectors) {
    if (tilesGranted)
      return byTiles();
    auto choice = scf::IfOp::create(b, getPermission(function),
                                    /*withElseRegion=*/true);
    b.setInsertionPointToStart(choice.thenBlock());
    byTiles();
    b.setInsertionPointToStart(choice.elseBlock());
    byVectors();
  }

  LogicalResult lower(linalg::GenericOp op) {
    auto isMatrix = [](Value operand, bool isElement) {
      auto type = dyn_cast<MemRefType>(operand.getType());
      return type && type.getRank() == 2 && isElement &&
             type.isLastDimUnitStride();
    };
    // x, x and y, or so many parts of each.
    int64_t parts = op.getNumDpsInputs() / 3;
    bool isProduct = op.getNumDpsInputs() == 3 * parts && parts >= 1 &&
                     parts <= 3 && op.getNumDpsInits() == 1;
    SmallVector<Value> operands;
    for (int64_t i = 0; isProduct && i < parts; ++i) {
      isProduct = op.getInputs()[2 * i] == op.getInputs()[2 * i + 1];
      operands.push_back(op.getInputs()[2 * i]);
    }
    if (!isProduct)
      return op.emitOpError("expected a product of x, x and y, got ")
             << op.getNumDpsInputs() << " inputs";
    llvm::append_range(operands, op.getInputs().take_back(parts));
    operands.push_back(op.getOutputs()[0]);
    for (auto [i, operand] : llvm::enumerate(operands)) {
      Type element = getElementTypeOrSelf(operand);
      if (!isMatrix(operand, int64_t(i) < parts       ? element.isBF16()
                             : int64_t(i) < 2 * parts ? element.isInteger(32)
                                                      : element.isF32()))
        return op.emitOpError("expected matrices with contiguous rows of bf16, "
                              "i32 and f32, got ")
               << operand.getType();
    }
    SmallVector<PairOperands> products = productsOfParts(operands);

    auto function = op->getParentOfType<func::FuncOp>();
    bool hasTiles = unit == cpu::PairProductUnit::AMX && function;
    if (hasTiles)
      if (std::optional<PairEpilogue> epilogue = findPairEpilogue(op)) {
        lowerBoth(products, operands, *epilogue, function);
        return success();
      }

    ImplicitLocOpBuilder b(op.getLoc(), op);
    linalg::FillOp fill = cpu::findZeroFill(op);
    auto byTiles = [&] {
      // Tiles load before they loop.
      if (Value isSome = isNotEmpty(b, products.front())) {
        auto choice = scf::IfOp::create(b, isSome, /*withElseRegion=*/!!fill);
        if (fill) {
          b.setInsertionPointToStart(choice.elseBlock());
          b.clone(*fill);
        }
        b.setInsertionPointToStart(choice.thenBlock());
      }
      emitTiles(b, products, /*isAdded=*/!fill);
    };
    auto byVectors = [&] { callVectorProduct(b, operands, /*isAdded=*/!fill); };
    if (hasTiles)
      choose(b, function, byTiles, byVectors);
    else
      byVectors();
    op.erase();
    if (fill)
      fill.erase();
    return success();
  }

  /// That no size is 0; null where all are known.
  static Value isNotEmpty(ImplicitLocOpBuilder &b,
                          const PairOperands &operands) {
    Value zero, all;
    for (auto [buffer, dim] :
         {std::pair{operands.out, 0}, {operands.out, 1}, {operands.y, 0}}) {
      if (cast<MemRefType>(buffer.getType()).getDimSize(dim) > 0)
        continue;
      if (!zero)
        zero = arith::ConstantIndexOp::create(b, 0);
      Value isSome =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                memref::DimOp::create(b, buffer, dim), zero);
      all = all ? arith::AndIOp::create(b, all, isSome).getResult() : isSome;
    }
    return all;
  }

  /// A product and its epilogue.
  void lowerBoth(ArrayRef<PairOperands> products, ArrayRef<Value> operands,
                 PairEpilogue epilogue, func::FuncOp function) {
    ImplicitLocOpBuilder b(epilogue.op.getLoc(), epilogue.op);
    Value ring = getRing(epilogue.op);
    auto byTiles = [&] { emitPipelined(b, products, epilogue, ring); };
    auto byVectors = [&] {
      IRMapping map;
      for (Operation *op : epilogue.chain) {
        if (isa<linalg::FillOp>(op))
          continue;
        if (op->hasAttr(InfiniAttnDialect::kPairProductAttr))
          callVectorProduct(
              b,
              llvm::map_to_vector(
                  operands, [&](Value x) { return map.lookupOrDefault(x); }),
              /*isAdded=*/false);
        else
          b.clone(*op, map);
      }
    };
    choose(b, function, byTiles, byVectors);
    // The room and its view are left without use, or to others.
    for (Operation *op : llvm::reverse(epilogue.chain))
      if (isa<linalg::LinalgOp>(op))
        op->erase();
  }

  /// Room for the rows of products that wait for their epilogue, one in a task.
  DenseMap<Block *, Value> rings;

  Value getRing(Operation *op) {
    Block *task = nullptr;
    if (auto parallel = op->getParentOfType<scf::ParallelOp>())
      task = parallel.getBody();
    else
      task = &op->getParentOfType<func::FuncOp>().getBody().front();
    Value &ring = rings[task];
    if (ring)
      return ring;
    ImplicitLocOpBuilder b(op->getLoc(), OpBuilder::atBlockBegin(task));
    auto type = MemRefType::get(
        {2 * AMXUnit::kSide * kRingChunks, 2 * AMXUnit::kSide}, b.getF32Type());
    ring = memref::AllocOp::create(b, type, b.getI64IntegerAttr(64));
    b.setInsertionPoint(task->getTerminator());
    memref::DeallocOp::create(b, ring);
    return ring;
  }

  void callVectorProduct(ImplicitLocOpBuilder &b, ArrayRef<Value> operands,
                         bool isAdded) {
    func::FuncOp product = getVectorProduct(getOperation(), vectorBits / 32,
                                            unit, isAdded, operands.size() / 2);
    SmallVector<Value> arguments;
    for (auto [operand, type] : llvm::zip(operands, product.getArgumentTypes()))
      arguments.push_back(memref::CastOp::create(b, type, operand));
    func::CallOp::create(b, product, arguments);
  }
};
} // namespace
