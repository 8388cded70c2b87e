//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Arrays in memory, and the files they come from and go to.
///
/// Every reader checks sizes and offsets before it touches data: a truncated or
/// hostile file is an error, never a read outside of it.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_IO_ARRAY_H
#define INFINI_ATTN_IO_ARRAY_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>
#include <string>

namespace infini {

class InputFile;

enum class DType { F32, F64, F16, BF16, I32, I64 };

/// Bytes of an element.
int64_t sizeOf(DType type);
llvm::StringRef nameOf(DType type);

/// Elements of `shape`; an error where their bytes overflow or exceed what a
/// process can hold.
llvm::Expected<int64_t> countElements(llvm::ArrayRef<int64_t> shape,
                                      DType type);

/// "4x8xf32".
std::string describe(llvm::ArrayRef<int64_t> shape, DType type);

/// A dense array in row-major order.
struct Array {
  DType type = DType::F32;
  llvm::SmallVector<int64_t> shape;
  std::shared_ptr<char> data;

  int64_t elements() const;
  int64_t bytes() const { return elements() * sizeOf(type); }

  /// Zeros, aligned to 64 bytes.
  static llvm::Expected<Array> create(DType type,
                                      llvm::ArrayRef<int64_t> shape);
};

/// The array with its elements as `type`: between f32, bf16 and f16, rounded to
/// nearest even. An error for other pairs.
llvm::Expected<Array> convert(const Array &array, DType type);

/// Whether a floating-point array holds a NaN.
bool hasNaN(const Array &array);

/// Reads a .npy file (format 1 to 3): little-endian f4, f8, f2, i4, i8, C
/// order.
llvm::Expected<Array> readNpy(llvm::StringRef path);

/// Writes `array` as a .npy file. bf16, which npy does not know, becomes f32.
llvm::Error writeNpy(llvm::raw_ostream &out, const Array &array);

/// A 2-d int32 .npy file of any size, read piece by piece.
class TokenFile {
public:
  static llvm::Expected<TokenFile> open(llvm::StringRef path);
  TokenFile(TokenFile &&other);
  TokenFile &operator=(TokenFile &&) = delete;
  ~TokenFile();

  int64_t rows() const { return rowCount; }
  int64_t tokens() const { return tokenCount; }
  /// Tokens [begin, begin + count) of every row.
  llvm::Expected<Array> read(int64_t begin, int64_t count) const;

private:
  TokenFile();
  std::unique_ptr<InputFile> file;
  int64_t offset = 0, rowCount = 0, tokenCount = 0;
};

/// The tensors of a .safetensors file, by name. Its header has at most 100 MB,
/// as in the format's own library.
llvm::Expected<llvm::StringMap<Array>> readSafetensors(llvm::StringRef path);

} // namespace infini

#endif // INFINI_ATTN_IO_ARRAY_H
