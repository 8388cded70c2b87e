//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/IO/Array.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

using namespace llvm;
using namespace infini;

/// More than any machine holds: sizes below it cannot overflow when added.
static constexpr int64_t kMaxBytes = int64_t(1) << 46;
/// More than any array has that only happens to be empty: one of an honest size
/// has its data to show for it, a header that promises rows of nothing does
/// not.
static constexpr int64_t kMaxEmptyBytes = int64_t(1) << 31;

int64_t infini::sizeOf(DType type) {
  switch (type) {
  case DType::F16:
  case DType::BF16:
    return 2;
  case DType::F32:
  case DType::I32:
    return 4;
  case DType::F64:
  case DType::I64:
    return 8;
  }
  llvm_unreachable("unknown element type");
}

StringRef infini::nameOf(DType type) {
  switch (type) {
  case DType::F32:
    return "f32";
  case DType::F64:
    return "f64";
  case DType::F16:
    return "f16";
  case DType::BF16:
    return "bf16";
  case DType::I32:
    return "i32";
  case DType::I64:
    return "i64";
  }
  llvm_unreachable("unknown element type");
}

std::string infini::describe(ArrayRef<int64_t> shape, DType type) {
  std::string text;
  raw_string_ostream stream(text);
  for (int64_t size : shape)
    size < 0 ? stream << "?x" : stream << size << "x";
  stream << nameOf(type);
  return text;
}

Expected<int64_t> infini::countElements(ArrayRef<int64_t> shape, DType type) {
  // Without elements too: what is computed from such an array may have the
  // sizes that it has beside the 0, such as a memory for each of its rows.
  bool isEmpty = is_contained(shape, 0);
  int64_t most = isEmpty ? kMaxEmptyBytes : kMaxBytes;
  int64_t count = 1;
  for (int64_t size : shape)
    if (size < 0 || MulOverflow(count, std::max<int64_t>(size, 1), count) ||
        count > most / sizeOf(type))
      return createStringError(
          (isEmpty ? "expected an array without elements of sizes below 2^31 "
                     "bytes beside the 0, got "
                   : "expected an array of less than 2^46 bytes, got ") +
          describe(shape, type));
  return isEmpty ? 0 : count;
}

int64_t Array::elements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

Expected<Array> Array::create(DType type, ArrayRef<int64_t> shape) {
  Expected<int64_t> count = countElements(shape, type);
  if (!count)
    return count.takeError();
  // A whole number of cache lines, and never a null pointer.
  size_t bytes = alignTo(std::max<int64_t>(*count * sizeOf(type), 1), 64);
  void *memory = std::aligned_alloc(64, bytes);
  if (!memory)
    return createStringError("expected " + Twine(bytes) +
                             " bytes of memory for " + describe(shape, type) +
                             ", got none");
  std::memset(memory, 0, bytes);
  Array array;
  array.type = type;
  array.shape.assign(shape.begin(), shape.end());
  array.data = std::shared_ptr<char>(static_cast<char *>(memory), std::free);
  return array;
}

static const fltSemantics *semanticsOf(DType type) {
  switch (type) {
  case DType::F32:
    return &APFloat::IEEEsingle();
  case DType::F64:
    return &APFloat::IEEEdouble();
  case DType::F16:
    return &APFloat::IEEEhalf();
  case DType::BF16:
    return &APFloat::BFloat();
  default:
    return nullptr;
  }
}

template <typename Bits> static uint64_t loadBits(const char *data, int64_t i) {
  Bits bits;
  std::memcpy(&bits, data + i * sizeof(Bits), sizeof(Bits));
  return bits;
}

static uint64_t bitsAt(const Array &array, int64_t i) {
  const char *data = array.data.get();
  switch (sizeOf(array.type)) {
  case 2:
    return loadBits<uint16_t>(data, i);
  case 4:
    return loadBits<uint32_t>(data, i);
  default:
    return loadBits<uint64_t>(data, i);
  }
}

static APFloat valueAt(const Array &array, int64_t i) {
  const fltSemantics &semantics = *semanticsOf(array.type);
  return APFloat(semantics, APInt(8 * sizeOf(array.type), bitsAt(array, i)));
}

Expected<Array> infini::convert(const Array &array, DType type) {
  if (array.type == type)
    return array;
  const fltSemantics *target = semanticsOf(type);
  if (!semanticsOf(array.type) || !target)
    return createStringError("expected " + nameOf(type) + ", got " +
                             nameOf(array.type));
  Expected<Array> result = Array::create(type, array.shape);
  if (!result)
    return result;
  for (int64_t i = 0, e = array.elements(); i < e; ++i) {
    APFloat value = valueAt(array, i);
    bool losesInfo;
    value.convert(*target, APFloat::rmNearestTiesToEven, &losesInfo);
    uint64_t bits = value.bitcastToAPInt().getZExtValue();
    std::memcpy(result->data.get() + i * sizeOf(type), &bits, sizeOf(type));
  }
  return result;
}

bool infini::hasNaN(const Array &array) {
  if (!semanticsOf(array.type))
    return false;
  for (int64_t i = 0, e = array.elements(); i < e; ++i)
    if (valueAt(array, i).isNaN())
      return true;
  return false;
}
