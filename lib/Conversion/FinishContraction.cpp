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

void TiledContraction::findSteps() {
  linalg::LinalgOp op = c.op;
  OpOperand *init = op.getDpsInitOperand(0);
  resultLoops = loopsOf(c.outMap);
  auto fill = init->get().getDefiningOp<linalg::FillOp>();
  startsAtZero = fill && matchPattern(fill.value(), m_PosZeroFloat());
  into = startsAtZero ? fill.output() : init->get();
  Value result = op->getResult(0);
  while (OpOperand *use = elementwiseUse(result)) {
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

/// The steps of the sums in \p block, written to their place in \p slab, the
/// part of the result that belongs to \p task.
Value TiledContraction::finish(Value block, const Box &task, const Box &box,
                               Value slab) {
  Box place = placeIn(task, box);
  Value value =
      b.corner(block, b.getIndexAttr(0), box.size[c.row], box.size[c.column]);
  Value out = slice(slab, resultLoops, place, {c.row, c.column});
  if (steps.empty())
    return put(copied({value, false}, out), slab, resultLoops, place);
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
      bool isInit = step.op.isDpsInit(&operand);
      if (isInit && isLast)
        init = out;
      else if (isInit)
        init = slice(operand.get(), loops, box, {c.row, c.column});
      else if (&operand == step.tile)
        inputs.push_back(value);
      else if (isa<RankedTensorType>(operand.get().getType()))
        inputs.push_back(slice(operand.get(), loops, box, {c.row, c.column}));
      else
        inputs.push_back(operand.get());
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
  return put(value, slab, resultLoops, place);
}
