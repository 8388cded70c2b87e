//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Transpositions of matrices as calls of one function for each pair of element
/// types.
///
/// A tile is 16 x 16, for f32. Where an element is bf16, two of them are moved
/// as one of 32 bits: half the shuffles. It is then 32 x 16, of rows that are
/// paired when they are loaded, or 16 x 32, of pairs along the rows.
///
//===----------------------------------------------------------------------===//

#include "Kernels.h"
#include "VectorPayload.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::infini_attn;

/// Lanes of a vector of pairs.
static constexpr int64_t kLanes = 16;

/// Whether \p value is one of two bf16 of a pair, \p shift bits up.
static bool isHalf(Value value, BlockArgument element, int64_t shift) {
  if (shift != 0) {
    auto up = value.getDefiningOp<arith::ShLIOp>();
    if (!up || getConstantIntValue(up.getRhs()) != shift)
      return false;
    value = up.getLhs();
  }
  auto wide = value.getDefiningOp<arith::ExtUIOp>();
  auto bits = wide ? wide.getIn().getDefiningOp<arith::BitcastOp>()
                   : arith::BitcastOp();
  return bits && bits.getIn() == element && element.getType().isBF16();
}

/// What \p op makes pairs of, out[r, c] = x[c, 2 r], x[c, 2 r + 1], or null.
static Value pairedRows(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 2 || op.getDpsInputs()[0] != op.getDpsInputs()[1])
    return {};
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  AffineExpr r = getAffineDimExpr(0, op.getContext()),
             c = getAffineDimExpr(1, op.getContext());
  for (int64_t member : {0, 1}) {
    AffineExpr last = getAffineConstantExpr(member, op.getContext());
    if (maps[member] != AffineMap::get(2, 0, {c, r, last}, op.getContext()))
      return {};
  }
  auto view = op.getDpsInputs()[0].getDefiningOp<memref::ExpandShapeOp>();
  auto both = cast<linalg::YieldOp>(op.getBody()->getTerminator())
                  .getValues()[0]
                  .getDefiningOp<arith::OrIOp>();
  bool isPair = view && view.getSrcType().getRank() == 2 &&
                view.getSrcType().isLastDimUnitStride() && both &&
                isHalf(both.getLhs(), op.getBody()->getArgument(0), 0) &&
                isHalf(both.getRhs(), op.getBody()->getArgument(1), 16);
  return isPair ? view.getSrc() : Value();
}

bool cpu::isTransposition(linalg::GenericOp op) {
  if (!op.hasPureBufferSemantics() || op.getNumLoops() != 2 ||
      op.getNumParallelLoops() != 2 || op.getNumDpsInits() != 1 ||
      !op.getIndexingMapsArray().back().isIdentity() ||
      !cast<MemRefType>(op.getDpsInits()[0].getType()).isLastDimUnitStride())
    return false;
  if (pairedRows(op))
    return true;
  if (op.getNumDpsInputs() != 1)
    return false;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (maps[0].isIdentity() || !maps[0].isPermutation())
    return false;
  for (Value operand : op->getOperands())
    if (!cast<MemRefType>(operand.getType()).isLastDimUnitStride())
      return false;
  auto &operations = op.getBody()->getOperations();
  Operation &first = operations.front();
  return operations.size() == 1 ||
         (operations.size() == 2 && isa<arith::ExtFOp, arith::TruncFOp>(first));
}

//===----------------------------------------------------------------------===//
// Tiles of pairs
//===----------------------------------------------------------------------===//

namespace {
class PairTransposition {
public:
  PairTransposition(ImplicitLocOpBuilder &b, Value in, Value out)
      : b(b), in(in), out(out), inElement(getElementTypeOrSelf(in)),
        outElement(getElementTypeOrSelf(out)) {}

  /// bf16 or f32 to either, and bf16 to pairs.
  static bool handles(Type inElement, Type outElement) {
    auto isFloat = [](Type type) { return type.isBF16() || type.isF32(); };
    return (inElement.isBF16() && outElement.isInteger(32)) ||
           (isFloat(inElement) && isFloat(outElement));
  }

  /// \p byElements transposes what has not the size of one tile.
  void emit(function_ref<void()> byElements);

private:
  bool pairsRows() const { return outElement.isBF16(); }
  bool keepsPairs() const { return outElement.isInteger(32); }
  /// f32 are moved one by one.
  bool isSingle() const { return inElement.isF32() && outElement.isF32(); }
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value plus(Value base, int64_t offset) {
    return b.createOrFold<arith::AddIOp>(base, index(offset));
  }
  Value i32(uint32_t bits) {
    return arith::ConstantOp::create(
        b,
        DenseElementsAttr::get(dwords(), b.getI32IntegerAttr(int32_t(bits))));
  }
  VectorType dwords() { return VectorType::get({kLanes}, b.getI32Type()); }
  Value halfOf(Value row, Value column);
  Value loadPairs(Value row, Value column, int64_t i);
  void storePairs(Value pairs, Value row, Value column, int64_t i);
  int64_t tileRows() const { return pairsRows() ? 2 * kLanes : kLanes; }
  int64_t tileColumns() const {
    return pairsRows() || isSingle() ? kLanes : 2 * kLanes;
  }
  void prefetchTile(Value row, Value column);
  void emitTile(Value row, Value column);

  ImplicitLocOpBuilder &b;
  Value in, out;
  Type inElement, outElement;
};
} // namespace

/// A row's elements as bf16, in the low halves of i32.
Value PairTransposition::halfOf(Value row, Value column) {
  Value x = vector::LoadOp::create(b, VectorType::get({kLanes}, inElement), in,
                                   ValueRange{row, column});
  if (!inElement.isBF16())
    x = arith::TruncFOp::create(b, VectorType::get({kLanes}, b.getBF16Type()),
                                x);
  x = vector::BitCastOp::create(b, VectorType::get({kLanes}, b.getI16Type()),
                                x);
  return arith::ExtUIOp::create(b, dwords(), x);
}

/// Vector \p i of a tile, whose lanes are pairs.
Value PairTransposition::loadPairs(Value row, Value column, int64_t i) {
  if (!pairsRows()) {
    Value x =
        vector::LoadOp::create(b, VectorType::get({tileColumns()}, inElement),
                               in, ValueRange{plus(row, i), column});
    return vector::BitCastOp::create(b, dwords(), x);
  }
  Value high =
      arith::ShLIOp::create(b, halfOf(plus(row, 2 * i + 1), column), i32(16));
  return arith::OrIOp::create(b, halfOf(plus(row, 2 * i), column), high);
}

/// Vector \p i of the transposed tile.
void PairTransposition::storePairs(Value pairs, Value row, Value column,
                                   int64_t i) {
  if (pairsRows() || isSingle()) {
    Value x = vector::BitCastOp::create(
        b, VectorType::get({tileRows()}, outElement), pairs);
    vector::StoreOp::create(b, x, out, ValueRange{plus(column, i), row});
    return;
  }
  if (keepsPairs()) {
    Value pair = arith::DivUIOp::create(b, column, index(2));
    vector::StoreOp::create(b, pairs, out, ValueRange{plus(pair, i), row});
    return;
  }
  Value low = arith::ShLIOp::create(b, pairs, i32(16)),
        high = arith::AndIOp::create(b, pairs, i32(0xffff0000));
  for (auto [member, bits] : llvm::enumerate(std::array{low, high})) {
    Value x = vector::BitCastOp::create(
        b, VectorType::get({kLanes}, outElement), bits);
    vector::StoreOp::create(
        b, x, out, ValueRange{plus(column, 2 * i + int64_t(member)), row});
  }
}

/// Asks for the tile at \p row and \p column, which a later one is: what is
/// transposed often comes from far away, or goes there.
void PairTransposition::prefetchTile(Value row, Value column) {
  auto ask = [&](Value x, Value row, Value column, int64_t count,
                 bool isWrite) {
    for (int64_t i = 0; i < count; ++i)
      memref::PrefetchOp::create(b, x, ValueRange{plus(row, i), column},
                                 isWrite, /*localityHint=*/3,
                                 /*isDataCache=*/true);
  };
  ask(in, row, column, tileRows(), /*isWrite=*/false);
  Value outRow = column;
  if (keepsPairs())
    outRow = arith::DivUIOp::create(b, column, index(2));
  ask(out, outRow, row, keepsPairs() ? kLanes : tileColumns(),
      /*isWrite=*/true);
}

void PairTransposition::emitTile(Value row, Value column) {
  SmallVector<Value> rows;
  for (int64_t i = 0; i < kLanes; ++i)
    rows.push_back(loadPairs(row, column, i));
  for (auto [i, pairs] : llvm::enumerate(cpu::transposeSquare(b, rows)))
    storePairs(pairs, row, column, i);
}

/// The last tiles overlap those before them.
void PairTransposition::emit(function_ref<void()> byElements) {
  Value zero = index(0), m = memref::DimOp::create(b, in, 0),
        n = memref::DimOp::create(b, in, 1);
  Value lastRow = arith::SubIOp::create(b, m, index(tileRows())),
        lastColumn = arith::SubIOp::create(b, n, index(tileColumns()));
  Value smaller = arith::MinSIOp::create(b, lastRow, lastColumn);
  Value hasTiles =
      arith::CmpIOp::create(b, arith::CmpIPredicate::sge, smaller, zero);
  auto choice = scf::IfOp::create(b, hasTiles, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  scf::buildLoopNest(b, b.getLoc(), {zero, zero}, {m, n},
                     {index(tileRows()), index(tileColumns())},
                     [&](OpBuilder &nested, Location loc, ValueRange at) {
                       ImplicitLocOpBuilder inner(loc, nested);
                       PairTransposition tile(inner, in, out);
                       auto atMost = [&](Value x, Value last) -> Value {
                         return arith::MinSIOp::create(inner, x, last);
                       };
                       Value column = atMost(at[1], lastColumn);
                       tile.prefetchTile(
                           atMost(tile.plus(at[0], tileRows()), lastRow),
                           column);
                       tile.emitTile(atMost(at[0], lastRow), column);
                     });
  b.setInsertionPointToStart(choice.elseBlock());
  byElements();
}

//===----------------------------------------------------------------------===//
// The functions
//===----------------------------------------------------------------------===//

/// \p x, m x 2n, as m x n x 2.
static Value asPairs(ImplicitLocOpBuilder &b, Value x) {
  OpFoldResult two = b.getIndexAttr(2),
               rows = b.createOrFold<memref::DimOp>(x, 0),
               columns = b.createOrFold<memref::DimOp>(x, 1);
  Value pairs = arith::DivUIOp::create(
      b, cast<Value>(columns),
      getValueOrCreateConstantIndexOp(b, b.getLoc(), two));
  return memref::ExpandShapeOp::create(
      b, ArrayRef<int64_t>{ShapedType::kDynamic, ShapedType::kDynamic, 2}, x,
      SmallVector<ReassociationIndices>{{0}, {1, 2}},
      SmallVector<OpFoldResult>{rows, OpFoldResult(pairs), two});
}

void cpu::outlineTransposition(linalg::GenericOp op, int64_t lanes) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value paired = pairedRows(op);
  Value in = paired ? paired : op.getDpsInputs()[0], out = op.getDpsInits()[0];
  Type inElement = getElementTypeOrSelf(in),
       outElement = getElementTypeOrSelf(out);
  MemRefType inType = matrixViewType(inElement, ShapedType::kDynamic, 1),
             outType = matrixViewType(outElement, ShapedType::kDynamic, 1);
  std::string name;
  llvm::raw_string_ostream(name)
      << "infini_transposed_" << inElement << '_' << outElement;
  auto module = op->getParentOfType<ModuleOp>();
  ImplicitLocOpBuilder top(module.getLoc(),
                           OpBuilder::atBlockBegin(module.getBody()));
  auto declared = [&](StringRef name, function_ref<void(ValueRange)> body) {
    top.setInsertionPointToStart(module.getBody());
    func::FuncOp function = declareKernel(top, name, {inType, outType});
    Block *entry = function.addEntryBlock();
    top.setInsertionPointToStart(entry);
    body(entry->getArguments());
    func::ReturnOp::create(top);
    return function;
  };
  auto plainly = [&](ValueRange arguments) {
    IRMapping map;
    Value x = arguments[0];
    if (paired) {
      x = asPairs(top, x);
      // Constants lie outside of the payload.
      op->walk([&](arith::ShLIOp shift) {
        Operation *bits = shift.getRhs().getDefiningOp();
        map.map(shift.getRhs(), top.clone(*bits)->getResult(0));
      });
    }
    map.map(op.getDpsInputs()[0], x);
    map.map(out, arguments[1]);
    return cast<linalg::GenericOp>(top.clone(*op, map));
  };
  auto function = module.lookupSymbol<func::FuncOp>(name);
  if (!function && lanes == kLanes &&
      PairTransposition::handles(inElement, outElement)) {
    function = declared(name, [&](ValueRange arguments) {
      PairTransposition(top, arguments[0], arguments[1]).emit([&] {
        IRRewriter rewriter(top);
        linalg::GenericOp plain = plainly(arguments);
        (void)linalg::linalgOpToLoops(rewriter, plain);
        rewriter.eraseOp(plain);
      });
    });
  } else if (!function) {
    function = declared(name, plainly);
  }
  func::CallOp::create(b, function,
                       ValueRange{memref::CastOp::create(b, inType, in),
                                  memref::CastOp::create(b, outType, out)});
  op.erase();
}
