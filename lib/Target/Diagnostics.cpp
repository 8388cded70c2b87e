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

#include "infini_attn/Target/Diagnostics.h"

#include "infini_attn/Runtime/Runtime.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

#include <unistd.h>

using namespace mlir;
using namespace mlir::infini_attn;

/// `FILE:LINE:COLUMN: TEXT` on one line.
static std::string describe(const Diagnostic &diagnostic) {
  std::string line;
  llvm::raw_string_ostream out(line);
  auto place = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>();
  if (place)
    out << place.getFilename().getValue() << ":" << place.getLine() << ":"
        << place.getColumn() << ": ";
  out << diagnostic;
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

FirstError::FirstError(MLIRContext *context, StringRef tool)
    : tool(tool), handler(context, [this](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Warning)
          llvm::errs() << this->tool << ": warning: " << describe(diagnostic)
                       << "\n";
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error &&
            text.empty())
          text = describe(diagnostic);
        return success();
      }) {}

llvm::Error FirstError::explain(llvm::Error otherwise) const {
  if (text.empty())
    return otherwise;
  llvm::consumeError(std::move(otherwise));
  return llvm::createStringError(text);
}

void infini_attn::showOnly(ArrayRef<StringRef> options) {
  for (auto &entry : llvm::cl::getRegisteredOptions())
    if (!llvm::is_contained(options, entry.first))
      entry.second->setHiddenFlag(llvm::cl::Hidden);
}

bool infini_attn::parseCommandLine(StringRef tool, int argc, char **argv,
                                   StringRef overview) {
  std::string text;
  llvm::raw_string_ostream out(text);
  if (llvm::cl::ParseCommandLineOptions(argc, argv, overview, &out))
    return true;
  // A wrong value has been reported without the stream. The rest is
  // "PROGRAM: TEXT.  Try: ..." and lines of advice.
  StringRef line = StringRef(text).split('\n').first.split(": ").second;
  line = line.split(".  Try:").first.rtrim("!.");
  if (!line.empty())
    llvm::errs() << tool << ": error: expected options and arguments as in "
                 << "--help, got: " << line << "\n";
  return false;
}

int infini_attn::reportError(StringRef tool, llvm::Error error) {
  llvm::errs() << tool << ": error: " << llvm::toString(std::move(error))
               << "\n";
  return 1;
}

void infini_attn::exitOnFatalErrors(const char *tool) {
  llvm::install_fatal_error_handler(
      [](void *name, const char *reason, bool) {
        llvm::errs() << static_cast<const char *>(name) << ": error: " << reason
                     << "\n";
        llvm::sys::RunInterruptHandlers();
        _exit(1);
      },
      const_cast<char *>(tool));
  infini_set_out_of_memory([](size_t bytes) {
    llvm::report_fatal_error("expected " + Twine(bytes) +
                                 " bytes of memory, got none",
                             /*gen_crash_diag=*/false);
  });
}
