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
/// Such a product does little with each element of its right factor, so that
/// it is read once, in the order in which it lies in memory.
///
/// Right factor n x k (scores), lanes along k:
///
///     for a tile of columns n, as many sums as a vector has lanes
///       for vectors of k:  sum[m][n] += lhs[m][k..] * rhs[n][k..]
///       the lanes of all sums are added up together, log2(lanes) deep
///
/// Right factor k x n (weighted values), lanes along n:
///
///     for 64 rows k
///       for vectors of columns:  out[m][n..] += lhs[m][k] * rhs[k][n..]
///
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "VectorPlan.h"

#include "infini_attn/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/bit.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNOUTLINETHINPRODUCTS
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

/// The most rows of a thin product: 16 rows a head make the register tiles of
/// a general product worth their packing.
static constexpr int64_t kThinRows = 16;
/// Rows of the right factor between a load and a store of the results: a page
/// each in the worst case, as many as the first-level TLB holds.
static constexpr int64_t kDepth = 64;
/// Columns that a task computes where threads share a product.
static constexpr int64_t kTaskColumns = 128;

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

namespace {
class ThinProduct {
public:
  ThinProduct(ImplicitLocOpBuilder &b, func::FuncOp function, int64_t rows,
              int64_t lanes)
      : b(b), lhs(function.getArgument(0)), rhs(function.getArgument(1)),
        out(function.getArgument(2)), rows(rows), lanes(lanes),
        vectorType(VectorType::get({lanes}, b.getF32Type())) {}

  /// \p isAdded: to what is there.
  void emitDots(bool isAdded);
  void emitSums();

private:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value add(Value lhs, int64_t rhs) {
    return rhs == 0 ? lhs
                    : arith::AddIOp::create(b, lhs, index(rhs)).getResult();
  }
  Value size(Value x, int64_t dim) { return memref::DimOp::create(b, x, dim); }
  SmallVector<Value> loop(Value from, Value to, int64_t step,
                          ValueRange carried,
                          function_ref<SmallVector<Value>(Value, ValueRange)>);
  /// Whole vectors from 0 to \p end, then one with a mask.
  SmallVector<Value>
  vectors(Value end, ValueRange carried,
          function_ref<SmallVector<Value>(Value, Value, ValueRange)> body);
  Value load(Value x, Value row, Value column, Value mask);
  Value multiplyAdd(Value x, Value y, Value sum) {
    return math::FmaOp::create(b, x, y, sum);
  }
  SmallVector<Value> dots(ArrayRef<Value> lhsRows, ArrayRef<Value> rhsRows);
  Value sumLanes(SmallVector<Value> sums);
  SmallVector<Value> rowsOf(Value row, int64_t count);
  void emitColumns(Value column, int64_t count, Value mask, Value row,
                   int64_t rowCount, Value from, Value to);

  ImplicitLocOpBuilder &b;
  Value lhs, rhs, out;
  int64_t rows, lanes;
  VectorType vectorType;
};
} // namespace

SmallVector<Value>
ThinProduct::loop(Value from, Value to, int64_t step, ValueRange carried,
                  function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, from, to, index(step), carried);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!carried.empty()) // else the loop has its terminator
    scf::YieldOp::create(b, next);
  return loop.getResults();
}

SmallVector<Value> ThinProduct::vectors(
    Value end, ValueRange carried,
    function_ref<SmallVector<Value>(Value, Value, ValueRange)> body) {
  Value tail = arith::RemUIOp::create(b, end, index(lanes));
  Value whole = arith::SubIOp::create(b, end, tail);
  SmallVector<Value> sums =
      loop(index(0), whole, lanes, carried,
           [&](Value i, ValueRange args) { return body(i, {}, args); });
  return loop(whole, end, lanes, sums, [&](Value i, ValueRange args) {
    Value mask = vector::CreateMaskOp::create(
        b, VectorType::get({lanes}, b.getI1Type()), tail);
    return body(i, mask, args);
  });
}

/// A vector of \p x in f32, 0 where the mask is not set.
Value ThinProduct::load(Value x, Value row, Value column, Value mask) {
  Type element = cast<MemRefType>(x.getType()).getElementType();
  auto type = VectorType::get({lanes}, element);
  SmallVector<Value> address{row, column};
  Value loaded;
  if (mask)
    loaded = vector::MaskedLoadOp::create(
        b, type, x, address, mask,
        arith::ConstantOp::create(b, b.getZeroAttr(type)));
  else
    loaded = vector::LoadOp::create(b, type, x, address);
  return element.isF32()
             ? loaded
             : arith::ExtFOp::create(b, vectorType, loaded).getResult();
}

/// The rows of a tile of \p count; past the last row it repeats that one.
SmallVector<Value> ThinProduct::rowsOf(Value row, int64_t count) {
  SmallVector<Value> indices;
  for (int64_t i = 0; i < count; ++i) {
    Value index = add(row, i);
    if (rows % count != 0)
      index = arith::MinUIOp::create(b, index, this->index(rows - 1));
    indices.push_back(index);
  }
  return indices;
}

/// The sum of the lanes of vector i in lane i, of as many vectors as lanes.
/// Each stage adds halves of two vectors and joins them.
Value ThinProduct::sumLanes(SmallVector<Value> sums) {
  for (int64_t width = lanes; width > 1; width /= 2) {
    // Vectors i and i + half have their groups of `width` lanes side by side.
    int64_t half = sums.size() / 2;
    SmallVector<int64_t> low, high;
    for (int64_t group = 0; group < lanes; group += width)
      for (int64_t from : {group, group + lanes})
        for (int64_t lane = 0; lane < width / 2; ++lane) {
          low.push_back(from + lane);
          high.push_back(from + lane + width / 2);
        }
    SmallVector<Value> next;
    for (int64_t i = 0; i < half; ++i) {
      Value x = vector::ShuffleOp::create(b, sums[i], sums[i + half], low);
      Value y = vector::ShuffleOp::create(b, sums[i], sums[i + half], high);
      next.push_back(arith::AddFOp::create(b, x, y));
    }
    sums = next;
  }
  return sums.front();
}

//===----------------------------------------------------------------------===//
// Lanes along the sum
//===----------------------------------------------------------------------===//

/// Sums of \p lhsRows times \p rhsRows, of each row one after another; their
/// lanes hold parts of them.
SmallVector<Value> ThinProduct::dots(ArrayRef<Value> lhsRows,
                                     ArrayRef<Value> rhsRows) {
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(vectorType));
  size_t columns = rhsRows.size();
  return vectors(size(rhs, 1),
                 SmallVector<Value>(lhsRows.size() * columns, zero),
                 [&](Value k, Value tail, ValueRange args) {
                   SmallVector<Value> next(args), x;
                   for (Value row : lhsRows)
                     x.push_back(load(lhs, row, k, tail));
                   for (auto [c, row] : llvm::enumerate(rhsRows)) {
                     Value y = load(rhs, row, k, tail);
                     for (auto [i, factor] : llvm::enumerate(x)) {
                       Value &sum = next[i * columns + c];
                       sum = multiplyAdd(factor, y, sum);
                     }
                   }
                   return next;
                 });
}

void ThinProduct::emitDots(bool isAdded) {
  // As many sums as lanes: their registers are half of those that there are.
  int64_t rowTile = rows == 1 ? 1 : rows == 2 || lanes == 4 ? 2 : 4;
  int64_t columnTile = lanes / rowTile;
  auto part = VectorType::get({columnTile}, b.getF32Type());
  Value columns = size(rhs, 0), all = index(rows);
  Value whole = arith::SubIOp::create(
      b, columns, arith::RemUIOp::create(b, columns, index(columnTile)));
  loop(index(0), whole, columnTile, {}, [&](Value column, ValueRange) {
    SmallVector<Value> rhsRows;
    for (int64_t c = 0; c < columnTile; ++c)
      rhsRows.push_back(add(column, c));
    loop(index(0), all, rowTile, {}, [&](Value row, ValueRange) {
      SmallVector<Value> lhsRows = rowsOf(row, rowTile);
      Value sums = sumLanes(dots(lhsRows, rhsRows));
      for (auto [i, r] : llvm::enumerate(lhsRows)) {
        Value piece = vector::ExtractStridedSliceOp::create(
            b, sums, ArrayRef<int64_t>{static_cast<int64_t>(i) * columnTile},
            part.getShape(), ArrayRef<int64_t>{1});
        SmallVector<Value> address{r, column};
        if (isAdded)
          piece = arith::AddFOp::create(
              b, piece, vector::LoadOp::create(b, part, out, address));
        vector::StoreOp::create(b, piece, out, address);
      }
      return SmallVector<Value>();
    });
    return SmallVector<Value>();
  });
  // What is left one at a time, the lanes added up in the same order.
  loop(whole, columns, 1, {}, [&](Value column, ValueRange) {
    loop(index(0), all, 1, {}, [&](Value row, ValueRange) {
      Value sum = dots(row, column).front();
      for (int64_t width = lanes / 2; width > 0; width /= 2) {
        auto slice = [&](int64_t from) {
          return vector::ExtractStridedSliceOp::create(
              b, sum, ArrayRef<int64_t>{from}, ArrayRef<int64_t>{width},
              ArrayRef<int64_t>{1});
        };
        sum = arith::AddFOp::create(b, slice(0), slice(width));
      }
      sum = vector::ExtractOp::create(b, sum, ArrayRef<int64_t>{0});
      SmallVector<Value> address{row, column};
      if (isAdded)
        sum = arith::AddFOp::create(b, sum,
                                    memref::LoadOp::create(b, out, address));
      memref::StoreOp::create(b, sum, out, address);
      return SmallVector<Value>();
    });
    return SmallVector<Value>();
  });
}

//===----------------------------------------------------------------------===//
// Lanes along the columns
//===----------------------------------------------------------------------===//

/// out[row.., column..] += sum of the steps \p from to \p to.
void ThinProduct::emitColumns(Value column, int64_t count, Value mask,
                              Value row, int64_t rowCount, Value from,
                              Value to) {
  SmallVector<Value> outRows = rowsOf(row, rowCount), places;
  for (int64_t c = 0; c < count; ++c)
    places.push_back(add(column, c * lanes));
  SmallVector<Value> sums;
  for (Value r : outRows)
    for (Value c : places)
      sums.push_back(load(out, r, c, mask));
  sums = loop(from, to, 1, sums, [&](Value k, ValueRange args) {
    SmallVector<Value> next(args), x, y;
    for (Value c : places)
      y.push_back(load(rhs, k, c, mask));
    for (auto [i, r] : llvm::enumerate(outRows)) {
      Value factor = memref::LoadOp::create(b, lhs, ValueRange{r, k});
      if (!factor.getType().isF32())
        factor = arith::ExtFOp::create(b, b.getF32Type(), factor);
      factor = vector::BroadcastOp::create(b, vectorType, factor);
      for (int64_t c = 0; c < count; ++c) {
        Value &sum = next[i * count + c];
        sum = multiplyAdd(factor, y[c], sum);
      }
    }
    return next;
  });
  for (auto [i, r] : llvm::enumerate(outRows))
    for (auto [c, place] : llvm::enumerate(places)) {
      Value sum = sums[i * count + c];
      SmallVector<Value> address{r, place};
      if (mask)
        vector::MaskedStoreOp::create(b, out, address, mask, sum);
      else
        vector::StoreOp::create(b, sum, out, address);
    }
}

void ThinProduct::emitSums() {
  // Sums, the vectors of one row and a factor fill the registers: 32, or 16
  // with AVX2.
  int64_t rowTile = std::min<int64_t>(rows, 4);
  int64_t sums = lanes == 8 ? 8 : 24;
  int64_t columnTile =
      std::min<int64_t>(8, llvm::bit_floor<uint64_t>(sums / rowTile));
  Value columns = size(rhs, 1), depth = size(rhs, 0), all = index(rows);
  loop(index(0), depth, kDepth, {}, [&](Value from, ValueRange) {
    Value to = arith::MinUIOp::create(b, add(from, kDepth), depth);
    loop(index(0), all, rowTile, {}, [&](Value row, ValueRange) {
      Value start = index(0);
      for (int64_t count : {columnTile, int64_t(1)}) {
        Value left = arith::SubIOp::create(b, columns, start);
        Value tail = arith::RemUIOp::create(b, left, index(count * lanes));
        Value whole = arith::SubIOp::create(b, columns, tail);
        loop(start, whole, count * lanes, {}, [&](Value column, ValueRange) {
          emitColumns(column, count, {}, row, rowTile, from, to);
          return SmallVector<Value>();
        });
        start = whole;
      }
      loop(start, columns, lanes, {}, [&](Value column, ValueRange) {
        Value mask = vector::CreateMaskOp::create(
            b, VectorType::get({lanes}, b.getI1Type()),
            arith::SubIOp::create(b, columns, column).getResult());
        emitColumns(column, 1, mask, row, rowTile, from, to);
        return SmallVector<Value>();
      });
      return SmallVector<Value>();
    });
    return SmallVector<Value>();
  });
}

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
      if (isDot && plan && plan->fills.front() &&
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
  ThinProduct product(b, function, thin.rows, lanes);
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
