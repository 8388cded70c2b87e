//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// libFuzzer target: any bytes as a .npy, a token file and a .safetensors. What
/// a reader accepts must hold the data that its shape promises.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/IO/Array.h"

#include "llvm/Support/raw_ostream.h"

#include <cstdint>
#include <cstdlib>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

using namespace infini;

namespace {

/// The bytes as a file that lives in memory.
class MemoryFile {
public:
  MemoryFile(const uint8_t *data, size_t size)
      : descriptor(memfd_create("fuzz", 0)) {
    if (descriptor < 0 ||
        write(descriptor, data, size) != static_cast<ssize_t>(size)) {
      llvm::errs() << "expected a file in memory, got none\n";
      std::abort();
    }
  }
  ~MemoryFile() { close(descriptor); }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  std::string path() const {
    return "/proc/self/fd/" + std::to_string(descriptor);
  }

private:
  int descriptor;
};

/// Reads every byte of an array, and converts it where it can be.
void use(const Array &array) {
  volatile char sum = 0;
  for (int64_t i = 0, e = array.bytes(); i != e; ++i)
    sum = static_cast<char>(sum + array.data.get()[i]);
  if (array.elements() != 0)
    hasNaN(array);
  for (DType type : {DType::F32, DType::F16, DType::BF16}) {
    llvm::Expected<Array> converted = convert(array, type);
    if (!converted)
      llvm::consumeError(converted.takeError());
  }
}

template <typename T> bool accepted(llvm::Expected<T> &result) {
  if (result)
    return true;
  llvm::consumeError(result.takeError());
  return false;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  MemoryFile file(data, size);
  llvm::Expected<Array> array = readNpy(file.path());
  if (accepted(array))
    use(*array);

  llvm::Expected<TokenFile> tokens = TokenFile::open(file.path());
  if (accepted(tokens)) {
    // The ends are where an offset goes wrong.
    int64_t last = tokens->tokens() > 0 ? tokens->tokens() - 1 : 0;
    for (int64_t begin : {int64_t(0), last}) {
      llvm::Expected<Array> piece =
          tokens->read(begin, tokens->tokens() - begin);
      if (accepted(piece))
        use(*piece);
    }
  }

  llvm::Expected<llvm::StringMap<Array>> tensors = readSafetensors(file.path());
  if (accepted(tensors))
    for (const auto &tensor : *tensors)
      use(tensor.second);
  return 0;
}
