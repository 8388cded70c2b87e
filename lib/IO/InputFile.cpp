//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InputFile.h"

#include "llvm/Support/FileSystem.h"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;
using namespace infini;

Error infini::fail(StringRef path, const Twine &message) {
  return createStringError(path + ": " + message);
}

Expected<InputFile> InputFile::open(StringRef path) {
  // Before it is opened: that alone would wait for the other end of a pipe.
  sys::fs::file_status kind;
  if (!sys::fs::status(path, kind) && !sys::fs::is_regular_file(kind))
    return fail(path, "expected a regular file");
  InputFile file;
  file.name = path.str();
  if (std::error_code code = sys::fs::openFileForRead(path, file.descriptor))
    return fail(path, "expected a file, got: " + code.message());
  struct stat status;
  if (::fstat(file.descriptor, &status) != 0 || !S_ISREG(status.st_mode))
    return fail(path, "expected a regular file");
  file.bytes = status.st_size;
  return file;
}

InputFile::InputFile(InputFile &&other)
    : descriptor(std::exchange(other.descriptor, -1)), bytes(other.bytes),
      name(std::move(other.name)) {}

InputFile::~InputFile() {
  if (descriptor >= 0)
    ::close(descriptor);
}

Error InputFile::read(char *into, uint64_t count, uint64_t offset) const {
  while (count > 0) {
    ssize_t got = ::pread(descriptor, into, count, offset);
    if (got < 0)
      return fail(name, Twine("expected to read the file, got: ") +
                            std::strerror(errno));
    if (got == 0)
      return fail(name, "expected " + Twine(count) +
                            " more bytes, got the end of the file");
    into += got;
    offset += got;
    count -= got;
  }
  return Error::success();
}
