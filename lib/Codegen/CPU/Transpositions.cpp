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
/// Where an element is bf16, two of them are moved as one of 32 bits: half the
/// shuffles. A tile is then 32 x 16, of rows that are paired when they are
/// loaded, or 16 x 32, of pairs along the rows.
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

bool cpu::isTransposition(linalg::GenericOp op) {
  if (!op.hasPureBufferSemantics() || op.getNumLoops() != 2 ||
      op.getNumParallelLoops() != 2 || op.getNumDpsInputs() != 1 ||
      op.getNumDpsInits() != 1)
    return false;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!maps[1].isIdentity() || maps[0].isIdentity() || !maps[0].isPermutation())
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

  /// bf16 or f32 to bf16, and bf16 to f32.
  static bool handles(Type inElement, Type outElement) {
    return (outElement.isBF16() && (inElement.isBF16() || inElement.isF32())) ||
           (inElement.isBF16() && outElement.isF32());
  }

  /// \p byElements transposes what has not the size of one tile.
  void emit(function_ref<void()> byElements);

private:
  bool pairsRows() const { return outElement.isBF16(); }
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
        vector::LoadOp::create(b, VectorType::get({2 * kLanes}, inElement), in,
                               ValueRange{plus(row, i), column});
    return vector::BitCastOp::create(b, dwords(), x);
  }
  Value high =
      arith::ShLIOp::create(b, halfOf(plus(row, 2 * i + 1), column), i32(16));
  return arith::OrIOp::create(b, halfOf(plus(row, 2 * i), column), high);
}

/// Vector \p i of the transposed tile.
void PairTransposition::storePairs(Value pairs, Value row, Value column,
                                   int64_t i) {
  if (pairsRows()) {
    Value x = vector::BitCastOp::create(
        b, VectorType::get({2 * kLanes}, outElement), pairs);
    vector::StoreOp::create(b, x, out, ValueRange{plus(column, i), row});
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

void PairTransposition::emitTile(Value row, Value column) {
  SmallVector<Value> rows;
  for (int64_t i = 0; i < kLanes; ++i)
    rows.push_back(loadPairs(row, column, i));
  for (auto [i, pairs] : llvm::enumerate(cpu::transposeSquare(b, rows)))
    storePairs(pairs, row, column, i);
}

/// The last tiles overlap those before them.
void PairTransposition::emit(function_ref<void()> byElements) {
  int64_t tileRows = pairsRows() ? 2 * kLanes : kLanes,
          tileColumns = pairsRows() ? kLanes : 2 * kLanes;
  Value zero = index(0), m = memref::DimOp::create(b, in, 0),
        n = memref::DimOp::create(b, in, 1);
  Value lastRow = arith::SubIOp::create(b, m, index(tileRows)),
        lastColumn = arith::SubIOp::create(b, n, index(tileColumns));
  Value smaller = arith::MinSIOp::create(b, lastRow, lastColumn);
  Value hasTiles =
      arith::CmpIOp::create(b, arith::CmpIPredicate::sge, smaller, zero);
  auto choice = scf::IfOp::create(b, hasTiles, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  scf::buildLoopNest(
      b, b.getLoc(), {zero, zero}, {m, n},
      {index(tileRows), index(tileColumns)},
      [&](OpBuilder &nested, Location loc, ValueRange at) {
        ImplicitLocOpBuilder inner(loc, nested);
        PairTransposition(inner, in, out)
            .emitTile(arith::MinSIOp::create(inner, at[0], lastRow),
                      arith::MinSIOp::create(inner, at[1], lastColumn));
      });
  b.setInsertionPointToStart(choice.elseBlock());
  byElements();
}

//===----------------------------------------------------------------------===//
// The functions
//===----------------------------------------------------------------------===//

void cpu::outlineTransposition(linalg::GenericOp op, int64_t lanes) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value in = op.getDpsInputs()[0], out = op.getDpsInits()[0];
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
    map.map(ValueRange{in, out}, arguments);
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
