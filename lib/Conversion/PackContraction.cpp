//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TiledContraction.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;
using Values = SmallVector<Value>;

/// batch x columns x panels x depth x panelWidth; pairs have zeros past the
/// last term and column, f32 has anything past the last column.
Value TiledContraction::packedRight() {
  SmallVector<unsigned> outer =
      llvm::to_vector(llvm::concat<const unsigned>(c.batch, c.columns));
  Sizes counts;
  for (unsigned loop : outer)
    counts.push_back(extents[loop]);
  counts.push_back(b.ceilDiv(extents[c.column], panelWidth));
  OpFoldResult width = b.getIndexAttr(panelWidth);
  Sizes shape = counts;
  shape.append({depth, width});
  Type element = c.inPairs ? Type(b.getI32Type()) : Type(b.getF32Type());
  Value packed = tensor::EmptyOp::create(b, shape, element);
  auto forall = scf::ForallOp::create(b, counts, packed, std::nullopt);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(forall.getBody());
  Box box = unit();
  Sizes offsets, sizes(counts.size(), b.getIndexAttr(1)),
      strides(shape.size(), b.getIndexAttr(1));
  for (auto [i, index] : llvm::enumerate(forall.getInductionVars())) {
    offsets.push_back(index);
    if (i < outer.size())
      box.from[outer[i]] = index;
  }
  offsets.append(2, b.getIndexAttr(0));
  sizes.append({depth, width});
  Value from = times(offsets[counts.size() - 1], width);
  box.from[c.column] = from;
  box.size[c.column] = upTo(width, extents[c.column], from);
  box.size[c.term] = extents[c.term];
  auto type = RankedTensorType::get(
      decomposeMixedValues(Sizes{depth, width}).first, element);
  Value panel = tensor::ExtractSliceOp::create(
      b, type, forall.getRegionIterArgs()[0], offsets, sizes, strides);
  panel = nest(c.terms, box, panel, [&](Value number, ValueRange args) {
            return Values{packedPart(number, box, args[0])};
          }).front();
  b.setInsertionPointToStart(forall.getTerminator().getBody());
  tensor::ParallelInsertSliceOp::create(b, panel, forall.getRegionIterArgs()[0],
                                        offsets, sizes, strides);
  return forall.getResult(0);
}

/// \p panel with the terms of \p box, the \p number -th of its parts.
Value TiledContraction::packedPart(Value number, const Box &box, Value panel) {
  Slice x =
      matrix(c.op->getOperand(c.right), c.rightMap, box, c.term, c.column);
  OpFoldResult rows = b.floorDiv(termTiles, packedTerms),
               columns =
                   c.inPairs ? b.getIndexAttr(panelWidth) : box.size[c.column];
  Sizes offsets{getAsOpFoldResult(times(number, rows)), b.getIndexAttr(0)},
      sizes{rows, columns}, strides(2, b.getIndexAttr(1));
  Value place =
      tensor::ExtractSliceOp::create(b, panel, offsets, sizes, strides);
  if (!c.inPairs) {
    place = copied(x, place);
  } else {
    bool isWhole = !x.isTurned && box.size[c.column] == columns &&
                   termTiles == extents[c.term];
    place = b.pairRows(
        isWhole ? x.value
                : b.padded(extents[c.term], box.size[c.column], b.getBF16Type(),
                           [&](Value room) { return copied(x, room); }),
        place);
  }
  return tensor::InsertSliceOp::create(b, place, panel, offsets, sizes,
                                       strides);
}

/// \p count rows of the left factor, all terms, with zeros past the end. Its
/// rows lie apart by an odd number of cache lines: by a power of two they would
/// share few sets of L1.
Value TiledContraction::leftRoom(Box box, OpFoldResult count) {
  OpFoldResult zero = b.getIndexAttr(0);
  Value terms = times(depth, b.getIndexAttr(packedTerms));
  Type element = c.inPairs ? Type(b.getBF16Type()) : Type(b.getF32Type());
  OpFoldResult width = getAsOpFoldResult(
      b.add(terms, b.index(512 / element.getIntOrFloatBitWidth())));
  Value room =
      tensor::EmptyOp::create(b, Sizes{roomRows(count), width}, element);
  OpFoldResult tiles = b.roundedUp(count, tileSize);
  Value none = arith::ConstantOp::create(b, b.getZeroAttr(element));
  auto clear = [&](OpFoldResult from, OpFoldResult rows) {
    Value part = b.corner(room, from, rows, getAsOpFoldResult(terms));
    part = linalg::FillOp::create(b, none, part).getResult(0);
    room = tensor::InsertSliceOp::create(b, part, room, Sizes{from, zero},
                                         Sizes{rows, getAsOpFoldResult(terms)},
                                         Sizes(2, b.getIndexAttr(1)));
  };
  if (termTiles != extents[c.term])
    clear(zero, tiles);
  else if (tiles != count)
    clear(count, getAsOpFoldResult(b.sub(b.toIndex(tiles), b.toIndex(count))));
  box.size[c.row] = count;
  box.size[c.term] = extents[c.term];
  return nest(
             c.terms, box, room,
             [&](Value number, ValueRange args) -> Values {
               Slice x = matrix(c.op->getOperand(c.left), c.leftMap, box, c.row,
                                c.term);
               Sizes offsets{zero, getAsOpFoldResult(times(number, termTiles))},
                   sizes{count, extents[c.term]}, strides(2, b.getIndexAttr(1));
               Value place = tensor::ExtractSliceOp::create(b, args[0], offsets,
                                                            sizes, strides);
               return {tensor::InsertSliceOp::create(
                   b, copied(x, place), args[0], offsets, sizes, strides)};
             })
      .front();
}
