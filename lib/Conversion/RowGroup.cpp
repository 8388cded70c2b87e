//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowGroup.h"

using namespace mlir;
using namespace mlir::infini_attn;

std::optional<int64_t> infini_attn::dimOf(AffineMap map, unsigned loop) {
  std::optional<unsigned> dim =
      map.getResultPosition(getAffineDimExpr(loop, map.getContext()));
  return dim ? std::optional<int64_t>(*dim) : std::nullopt;
}

/// Whether a part of \p op can be computed by itself.
static bool isEligible(linalg::LinalgOp op) {
  return op.hasPureTensorSemantics() && op->getNumResults() == 1 &&
         !op.hasIndexSemantics() && !isa<linalg::FillOp>(op) &&
         llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) {
           return map.isProjectedPermutation();
         });
}

/// The loop of \p op over the rows of \p group, by the operands that are
/// results of the group, which agree.
static std::optional<unsigned> rowLoop(linalg::LinalgOp op,
                                       const RowGroup &group) {
  std::optional<unsigned> loop;
  for (OpOperand &operand : op->getOpOperands()) {
    auto known = group.rows.find(operand.get());
    if (known == group.rows.end())
      continue;
    unsigned here =
        op.getMatchingIndexingMap(&operand).getDimPosition(known->second);
    if (loop && *loop != here)
      return std::nullopt;
    loop = here;
  }
  return loop;
}

/// Adds \p op, whose loop over rows is \p loop, or changes nothing.
static bool add(RowGroup &group, linalg::LinalgOp op, unsigned loop) {
  std::optional<int64_t> dim =
      dimOf(op.getMatchingIndexingMap(op.getDpsInitOperand(0)), loop);
  if (!dim || op.getIteratorTypesArray()[loop] != utils::IteratorType::parallel)
    return false;
  group.ops.push_back(op);
  group.set.insert(op);
  group.rows[op->getResult(0)] = *dim;
  return true;
}

/// Adds what \p value, whose rows are along \p dim, is computed from in \p
/// block.
static void addProducers(RowGroup &group, Value value, int64_t dim,
                         Block *block) {
  auto op = value.getDefiningOp<linalg::LinalgOp>();
  if (!op || !isEligible(op) || group.set.contains(op) ||
      op->getBlock() != block)
    return;
  unsigned loop =
      op.getMatchingIndexingMap(op.getDpsInitOperand(0)).getDimPosition(dim);
  for (OpOperand &operand : op->getOpOperands())
    if (std::optional<int64_t> part =
            dimOf(op.getMatchingIndexingMap(&operand), loop))
      addProducers(group, operand.get(), *part, block);
  if (std::optional<unsigned> agreed = rowLoop(op, group);
      !agreed || *agreed == loop)
    add(group, op, loop);
}

/// Whether \p c is parallel along one loop over rows only.
static bool hasOneLoop(const Contraction &c) {
  linalg::LinalgOp op = c.op;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  return c.batch.empty() &&
         llvm::all_of(c.rows, [&](unsigned loop) { return ranges[loop] == 1; });
}

/// Whether the rows of \p c's left factor are those of another product's.
static bool readsRowsOf(const Contraction &c, const RowGroup &group) {
  return llvm::any_of(group.products, [&](const Contraction &other) {
    return other.op->getOperand(other.left) == c.op->getOperand(c.left) &&
           dimOf(other.leftMap, other.row) == dimOf(c.leftMap, c.row);
  });
}

RowGroup infini_attn::findRowGroup(linalg::LinalgOp product, bool bf16Pairs) {
  RowGroup group;
  Contraction c = *matchContraction(product, bf16Pairs);
  if (!isEligible(product) || !hasOneLoop(c))
    return group;
  addProducers(group, product->getOperand(c.left), *dimOf(c.leftMap, c.row),
               product->getBlock());
  if (!add(group, product, c.row))
    return RowGroup();
  group.products.push_back(c);
  Operation *end = product->getNextNode();
  for (; end; end = end->getNextNode()) {
    auto op = dyn_cast<linalg::LinalgOp>(end);
    if (!group.isReadBy(end)) {
      // It may read what a product of the group reads.
      std::optional<Contraction> other =
          op && isEligible(op) ? matchContraction(op, bf16Pairs) : std::nullopt;
      if (other && hasOneLoop(*other) && readsRowsOf(*other, group) &&
          add(group, op, other->row))
        group.products.push_back(*other);
      continue;
    }
    std::optional<unsigned> loop =
        op && isEligible(op) ? rowLoop(op, group) : std::nullopt;
    if (!loop)
      break;
    std::optional<Contraction> inner = matchContraction(op, bf16Pairs);
    if ((inner && (inner->row != *loop || !hasOneLoop(*inner))) ||
        !add(group, op, *loop))
      break;
    if (inner)
      group.products.push_back(*inner);
  }
  // The loop takes the place of the last one: nothing before may need it.
  for (linalg::LinalgOp op : group.ops)
    for (Operation *user : op->getUsers()) {
      Operation *here = product->getBlock()->findAncestorOpInBlock(*user);
      if (!group.set.contains(here) && here &&
          here->isBeforeInBlock(group.ops.back()))
        return RowGroup();
    }
  return group;
}
