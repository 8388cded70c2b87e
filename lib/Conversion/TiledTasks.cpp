//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TiledTasks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

namespace {
/// A tensor of which a task writes a part, and the part.
struct Written {
  Value part, whole;
  Sizes offsets, sizes;
};
} // namespace

static Value emptyLike(TileBuilder &b, Value x) {
  return b.empty(tensor::getMixedSizes(b, b.getLoc(), x));
}

/// forall task in \p count: what \p body writes of each of \p wholes.
static SmallVector<Value>
forAll(TileBuilder &b, Value count, ValueRange wholes,
       function_ref<SmallVector<Written>(Value, ValueRange)> body) {
  auto loop = scf::ForallOp::create(b, ArrayRef<OpFoldResult>{count}, wholes,
                                    std::nullopt);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Written> parts =
      body(loop.getInductionVar(0), loop.getRegionIterArgs());
  b.setInsertionPointToStart(loop.getTerminator().getBody());
  for (const Written &x : parts)
    tensor::ParallelInsertSliceOp::create(
        b, x.part, x.whole, x.offsets, x.sizes,
        Sizes(x.sizes.size(), b.getIndexAttr(1)));
  return loop.getResults();
}

/// \p make, called on \p inits, where \p runs is 1, and \p inits where it is 0.
/// A loop of no or one trip: a branch would copy its tensors.
static SmallVector<Value>
onlyIf(TileBuilder &b, Value runs, ValueRange inits,
       function_ref<SmallVector<Value>(ValueRange)> make) {
  return b.loop(b.index(0), runs, 1, inits,
                [&](Value, ValueRange args) { return make(args); });
}

/// A block of queries in its place of \p o; with \p runs 0 none of it.
static Written attendBlock(TileBuilder &b, TiledAttention &attention,
                           Value number, Value runs, Value o) {
  TiledAttention::Block block = attention.block(number);
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  OpFoldResult count = block.count;
  if (runs)
    count = b.createOrFold<arith::MulIOp>(block.count, runs);
  Value into = b.tokens(o, block.head, block.query, count);
  auto attend = [&](ValueRange args) -> SmallVector<Value> {
    return {attention.finish(block, args[0])};
  };
  Value part = runs ? onlyIf(b, runs, into, attend)[0] : attend(into)[0];
  return {part,
          o,
          {zero, block.head, block.query, zero},
          {one, one, count, b.size(o, 3)}};
}

Value infini_attn::attendInTasks(TileBuilder &b, TiledAttention &attention,
                                 Value init) {
  attention.prepare();
  return forAll(b, attention.blockCount(), init,
                [&](Value task, ValueRange args) -> SmallVector<Written> {
                  return {attendBlock(b, attention, task, {}, args[0])};
                })[0];
}

static Value add(TileBuilder &b, Value x, Value to, StringRef letters) {
  return b.generic(letters, {{x, letters}}, {to, letters},
                   [&](ValueRange args) -> Value {
                     return arith::AddFOp::create(b, args[1], args[0]);
                   });
}

/// dM and dz, in the place of \p memory and \p normalizer.
static std::pair<Value, Value> additions(TileBuilder &b, TiledUpdate &update,
                                         Value memory, Value normalizer) {
  auto cleared = [&](Value x) {
    return linalg::FillOp::create(b, b.f32(0), x).getResult(0);
  };
  return update.build(cleared(memory), cleared(normalizer));
}

std::pair<Value, Value> infini_attn::updateApart(TileBuilder &b,
                                                 TiledUpdate &update,
                                                 Value memory,
                                                 Value normalizer) {
  auto [dm, dz] =
      additions(b, update, emptyLike(b, memory), emptyLike(b, normalizer));
  return {add(b, dm, memory, "dv"), add(b, dz, normalizer, "d")};
}

SegmentResults infini_attn::segmentInTasks(TileBuilder &b,
                                           TiledAttention &attention,
                                           TiledUpdate &update, Value init,
                                           Value memory, Value normalizer) {
  attention.prepare();
  Value one = b.index(1), count = b.add(attention.blockCount(), one);
  SmallVector<Value> results = forAll(
      b, count, {init, emptyLike(b, memory), emptyLike(b, normalizer)},
      [&](Value task, ValueRange args) -> SmallVector<Written> {
        // 1 for task 0, else 0; and the other way round.
        Value attends = b.createOrFold<arith::MinUIOp>(task, one);
        Value updates = b.sub(one, attends);
        Value number = b.createOrFold<arith::MaxUIOp>(task, one);
        Written o =
            attendBlock(b, attention, b.sub(number, one), attends, args[0]);
        SmallVector<Written> written{o};
        SmallVector<Value> parts;
        for (Value whole : args.drop_front()) {
          Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), whole);
          Sizes offsets(sizes.size(), b.getIndexAttr(0)),
              strides(sizes.size(), b.getIndexAttr(1));
          sizes.front() =
              b.createOrFold<arith::MulIOp>(b.toIndex(sizes.front()), updates);
          parts.push_back(tensor::ExtractSliceOp::create(b, whole, offsets,
                                                         sizes, strides));
          written.push_back({Value(), whole, offsets, sizes});
        }
        // The whole of it where the loop runs at all.
        auto cast = [&](Value x, Type type) {
          return b.createOrFold<tensor::CastOp>(type, x);
        };
        parts =
            onlyIf(b, updates, parts, [&](ValueRange in) -> SmallVector<Value> {
              auto [dm, dz] =
                  additions(b, update, cast(in[0], args[1].getType()),
                            cast(in[1], args[2].getType()));
              return {cast(dm, in[0].getType()), cast(dz, in[1].getType())};
            });
        written[1].part = parts[0];
        written[2].part = parts[1];
        return written;
      });
  return {results[0], add(b, results[1], memory, "dv"),
          add(b, results[2], normalizer, "d")};
}
