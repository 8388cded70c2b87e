//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TiledContraction.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;
using Values = SmallVector<Value>;

/// The one elementwise use of \p value that a tile of it is enough for.
static OpOperand *elementwiseUse(Value value) {
  if (!value.hasOneUse())
    return nullptr;
  OpOperand &use = *value.use_begin();
  auto op = dyn_cast<linalg::GenericOp>(use.getOwner());
  if (!op || op->getBlock() != value.getDefiningOp()->getBlock() ||
      !op.hasPureTensorSemantics() || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() || !op.isDpsInput(&use) ||
      op.hasIndexSemantics() ||
      !op.getMatchingIndexingMap(&use).isPermutation() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isPermutation() ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isProjectedPermutation(); }))
    return nullptr;
  // Scalars and matrices of what is in the loops only.
  for (Operation &inner : *op.getBody())
    if (inner.getNumRegions() != 0 || !isMemoryEffectFree(&inner))
      return nullptr;
  return &use;
}

/// The elementwise operations that follow, up to \p end if there is one.
void TiledContraction::findSteps(Operation *end) {
  linalg::LinalgOp op = c.op;
  OpOperand *init = op.getDpsInitOperand(0);
  resultLoops = loopsOf(c.outMap);
  auto fill = init->get().getDefiningOp<linalg::FillOp>();
  startsAtZero = fill && matchPattern(fill.value(), m_PosZeroFloat());
  into = startsAtZero ? fill.output() : init->get();
  Value result = op->getResult(0);
  while (OpOperand *use = elementwiseUse(result)) {
    if (use->getOwner() == end)
      return;
    Step step{cast<linalg::GenericOp>(use->getOwner()), use, {}};
    AffineMap from = step.op.getMatchingIndexingMap(use);
    step.loops.resize(step.op.getNumLoops());
    for (auto [dim, loop] : llvm::enumerate(resultLoops))
      step.loops[from.getDimPosition(dim)] = loop;
    OpOperand *out = step.op.getDpsInitOperand(0);
    SmallVector<unsigned> next;
    for (unsigned loop : loopsOf(step.op.getMatchingIndexingMap(out)))
      next.push_back(step.loops[loop]);
    // Lanes stay along the columns.
    if (next.back() != c.column)
      return;
    resultLoops = next;
    into = out->get();
    result = step.op->getResult(0);
    steps.push_back(step);
  }
}

/// \p box within the result of \p task.
TiledContraction::Box TiledContraction::placeIn(const Box &task,
                                                const Box &box) {
  Box place = box;
  place.from[c.row] = getAsOpFoldResult(
      b.sub(b.toIndex(box.from[c.row]), b.toIndex(task.from[c.row])));
  for (unsigned loop : llvm::concat<const unsigned>(c.batch, c.rows))
    place.from[loop] = b.getIndexAttr(0);
  return place;
}

/// A product of the same left factor whose result, or what is computed of it,
/// only a step of this one takes: both are computed tile by tile.
void TiledContraction::findBeside() {
  for (Step &step : steps)
    for (OpOperand *input : step.op.getDpsInputOperands()) {
      if (input == step.tile)
        continue;
      Value source = input->get();
      auto op = source.getDefiningOp<linalg::LinalgOp>();
      // Back through what is computed of it alone.
      while (op && op.getNumReductionLoops() == 0 && op.getNumDpsInputs() > 0) {
        source = op.getDpsInputOperand(0)->get();
        op = source.getDefiningOp<linalg::LinalgOp>();
      }
      std::optional<Contraction> found =
          op && op != c.op ? matchContraction(op, c.inPairs) : std::nullopt;
      linalg::LinalgOp mine = c.op;
      if (!found || found->inPairs != c.inPairs || found->left != c.left ||
          op.getIndexingMaps() != mine.getIndexingMaps() ||
          op->getOperand(c.left) != mine->getOperand(c.left) ||
          op->getOperand(c.right).getType() !=
              mine->getOperand(c.right).getType() ||
          op->getResultTypes() != mine->getResultTypes())
        continue;
      auto other = std::make_unique<TiledContraction>(
          b, *found, TaskContraction{op, place.room, place.inTask});
      other->findSteps(step.op);
      Value result = other->steps.empty()
                         ? op->getResult(0)
                         : other->steps.back().op->getResult(0);
      SmallVector<unsigned> loops;
      for (unsigned loop : loopsOf(step.op.getMatchingIndexingMap(input)))
        loops.push_back(step.loops[loop]);
      if (result != input->get() || !result.hasOneUse() ||
          loops != other->resultLoops || !other->startsAtZero)
        continue;
      step.beside = input;
      beside = std::move(other);
      return;
    }
}

/// The steps of the sums in \p block, of which the last writes \p out if there
/// is one. \p other: what a step takes from the product beside.
Value TiledContraction::stepsOf(Value block, const Box &box, Value out,
                                Value other) {
  Value value =
      b.corner(block, b.getIndexAttr(0), box.size[c.row], box.size[c.column]);
  for (Step &step : steps) {
    bool isLast = &step == &steps.back();
    SmallVector<AffineMap> maps;
    Values inputs;
    Value init;
    for (OpOperand &operand : step.op->getOpOperands()) {
      SmallVector<unsigned> loops;
      SmallVector<AffineExpr> kept;
      for (unsigned loop : loopsOf(step.op.getMatchingIndexingMap(&operand))) {
        loops.push_back(step.loops[loop]);
        if (loops.back() == c.row || loops.back() == c.column)
          kept.push_back(b.getAffineDimExpr(loops.back() == c.column));
      }
      auto part = [&] {
        return slice(operand.get(), loops, box, {c.row, c.column});
      };
      if (step.op.isDpsInit(&operand)) {
        if (isLast && out)
          init = out;
        else if (step.op.payloadUsesValueFromOperand(&operand))
          init = part();
        else // a tile of it is read once
          init = b.corner(
              tensor::EmptyOp::create(
                  b,
                  Sizes{b.getIndexAttr(groupRows), b.getIndexAttr(groupWidth)},
                  getElementTypeOrSelf(operand.get())),
              b.getIndexAttr(0), box.size[c.row], box.size[c.column]);
      } else if (&operand == step.tile) {
        inputs.push_back(value);
      } else if (&operand == step.beside) {
        inputs.push_back(other);
      } else if (isa<RankedTensorType>(operand.get().getType())) {
        inputs.push_back(part());
      } else {
        inputs.push_back(operand.get());
      }
      maps.push_back(AffineMap::get(2, 0, kept, b.getContext()));
    }
    auto op = linalg::GenericOp::create(
        b, init.getType(), inputs, init, maps,
        SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
        [&](OpBuilder &nested, Location, ValueRange args) {
          IRMapping map;
          map.map(step.op.getBody()->getArguments(), args);
          for (Operation &inner : *step.op.getBody())
            nested.clone(inner, map);
        });
    value = op.getResult(0);
  }
  return value;
}

/// The steps of the sums in \p block, written to their place in \p slab, the
/// part of the result that belongs to \p task.
Value TiledContraction::finish(Value block, const Box &task, const Box &box,
                               Value slab, Value other) {
  Box place = placeIn(task, box);
  Value out = slice(slab, resultLoops, place, {c.row, c.column});
  Value value = stepsOf(block, box, out, other);
  if (steps.empty())
    value = copied({value, false}, out);
  return put(value, slab, resultLoops, place);
}
