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
static constexpr int64_t kMostSteps = 24;

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// Whether \p op reads \p view by rows r of its groups, and other inputs by
/// columns alone.
static bool isByRows(linalg::GenericOp op, Value view) {
  if (op.getNumLoops() != 2 || op.getNumParallelLoops() != 2 ||
      llvm::any_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
        return !op.getMatchingIndexingMap(&init).isIdentity() ||
               op.payloadUsesValueFromOperand(&init);
      }))
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
  int64_t parts = product.getNumDpsInputs() / 3;
  Value out = product.getOutputs()[0], pairs = product.getInputs()[2 * parts];
  auto outType = cast<MemRefType>(out.getType());
  int64_t terms = cast<MemRefType>(pairs.getType()).getDimSize(0);
  auto room = out.getDefiningOp<memref::AllocOp>();
  linalg::FillOp fill = findZeroFill(product);
  if (!room || !fill || ShapedType::isDynamic(outType.getDimSize(1)) ||
      outType.getDimSize(1) % kChunk != 0 || ShapedType::isDynamic(terms) ||
      terms % AMXUnit::kSide != 0 ||
      terms * parts * (parts + 1) / 2 > kMostSteps * AMXUnit::kSide)
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
  Pipeline(ImplicitLocOpBuilder &b, ArrayRef<PairOperands> products,
           PairEpilogue epilogue, Value ring)
      : b(b), parts(products), operands(products.front()), epilogue(epilogue),
        ring(ring), unit(b),
        payload(b, epilogue.op, this->epilogue.plan, nest) {
    nest.indices.resize(2);
    across = cast<MemRefType>(operands.out.getType()).getDimSize(1) / kChunk;
  }

  void emit();

private:
  /// A chunk of the product: its place there, and its first row in the ring.
  struct Chunk {
    Value row, column, place;
  };

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value plus(Value base, int64_t offset) {
    return b.createOrFold<arith::AddIOp>(base, index(offset));
  }
  Chunk chunk(Value number);
  Values productAlone(Value number);
  Value termOf(Value number, int64_t step);
  Values product(Value number, ValueRange tile);
  Values columnsOf(const Chunk &chunk);
  void apply(const Chunk &chunk, ValueRange columns, Value group, int64_t half);

  ImplicitLocOpBuilder &b;
  ArrayRef<PairOperands> parts; ///< the products whose sum it is
  const PairOperands &operands; ///< one of them
  PairEpilogue epilogue;
  Value ring;
  AMXUnit unit;
  LoopNest nest;
  VectorPayload payload;
  int64_t across; ///< chunks beside each other
  Value terms, lastNumber;
};
} // namespace

/// Chunk \p number: those of the same rows follow each other.
Pipeline::Chunk Pipeline::chunk(Value number) {
  Value row = b.createOrFold<arith::DivUIOp>(number, index(across)),
        column = b.createOrFold<arith::RemUIOp>(number, index(across)),
        place = b.createOrFold<arith::RemUIOp>(number, index(kRingChunks));
  auto scaled = [&](Value x) {
    return b.createOrFold<arith::MulIOp>(x, index(kChunk));
  };
  return {scaled(row), scaled(column), scaled(place)};
}

/// Of each input that is not the product, its vectors for the columns of
/// \p chunk.
Values Pipeline::columnsOf(const Chunk &chunk) {
  Values columns;
  for (OpOperand *input : epilogue.op.getDpsInputOperands())
    for (int64_t half : {0, 1})
      if (epilogue.op.getMatchingIndexingMap(input).getNumResults() == 1)
        columns.push_back(payload.load(*input, index(0),
                                       plus(chunk.column, half * kLanes), {}));
  return columns;
}

/// The epilogue of group \p group of \p chunk, for one half of the columns.
void Pipeline::apply(const Chunk &chunk, ValueRange columns, Value group,
                     int64_t half) {
  auto type = VectorType::get({kLanes}, b.getF32Type());
  Value first = arith::AddIOp::create(
      b, chunk.place, arith::MulIOp::create(b, group, index(epilogue.group)));
  Values inputs;
  unsigned known = 0;
  for (OpOperand *input : epilogue.op.getDpsInputOperands()) {
    AffineMap map = epilogue.op.getMatchingIndexingMap(input);
    if (map.getNumResults() == 1) {
      inputs.push_back(columns[2 * known++ + half]);
      continue;
    }
    int64_t member = cast<AffineConstantExpr>(map.getResult(1)).getValue();
    inputs.push_back(vector::LoadOp::create(
        b, type, ring, ValueRange{plus(first, member), index(half * kLanes)}));
  }
  Value groups = index(epilogue.group),
        column = plus(chunk.column, half * kLanes);
  Value outRow = arith::AddIOp::create(
      b, arith::DivUIOp::create(b, chunk.row, groups), group);
  for (auto [init, value] :
       llvm::zip_equal(epilogue.op.getDpsInitsMutable(),
                       payload.evaluate(inputs, outRow, column)))
    payload.store(init, value, outRow, column, {});
}

/// The product of chunk \p number by itself.
Values Pipeline::productAlone(Value number) {
  Chunk place = chunk(number);
  return emitLoop(b, index(0), terms, unit.terms, unit.zeros(),
                  [&](Value term, ValueRange sums) {
                    Values tile(sums);
                    for (const PairOperands &part : parts)
                      tile =
                          unit.step(part, place.row, place.column, term, tile);
                    return tile;
                  });
}

/// The first term of step \p step of chunk \p number. Parts of both factors
/// fill L1: every other chunk begins with what the one before it ended with.
Value Pipeline::termOf(Value number, int64_t step) {
  Value term = index(step * unit.terms);
  if (parts.size() == 1)
    return term;
  int64_t last = *getConstantIntValue(terms) - unit.terms;
  Value isOdd = arith::CmpIOp::create(
      b, arith::CmpIPredicate::ne, arith::RemUIOp::create(b, number, index(2)),
      index(0));
  return arith::SelectOp::create(b, isOdd, index(last - step * unit.terms),
                                 term);
}

/// The product of chunk \p number, while \p tile, the one before it, is stored
/// and the rows of the one before that get their epilogue.
Values Pipeline::product(Value number, ValueRange tile) {
  Chunk current = chunk(number), before = chunk(plus(number, -1)),
        waiting = chunk(plus(number, -2)),
        // What lies past the last one may be far away, and is not used.
      next = chunk(arith::MinUIOp::create(b, plus(number, across), lastNumber));
  Values columns = columnsOf(waiting);
  // Each of the chunks beside each other asks for a part of the rows below.
  int64_t asked = std::max<int64_t>(kChunk / AMXUnit::kTiles / across, 1);
  Value askedRow = arith::AddIOp::create(
      b, next.row,
      b.createOrFold<arith::DivUIOp>(current.column, index(across)));
  Value zero = index(0);
  int64_t count = parts.size(),
          steps = *getConstantIntValue(terms) / unit.terms * count,
          products = steps * AMXUnit::kTiles,
          pieces = 2 * kChunk / epilogue.group, done = 0;
  Values sums(AMXUnit::kTiles);
  for (int64_t step = 0; step < steps; ++step) {
    const PairOperands &part = parts[step % count];
    Value term = termOf(number, step / count);
    Values factors = unit.loadFactors(part, current.row, current.column, term);
    for (int64_t i = 0; i < AMXUnit::kTiles; ++i) {
      if (step == 0) {
        unit.store(ring, before.place, zero, i, tile[i]);
        sums[i] = unit.zero();
      }
      sums[i] = unit.multiply(factors, i, sums[i]);
      if (count == 1)
        unit.prefetchRows(part.x, askedRow, term, i * asked, asked);
      int64_t until = pieces * (step * AMXUnit::kTiles + i + 1) / products;
      for (; done < until; ++done)
        apply(waiting, columns, index(done / 2), done % 2);
    }
  }
  return sums;
}

void Pipeline::emit() {
  Value zero = index(0), one = index(1), two = index(2);
  Value rows = b.createOrFold<memref::DimOp>(operands.x, 0);
  terms = b.createOrFold<memref::DimOp>(operands.y, 0);
  Value count = b.createOrFold<arith::MulIOp>(
      b.createOrFold<arith::DivUIOp>(rows, index(kChunk)), index(across));
  lastNumber = plus(count, -1);
  // The first two have nothing beside them, which is not worth the code.
  Value second = b.createOrFold<arith::MinUIOp>(count, two);
  std::optional<int64_t> known = getConstantIntValue(count);
  Values tile = productAlone(zero);
  if (known != 1)
    tile = emitLoop(
        b, one, second, 1, tile, [&](Value number, ValueRange carried) {
          unit.store(ring, chunk(plus(number, -1)).place, zero, carried);
          return productAlone(number);
        });
  if (!known || *known > 2)
    tile =
        emitLoop(b, two, count, 1, tile, [&](Value number, ValueRange carried) {
          return product(number, carried);
        });
  unit.store(ring, chunk(lastNumber).place, zero, tile);
  Value left = arith::SubIOp::create(b, count, second);
  emitLoop(b, left, count, 1, {}, [&](Value number, ValueRange) {
    Chunk waiting = chunk(number);
    Values columns = columnsOf(waiting);
    emitLoop(b, zero, index(kChunk / epilogue.group), 1, {},
             [&](Value group, ValueRange) {
               for (int64_t half : {0, 1})
                 apply(waiting, columns, group, half);
               return Values();
             });
    return Values();
  });
}

void cpu::emitPipelined(ImplicitLocOpBuilder &b,
                        ArrayRef<PairOperands> products, PairEpilogue epilogue,
                        Value ring) {
  Pipeline(b, products, epilogue, ring).emit();
}
