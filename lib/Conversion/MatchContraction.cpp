//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TiledContraction.h"

using namespace mlir;
using namespace mlir::infini_attn;

/// Whether \p op adds the product of its two inputs, widened or f32, to f32.
static bool isSumOfProducts(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInputs() != 2 ||
      op.getNumDpsInits() != 1 ||
      !getElementTypeOrSelf(op.getDpsInits()[0]).isF32())
    return false;
  Block *body = op.getBlock();
  auto sum =
      body->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!sum)
    return false;
  Value product = sum.getLhs() == body->getArgument(2)   ? sum.getRhs()
                  : sum.getRhs() == body->getArgument(2) ? sum.getLhs()
                                                         : Value();
  auto multiply =
      product ? product.getDefiningOp<arith::MulFOp>() : arith::MulFOp();
  if (!multiply)
    return false;
  auto inputOf = [&](Value factor) {
    auto extend = factor.getDefiningOp<arith::ExtFOp>();
    Value input = extend ? extend.getIn() : factor;
    Type type = input.getType();
    return type.isF32() || type.isF16() || type.isBF16() ? input : Value();
  };
  Value first = inputOf(multiply.getLhs()), second = inputOf(multiply.getRhs());
  auto isPair = [&](Value x, Value y) {
    return x == body->getArgument(0) && y == body->getArgument(1);
  };
  return isPair(first, second) || isPair(second, first);
}

std::optional<Contraction> infini_attn::matchContraction(linalg::LinalgOp op,
                                                         bool bf16Pairs) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!isSumOfProducts(op) || maps[2].getNumResults() < 2 ||
      !llvm::all_of(maps,
                    [](AffineMap map) { return map.isProjectedPermutation(); }))
    return std::nullopt;
  Contraction found;
  found.op = op;
  found.outMap = maps[2];
  // Lanes run along the result's last dimension: that of the right factor.
  found.column = maps[2].getDimPosition(maps[2].getNumResults() - 1);
  unsigned right = maps[1].isFunctionOfDim(found.column) ? 1 : 0;
  found.left = 1 - right;
  found.right = right;
  found.leftMap = maps[1 - right];
  found.rightMap = maps[right];
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
    bool inLeft = found.leftMap.isFunctionOfDim(loop),
         inRight = found.rightMap.isFunctionOfDim(loop),
         inOut = found.outMap.isFunctionOfDim(loop);
    if (inLeft + inRight + inOut < 2)
      return std::nullopt;
    (!inRight  ? found.rows
     : !inLeft ? found.columns
     : inOut   ? found.batch
               : found.terms)
        .push_back(loop);
  }
  found.inPairs = bf16Pairs && llvm::all_of(op.getDpsInputs(), [](Value x) {
                    return getElementTypeOrSelf(x).isBF16();
                  });
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  auto isSmall = [&](unsigned loop) {
    int64_t least =
        llvm::is_contained(found.rows, loop) ? found.leastRows() : kPairTile;
    return !ShapedType::isDynamic(ranges[loop]) && ranges[loop] < least;
  };
  // The innermost of each kind that fills a tile.
  auto take = [&](SmallVector<unsigned> &loops, AffineMap map, unsigned &loop) {
    for (AffineExpr expr : llvm::reverse(map.getResults())) {
      unsigned candidate = cast<AffineDimExpr>(expr).getPosition();
      auto *place = llvm::find(loops, candidate);
      if (place == loops.end() || isSmall(candidate))
        continue;
      loop = candidate;
      loops.erase(place);
      return true;
    }
    return false;
  };
  if (llvm::is_contained(found.batch, found.column) || isSmall(found.column) ||
      !take(found.rows, found.outMap, found.row) ||
      !take(found.terms, found.leftMap, found.term))
    return std::nullopt;
  llvm::erase(found.columns, found.column);
  return found;
}
