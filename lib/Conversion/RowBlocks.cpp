//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowBlocks.h"

#include "RowGroup.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;
using Values = SmallVector<Value>;

namespace {
class Emission {
public:
  Emission(TileBuilder &b, const RowGroup &group) : b(b), group(group) {}

  SmallVector<TaskContraction> emit();

private:
  OpFoldResult sizeOf(Value value, int64_t dim);
  Sizes sizesOf(Value value);
  Sizes partSizes(Value value, int64_t dim);
  Value part(Value value, int64_t dim);
  bool isRoom(Value value);
  Value roomOf(Value value);
  Value destination(linalg::LinalgOp op);
  void clone(linalg::LinalgOp op);
  Values loop();
  Values unblocked();

  TileBuilder &b;
  const RowGroup &group;
  SmallVector<linalg::LinalgOp> outputs; ///< read outside of the group
  OpFoldResult extent, blockRows;
  Value from, count;             ///< the rows of a block
  DenseMap<Value, Value> slices; ///< of an output: where its rows go
  DenseMap<std::pair<Value, int64_t>, Value> parts; ///< of what is outside
  IRMapping copies;
  DenseMap<Value, Value> rooms; ///< of a left factor
  SmallVector<TaskContraction> tasks;
};
} // namespace

/// A size of \p value, without reading a result of the group.
OpFoldResult Emission::sizeOf(Value value, int64_t dim) {
  auto type = cast<RankedTensorType>(value.getType());
  if (!type.isDynamicDim(dim))
    return b.getIndexAttr(type.getDimSize(dim));
  if (auto known = group.rows.find(value);
      known != group.rows.end() && known->second == dim && extent)
    return extent;
  if (auto empty = value.getDefiningOp<tensor::EmptyOp>())
    return empty.getMixedSizes()[dim];
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    return sizeOf(fill.output(), dim);
  if (group.rows.contains(value)) {
    auto op = value.getDefiningOp<linalg::LinalgOp>();
    unsigned loop =
        op.getMatchingIndexingMap(op.getDpsInitOperand(0)).getDimPosition(dim);
    OpOperand *init = op.getDpsInitOperand(0);
    return sizeOf(init->get(), *dimOf(op.getMatchingIndexingMap(init), loop));
  }
  return b.size(value, dim);
}

Sizes Emission::sizesOf(Value value) {
  Sizes sizes;
  for (int64_t i = 0; i < cast<RankedTensorType>(value.getType()).getRank();
       ++i)
    sizes.push_back(sizeOf(value, i));
  return sizes;
}

/// The sizes of a block's part of \p value, whose rows are along \p dim.
Sizes Emission::partSizes(Value value, int64_t dim) {
  Sizes sizes = sizesOf(value);
  sizes[dim] = count;
  return sizes;
}

/// The block's part of \p value.
Value Emission::part(Value value, int64_t dim) {
  Sizes sizes = partSizes(value, dim), offsets(sizes.size(), b.getIndexAttr(0));
  offsets[dim] = from;
  return tensor::ExtractSliceOp::create(b, value, offsets, sizes,
                                        Sizes(sizes.size(), b.getIndexAttr(1)));
}

/// Whether products take \p value, a result of the group, as it lies: rows of
/// terms in one piece, of the type of factors.
bool Emission::isRoom(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  bool isFactor = false;
  for (const Contraction &c : group.products) {
    if (c.op->getOperand(c.left) != value)
      continue;
    isFactor = true;
    int64_t last = type.getRank() - 1, row = group.rows.lookup(value);
    if (!c.terms.empty() || *dimOf(c.leftMap, c.term) != last ||
        *dimOf(c.leftMap, c.row) != row || row == last ||
        (c.inPairs && type.getDimSize(last) % kPairTile != 0) ||
        !type.getElementType().isF32() != c.inPairs)
      return false;
    for (int64_t i = 0; i < last; ++i)
      if (i != row && type.getDimSize(i) != 1)
        return false;
  }
  return isFactor && !type.isDynamicDim(type.getRank() - 1);
}

/// Room for a block's rows of \p value, which lie apart as those of
/// TiledContraction::leftRoom. Rows past the last one are part of tiles, whose
/// sums nobody reads: they may hold anything.
Value Emission::roomOf(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t last = type.getRank() - 1, row = group.rows.lookup(value);
  Sizes sizes(type.getRank(), b.getIndexAttr(1));
  sizes[row] = blockRows;
  sizes[last] = b.getIndexAttr(type.getDimSize(last) +
                               512 / type.getElementTypeBitWidth());
  return tensor::EmptyOp::create(b, sizes, type.getElementType());
}

/// What \p op writes to: what it starts from, its rows of the result, or a
/// room of the task.
Value Emission::destination(linalg::LinalgOp op) {
  OpOperand *init = op.getDpsInitOperand(0);
  Value result = op->getResult(0), start = init->get();
  int64_t dim = group.rows.lookup(result);
  auto fill = start.getDefiningOp<linalg::FillOp>();
  bool isRead = op.payloadUsesValueFromOperand(init) && !fill;
  Value into = slices.lookup(result);
  if (isRead) {
    Value before = copies.lookupOrNull(start);
    if (!before)
      before = part(start, dim);
    if (!into)
      return before;
    return linalg::CopyOp::create(b, before, into).getResult(0);
  }
  if (!into) {
    Sizes sizes = partSizes(result, dim);
    if (isRoom(result)) {
      Value room = rooms[result] = roomOf(result);
      into = tensor::ExtractSliceOp::create(
          b, room, Sizes(sizes.size(), b.getIndexAttr(0)), sizes,
          Sizes(sizes.size(), b.getIndexAttr(1)));
    } else {
      into = tensor::EmptyOp::create(b, sizes, getElementTypeOrSelf(result));
    }
  }
  return fill ? linalg::FillOp::create(b, fill.value(), into).getResult(0)
              : into;
}

/// A copy of \p op, of the rows of a block.
void Emission::clone(linalg::LinalgOp op) {
  Values operands;
  for (OpOperand &operand : op->getOpOperands()) {
    if (op.isDpsInit(&operand)) {
      operands.push_back(destination(op));
      continue;
    }
    Value value = operand.get();
    Value copy = copies.lookupOrNull(value);
    std::optional<unsigned> loop =
        op.getMatchingIndexingMap(op.getDpsInitOperand(0))
            .getDimPosition(group.rows.lookup(op->getResult(0)));
    std::optional<int64_t> dim =
        isa<RankedTensorType>(value.getType())
            ? dimOf(op.getMatchingIndexingMap(&operand), *loop)
            : std::nullopt;
    if (!copy && dim) {
      // One for all readers: products of the same rows know each other by it.
      Value &known = parts[{value, *dim}];
      copy = known = known ? known : part(value, *dim);
    }
    operands.push_back(copy ? copy : value);
  }
  Operation *copy = mlir::clone(b, op, operands.back().getType(), operands);
  Value result = copy->getResult(0);
  for (const Contraction &c : group.products)
    if (c.op == op) {
      Value room = rooms.lookup(op->getOperand(c.left));
      tasks.push_back({cast<linalg::LinalgOp>(copy), room, /*inTask=*/true});
    }
  if (Value &room = rooms[op->getResult(0)]) {
    // From now on it is read there.
    Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), result),
          zeros(sizes.size(), b.getIndexAttr(0)),
          ones(sizes.size(), b.getIndexAttr(1));
    room = tensor::InsertSliceOp::create(b, result, room, zeros, sizes, ones);
    result = tensor::ExtractSliceOp::create(b, room, zeros, sizes, ones);
    room = b.reduced(room, 2);
  }
  copies.map(op->getResult(0), result);
}

/// The loop over blocks; its results are those of \p outputs.
Values Emission::loop() {
  Values into;
  for (linalg::LinalgOp op : outputs)
    into.push_back(tensor::EmptyOp::create(
        b, sizesOf(op->getResult(0)), getElementTypeOrSelf(op->getResult(0))));
  auto forall =
      scf::ForallOp::create(b, Sizes{b.getIndexAttr(0)}, Sizes{extent},
                            Sizes{blockRows}, into, std::nullopt);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(forall.getBody());
  from = forall.getInductionVar(0);
  count = b.min(b.sub(b.toIndex(extent), from), b.toIndex(blockRows));
  for (auto [op, all] : llvm::zip(outputs, forall.getRegionIterArgs())) {
    Value result = op->getResult(0);
    Sizes sizes = partSizes(result, group.rows.lookup(result)),
          offsets(sizes.size(), b.getIndexAttr(0));
    offsets[group.rows.lookup(result)] = from;
    slices[result] = tensor::ExtractSliceOp::create(
        b, all, offsets, sizes, Sizes(sizes.size(), b.getIndexAttr(1)));
  }
  for (linalg::LinalgOp op : group.ops)
    clone(op);
  b.setInsertionPointToStart(forall.getTerminator().getBody());
  for (auto [op, all] : llvm::zip(outputs, forall.getRegionIterArgs())) {
    auto slice =
        slices[op->getResult(0)].getDefiningOp<tensor::ExtractSliceOp>();
    tensor::ParallelInsertSliceOp::create(
        b, copies.lookup(op->getResult(0)), all, slice.getMixedOffsets(),
        slice.getMixedSizes(), slice.getMixedStrides());
  }
  return forall.getResults();
}

/// The operations as they were, with what they start from.
Values Emission::unblocked() {
  IRMapping map;
  for (linalg::LinalgOp op : group.ops) {
    Value init = op.getDpsInits()[0];
    auto fill = init.getDefiningOp<linalg::FillOp>();
    auto empty = (fill ? fill.output() : init).getDefiningOp<tensor::EmptyOp>();
    // Each its own: it is written.
    IRMapping own;
    if (empty)
      b.clone(*empty, own);
    if (fill)
      b.clone(*fill, own);
    if (Value start = own.lookupOrNull(init))
      map.map(init, start);
    b.clone(*op, map);
  }
  Values results;
  for (linalg::LinalgOp op : outputs)
    results.push_back(map.lookup(op->getResult(0)));
  return results;
}

SmallVector<TaskContraction> Emission::emit() {
  for (linalg::LinalgOp op : group.ops)
    if (llvm::any_of(op->getUsers(), [&](Operation *user) {
          return !group.set.contains(user);
        }))
      outputs.push_back(op);
  b.setInsertionPointAfter(group.ops.back());
  const Contraction &first = group.products.front();
  OpFoldResult rows = sizeOf(first.op->getOperand(first.left),
                             *dimOf(first.leftMap, first.row));
  extent = rows;
  int64_t most = 0, least = 0;
  for (const Contraction &c : group.products) {
    int64_t rows = TiledContraction::mostRows(c);
    most = most ? std::min(most, rows) : rows;
    least = std::max(least, c.leastRows());
  }
  blockRows = TiledContraction::taskRows(b, extent, most);
  Values results;
  if (getConstantIntValue(extent)) {
    results = loop();
  } else {
    SmallVector<Type> types;
    for (linalg::LinalgOp op : outputs)
      types.push_back(op->getResult(0).getType());
    Value isMany = arith::CmpIOp::create(b, arith::CmpIPredicate::sge,
                                         b.toIndex(extent), b.index(least));
    auto choice = scf::IfOp::create(b, types, isMany, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    for (Block *block : {choice.thenBlock(), choice.elseBlock()}) {
      b.setInsertionPointToStart(block);
      scf::YieldOp::create(b,
                           block == choice.thenBlock() ? loop() : unblocked());
    }
    results = choice.getResults();
  }
  for (auto [op, result] : llvm::zip(outputs, results))
    op->getResult(0).replaceAllUsesWith(result);
  for (linalg::LinalgOp op : llvm::reverse(group.ops))
    op->erase();
  return std::move(tasks);
}

SmallVector<TaskContraction>
infini_attn::blockRows(RewriterBase &rewriter,
                       ArrayRef<linalg::LinalgOp> products, bool bf16Pairs) {
  SmallVector<TaskContraction> tasks;
  llvm::SmallPtrSet<Operation *, 16> blocked;
  for (linalg::LinalgOp product : products) {
    if (blocked.contains(product))
      continue;
    RowGroup group;
    if (!product->getParentOfType<scf::ForallOp>())
      group = findRowGroup(product, bf16Pairs);
    if (group.products.size() < 2) {
      tasks.push_back({product, {}, /*inTask=*/false});
      continue;
    }
    for (const Contraction &c : group.products)
      blocked.insert(c.op);
    TileBuilder b(product.getLoc(), rewriter, {});
    llvm::append_range(tasks, Emission(b, group).emit());
  }
  return tasks;
}
