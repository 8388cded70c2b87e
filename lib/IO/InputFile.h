//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Files that are read piece by piece, each piece checked.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_LIB_IO_INPUTFILE_H
#define INFINI_ATTN_LIB_IO_INPUTFILE_H

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <string>

namespace infini {

/// "PATH: MESSAGE".
llvm::Error fail(llvm::StringRef path, const llvm::Twine &message);

/// A regular file, of a size that is known: a pipe or a device may never end.
class InputFile {
public:
  static llvm::Expected<InputFile> open(llvm::StringRef path);
  InputFile(InputFile &&other);
  InputFile &operator=(InputFile &&) = delete;
  ~InputFile();

  llvm::StringRef path() const { return name; }
  uint64_t size() const { return bytes; }
  /// Reads exactly `count` bytes at `offset`.
  llvm::Error read(char *into, uint64_t count, uint64_t offset) const;

private:
  InputFile() = default;
  int descriptor = -1;
  uint64_t bytes = 0;
  std::string name;
};

} // namespace infini

#endif // INFINI_ATTN_LIB_IO_INPUTFILE_H
