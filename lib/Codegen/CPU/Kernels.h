//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Products as functions that all of a module share, so that LLVM compiles each
/// kind once.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_CODEGEN_CPU_KERNELS_H
#define INFINI_ATTN_LIB_CODEGEN_CPU_KERNELS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::infini_attn::cpu {

/// Whether \p op yields out + a * b in f32, of its two inputs.
bool isSumOfProducts(linalg::GenericOp op);

/// for i = from; i < to; i += step, with values that it carries.
SmallVector<Value>
emitLoop(ImplicitLocOpBuilder &b, Value from, Value to, int64_t step,
         ValueRange carried,
         function_ref<SmallVector<Value>(Value, ValueRange)> body);

/// A view of a matrix; a stride may be dynamic.
MemRefType matrixViewType(Type element, int64_t rowStride,
                          int64_t columnStride);

/// A private function without a body, to be called by one of several threads.
func::FuncOp declareKernel(ImplicitLocOpBuilder &b, StringRef name,
                           ArrayRef<Type> types);

/// Whether \p op is out[n, m] = in[m, n] and nothing else, up to a conversion.
bool isTransposition(linalg::GenericOp op);

/// Replaces \p op by a call of infini_transposed_...(in: m x n, out: n x m).
void outlineTransposition(linalg::GenericOp op, int64_t lanes);

} // namespace mlir::infini_attn::cpu

#endif // INFINI_ATTN_LIB_CODEGEN_CPU_KERNELS_H
