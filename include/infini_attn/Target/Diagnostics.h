//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Errors of tools: one line on the standard error, exit code 1.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_TARGET_DIAGNOSTICS_H
#define INFINI_ATTN_TARGET_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Error.h"

namespace mlir::infini_attn {

/// While it lives, the first error of a context is kept, since it is the cause
/// of those after it, and warnings go to the standard error.
class FirstError {
public:
  /// `tool`: the name that messages begin with.
  FirstError(MLIRContext *context, llvm::StringRef tool);

  /// The kept error as `FILE:LINE:COLUMN: TEXT`, or `otherwise` if there is
  /// none.
  llvm::Error explain(llvm::Error otherwise) const;

private:
  std::string tool, text;
  ScopedDiagnosticHandler handler;
};

/// Leaves in --help, of the options that there are by now, those of these
/// names;
/// --help-hidden shows all. For tools whose options are MLIR's own.
void showOnly(llvm::ArrayRef<llvm::StringRef> options);

/// Parses the options of a tool; false after an error of one line.
bool parseCommandLine(llvm::StringRef tool, int argc, char **argv,
                      llvm::StringRef overview);

/// Prints `TOOL: error: TEXT` and returns the exit code, 1.
int reportError(llvm::StringRef tool, llvm::Error error);

/// Turns LLVM's fatal errors (a full disk, what no check has headed off) into
/// one line and the exit code 1, and removes unfinished files. `tool` must live
/// as long as the process.
void exitOnFatalErrors(const char *tool);

} // namespace mlir::infini_attn

#endif // INFINI_ATTN_TARGET_DIAGNOSTICS_H
