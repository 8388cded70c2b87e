//===- Passes.td - Linalg on buffers to CPU code -----------*- tablegen -*-===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_CODEGEN_CPU_PASSES_TD
#define INFINI_ATTN_CODEGEN_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def InfiniAttnPrepareEntry : Pass<"infini-attn-prepare-entry", "::mlir::ModuleOp"> {
  let summary = "give public functions the calling convention of compiled code";
  let description = [{
    A public function gets a C wrapper (`llvm.emit_c_interface`), and its tensor
    arguments are marked as never written, unless they are `infini_attn.in_place`
    or say otherwise: compiled code leaves its inputs as they were and returns
    fresh buffers. Names of arguments (`infini_attn.name`) are dropped.

        func.func @f(%x: tensor<4xf32>)
        =>
        func.func @f(%x: tensor<4xf32> {bufferization.writable = false})
            attributes {llvm.emit_c_interface}

    Requires: nothing. Ensures: results are the same bits.
  }];
}

def InfiniAttnSeparateResults
    : Pass<"infini-attn-separate-results", "::mlir::ModuleOp"> {
  let summary = "give each result of a function a buffer of its own";
  let description = [{
    The caller frees every result, so two may not share a buffer: one tensor
    that is returned twice, or with a view of it, is copied.

        func.return %x, %x
        =>
        %copy = bufferization.clone %x; func.return %x, %copy

    Requires: buffers, before their deallocation. Ensures: results are the same
    bits; results of a function that may overlap are the function's arguments
    only, which deallocation copies.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect"];
}

def InfiniAttnReturnInPlace
    : Pass<"infini-attn-return-in-place", "::mlir::ModuleOp"> {
  let summary = "return buffers of the caller that were changed in place";
  let description = [{
    Deallocation copies an argument that is returned, since the caller frees
    results. An argument that is `infini_attn.in_place` is returned itself: its
    new value was written where it lies, and a copy of the state of a decode
    step would cost several times the step.

        func.func @f(%m: memref<4xf32> {infini_attn.in_place}) -> memref<4xf32> {
          ...
          %copy = bufferization.clone %m; return %copy
        =>
          return %m

    Requires: buffers, after their deallocation. Ensures: results are the same
    bits; the attribute is gone.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect"];
}

def InfiniAttnGuardLookups : Pass<"infini-attn-guard-lookups"> {
  let summary = "keep table look-ups inside their table";
  let description = [{
    A `tensor.extract` whose index is data (a token looked up in an embedding)
    is checked against the size of its table: an index outside is reported by
    an `infini_attn.check` and clamped, so that no input makes compiled code read
    outside of a buffer.

        tensor.extract %table[%i, %j]
        =>
        infini_attn.check (%i < dim(%table, 0)); tensor.extract %table[min(%i, dim - 1), %j]

    Zeros take the place of a table without entries.

    Requires: nothing. Ensures: results are the same bits where every index is
    in range. Indices that are loop indices, or constants inside of a static
    size, are left alone.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::infini_attn::InfiniAttnDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def InfiniAttnCopiesToLinalg : Pass<"infini-attn-copies-to-linalg"> {
  let summary = "turn copies of buffers into linalg operations";
  let description = [{
    Upstream's lowering of a copy between views calls a runtime function,
    `memrefCopy`, that few programs have.

        memref.copy %a, %b
        =>
        linalg.generic {b[i, j] = a[i, j]}

    Requires: ranked buffers. Ensures: no `memref.copy` is left; results are the
    same bits.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def InfiniAttnOutlineKernels
    : Pass<"infini-attn-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "turn products and transpositions into calls of shared functions";
  let description = [{
    A linalg contraction on buffers becomes a call of a private function that
    holds it once for each kind of product: element types, how the left factor
    lies in memory, and whether it adds to what is there. So does the
    transposition of a matrix, where with bf16 two elements move as one of 32
    bits. All of a module then share a few kernels, which LLVM compiles once.

        linalg.fill 0 -> %c
        linalg.generic {c[m, n] += a[m, k] * b[k, n]}
        =>
        func.call @infini_product_f32_f32_rows(%a, %b, %c)

    Loops over further dimensions stay around the call; outside of a parallel
    loop they become `scf.parallel`, over blocks of 64 rows.

    Requires: buffers; a contraction that a register tile of several rows does
    not fit is left alone. Ensures: results are the same bits.
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "unsigned", "512",
           "width of a vector register in bits: 512, 256 or 128">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def InfiniAttnOutlineThinProducts
    : Pass<"infini-attn-outline-thin-products", "::mlir::ModuleOp"> {
  let summary = "turn products of few rows into calls of shared functions";
  let description = [{
    A product whose left factor has 16 rows or fewer, as in a decode step, is
    bound by the reading of its right factor. It becomes a call of a private
    function, one a kind and number of rows, that reads it once and in order.
    The right factor lies along the sum (scores: the lanes hold parts of it,
    added up at the end) or along the columns (weighted values).

        linalg.fill 0 -> %s
        linalg.generic {s[m, n] += q[m, k] * keys[n, k]}  m = 1
        =>
        func.call @infini_thin_f32_bf16_dots_1(%q, %keys, %s)

    Outside of a parallel loop there is one around the call, over 128 columns a
    task.

    Requires: buffers; three loops, all operands row-major, rows of a static
    number; others are left alone. Ensures: results agree up to the order of
    sums, which does not depend on the number of threads.
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "unsigned", "512",
           "width of a vector register in bits: 512, 256 or 128">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def InfiniAttnPairProducts
    : Pass<"infini-attn-pair-products", "::mlir::ModuleOp"> {
  let summary = "lower products of pairs of bf16 to a matrix or vector unit";
  let description = [{
    A product that `infini-attn-tile{bf16-pairs}` made becomes loops whose body
    holds a tile of the result in registers:

    | `unit` | tile | step of terms | instructions |
    |---|---|---|---|
    | `amx` | 32 x 32, as 2 x 2 registers | 16 pairs | 4 loads, 4 `tdpbf16ps` |
    | `dot` | 8 x 32 | 1 pair | `vdpbf16ps` |
    | `fma` | 8 x 32 | 1 pair | two FMA of widened factors |

    Two or three parts of each factor, the largest first, give the sum of their
    products without those below the last part's order: three or six. Tiles have
    all of them in each step, vectors one loop for each, the smallest first.

    The vectors' loops are one function, `infini_product_pairs`. The tiles' are
    in place: whoever calls a function that uses tiles pays for their
    configuration. Where the result, 32 columns wide, is read by one elementwise
    operation only, the two become one loop, in which the vector unit works on
    some rows beside the products of the next:

        S = x y;  P = f(S)
        =>
        for chunk of 32 rows:  S' = x[chunk] y  beside  P = f(S of two before)

    A process may be refused the state of the tiles; then
    (`infini_request_amx`, asked where a function begins) it calls the vectors,
    unless it is said to have them (`tiles-granted`).
    `fma` runs everywhere: it is how the form is tested on CPUs that lack the
    others.

    Requires: buffers with contiguous rows, whose sizes are multiples of 32.
    Ensures: no such product is left.
  }];
  let options = [
    Option<"unit", "unit", "::mlir::infini_attn::cpu::PairProductUnit",
           "::mlir::infini_attn::cpu::PairProductUnit::FMA", "what multiplies",
           [{::llvm::cl::values(
             clEnumValN(::mlir::infini_attn::cpu::PairProductUnit::FMA, "fma",
                        "two FMA of widened factors"),
             clEnumValN(::mlir::infini_attn::cpu::PairProductUnit::X86Dot, "dot",
                        "AVX512-BF16"),
             clEnumValN(::mlir::infini_attn::cpu::PairProductUnit::NEONDot,
                        "bfdot", "BF16 of AArch64, in vectors of 128 bits"),
             clEnumValN(::mlir::infini_attn::cpu::PairProductUnit::AMX, "amx",
                        "AMX-BF16"))}]>,
    Option<"vectorBits", "vector-bits", "unsigned", "512",
           "width of a vector register in bits: 512, 256 or 128">,
    Option<"tilesGranted", "tiles-granted", "bool", "false",
           "the process may use AMX: nothing asks for it">
  ];
  let dependentDialects = [
    "::mlir::amx::AMXDialect", "::mlir::arith::ArithDialect",
    "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
    "::mlir::x86vector::X86VectorDialect"
  ];
}

def InfiniAttnAMXToLLVM : Pass<"infini-attn-amx-to-llvm"> {
  let summary = "convert AMX tiles and the loops that carry them";
  let description = [{
    Operations of `amx` become calls of LLVM intrinsics, and a loop that carries
    tiles carries values of `!llvm.x86_amx`. It is a pass of its own because
    the conversion of loops to branches, and of branches to llvm, would not know
    the type.

    Requires: tiles are carried by `scf.for` only. Ensures: no tile is left.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def InfiniAttnConvertToLLVM
    : Pass<"infini-attn-convert-to-llvm", "::mlir::ModuleOp"> {
  let summary = "convert functions to the llvm dialect";
  let description = [{
    The conversions of `arith`, `cf`, `func`, `index`, `math`, `memref`, `ub`,
    `vector` and `x86vector` that upstream has, in one: one after the other
    they take twice as long, with casts between what they have converted and
    what they have not. Functions of `math` that LLVM has no intrinsic for
    become calls of the C library.

    Requires: no strided metadata of views, no `scf`. Ensures: what is left of
    these dialects has no form in LLVM.
  }];
  let dependentDialects = [
    "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def InfiniAttnGuardExtents : Pass<"infini-attn-guard-extents"> {
  let summary = "keep linalg inside of operands whose sizes disagree";
  let description = [{
    The operands of a linalg operation have sizes that run time may find to
    disagree, and a loop that follows one of them then leaves another. Sizes
    that are not known to fit are compared before the operation: a difference
    is reported by a `cf.assert`, and the operation then takes zeros of the
    sizes that its loops have.

        linalg.add ins(%a, %b) outs(%c)
        =>
        %ok = dim(%b, 0) == dim(%c, 0); cf.assert %ok
        %safe = scf.if %ok {%b} else {zeros of dim(%c, 0)}
        linalg.add ins(%a, %safe) outs(%c)

    Requires: tensors. Ensures: results are the same bits where sizes fit; what
    is known to fit (sizes that derive from each other) is left alone.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def InfiniAttnGuardSlices : Pass<"infini-attn-guard-slices"> {
  let summary = "keep slices inside of their tensor";
  let description = [{
    A slice that is not known to lie inside of its tensor is checked: one that
    does not is reported by a `cf.assert`, and reads zeros or writes nothing.

        tensor.extract_slice %x[%i] [4] [1]
        =>
        %ok = 4 <= dim(%x, 0) and 0 <= %i <= dim(%x, 0) - 4; cf.assert %ok
        %safe = scf.if %ok {%x} else {zeros of 4}
        tensor.extract_slice %safe[select(%ok, %i, 0)] [4] [1]

    A `tensor.insert_slice` is made only where it fits. What bounds of loops and
    sizes of tensors prove to be inside is left alone.

    Requires: tensors. Ensures: results are the same bits where each slice is
    inside.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
}

def InfiniAttnGuardDivisions : Pass<"infini-attn-guard-divisions"> {
  let summary = "keep integer divisions by data from ending the process";
  let description = [{
    An integer division (or remainder) by 0 ends the process on many CPUs. A
    divisor that is not a constant is checked, before the operations of linalg
    in which it is the same for every element: 0 is reported by a `cf.assert`
    and taken for 1. The least number divided by -1 gives itself.

        arith.divui %x, %n
        =>
        cf.assert (%n != 0); arith.divui %x, select(%n != 0, %n, 1)

    Requires: divisions of scalars. Ensures: results are the same bits where no
    divisor is 0 and no quotient overflows.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect"
  ];
}

def InfiniAttnLinalgToVectorLoops : Pass<"infini-attn-linalg-to-vector-loops"> {
  let summary = "lower linalg on buffers to loops over vector registers";
  let description = [{
    Each linalg operation on buffers becomes a loop nest whose innermost tile
    lives in registers: `rows` x `columns` vectors of accumulators for a
    contraction, one vector otherwise. Lanes run along the loop that is
    contiguous in the output; where the inputs are contiguous only along a
    reduction, lanes hold partial results and are folded at the end. Tails are
    masked. Outside of a parallel loop the outer loops become `scf.parallel`.

        linalg.generic {out[m, n] += lhs[m, k] * rhs[k, n]}
        =>
        scf.parallel blocks of m
          scf.for n, m tiles
            scf.for k  iter_args(rows x columns accumulators) { math.fma }

    Sums whose output has no contiguous dimension, or whose elements are not
    whole bytes, load and store lanes one by one. Another operation that has no
    vector form (a payload with control flow, a layout without a contiguous
    dimension) becomes scalar loops, with a remark; a product of matrices of
    other elements than integers, f16, bf16, f32 and f64 is an error.

    Requires: linalg on buffers only. Ensures: no linalg operation is left.
    Results may change in the last bits: a product and its sum are one rounding.
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "unsigned", "512",
           "width of a vector register in bits: 512, 256 or 128">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
    "::mlir::linalg::LinalgDialect"
  ];
}

def InfiniAttnApproximateMath : Pass<"infini-attn-approximate-math"> {
  let summary = "replace transcendental functions by vector polynomials";
  let description = [{
    `math.exp`, `math.tanh`, `math.erf`, `math.log` and their like on f32 become
    polynomials, on vectors and scalars alike, so that a tail has the same bits
    as a whole vector. `math.sin` and `math.cos` reduce their argument in three
    parts (Cody and Waite) and stay accurate for angles of thousands of turns,
    which rotary positions have. Past about 10^6 the error grows with the angle,
    and past about 10^7 a result is some number from -1 to 1.

    `math.exp2` of f32 is 2^n p(r) with an integer n: of degree 5 (2 ulp), or,
    where it has the flag `afn`, of degree 3 (relative error 1.1e-4), enough for
    what is then rounded to bf16. It is 0 below -127, and 2^0 is exactly 1.

    With `has-scale`, `math.exp` of 16 f32 is 2^n p(r), too, with r = x - n ln 2.

    Requires: nothing. Ensures: no call of a scalar function is left in a loop.
    Results change in the last bits (exp: 1 ulp; sin, cos: 2 ulp below 8192);
    sin and cos of a finite angle, whatever its size, lie from -1 to 1.
  }];
  let options = [
    Option<"hasScale", "has-scale", "bool", "false",
           "2^x and e^x by the instructions of AVX-512 that multiply by 2^n">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"
  ];
}

def InfiniAttnExpandReshapes : Pass<"infini-attn-expand-reshapes"> {
  let summary = "rewrite views that split a dimension into dynamic sizes";
  let description = [{
    Upstream's lowering of `memref.expand_shape` (expand-strided-metadata) takes
    one dynamic size in a group at most and crashes on more.

        memref.expand_shape %x [[0, 1]] output_shape [%m, %n]
        =>
        memref.reinterpret_cast %x sizes: [%m, %n] strides: [%n * %stride, %stride]

    Requires: nothing. Ensures: results are the same bits; no
    `memref.expand_shape` with two dynamic sizes in one group is left.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::memref::MemRefDialect"
  ];
}

def InfiniAttnParallelToRuntime
    : Pass<"infini-attn-parallel-to-runtime", "::mlir::ModuleOp"> {
  let summary = "turn parallel loops into calls of infini_parallel_for";
  let description = [{
    The body of each `scf.parallel` becomes a function over a range of
    iterations; what it uses from outside travels in a structure on the
    caller's stack.

        scf.parallel (%i, %j) = (0, 0) to (%m, %n) step (1, 1) { body }
        =>
        func.call @infini_parallel_for(@f_parallel_0, %context, m * n)

    `infini_parallel_for(body, context, count)` calls `body(context, begin,
    end)` on disjoint ranges that cover [0, count), on as many threads as it
    likes. A loop that has others inside is `infini_parallel_for_outer`, which
    decides at run time which of them get the threads.

    Buffers that each iteration makes and frees are made once a range.

    Requires: buffers only; a parallel loop with a reduction is left alone.
    Ensures: results are the same bits for any number of threads [S16].
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect"
  ];
}

def InfiniAttnChecksToRuntime
    : Pass<"infini-attn-checks-to-runtime", "::mlir::ModuleOp"> {
  let summary = "report failed checks to the host instead of aborting";
  let description = [{
    A failed check of compiled code must not kill the host program.

        infini_attn.check %ok, "expected ..., got {0}" (%value : i64)
        =>
        func.call @infini_check(%ok, "expected ..., got {0}", %value, 0, 0)

    `infini_check` keeps the first message and its values; the host asks for it
    with `infini_last_error` after the call. A `cf.assert` is a check without
    values.

    Requires: code after a check is safe also where the check failed. Ensures:
    no check is left.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect"
  ];
}

def InfiniAttnCheckLayouts
    : Pass<"infini-attn-check-layouts", "::mlir::ModuleOp"> {
  let summary = "refuse arguments of the C interface that are not row-major";
  let description = [{
    Compiled code reads row-major buffers from their first element on, whatever
    strides and offset the caller's descriptor has. The C wrapper of a function
    compares them once, on entry: others are reported by `infini_check`, the
    function is not called, and its results are null pointers.

        llvm.func @_mlir_ciface_f(%results, %x) { ... llvm.call @f(...) ... }
        =>
        llvm.func @_mlir_ciface_f(%results, %x) {
          ... llvm.call @infini_check(%row_major, "expected argument 0 ...")
          llvm.cond_br %row_major, ^call, ^nothing
        }

    Strides of dimensions of size 1, and of arrays without elements, may be any.

    Requires: the llvm dialect. Ensures: results are the same bits where all
    arguments are row-major.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def InfiniAttnBFloatToInteger : Pass<"infini-attn-bfloat-to-integer"> {
  let summary = "move bf16 as the integers that hold it";
  let description = [{
    LLVM widens a bf16 that is loaded, stored or selected to f32 on CPUs without
    bf16, and calls `__truncsfbf2`, which few systems have, to narrow it again.
    Here nothing is left to widen: loads, stores, selects, shuffles, constants
    and arguments of blocks become those of i16.

        llvm.load %p : !llvm.ptr -> bf16
        =>
        llvm.load %p : !llvm.ptr -> i16

    What takes or gives bf16 otherwise (calls, arithmetic) gets a bitcast.

    Requires: the llvm dialect, in which bf16 arithmetic is done in f32 already.
    Ensures: results are the same bits.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // INFINI_ATTN_CODEGEN_CPU_PASSES_TD
