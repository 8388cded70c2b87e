//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Files that are written whole or not at all.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_IO_OUTPUTFILE_H
#define INFINI_ATTN_IO_OUTPUTFILE_H

#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

namespace infini {

/// A file that appears under its name only by `commit`. Until then its bytes
/// are in a temporary file beside it, which is removed when the object dies or
/// the process is interrupted.
class OutputFile {
public:
  /// What exists and is no regular file (a pipe, /dev/null) is written
  /// directly; "-" is the standard output.
  static llvm::Expected<OutputFile> create(llvm::StringRef path);
  OutputFile(OutputFile &&) = default;
  ~OutputFile();

  llvm::raw_fd_ostream &stream() { return *os; }
  /// Closes the file and gives it its name. Reports failed writes.
  llvm::Error commit();

private:
  OutputFile() = default;
  std::string path;
  std::optional<llvm::sys::fs::TempFile> temporary;
  std::unique_ptr<llvm::raw_fd_ostream> os;
};

/// Writes `bytes` to the file `path`, whole or not at all.
llvm::Error writeFile(llvm::StringRef path, llvm::StringRef bytes);

} // namespace infini

#endif // INFINI_ATTN_IO_OUTPUTFILE_H
