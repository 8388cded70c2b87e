//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TiledDecode.h"

#include "infini_attn/Dialect/Rotation.h"
#include "infini_attn/Dialect/RuntimeChecks.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::infini_attn;

using Sizes = SmallVector<OpFoldResult>;

static constexpr double kLowest = std::numeric_limits<float>::lowest();
static constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {
/// A part of a tensor, without its leading dimensions of size 1.
struct Part {
  Part(TileBuilder &b, Value whole, Sizes offsets, Sizes sizes, int64_t rank)
      : whole(whole), offsets(std::move(offsets)), sizes(std::move(sizes)),
        strides(this->sizes.size(), b.getIndexAttr(1)) {
    auto type = RankedTensorType::get(
        decomposeMixedValues(ArrayRef(this->sizes).take_back(rank)).first,
        getElementTypeOrSelf(whole));
    value = tensor::ExtractSliceOp::create(b, type, whole, this->offsets,
                                           this->sizes, strides);
  }
  Value inserted(TileBuilder &b, Value part) const {
    return tensor::InsertSliceOp::create(b, part, whole, offsets, sizes,
                                         strides);
  }
  Value whole, value;
  Sizes offsets, sizes, strides;
};
} // namespace

bool TiledDecode::isFew(Value q) {
  int64_t queries = cast<RankedTensorType>(q.getType()).getDimSize(2);
  return !ShapedType::isDynamic(queries) && queries <= kFewQueries;
}

TiledDecode::TiledDecode(TileBuilder &b, Type factor, Value q)
    : b(b), factor(factor), q(q), heads(b.size(q, 1)), queries(b.size(q, 2)),
      width(b.size(q, 3)) {
  AffineExpr product = b.getAffineSymbolExpr(0) * b.getAffineSymbolExpr(1);
  rows = affine::makeComposedFoldedAffineApply(b, b.getLoc(), product,
                                               {heads, queries});
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// \p init after \p body has replaced each head's part of it.
Value TiledDecode::forEachHead(Value init,
                               function_ref<Value(Value, Value)> body) {
  return b.loop(b.index(0), b.toIndex(heads), 1, init,
                [&](Value head, ValueRange args) -> SmallVector<Value> {
                  return {body(head, args[0])};
                })[0];
}

OpFoldResult TiledDecode::firstRow(Value head) {
  return b.createOrFold<arith::MulIOp>(head, b.toIndex(queries));
}

/// Q of all heads as factors of a product, r x d: each head's queries (q x d)
/// through \p toFactor.
Value TiledDecode::panel(function_ref<Value(Value)> queriesOf,
                         function_ref<Value(Value)> toFactor) {
  return forEachHead(b.empty({rows, width}), [&](Value head, Value panel) {
    Part part(b, panel, {firstRow(head), b.getIndexAttr(0)}, {queries, width},
              2);
    return part.inserted(b, b.generic("qd", {{queriesOf(head), "qd"}},
                                      {part.value, "qd"}, [&](ValueRange args) {
                                        return b.roundTo(
                                            factor, toFactor(b.widen(args[0])));
                                      }));
  });
}

/// rope(Q) of one head, q x d in f32
Value TiledDecode::rotated(const Local &local, Value head) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  Sizes sizes{one, one, queries, width};
  Value x = tensor::ExtractSliceOp::create(b, q, Sizes{zero, head, zero, zero},
                                           sizes, Sizes(4, one));
  if (!getElementTypeOrSelf(x).isF32())
    x = b.generic("bhqd", {{x, "bhqd"}}, {b.empty(sizes), "bhqd"},
                  [&](ValueRange args) { return b.widen(args[0]); });
  x = rotateTokens(b, x, local.rotary.frequencies, local.rotary.style,
                   local.first, queries, b.empty(sizes), zero);
  return b.tokens(x, zero, zero, queries);
}

/// The rows' positions, where the first of each head has \p position.
void TiledDecode::placeRows(Value position) {
  first = position;
  if (isConstantIntValue(queries, 1))
    return;
  Value from = b.createOrFold<arith::IndexCastOp>(b.getI32Type(), first);
  Value init = tensor::EmptyOp::create(b, Sizes{rows}, b.getI32Type());
  places = forEachHead(init, [&](Value head, Value all) {
    Part part(b, all, {firstRow(head)}, {queries}, 1);
    return part.inserted(
        b, b.generic("q", {}, {part.value, "q"}, [&](ValueRange) -> Value {
          Value query = arith::IndexCastOp::create(
              b, b.getI32Type(), linalg::IndexOp::create(b, 0));
          return arith::AddIOp::create(b, query, from);
        }));
  });
}

/// Inputs of a payload that asks where its row stands: first, if they differ.
SmallVector<Indexed> TiledDecode::withPlaces(ArrayRef<Indexed> inputs) {
  SmallVector<Indexed> all;
  if (places)
    all.push_back({places, "r"});
  all.append(inputs.begin(), inputs.end());
  return all;
}

/// Whether the row of a payload is none of padding; null where no row is.
Value TiledDecode::isValid(ValueRange args) {
  if (!length)
    return {};
  auto toI32 = [&](Value index) -> Value {
    return arith::IndexCastOp::create(b, b.getI32Type(), index);
  };
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                               places ? args[0] : toI32(first), toI32(length));
}

/// 1 / (divisor[r] + epsilon), 0 where the divisor is 0 or the query padding
/// [S9], [S14]
Value TiledDecode::share(Value divisor, double epsilon) {
  return b.generic("r", withPlaces({{divisor, "r"}}), {b.empty({rows}), "r"},
                   [&](ValueRange args) -> Value {
                     Value x = args.drop_back().back();
                     Value share = b.share(b.f32(1), x, epsilon);
                     if (Value valid = isValid(args))
                       share =
                           arith::SelectOp::create(b, valid, share, b.f32(0));
                     return share;
                   });
}

/// x[r, v] * share[r], each head's in its place of \p init
Value TiledDecode::store(Value x, Value share, Value init) {
  OpFoldResult zero = b.getIndexAttr(0), values = b.size(x, 1);
  Type element = getElementTypeOrSelf(init);
  return forEachHead(init, [&](Value head, Value all) {
    OpFoldResult row = firstRow(head), place = head;
    Value into = b.tokens(all, place, zero, queries);
    Value part = Part(b, x, {row, zero}, {queries, values}, 2).value,
          shares = Part(b, share, {row}, {queries}, 1).value;
    Value o = b.generic("qv", {{part, "qv"}, {shares, "q"}}, {into, "qv"},
                        [&](ValueRange args) {
                          return b.narrow(element, b.times(args[0], args[1]));
                        });
    return b.insertTokens(o, all, place, zero, queries);
  });
}

//===----------------------------------------------------------------------===//
// The memory
//===----------------------------------------------------------------------===//

Value TiledDecode::retrieve(Value memory, Value normalizer, double epsilon,
                            Value init) {
  placeRows(b.index(0));
  Value features = panel(
      [&](Value head) {
        return b.tokens(q, OpFoldResult(head), b.getIndexAttr(0), queries);
      },
      [&](Value x) { return b.sigma(x, b.getF32Type()); });
  // (sigma(Q) M)[r, v] = sum_d sigma(Q)[r, d] M[d, v], and by z [S4]
  Value numerator = b.contract("rvd", {features, "rd"}, {memory, "dv"},
                               {b.filled({rows, b.size(memory, 1)}, 0), "rv"});
  Value divisor = b.contract("rd", {features, "rd"}, {normalizer, "d"},
                             {b.filled({rows}, 0), "r"});
  return store(numerator, share(divisor, epsilon), init);
}

std::pair<Value, Value> TiledDecode::update(const Update &update, Value memory,
                                            Value normalizer) {
  placeRows(b.index(0));
  OpFoldResult zero = b.getIndexAttr(0), values = b.size(update.v, 3);
  // Of a row that is padding sigma(K) and U are 0 [S14].
  auto whereValid = [&](Value x, ValueRange args) -> Value {
    Value valid = isValid(args);
    return valid ? arith::SelectOp::create(b, valid, x, b.f32(0)).getResult()
                 : x;
  };
  Value k = b.tokens(q, zero, zero, queries),
        v = b.tokens(update.v, zero, zero, queries);
  Value features = b.generic(
      "rd", withPlaces({{k, "rd"}}), {b.empty({rows, width}), "rd"},
      [&](ValueRange args) {
        Value x = b.widen(args.drop_back().back());
        return whereValid(b.roundTo(factor, b.sigma(x, b.getF32Type())), args);
      });
  // U = V, or V - sigma(K) M / (sigma(K) z) [S6]
  SmallVector<Indexed> inputs{{v, "rv"}};
  Value u = b.filled({rows, values}, 0);
  bool isDelta = update.rule == UpdateRule::Delta;
  if (isDelta) {
    u = b.contract("rvd", {features, "rd"}, {update.readMemory, "dv"},
                   {u, "rv"});
    Value divisor =
        b.contract("rd", {features, "rd"}, {update.readNormalizer, "d"},
                   {b.filled({rows}, 0), "r"});
    inputs.push_back({share(divisor, update.epsilon), "r"});
  }
  u = b.generic("rv", withPlaces(inputs), {u, "rv"}, [&](ValueRange args) {
    ValueRange own = args.take_back(inputs.size() + 1);
    Value x = b.widen(own[0]);
    if (isDelta)
      x = arith::SubFOp::create(b, x, b.times(own[2], own[1]));
    return whereValid(b.roundTo(factor, x), args);
  });
  // M'[d, v] = M[d, v] + sum_r sigma(K)[r, d] U[r, v],
  // z'[d] = z[d] + sum_r sigma(K)[r, d]  [S7]
  memory = b.contract("dvr", {features, "rd"}, {u, "rv"}, {memory, "dv"});
  normalizer = b.generic("dr", {{features, "rd"}}, {normalizer, "d"},
                         [&](ValueRange args) -> Value {
                           return arith::AddFOp::create(b, args[1], args[0]);
                         });
  return {memory, normalizer};
}

//===----------------------------------------------------------------------===//
// A block of keys
//===----------------------------------------------------------------------===//

/// Keys or values, n x d, as factors: f32 rounded where products are narrower.
Value TiledDecode::factors(Value x) {
  if (factor.isF32() || !getElementTypeOrSelf(x).isF32())
    return x;
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), x);
  return b.generic("nd", {{x, "nd"}}, {b.empty(sizes), "nd"},
                   [&](ValueRange args) { return b.roundTo(factor, args[0]); });
}

/// scale * S[r, n] in exponents of 2, -inf for a key past the row's place
Value TiledDecode::score(const Block &block, Value value, ValueRange args) {
  if (!factor.isF32()) // f32 queries were scaled before
    value = arith::MulFOp::create(b, value, base2);
  if (!places)
    return value;
  auto toI32 = [&](Value index) -> Value {
    return arith::IndexCastOp::create(b, b.getI32Type(), index);
  };
  Value key = arith::AddIOp::create(b, toI32(linalg::IndexOp::create(b, 1)),
                                    toI32(block.key));
  Value sees =
      arith::CmpIOp::create(b, arith::CmpIPredicate::sle, key, args[0]);
  return arith::SelectOp::create(b, sees, value, b.f32(-kInfinity));
}

/// exp(score - max)
Value TiledDecode::weight(const Block &block, Value max, Value value,
                          ValueRange args) {
  Value x = arith::SubFOp::create(b, score(block, value, args), max);
  // The log-sum-exp is of f32, whatever the factors are rounded to.
  return b.exp2(x, b.getF32Type());
}

static Value cleared(TileBuilder &b, Value x, double value) {
  return linalg::FillOp::create(b, b.f32(value), x).getResult(0);
}

/// sum_n weights[r, n] in the place of \p into
static Value sumOf(TileBuilder &b, Value weights, Value into) {
  return b.generic("rn", {{weights, "rn"}}, {cleared(b, into, 0), "r"},
                   [&](ValueRange args) -> Value {
                     return arith::AddFOp::create(b, args[1], args[0]);
                   });
}

TiledDecode::Partial TiledDecode::attendBlock(const Local &local, Value panel,
                                              const Block &block,
                                              ArrayRef<Value> into) {
  OpFoldResult zero = b.getIndexAttr(0), from = block.key, count = block.count;
  Partial part(into);
  // S[r, n] = sum_d Q[r, d] K[n, d]
  Value room = b.empty({rows, b.getIndexAttr(kDecodeKeys)});
  Value keys = factors(b.tokens(local.k, zero, from, count));
  Value scores =
      b.contract("rnd", {panel, "rd"}, {keys, "nd"},
                 {cleared(b, b.corner(room, zero, rows, count), 0), "rn"});
  // m_c[r] = max_n S[r, n], from the lowest number: exp(-inf - m_c) is 0 then.
  part[Max] = b.generic("rn", withPlaces({{scores, "rn"}}),
                        {cleared(b, into[Max], kLowest), "r"},
                        [&](ValueRange args) -> Value {
                          Value value = args.drop_back().back();
                          return arith::MaxNumFOp::create(
                              b, args.back(), score(block, value, args));
                        });
  // The log-sum-exp is of the weights before they are rounded [S15].
  if (into.size() > ExactSum) {
    Value exact =
        b.generic("rn", withPlaces({{part[Max], "r"}, {scores, "rn"}}),
                  {b.empty({rows, count}), "rn"}, [&](ValueRange args) {
                    return weight(block, args[args.size() - 3],
                                  args[args.size() - 2], args);
                  });
    part[ExactSum] = sumOf(b, exact, into[ExactSum]);
  }
  // P[r, n] = exp(S[r, n] - m_c[r]), a factor of the next product [S17]
  Value weights = b.generic(
      "rn", withPlaces({{part[Max], "r"}}), {scores, "rn"},
      [&](ValueRange args) {
        Value max = args.drop_back().back();
        return b.roundTo(factor, weight(block, max, args.back(), args));
      });
  part[Sum] = sumOf(b, weights, into[Sum]);
  // O_c[r, v] = sum_n P[r, n] V[n, v]
  Value values = factors(b.tokens(local.v, zero, from, count));
  part[Output] = b.contract("rvn", {weights, "rn"}, {values, "nv"},
                            {cleared(b, into[Output], 0), "rv"});
  return part;
}

//===----------------------------------------------------------------------===//
// All blocks
//===----------------------------------------------------------------------===//

/// m_c, l_c and O_c of all blocks of keys up to \p end: c x r (x v)
TiledDecode::Partial TiledDecode::attendBlocks(const Local &local, Value panel,
                                               Value end, bool exact) {
  AffineExpr blocks = b.getAffineSymbolExpr(0).ceilDiv(kDecodeKeys);
  auto blocksOf = [&](OpFoldResult keys) {
    return affine::makeComposedFoldedAffineApply(b, b.getLoc(), blocks, {keys});
  };
  OpFoldResult room = blocksOf(b.size(local.k, 2)), count = blocksOf(end);
  SmallVector<Value> inits{b.empty({room, rows}), b.empty({room, rows}),
                           b.empty({room, rows, b.size(local.v, 3)})};
  if (exact)
    inits.push_back(b.empty({room, rows}));
  auto from = [&](Value all, OpFoldResult block, OpFoldResult blocks) {
    Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), all);
    Sizes offsets(sizes.size(), b.getIndexAttr(0));
    offsets.front() = block;
    sizes.front() = blocks;
    return std::pair(offsets, sizes);
  };

  auto loop = scf::ForallOp::create(b, ArrayRef<OpFoldResult>{count}, inits,
                                    std::nullopt);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value number = loop.getInductionVar(0);
    Block block;
    block.key = b.createOrFold<arith::MulIOp>(number, b.index(kDecodeKeys));
    block.count = b.min(b.sub(end, block.key), b.index(kDecodeKeys));
    SmallVector<Part> places;
    for (Value all : loop.getRegionIterArgs()) {
      auto [offsets, sizes] = from(all, number, b.getIndexAttr(1));
      int64_t rank = sizes.size() - 1;
      places.emplace_back(b, all, offsets, sizes, rank);
    }
    Partial parts = attendBlock(
        local, panel, block,
        llvm::map_to_vector(places, [](Part &part) { return part.value; }));
    b.setInsertionPointToStart(loop.getTerminator().getBody());
    for (auto [part, place] : llvm::zip_equal(parts, places))
      tensor::ParallelInsertSliceOp::create(b, part, place.whole, place.offsets,
                                            place.sizes, place.strides);
  }
  Partial done;
  for (Value all : loop.getResults()) {
    auto [offsets, sizes] = from(all, b.getIndexAttr(0), count);
    int64_t rank = sizes.size();
    done.push_back(Part(b, all, offsets, sizes, rank).value);
  }
  return done;
}

/// m, l and sum_c w_c O_c of all blocks, where w_c = exp(m_c - m)
TiledDecode::Partial TiledDecode::combine(const Partial &blocks) {
  Partial all(blocks);
  all[Max] =
      b.generic("rc", {{blocks[Max], "cr"}}, {b.filled({rows}, kLowest), "r"},
                [&](ValueRange args) -> Value {
                  return arith::MaxNumFOp::create(b, args[1], args[0]);
                });
  Sizes sizes = tensor::getMixedSizes(b, b.getLoc(), blocks[Max]);
  Value weights =
      b.generic("cr", {{blocks[Max], "cr"}, {all[Max], "r"}},
                {b.empty(sizes), "cr"}, [&](ValueRange args) {
                  return b.exp2(arith::SubFOp::create(b, args[0], args[1]),
                                b.getF32Type());
                });
  for (unsigned i = Sum; i < blocks.size(); ++i) {
    sizes = tensor::getMixedSizes(b, b.getLoc(), blocks[i]);
    sizes.erase(sizes.begin());
    all[i] = i == Output
                 ? b.contract("rcv", {weights, "cr"}, {blocks[i], "crv"},
                              {b.filled(sizes, 0), "rv"})
                 : b.contract("rc", {weights, "cr"}, {blocks[i], "cr"},
                              {b.filled(sizes, 0), "r"});
  }
  return all;
}

/// log(2) m + log(l), -inf for a row that sees no key, in \p init
Value TiledDecode::logSumExp(Value max, Value sum, Value init) {
  Value lse = b.generic(
      "r", withPlaces({{max, "r"}, {sum, "r"}}), {b.empty({rows}), "r"},
      [&](ValueRange args) -> Value {
        Value m = args[args.size() - 3], l = args[args.size() - 2];
        Value value = arith::AddFOp::create(
            b, arith::MulFOp::create(b, m, b.f32(0.6931471805599453)),
            math::LogOp::create(b, l));
        Value sees =
            arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, l, b.f32(0));
        if (Value valid = isValid(args))
          sees = arith::AndIOp::create(b, sees, valid);
        return arith::SelectOp::create(b, sees, value, b.f32(-kInfinity));
      });
  return forEachHead(init, [&](Value head, Value all) {
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    Part into(b, all, {zero, head, zero}, {one, one, queries}, 1);
    Value part = Part(b, lse, {firstRow(head)}, {queries}, 1).value;
    return into.inserted(b, b.generic("q", {{part, "q"}}, {into.value, "q"},
                                      [](ValueRange args) { return args[0]; }));
  });
}

std::pair<Value, Value> TiledDecode::attend(const Local &local, Value init,
                                            Value lse) {
  placeRows(local.first);
  base2 = arith::MulFOp::create(b, local.scale, b.f32(1.4426950408889634));
  Rotary rotary = local.rotary;
  Local bounded = local;
  if (rotary.frequencies)
    bounded.rotary.frequencies =
        boundFrequencies(b, b.getLoc(), rotary.frequencies, width);
  Value rowsOfQ = panel(
      [&](Value head) {
        return rotary.frequencies ? rotated(bounded, head)
                                  : b.tokens(q, OpFoldResult(head),
                                             b.getIndexAttr(0), queries);
      },
      [&](Value x) -> Value {
        return factor.isF32() ? arith::MulFOp::create(b, x, base2).getResult()
                              : x;
      });

  // No query sees a key past the last one's place.
  Value keys = b.toIndex(b.size(local.k, 2));
  if (length)
    keys = b.min(keys, length);
  Value end = b.min(b.add(first, b.toIndex(queries)), keys);
  end = b.createOrFold<arith::MaxSIOp>(end, b.index(0));
  bool exact = lse && !factor.isF32();
  Partial all = combine(attendBlocks(bounded, rowsOfQ, end, exact));
  Value o = store(all[Output], share(all[Sum], 0), init);
  if (lse)
    lse = logSumExp(all[Max], all[exact ? ExactSum : Sum], lse);
  return {o, lse};
}
