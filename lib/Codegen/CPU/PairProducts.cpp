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
#include "VectorPlan.h"

#include "infini_attn/Codegen/CPU/Passes.h"

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNPAIRPRODUCTS
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

namespace {
/// The operands of one product: x is m x 2k, y is k x n, out is m x n.
struct Operands {
  Value x, y, out;
};

using Values = SmallVector<Value>;

/// What a unit does with one tile of the result. Indices are values.
class PairUnit {
public:
  explicit PairUnit(ImplicitLocOpBuilder &b) : b(b) {}
  virtual ~PairUnit() = default;

  int64_t rows = 0, columns = 0; ///< of a tile
  int64_t terms = 1;             ///< pairs of a step

  virtual Values zeros() = 0;
  virtual Values load(Value out, Value row, Value column) = 0;
  virtual void store(Value out, Value row, Value column, ValueRange tile) = 0;
  /// \p tile plus the products of the pairs from \p term on.
  virtual Values step(const Operands &operands, Value row, Value column,
                      Value term, ValueRange tile) = 0;

protected:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value plus(Value base, int64_t offset) {
    return offset == 0 ? base : arith::AddIOp::create(b, base, index(offset));
  }
  ImplicitLocOpBuilder &b;
};

/// Intel AMX: 2 x 2 tiles of 16 x 16, 16 pairs a step. Of the 8 tile registers
/// 4 hold sums, and each loaded one serves two products.
class AMXUnit : public PairUnit {
public:
  explicit AMXUnit(ImplicitLocOpBuilder &b) : PairUnit(b) {
    rows = columns = 2 * kSide;
    terms = kSide;
  }

  Values zeros() override {
    Values tile;
    for (int i = 0; i < 4; ++i)
      tile.push_back(amx::TileZeroOp::create(b, sums()));
    return tile;
  }
  Values load(Value out, Value row, Value column) override {
    Values tile;
    for (int64_t r : {int64_t(0), kSide})
      for (int64_t c : {int64_t(0), kSide})
        tile.push_back(loadTile(sums(), out, plus(row, r), plus(column, c)));
    return tile;
  }
  void store(Value out, Value row, Value column, ValueRange tile) override {
    for (int64_t i = 0; i < 4; ++i)
      amx::TileStoreOp::create(
          b, out,
          ValueRange{plus(row, i / 2 * kSide), plus(column, i % 2 * kSide)},
          tile[i]);
  }
  Values step(const Operands &operands, Value row, Value column, Value term,
              ValueRange tile) override {
    auto factors = amx::TileType::get({kSide, 2 * kSide}, b.getBF16Type());
    auto pairs = amx::TileType::get({kSide, kSide}, b.getI32Type());
    Value left = arith::MulIOp::create(b, term, index(2));
    Values x, y;
    for (int64_t r : {int64_t(0), kSide})
      x.push_back(loadTile(factors, operands.x, plus(row, r), left));
    for (int64_t c : {int64_t(0), kSide}) {
      Value loaded = loadTile(pairs, operands.y, term, plus(column, c));
      // The same register: a pair is 32 bits.
      y.push_back(
          UnrealizedConversionCastOp::create(b, factors, loaded).getResult(0));
    }
    Values next;
    for (int64_t i = 0; i < 4; ++i)
      next.push_back(
          amx::TileMulFOp::create(b, sums(), x[i / 2], y[i % 2], tile[i]));
    return next;
  }

private:
  static constexpr int64_t kSide = 16;
  amx::TileType sums() {
    return amx::TileType::get({kSide, kSide}, b.getF32Type());
  }
  Value loadTile(amx::TileType type, Value base, Value row, Value column) {
    return amx::TileLoadOp::create(b, type, base, ValueRange{row, column});
  }
};

/// 8 rows by 32 columns in vectors: dot products of pairs, or two FMA of
/// widened factors.
class VectorUnit : public PairUnit {
public:
  VectorUnit(ImplicitLocOpBuilder &b, int64_t lanes, bool hasDot)
      : PairUnit(b), lanes(lanes), hasDot(hasDot) {
    rows = 8;
    columns = 32;
  }

  Values zeros() override {
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(sums()));
    return Values(rows * columns / lanes, zero);
  }
  Values load(Value out, Value row, Value column) override {
    Values tile;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; c += lanes)
        tile.push_back(vector::LoadOp::create(
            b, sums(), out, ValueRange{plus(row, r), plus(column, c)}));
    return tile;
  }
  void store(Value out, Value row, Value column, ValueRange tile) override {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; c += lanes)
        vector::StoreOp::create(b, tile[(r * columns + c) / lanes], out,
                                ValueRange{plus(row, r), plus(column, c)});
  }
  Values step(const Operands &operands, Value row, Value column, Value term,
              ValueRange tile) override {
    auto pairs = VectorType::get({lanes}, b.getI32Type());
    Values y;
    for (int64_t c = 0; c < columns; c += lanes)
      y.push_back(vector::LoadOp::create(b, pairs, operands.y,
                                         ValueRange{term, plus(column, c)}));
    Value left = arith::MulIOp::create(b, term, index(2));
    Values next;
    for (int64_t r = 0; r < rows; ++r) {
      Value x =
          vector::LoadOp::create(b, VectorType::get({2}, b.getBF16Type()),
                                 operands.x, ValueRange{plus(row, r), left});
      x = vector::BitCastOp::create(b, VectorType::get({1}, b.getI32Type()), x);
      x = vector::BroadcastOp::create(
          b, pairs, vector::ExtractOp::create(b, x, ArrayRef<int64_t>{0}));
      for (auto [c, right] : llvm::enumerate(y))
        next.push_back(multiply(x, right, tile[r * y.size() + c]));
    }
    return next;
  }

private:
  VectorType sums() { return VectorType::get({lanes}, b.getF32Type()); }
  Value multiply(Value x, Value y, Value sum) {
    if (hasDot) {
      auto factors = VectorType::get({2 * lanes}, b.getBF16Type());
      x = vector::BitCastOp::create(b, factors, x);
      y = vector::BitCastOp::create(b, factors, y);
      return x86vector::DotBF16Op::create(b, sums(), sum, x, y);
    }
    auto half = [&](Value pair, bool isHigh) -> Value {
      Value bits = arith::ConstantOp::create(
          b, DenseElementsAttr::get(
                 cast<VectorType>(pair.getType()),
                 b.getI32IntegerAttr(isHigh ? int32_t(0xffff0000) : 16)));
      pair = isHigh ? arith::AndIOp::create(b, pair, bits).getResult()
                    : arith::ShLIOp::create(b, pair, bits).getResult();
      return vector::BitCastOp::create(b, sums(), pair);
    };
    for (bool isHigh : {false, true})
      sum = math::FmaOp::create(b, half(x, isHigh), half(y, isHigh), sum);
    return sum;
  }

  int64_t lanes;
  bool hasDot;
};
} // namespace

static Values loop(ImplicitLocOpBuilder &b, Value to, int64_t step,
                   ValueRange carried,
                   function_ref<Values(Value, ValueRange)> body) {
  Value zero = arith::ConstantIndexOp::create(b, 0),
        by = arith::ConstantIndexOp::create(b, step);
  auto loop = scf::ForOp::create(b, zero, to, by, carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Values next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!carried.empty())
    scf::YieldOp::create(b, next);
  return loop.getResults();
}

static void emit(ImplicitLocOpBuilder &b, PairUnit &unit,
                 const Operands &operands, bool isAdded) {
  auto size = [&](Value buffer, int64_t dim) {
    return b.createOrFold<memref::DimOp>(buffer, dim);
  };
  Value m = size(operands.out, 0), n = size(operands.out, 1),
        k = size(operands.y, 0);
  loop(b, m, unit.rows, {}, [&](Value row, ValueRange) {
    loop(b, n, unit.columns, {}, [&](Value column, ValueRange) {
      Values tile =
          isAdded ? unit.load(operands.out, row, column) : unit.zeros();
      tile = loop(b, k, unit.terms, tile, [&](Value term, ValueRange carried) {
        return unit.step(operands, row, column, term, carried);
      });
      unit.store(operands.out, row, column, tile);
      return Values();
    });
    return Values();
  });
}

/// func @infini_product_pairs...(x: m x 2k, y: k x n, out: m x n), by vectors.
static func::FuncOp getVectorProduct(ModuleOp module, int64_t lanes,
                                     bool hasDot, bool isAdded) {
  StringRef name =
      isAdded ? "infini_product_pairs_added" : "infini_product_pairs";
  if (auto function = module.lookupSymbol<func::FuncOp>(name))
    return function;
  ImplicitLocOpBuilder b(module.getLoc(),
                         OpBuilder::atBlockBegin(module.getBody()));
  auto matrix = [&](Type element) -> Type {
    return cpu::matrixViewType(element, ShapedType::kDynamic, 1);
  };
  func::FuncOp function =
      cpu::declareKernel(b, name,
                         {matrix(b.getBF16Type()), matrix(b.getI32Type()),
                          matrix(b.getF32Type())});
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  VectorUnit unit(b, lanes, hasDot);
  emit(b, unit,
       {entry->getArgument(0), entry->getArgument(1), entry->getArgument(2)},
       isAdded);
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
    permissions.clear();
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

  LogicalResult lower(linalg::GenericOp op) {
    auto isMatrix = [](Value operand, bool isElement) {
      auto type = dyn_cast<MemRefType>(operand.getType());
      return type && type.getRank() == 2 && isElement &&
             type.isLastDimUnitStride();
    };
    if (op.getNumDpsInputs() != 3 || op.getNumDpsInits() != 1 ||
        op.getInputs()[0] != op.getInputs()[1])
      return op.emitOpError("expected a product of x, x and y, got ")
             << op.getNumDpsInputs() << " inputs";
    Operands operands{op.getInputs()[0], op.getInputs()[2], op.getOutputs()[0]};
    for (auto [operand, isElement] :
         {std::pair{operands.x, getElementTypeOrSelf(operands.x).isBF16()},
          {operands.y, getElementTypeOrSelf(operands.y).isInteger(32)},
          {operands.out, getElementTypeOrSelf(operands.out).isF32()}})
      if (!isMatrix(operand, isElement))
        return op.emitOpError("expected matrices with contiguous rows of bf16, "
                              "i32 and f32, got ")
               << operand.getType();

    ImplicitLocOpBuilder b(op.getLoc(), op);
    linalg::FillOp fill = cpu::findFill(op, op.getDpsInitsMutable()[0]);
    if (fill && !matchPattern(fill.value(), m_PosZeroFloat()))
      fill = {};
    auto function = op->getParentOfType<func::FuncOp>();
    if (unit == cpu::PairProductUnit::AMX && function) {
      auto choice = scf::IfOp::create(b, getPermission(function),
                                      /*withElseRegion=*/true);
      b.setInsertionPointToStart(choice.thenBlock());
      AMXUnit tiles(b);
      emit(b, tiles, operands, /*isAdded=*/!fill);
      b.setInsertionPointToStart(choice.elseBlock());
    }
    callVectorProduct(b, operands, /*isAdded=*/!fill);
    op.erase();
    if (fill)
      fill.erase();
    return success();
  }

  void callVectorProduct(ImplicitLocOpBuilder &b, const Operands &operands,
                         bool isAdded) {
    func::FuncOp product =
        getVectorProduct(getOperation(), vectorBits / 32,
                         unit == cpu::PairProductUnit::Dot, isAdded);
    SmallVector<Value> arguments;
    for (auto [operand, type] :
         llvm::zip(std::array{operands.x, operands.y, operands.out},
                   product.getArgumentTypes()))
      arguments.push_back(memref::CastOp::create(b, type, operand));
    func::CallOp::create(b, product, arguments);
  }
};
} // namespace
