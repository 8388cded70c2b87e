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

#include "infini_attn/IO/OutputFile.h"

using namespace llvm;
using namespace infini;

static Error cannotWrite(StringRef path, std::error_code why) {
  return createStringError("expected to write '" + path +
                           "', got: " + why.message());
}

Expected<OutputFile> OutputFile::create(StringRef path) {
  OutputFile result;
  result.path = path.str();
  sys::fs::file_status status;
  bool exists = !sys::fs::status(path, status) && sys::fs::exists(status);
  if (exists && sys::fs::is_directory(status))
    return cannotWrite(path, std::make_error_code(std::errc::is_a_directory));
  if (path == "-" || (exists && !sys::fs::is_regular_file(status))) {
    std::error_code error;
    result.os = std::make_unique<raw_fd_ostream>(path, error);
    if (error)
      return cannotWrite(path, error);
    return std::move(result);
  }
  // A read-only file would be replaced, since that takes only its folder.
  if (exists && sys::fs::access(path, sys::fs::AccessMode::Write))
    return cannotWrite(path,
                       std::make_error_code(std::errc::permission_denied));
  auto file = sys::fs::TempFile::create(path + ".unfinished-%%%%%%");
  if (!file)
    return cannotWrite(path, errorToErrorCode(file.takeError()));
  result.temporary = std::move(*file);
  result.os = std::make_unique<raw_fd_ostream>(result.temporary->FD, false);
  return std::move(result);
}

OutputFile::~OutputFile() {
  if (!os)
    return;
  // What was not committed may have failed: nobody wants to hear of it again.
  os->clear_error();
  os.reset();
  if (temporary)
    consumeError(temporary->discard());
}

Error OutputFile::commit() {
  os->flush();
  if (os->has_error())
    return cannotWrite(path, os->error());
  os.reset();
  if (!temporary)
    return Error::success();
  if (Error error = temporary->keep(path))
    return cannotWrite(path, errorToErrorCode(std::move(error)));
  return Error::success();
}

Error infini::writeFile(StringRef path, StringRef bytes) {
  auto file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  file->stream() << bytes;
  return file->commit();
}
