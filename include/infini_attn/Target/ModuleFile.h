//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Files of MLIR, before its parser sees them.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_TARGET_MODULEFILE_H
#define INFINI_ATTN_TARGET_MODULEFILE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

#include <memory>

namespace mlir::infini_attn {

/// The text or bytecode of the file `path` (`-`: the standard input). An error
/// where there is none to read, or where it would overflow the stack of MLIR's
/// parser, which descends into each bracket: more than 256 of them at once.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
openModuleFile(llvm::StringRef path);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_TARGET_MODULEFILE_H
