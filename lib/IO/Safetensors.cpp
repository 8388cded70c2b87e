//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/IO/Array.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstring>

using namespace llvm;
using namespace infini;

static Error fail(StringRef path, const Twine &message) {
  return createStringError(path + ": " + message);
}

/// One entry of the header: {"dtype": ..., "shape": [...], "data_offsets": [b,
/// e]}.
static Expected<Array> readTensor(StringRef path, StringRef name,
                                  const json::Value &value, StringRef data) {
  auto wrong = [&](const Twine &message) {
    return fail(path, "tensor '" + name.take_front(80) + "': " + message);
  };
  const json::Object *entry = value.getAsObject();
  if (!entry)
    return wrong("expected an object");
  std::optional<StringRef> dtype = entry->getString("dtype");
  const json::Array *shape = entry->getArray("shape"),
                    *offsets = entry->getArray("data_offsets");
  if (!dtype || !shape || !offsets || offsets->size() != 2)
    return wrong("expected dtype, shape and data_offsets");
  std::optional<DType> type = StringSwitch<std::optional<DType>>(*dtype)
                                  .Case("F32", DType::F32)
                                  .Case("F64", DType::F64)
                                  .Case("F16", DType::F16)
                                  .Case("BF16", DType::BF16)
                                  .Case("I32", DType::I32)
                                  .Case("I64", DType::I64)
                                  .Default(std::nullopt);
  if (!type)
    return wrong("expected dtype F32, F64, F16, BF16, I32 or I64, got " +
                 dtype->take_front(40));
  SmallVector<int64_t> sizes;
  for (const json::Value &size : *shape) {
    std::optional<int64_t> known = size.getAsInteger();
    if (!known || *known < 0)
      return wrong("expected a shape of sizes");
    sizes.push_back(*known);
  }
  Expected<int64_t> count = countElements(sizes, *type);
  if (!count)
    return wrong(toString(count.takeError()));
  std::optional<uint64_t> begin = (*offsets)[0].getAsUINT64(),
                          end = (*offsets)[1].getAsUINT64();
  if (!begin || !end || *begin > *end || *end > data.size())
    return wrong("expected data_offsets inside of the file");
  if (*end - *begin != static_cast<uint64_t>(*count * sizeOf(*type)))
    return wrong("expected " + Twine(*count * sizeOf(*type)) +
                 " bytes of data for " + describe(sizes, *type) + ", got " +
                 Twine(*end - *begin));
  Expected<Array> array = Array::create(*type, sizes);
  if (!array)
    return wrong(toString(array.takeError()));
  std::memcpy(array->data.get(), data.data() + *begin, *end - *begin);
  return array;
}

Expected<StringMap<Array>> infini::readSafetensors(StringRef path) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getFile(
      path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(path, "expected a file, got: " + buffer.getError().message());
  StringRef bytes = (*buffer)->getBuffer();
  if (bytes.size() < 8)
    return fail(path, "expected a safetensors file, got " +
                          Twine(bytes.size()) + " bytes");
  uint64_t length = support::endian::read64le(bytes.data());
  if (length > bytes.size() - 8)
    return fail(path, "expected a safetensors header inside of the file, got "
                      "one of " +
                          Twine(length) + " bytes");
  Expected<json::Value> header = json::parse(bytes.substr(8, length));
  if (!header)
    return fail(path,
                "expected a JSON header, got: " + toString(header.takeError()));
  const json::Object *entries = header->getAsObject();
  if (!entries)
    return fail(path, "expected a JSON object as header");
  StringMap<Array> tensors;
  for (const auto &[key, value] : *entries) {
    StringRef name = key;
    if (name == "__metadata__")
      continue;
    Expected<Array> tensor =
        readTensor(path, name, value, bytes.drop_front(8 + length));
    if (!tensor)
      return tensor.takeError();
    tensors[name] = std::move(*tensor);
  }
  return tensors;
}
