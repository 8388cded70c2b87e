//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A product by tiles and the elementwise operation that reads it, as one loop:
///
///     S = x[0:32] y
///     for c = 32; c < m; c += 32:
///       S' = x[c:c+32] y       with, between its products,
///         store S              in the first step
///         epilogue             of rows c-64 to c-32
///       S = S'
///     store S, epilogue of the rows that are left
///
/// The matrix unit and the vector unit then work at the same time; a core does
/// not look so far ahead as to find the other's work by itself. Rows wait two
/// iterations for their epilogue, so that it never waits for the product: what
/// waits takes the place of what could run.
///
//===----------------------------------------------------------------------===//

#include "PairUnits.h"
#include "VectorPayload.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::infini_attn;
using namespace mlir::infini_attn::cpu;

static constexpr int64_t kChunk = 32, kLanes = 16;
/// More steps than this are not written out.
static constexpr int64_t kMostSteps = 16;

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// Whether \p op reads \p view by rows r of its groups, and other inputs by
/// columns alone.
static bool isByRows(linalg::GenericOp op, Value view) {
  if (op.getNumLoops() != 2 || op.getNumParallelLoops() != 2 ||
      op.getNumDpsInits() != 1 ||
      !op.getIndexingMapsArray().back().isIdentity() ||
      op.payloadUsesValueFromOperand(op.getDpsInitOperand(0)))
    return false;
  AffineExpr row = getAffineDimExpr(0, op.getContext()),
             column = getAffineDimExpr(1, op.getContext());
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    bool isView = input->get() == view;
    if (isView ? map.getNumResults() != 3 || map.getResult(0) != row ||
                     !isa<AffineConstantExpr>(map.getResult(1)) ||
                     map.getResult(2) != column
               : map.getNumResults() != 1 || map.getResult(0) != column ||
                     !cast<MemRefType>(input->get().getType())
                          .isLastDimUnitStride())
      return false;
  }
  return true;
}

std::optional<PairEpilogue> cpu::findPairEpilogue(linalg::GenericOp product) {
  Value out = product.getOutputs()[0], pairs = product.getInputs()[2];
  auto outType = cast<MemRefType>(out.getType());
  int64_t terms = cast<MemRefType>(pairs.getType()).getDimSize(0);
  auto room = out.getDefiningOp<memref::AllocOp>();
  linalg::FillOp fill = findZeroFill(product);
  if (!room || !fill || outType.getDimSize(1) != kChunk ||
      ShapedType::isDynamic(terms) || terms % AMXUnit::kSide != 0 ||
      terms > kMostSteps * AMXUnit::kSide)
    return std::nullopt;

  PairEpilogue found;
  memref::ExpandShapeOp view;
  memref::DeallocOp free;
  for (Operation *user : out.getUsers()) {
    if (user == fill || user == product)
      continue;
    auto expand = dyn_cast<memref::ExpandShapeOp>(user);
    auto dealloc = dyn_cast<memref::DeallocOp>(user);
    if ((!expand || view) && (!dealloc || free))
      return std::nullopt;
    (expand ? (void)(view = expand) : (void)(free = dealloc));
  }
  if (!view || view->use_empty())
    return std::nullopt;
  Operation *reader = *view->getUsers().begin();
  if (llvm::any_of(view->getUsers(),
                   [&](Operation *user) { return user != reader; }))
    return std::nullopt;
  found.op = dyn_cast<linalg::GenericOp>(reader);
  auto viewType = view.getResultType();
  if (!found.op || found.op->getBlock() != product->getBlock() ||
      viewType.getRank() != 3 || !isByRows(found.op, view))
    return std::nullopt;
  found.group = viewType.getDimSize(1);
  std::optional<VectorPlan> plan = planVectorLoops(found.op, kLanes);
  if (ShapedType::isDynamic(found.group) || kChunk % found.group != 0 || !plan)
    return std::nullopt;
  found.plan = *plan;
  found.plan.rowDim = 0;
  found.plan.vectorDim = 1;
  // The product moves to its epilogue: nothing in between may notice.
  for (Operation *op = product->getNextNode(); op != found.op;
       op = op->getNextNode())
    if (!op || !isMemoryEffectFree(op))
      return std::nullopt;
  found.chain = {fill, product, view, found.op};
  if (room->getBlock() == product->getBlock()) {
    found.chain.insert(found.chain.begin(), room);
    if (free)
      found.chain.push_back(free);
  }
  return found;
}

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

namespace {
class Pipeline {
public:
  Pipeline(ImplicitLocOpBuilder &b, const PairOperands &operands,
           PairEpilogue epilogue, Value ring)
      : b(b), operands(operands), epilogue(epilogue), ring(ring), unit(b),
        payload(b, epilogue.op, this->epilogue.plan, nest) {
    nest.indices.resize(2);
  }

  void emit();

private:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value plus(Value base, int64_t offset) {
    return b.createOrFold<arith::AddIOp>(base, index(offset));
  }
  /// The rows of the ring for chunk \p row.
  Value place(Value row) {
    return arith::AndIOp::create(b, row, index(kRingRows - 1));
  }
  Values firstChunk();
  Values chunk(Value row, ValueRange tile, std::optional<Value> waiting);
  void apply(Value row, Value group, int64_t half);

  ImplicitLocOpBuilder &b;
  const PairOperands &operands;
  PairEpilogue epilogue;
  Value ring;
  AMXUnit unit;
  LoopNest nest;
  VectorPayload payload;
  Value terms;
  /// Of each input that is not the product: one vector for each half of the
  /// columns.
  DenseMap<OpOperand *, std::array<Value, 2>> columns;
};
} // namespace

/// The epilogue of group \p group of chunk \p row, for one half of the columns.
void Pipeline::apply(Value row, Value group, int64_t half) {
  Value column = index(half * kLanes);
  auto type = VectorType::get({kLanes}, b.getF32Type());
  Value first = arith::AddIOp::create(
      b, place(row), arith::MulIOp::create(b, group, index(epilogue.group)));
  Values inputs;
  for (OpOperand *input : epilogue.op.getDpsInputOperands()) {
    if (auto known = columns.find(input); known != columns.end()) {
      inputs.push_back(known->second[half]);
      continue;
    }
    AffineMap map = epilogue.op.getMatchingIndexingMap(input);
    int64_t member = cast<AffineConstantExpr>(map.getResult(1)).getValue();
    inputs.push_back(vector::LoadOp::create(
        b, type, ring, ValueRange{plus(first, member), column}));
  }
  Value groups = index(epilogue.group);
  Value outRow =
      arith::AddIOp::create(b, arith::DivUIOp::create(b, row, groups), group);
  payload.store(*epilogue.op.getDpsInitOperand(0),
                payload.evaluate(inputs, outRow, column), outRow, column, {});
}

Values Pipeline::firstChunk() {
  Value zero = index(0);
  return emitLoop(b, zero, terms, unit.terms, unit.zeros(),
                  [&](Value term, ValueRange tile) {
                    return unit.step(operands, zero, zero, term, tile);
                  });
}

/// Chunk \p row, while \p tile, the one before it, is stored and rows of
/// \p waiting get their epilogue.
Values Pipeline::chunk(Value row, ValueRange tile,
                       std::optional<Value> waiting) {
  Value zero = index(0), before = place(plus(row, -kChunk));
  int64_t steps = *getConstantIntValue(terms) / unit.terms,
          products = steps * AMXUnit::kTiles,
          pieces = 2 * kChunk / epilogue.group, done = 0;
  Values sums(AMXUnit::kTiles);
  for (int64_t step = 0; step < steps; ++step) {
    Values factors =
        unit.loadFactors(operands, row, zero, index(step * unit.terms));
    for (int64_t i = 0; i < AMXUnit::kTiles; ++i) {
      if (step == 0) {
        unit.store(ring, before, zero, i, tile[i]);
        sums[i] = unit.zero();
      }
      sums[i] = unit.multiply(factors, i, sums[i]);
      int64_t until = pieces * (step * AMXUnit::kTiles + i + 1) / products;
      for (; waiting && done < until; ++done)
        apply(*waiting, index(done / 2), done % 2);
    }
  }
  return sums;
}

void Pipeline::emit() {
  for (OpOperand *input : epilogue.op.getDpsInputOperands())
    if (epilogue.op.getMatchingIndexingMap(input).getNumResults() == 1)
      for (int64_t half : {0, 1})
        columns[input][half] =
            payload.load(*input, index(0), index(half * kLanes), {});
  Value zero = index(0), one = index(kChunk), two = index(2 * kChunk);
  Value rows = b.createOrFold<memref::DimOp>(operands.x, 0);
  terms = b.createOrFold<memref::DimOp>(operands.y, 0);
  Values tile = firstChunk();
  Value second = b.createOrFold<arith::MinUIOp>(rows, two);
  // One chunk by itself has nothing beside it: not worth the code.
  if (getConstantIntValue(rows) != kChunk) {
    tile = emitLoop(b, one, second, kChunk, tile,
                    [&](Value row, ValueRange carried) {
                      return chunk(row, carried, std::nullopt);
                    });
    tile = emitLoop(b, two, rows, kChunk, tile,
                    [&](Value row, ValueRange carried) {
                      return chunk(row, carried, plus(row, -2 * kChunk));
                    });
  }
  Value last = plus(rows, -kChunk);
  unit.store(ring, place(last), zero, tile);
  Value left = arith::SubIOp::create(b, rows, second);
  emitLoop(b, left, rows, kChunk, {}, [&](Value row, ValueRange) {
    emitLoop(b, zero, index(kChunk / epilogue.group), 1, {},
             [&](Value group, ValueRange) {
               for (int64_t half : {0, 1})
                 apply(row, group, half);
               return Values();
             });
    return Values();
  });
}

void cpu::emitPipelined(ImplicitLocOpBuilder &b, const PairOperands &operands,
                        PairEpilogue epilogue, Value ring) {
  Pipeline(b, operands, epilogue, ring).emit();
}
