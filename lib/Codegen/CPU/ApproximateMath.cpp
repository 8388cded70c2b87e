//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Replaces transcendental functions by vector polynomials.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Codegen/CPU/Passes.h"

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/FoldUtils.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::infini_attn::cpu {
#define GEN_PASS_DEF_INFINIATTNAPPROXIMATEMATH
#include "infini_attn/Codegen/CPU/Passes.h.inc"
} // namespace mlir::infini_attn::cpu

using namespace mlir;
using namespace mlir::infini_attn;

namespace {
/// Constants and arithmetic of one shape, scalar or vector.
struct Arithmetic {
  ImplicitLocOpBuilder &b;
  Type like;

  Type shaped(Type element) const {
    auto vector = dyn_cast<VectorType>(like);
    return vector ? Type(vector.clone(element)) : element;
  }
  Value splat(TypedAttr value) const {
    Type type = shaped(value.getType());
    if (auto vector = dyn_cast<VectorType>(type))
      return arith::ConstantOp::create(b,
                                       DenseElementsAttr::get(vector, value));
    return arith::ConstantOp::create(b, value);
  }
  Value f32(double value) const { return splat(b.getF32FloatAttr(value)); }
  Value i32(int32_t value) const { return splat(b.getI32IntegerAttr(value)); }
  Value fma(Value x, Value y, Value z) const {
    return math::FmaOp::create(b, x, y, z);
  }
  Value mul(Value x, Value y) const { return arith::MulFOp::create(b, x, y); }
};

/// sin and cos of f32. With n = round(x * 2 / pi) and r = x - n * pi / 2 in
/// three parts (Cody and Waite, exact products by fma), the quadrant n mod 4
/// says which of the two polynomials (Cephes) on |r| <= pi / 4 holds, and its
/// sign.
template <typename Op, int kQuadrantShift>
struct ReduceAndApproximate : public OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const final {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32() ||
        !(isa<VectorType>(type) || isa<FloatType>(type)))
      return rewriter.notifyMatchFailure(op, "expected f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Arithmetic a{b, type};
    Value x = op.getOperand();

    Value n = math::RoundEvenOp::create(b, a.mul(x, a.f32(0.6366197723675814)));
    Value negative = arith::NegFOp::create(b, n);
    Value r = a.fma(negative, a.f32(1.5707963705062866), x);
    r = a.fma(negative, a.f32(-4.371138828673793e-08), r);
    r = a.fma(negative, a.f32(-1.7151245100058819e-15), r);
    // Angles of millions of turns leave no digits to r: it is kept where the
    // polynomials are.
    r = arith::MaximumFOp::create(b, r, a.f32(-1.0));
    r = arith::MinimumFOp::create(b, r, a.f32(1.0));

    Value s = a.mul(r, r);
    Value sine = a.fma(s, a.f32(-1.9515295891e-4), a.f32(8.3321608736e-3));
    sine = a.fma(sine, s, a.f32(-1.6666654611e-1));
    sine = a.fma(a.mul(sine, s), r, r);
    Value cosine =
        a.fma(s, a.f32(2.443315711809948e-5), a.f32(-1.388731625493765e-3));
    cosine = a.fma(cosine, s, a.f32(4.166664568298827e-2));
    cosine = a.fma(cosine, a.mul(s, s), a.fma(s, a.f32(-0.5), a.f32(1.0)));

    // n - 4 floor(n / 4) is exact, where n itself may be out of the range of
    // integers. (minnum: what is no number has no quadrant.)
    Value turns = math::FloorOp::create(b, a.mul(n, a.f32(0.25)));
    Value fourth =
        arith::MinNumFOp::create(b, a.fma(turns, a.f32(-4.0), n), a.f32(3.0));
    Value quadrant =
        arith::FPToSIOp::create(b, a.shaped(b.getI32Type()), fourth);
    quadrant = arith::AddIOp::create(b, quadrant, a.i32(kQuadrantShift));
    auto bitSet = [&](int32_t bit) {
      return arith::CmpIOp::create(
          b, arith::CmpIPredicate::ne,
          arith::AndIOp::create(b, quadrant, a.i32(bit)), a.i32(0));
    };
    Value value = arith::SelectOp::create(b, bitSet(1), cosine, sine);
    Value flipped = arith::NegFOp::create(b, value);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, bitSet(2), flipped, value);
    return success();
  }
};

/// \p x brought into [low, high]. A NaN fails the comparisons and stays.
static Value clamp(ImplicitLocOpBuilder &b, Value x, double low, double high) {
  Arithmetic a{b, x.getType()};
  using arith::CmpFPredicate;
  for (auto [predicate, bound] :
       {std::pair{CmpFPredicate::OGT, low}, {CmpFPredicate::OLT, high}}) {
    Value limit = a.f32(bound);
    Value isPast = arith::CmpFOp::create(b, predicate, limit, x);
    x = arith::SelectOp::create(b, isPast, limit, x);
  }
  return x;
}

/// 1 + c0 r + c1 r^2 + ...
static Value polynomial(const Arithmetic &a, Value r,
                        ArrayRef<double> coefficients) {
  Value p = a.f32(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    p = a.fma(p, r, a.f32(coefficient));
  return a.fma(p, r, a.f32(1));
}

/// Whether \p type is a register of AVX-512, which alone has vscalefps here.
static bool isWholeRegister(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector && vector.getRank() == 1 && vector.getNumElements() == 16 &&
         vector.getElementType().isF32();
}

static Value callAVX512(ImplicitLocOpBuilder &b, StringRef name, Type type,
                        ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, type, b.getStringAttr(name), operands)
      .getResult(0);
}

static Value llvmConstant(ImplicitLocOpBuilder &b, unsigned bits,
                          int64_t value) {
  return LLVM::ConstantOp::create(b, b.getIntegerType(bits), value);
}

/// x 2^floor(n) by vscalefps: all lanes, in the rounding mode of the thread.
static Value scale(ImplicitLocOpBuilder &b, Value x, Value n) {
  Arithmetic a{b, x.getType()};
  return callAVX512(
      b, "llvm.x86.avx512.mask.scalef.ps.512", x.getType(),
      {x, n, a.f32(0), llvmConstant(b, 16, -1), llvmConstant(b, 32, 4)});
}

/// e^x = 2^n p(r) of f32, with n = round(x / ln 2) and r = x - n ln 2 in two
/// parts (Cody and Waite), |r| <= 0.35: two thirds of the instructions of the
/// form for any CPU. The coefficients of p past 1 + r are those of Cephes.
struct ScaledExp : public OpRewritePattern<math::ExpOp> {
  ScaledExp(MLIRContext *context)
      : OpRewritePattern(context, PatternBenefit(2)) {}

  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const final {
    Value x = op.getOperand();
    if (!isWholeRegister(x.getType()))
      return rewriter.notifyMatchFailure(op, "expected 16 f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Arithmetic a{b, x.getType()};
    // Infinite x, too, have a finite r: past these bounds e^x is 0 or infinite.
    x = clamp(b, x, -104, 89);
    Value magic = a.f32(12582912.0); // 1.5 * 2^23: rounds to an integer
    Value n = arith::SubFOp::create(
        b, a.fma(x, a.f32(1.4426950408889634), magic), magic);
    Value r = a.fma(n, a.f32(-0.693359375), x);
    r = a.fma(n, a.f32(2.12194440e-4), r);
    Value p =
        polynomial(a, r,
                   {1.0, 5.0000001201e-1, 1.6666665459e-1, 4.1665795894e-2,
                    8.3334519073e-3, 1.3981999507e-3, 1.9875691500e-4});
    rewriter.replaceOp(op, scale(b, p, n));
    return success();
  }
};

/// 2^x = 2^n p(r) of f32, with an integer n and x = n + r. The coefficients of
/// p after the constant 1 have the smallest largest relative error.
struct ApproximateExp2 : public OpRewritePattern<math::Exp2Op> {
  ApproximateExp2(MLIRContext *context, bool hasScale)
      : OpRewritePattern(context, PatternBenefit(2)), hasScale(hasScale) {}

  LogicalResult matchAndRewrite(math::Exp2Op op,
                                PatternRewriter &rewriter) const final {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32() ||
        !(isa<VectorType>(type) || isa<FloatType>(type)))
      return rewriter.notifyMatchFailure(op, "expected f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    bool isRough =
        bitEnumContainsAny(op.getFastmath(), arith::FastMathFlags::afn);
    rewriter.replaceOp(op, hasScale && isWholeRegister(type)
                               ? scaled(b, op.getOperand(), isRough)
                               : shifted(b, op.getOperand(), isRough));
    return success();
  }

  /// By vreduceps and vscalefps, with 0 <= r < 1.
  static Value scaled(ImplicitLocOpBuilder &b, Value x, bool isRough) {
    static constexpr double kThird[] = {0.6951167864175843, 0.22764499119627143,
                                        0.07706704199704283};
    static constexpr double kFifth[] = {
        0.6931513118046262, 0.24016445015490387, 0.0557999131042016,
        0.009017030321968466, 0.0018671300700485115};
    Arithmetic a{b, x.getType()};
    // x - floor(x), no exceptions; all lanes; the rounding mode of the thread
    Value r = callAVX512(b, "llvm.x86.avx512.mask.reduce.ps.512", x.getType(),
                         {x, llvmConstant(b, 32, 9), a.f32(0),
                          llvmConstant(b, 16, -1), llvmConstant(b, 32, 4)});
    Value p = polynomial(a, r, isRough ? ArrayRef(kThird) : ArrayRef(kFifth));
    return scale(b, p, x);
  }

  /// By integers, with |r| <= 1/2: arithmetic that every vector unit has.
  static Value shifted(ImplicitLocOpBuilder &b, Value x, bool isRough) {
    static constexpr double kThird[] = {0.6932829270984523, 0.24221095927623137,
                                        0.05500893111899061};
    static constexpr double kFifth[] = {
        0.6931469775991635, 0.2402224208537512, 0.05550733743251855,
        0.00967151263964829, 0.001326472719721107};
    Arithmetic a{b, x.getType()};
    x = clamp(b, x, -127, 128);
    // Adding 1.5 * 2^23 rounds to an integer, which stands in the low bits:
    // with 127 more, it is the exponent of 2^n, where -127 makes the number 0
    // and 128 infinite.
    Value magic = a.f32(12582912.0 + 127);
    Value sum = arith::AddFOp::create(b, x, magic);
    Value r = arith::SubFOp::create(b, x, arith::SubFOp::create(b, sum, magic));
    Value bits = arith::BitcastOp::create(b, a.shaped(b.getI32Type()), sum);
    Value exponent = arith::ShLIOp::create(b, bits, a.i32(23));
    Value power = arith::BitcastOp::create(b, x.getType(), exponent);
    return a.mul(
        polynomial(a, r, isRough ? ArrayRef(kThird) : ArrayRef(kFifth)), power);
  }

  bool hasScale;
};

/// Two weights of a softmax, rounded to bf16, as a pair: with 9 bits of
/// fraction f, 2^x = 2^floor(x) (1 + f - f (1 - f) (5 + f) / 16) in integers of
/// 16 bits, of which a vector has twice as many lanes. The error is 0.19% in
/// the mean square, where rounding alone has 0.17%, and 0.6% at most.
struct WeightPair {
  /// Replaces \p op, if it makes such a pair, and what is left without use.
  static void apply(arith::OrIOp op) {
    auto type = dyn_cast<VectorType>(op.getType());
    Value exponents[] = {exponentOf<arith::ShRUIOp>(op.getLhs(), 16),
                         exponentOf<arith::AndIOp>(op.getRhs(), 0xffff0000)};
    if (!type || !exponents[0] || !exponents[1])
      return;
    ImplicitLocOpBuilder b(op.getLoc(), op);
    Arithmetic a{b, type};
    Value bits[2];
    for (auto [i, x] : llvm::enumerate(exponents))
      bits[i] = fixedPoint(b, x);
    // The high halves are known, and gone by an exclusive or: a mask would
    // become a permutation, which takes longer.
    Value pair = arith::OrIOp::create(
        b, arith::XOrIOp::create(b, bits[0], a.i32(kMagicBits)),
        arith::ShLIOp::create(b, bits[1], a.i32(16)));

    auto halves = VectorType::get({2 * type.getNumElements()}, b.getI16Type());
    auto constant = [&](int16_t value) -> Value {
      return arith::ConstantOp::create(
          b, DenseElementsAttr::get(halves, b.getI16IntegerAttr(value)));
    };
    Value x = vector::BitCastOp::create(b, halves, pair);
    Value mask = constant(kUnit - 1);
    Value fraction = arith::AndIOp::create(b, x, mask),
          rest = arith::XOrIOp::create(b, fraction, mask);
    Value product = arith::MulIOp::create(b, fraction, rest);
    Value factor = arith::AddIOp::create(
        b, arith::ShRUIOp::create(b, fraction, constant(6)), constant(40));
    Value bend = arith::MulUIExtendedOp::create(b, product, factor).getHigh();
    Value weights = arith::ShRUIOp::create(b, arith::SubIOp::create(b, x, bend),
                                           constant(2));
    op.replaceAllUsesWith(
        vector::BitCastOp::create(b, type, weights).getResult());
    llvm::SetVector<Operation *> unused;
    unused.insert(op);
    while (!unused.empty()) {
      Operation *last = unused.pop_back_val();
      if (!last || !isOpTriviallyDead(last))
        continue;
      for (Value operand : last->getOperands())
        unused.insert(operand.getDefiningOp());
      last->erase();
    }
  }

private:
  static constexpr int32_t kUnit = 512;
  static constexpr int32_t kMagicBits = 0x4b400000; // 1.5 * 2^23

  static bool isSplat(Value value, uint32_t expected) {
    if (auto broadcast = value.getDefiningOp<vector::BroadcastOp>())
      value = broadcast.getSource();
    APInt found;
    return matchPattern(value, m_ConstantInt(&found)) &&
           found.getBitWidth() == 32 && found == expected;
  }

  /// x of Op(bits of 2^x + half of the last place, \p operand), of a weight.
  template <typename Op> static Value exponentOf(Value half, uint32_t operand) {
    auto part = half.getDefiningOp<Op>();
    if (!part || !isSplat(part.getRhs(), operand))
      return {};
    auto sum = part.getLhs().template getDefiningOp<arith::AddIOp>();
    if (!sum || !isSplat(sum.getRhs(), 0x8000))
      return {};
    auto bits = sum.getLhs().template getDefiningOp<arith::BitcastOp>();
    auto weight = bits ? bits.getIn().template getDefiningOp<math::Exp2Op>()
                       : math::Exp2Op();
    bool isWeight = weight && weight->hasAttr(InfiniAttnDialect::kWeightAttr);
    return isWeight ? weight.getOperand() : Value();
  }

  /// kUnit (x + 127) in the low 16 bits, 0 where that is negative or none: the
  /// exponent and the fraction of bf16, and two bits more. Where \p x is a sum
  /// of a product, the factors of both come together.
  static Value fixedPoint(ImplicitLocOpBuilder &b, Value x) {
    Arithmetic a{b, x.getType()};
    // In [2^23, 2^24) a number has its integer in the low bits. A unit more
    // makes the shift at the end round to the nearest.
    Value magic = a.f32(12582912.0);
    Value shift = a.f32(12582912.0 + kUnit * 127 + 2), unit = a.f32(kUnit);
    auto fma = x.getDefiningOp<math::FmaOp>();
    Value sum = fma ? a.fma(fma.getA(), a.mul(fma.getB(), unit),
                            a.fma(fma.getC(), unit, shift))
                    : a.fma(x, unit, shift);
    Value isPositive =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, sum, magic);
    sum = arith::SelectOp::create(b, isPositive, sum, magic);
    return arith::BitcastOp::create(b, a.shaped(b.getI32Type()), sum);
  }
};

struct ApproximateMath
    : public cpu::impl::InfiniAttnApproximateMathBase<ApproximateMath> {
  using InfiniAttnApproximateMathBase::InfiniAttnApproximateMathBase;

  void runOnOperation() override {
    SmallVector<arith::OrIOp> pairs;
    getOperation()->walk([&](arith::OrIOp op) { pairs.push_back(op); });
    for (arith::OrIOp op : pairs)
      WeightPair::apply(op);
    RewritePatternSet patterns(&getContext());
    patterns.add<ReduceAndApproximate<math::SinOp, 0>,
                 ReduceAndApproximate<math::CosOp, 1>>(&getContext(),
                                                       PatternBenefit(2));
    patterns.add<ApproximateExp2>(&getContext(), hasScale);
    if (hasScale)
      patterns.add<ScaledExp>(&getContext());
    auto isFunction = [](StringRef name) {
      // exp2, sin and cos are ours; square roots are instructions.
      return name != math::Exp2Op::getOperationName() &&
             name != math::SinOp::getOperationName() &&
             name != math::CosOp::getOperationName() &&
             name != math::RsqrtOp::getOperationName();
    };
    populateMathF32ExpansionPatterns(patterns, [](StringRef) { return true; });
    populateMathPolynomialApproximationPatterns(patterns, isFunction);
    // A greedy rewrite of all would take ten times as long.
    SmallVector<Operation *> all, functions;
    getOperation()->walk<WalkOrder::PreOrder>(
        [&](Operation *op) { all.push_back(op); });
    OperationFolder folder(&getContext());
    for (Operation *op : all) {
      bool isFunction = isa<math::MathDialect>(op->getDialect());
      bool inPlace = false;
      if (failed(folder.tryToFold(op, &inPlace)) || inPlace)
        if (isFunction)
          functions.push_back(op);
    }
    GreedyRewriteConfig config;
    config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps);
    if (failed(applyOpPatternsGreedily(functions, std::move(patterns), config)))
      signalPassFailure();
  }
};
} // namespace
