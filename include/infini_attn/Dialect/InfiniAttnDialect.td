//===- InfiniAttnDialect.td - The infini_attn dialect ------*- tablegen -*-===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_DIALECT_TD
#define INFINI_ATTN_DIALECT_TD

include "mlir/IR/DialectBase.td"

def InfiniAttnDialect : Dialect {
  let name = "infini_attn";
  let cppNamespace = "::mlir::infini_attn";
  let summary = "Infini-attention: segment attention with a compressive memory";
  let description = [{
    Infini-attention (Munkhdalai, Faruqui, Gopal, arXiv 2404.07143) gives a
    Transformer an unbounded context at constant memory. A sequence is cut
    into segments. Inside a segment, ordinary causal softmax attention; across
    segments, a compressive memory per key/value head that is read with linear
    attention and updated by a linear or a delta rule; a learned gate per
    query head mixes the two.

    Shapes, in all operations: `B` batch, `Hq` query heads, `Hkv` key/value
    heads (`Hq` is a multiple of `Hkv`), `T` tokens, `N` segment length, `Dk`
    key width, `Dv` value width. Activations are `B x H x T x D` tensors of
    f32, bf16 or f16; the memory `M` (`B x Hkv x Dk x Dv`) and its normalizer
    `z` (`B x Hkv x Dk`) are always f32. Rules in brackets, such as [S9], are
    those of docs/spec.md.

    A function argument may carry a string attribute `infini_attn.name`: the
    name under which tools bind a file or a weight to it. It is the only
    attribute of this prefix outside of the operations, whose own attributes
    have none. Any other name, of either form, is an error; attributes of other
    dialects may stand everywhere.
  }];
  // Those whose operations canonicalization makes.
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let extraClassDeclaration = [{
    /// Name of the function argument attribute by which tools bind files and
    /// weights to arguments.
    static constexpr ::llvm::StringLiteral kArgNameAttr = "infini_attn.name";
    /// Unit attribute of a function argument that compiled code may change: a
    /// result that is its new value is the caller's own buffer, no copy of it.
    static constexpr ::llvm::StringLiteral kInPlaceAttr =
        "infini_attn.in_place";
    /// Unit attribute of a function whose callers have divided the work among
    /// threads: nothing in it becomes a parallel loop.
    static constexpr ::llvm::StringLiteral kSequentialAttr =
        "infini_attn.sequential";
    /// Unit attribute of a linalg.generic that adds x y to a matrix: x is m x k
    /// in bf16, and y has two rows of bf16 in one of i32, k / 2 x n, the first
    /// in the low bits. m, n and k are multiples of 32, also at run time.
    static constexpr ::llvm::StringLiteral kPairProductAttr =
        "infini_attn.pair_product";
    /// Unit attribute of a math.exp2 that makes a weight of a softmax: its
    /// operand is no more than 0 and no NaN, and of its result those 8 bits
    /// matter that bf16 has.
    static constexpr ::llvm::StringLiteral kWeightAttr = "infini_attn.weight";
  }];
}

#endif // INFINI_ATTN_DIALECT_TD
