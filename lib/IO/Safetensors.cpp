//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InputFile.h"

#include "infini_attn/IO/Array.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"

using namespace llvm;
using namespace infini;

/// As in the format's own library.
static constexpr uint64_t kMaxHeader = 100'000'000;
/// The format has three levels: the header, a tensor, its shape.
static constexpr unsigned kMaxDepth = 16;

/// Whether brackets nest deeper than the format has any use for. The parser
/// descends into each of them, on a stack that ends.
static bool nestsTooDeep(StringRef json) {
  unsigned depth = 0;
  bool isString = false;
  for (size_t at = 0; at < json.size(); ++at) {
    char c = json[at];
    if (c == '"')
      isString = !isString;
    else if (isString)
      at += c == '\\';
    else if (c == '[' || c == '{')
      ++depth;
    else if (c == ']' || c == '}')
      depth -= depth > 0;
    if (depth > kMaxDepth)
      return true;
  }
  return false;
}

/// One entry of the header: {"dtype": ..., "shape": [...], "data_offsets": [b,
/// e]}, counted from \p dataOffset.
static Expected<Array> readTensor(const InputFile &file, uint64_t dataOffset,
                                  StringRef name, const json::Value &value) {
  auto wrong = [&](const Twine &message) {
    return fail(file.path(),
                "tensor '" + name.take_front(80) + "': " + message);
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
  if (!begin || !end || *begin > *end || *end > file.size() - dataOffset)
    return wrong("expected data_offsets inside of the file");
  if (*end - *begin != static_cast<uint64_t>(*count * sizeOf(*type)))
    return wrong("expected " + Twine(*count * sizeOf(*type)) +
                 " bytes of data for " + describe(sizes, *type) + ", got " +
                 Twine(*end - *begin));
  Expected<Array> array = Array::create(*type, sizes);
  if (!array)
    return wrong(toString(array.takeError()));
  if (Error error =
          file.read(array->data.get(), *end - *begin, dataOffset + *begin))
    return error;
  return array;
}

Expected<StringMap<Array>> infini::readSafetensors(StringRef path) {
  Expected<InputFile> file = InputFile::open(path);
  if (!file)
    return file.takeError();
  if (file->size() < 8)
    return fail(path, "expected a safetensors file, got " +
                          Twine(file->size()) + " bytes");
  char start[8];
  if (Error error = file->read(start, sizeof(start), 0))
    return error;
  uint64_t length = support::endian::read64le(start);
  if (length > file->size() - 8)
    return fail(path, "expected a safetensors header inside of the file, got "
                      "one of " +
                          Twine(length) + " bytes");
  if (length > kMaxHeader)
    return fail(path, "expected a safetensors header of at most " +
                          Twine(kMaxHeader) + " bytes, got " + Twine(length));
  std::string text(length, '\0');
  if (Error error = file->read(text.data(), length, 8))
    return error;
  if (nestsTooDeep(text))
    return fail(path, "expected a JSON header nested at most " +
                          Twine(kMaxDepth) + " deep, got more");
  Expected<json::Value> header = json::parse(text);
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
    Expected<Array> tensor = readTensor(*file, 8 + length, name, value);
    if (!tensor)
      return tensor.takeError();
    tensors[name] = std::move(*tensor);
  }
  return tensors;
}
