//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InputFile.h"

#include "infini_attn/IO/Array.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace infini;

static constexpr StringLiteral kMagic("\x93NUMPY");
/// numpy itself refuses longer headers.
static constexpr uint64_t kMaxHeader = 65536;

namespace {
struct Header {
  DType type;
  SmallVector<int64_t> shape;
  uint64_t dataOffset;
};
} // namespace

/// The text after `'key':` in the Python dictionary of a header.
static Expected<StringRef> field(StringRef path, StringRef text,
                                 StringRef key) {
  std::string quoted = ("'" + key + "'").str();
  size_t at = text.find(quoted);
  if (at == StringRef::npos)
    return fail(path, "expected an npy header with '" + key + "'");
  StringRef rest = text.drop_front(at + quoted.size()).ltrim();
  if (!rest.consume_front(":"))
    return fail(path, "expected ':' after '" + key + "' in the npy header");
  return rest.ltrim();
}

static Expected<Header> parseHeader(const InputFile &file) {
  StringRef path = file.path();
  char start[12] = {};
  if (file.size() < 10)
    return fail(path,
                "expected an npy file, got " + Twine(file.size()) + " bytes");
  if (Error error = file.read(start, std::min<uint64_t>(file.size(), 12), 0))
    return error;
  if (StringRef(start, kMagic.size()) != kMagic)
    return fail(path, "expected an npy file, got another format");
  unsigned major = static_cast<unsigned char>(start[6]);
  if (major < 1 || major > 3)
    return fail(path, "expected npy format 1 to 3, got " + Twine(major));
  uint64_t lengthBytes = major == 1 ? 2 : 4;
  uint64_t length = major == 1 ? support::endian::read16le(start + 8)
                               : support::endian::read32le(start + 8);
  Header header;
  header.dataOffset = 8 + lengthBytes + length;
  if (length > kMaxHeader || header.dataOffset > file.size())
    return fail(path, "expected an npy header inside of the file, got one of " +
                          Twine(length) + " bytes");
  std::string buffer(length, '\0');
  if (Error error = file.read(buffer.data(), length, 8 + lengthBytes))
    return error;

  Expected<StringRef> descr = field(path, buffer, "descr");
  if (!descr)
    return descr.takeError();
  StringRef name =
      descr->take_until([](char c) { return c == ',' || c == '}'; })
          .trim(" '\"");
  std::optional<DType> type = StringSwitch<std::optional<DType>>(name)
                                  .Case("<f4", DType::F32)
                                  .Case("<f8", DType::F64)
                                  .Case("<f2", DType::F16)
                                  .Case("<i4", DType::I32)
                                  .Case("<i8", DType::I64)
                                  .Default(std::nullopt);
  if (!type)
    return fail(path, "expected elements <f4, <f8, <f2, <i4 or <i8, got " +
                          name.take_front(40));
  header.type = *type;

  Expected<StringRef> order = field(path, buffer, "fortran_order");
  if (!order)
    return order.takeError();
  if (!order->starts_with("False"))
    return fail(path, "expected row-major order, got fortran_order");

  Expected<StringRef> shape = field(path, buffer, "shape");
  if (!shape)
    return shape.takeError();
  StringRef list = *shape;
  if (!list.consume_front("(") || list.find(')') == StringRef::npos)
    return fail(path, "expected a tuple as shape in the npy header");
  SmallVector<StringRef> sizes;
  list.take_until([](char c) { return c == ')'; }).split(sizes, ',');
  for (StringRef size : sizes) {
    size = size.trim();
    if (size.empty() && size.data() == sizes.back().ltrim().data())
      continue;
    int64_t value;
    if (size.getAsInteger(10, value) || value < 0)
      return fail(path, "expected a shape of sizes, got '" +
                            size.take_front(40) + "'");
    header.shape.push_back(value);
  }

  Expected<int64_t> count = countElements(header.shape, header.type);
  if (!count)
    return fail(path, toString(count.takeError()));
  uint64_t bytes = *count * sizeOf(header.type);
  if (file.size() - header.dataOffset < bytes)
    return fail(path, "expected " + Twine(bytes) + " bytes of data for " +
                          describe(header.shape, header.type) + ", got " +
                          Twine(file.size() - header.dataOffset));
  return header;
}

Expected<Array> infini::readNpy(StringRef path) {
  Expected<InputFile> file = InputFile::open(path);
  if (!file)
    return file.takeError();
  Expected<Header> header = parseHeader(*file);
  if (!header)
    return header.takeError();
  Expected<Array> array = Array::create(header->type, header->shape);
  if (!array)
    return fail(path, toString(array.takeError()));
  if (Error error =
          file->read(array->data.get(), array->bytes(), header->dataOffset))
    return error;
  return array;
}

Error infini::writeNpy(raw_ostream &out, const Array &array) {
  if (array.type == DType::BF16) {
    Expected<Array> widened = convert(array, DType::F32);
    return widened ? writeNpy(out, *widened) : widened.takeError();
  }
  std::string descr = array.type == DType::F32   ? "<f4"
                      : array.type == DType::F64 ? "<f8"
                      : array.type == DType::F16 ? "<f2"
                      : array.type == DType::I32 ? "<i4"
                                                 : "<i8";
  std::string header =
      "{'descr': '" + descr + "', 'fortran_order': False, " + "'shape': (";
  for (int64_t size : array.shape)
    header += std::to_string(size) + ",";
  header += "), }";
  // Data begins at a multiple of 64 bytes, and the header ends in a newline.
  header.append(alignTo(10 + header.size() + 1, 64) - 11 - header.size(), ' ');
  header += '\n';
  out << kMagic << '\x01' << '\0';
  out << static_cast<char>(header.size() & 255)
      << static_cast<char>(header.size() >> 8) << header;
  out.write(array.data.get(), array.bytes());
  return Error::success();
}

Expected<TokenFile> TokenFile::open(StringRef path) {
  Expected<InputFile> file = InputFile::open(path);
  if (!file)
    return file.takeError();
  Expected<Header> header = parseHeader(*file);
  if (!header)
    return header.takeError();
  if (header->type != DType::I32 || header->shape.size() != 2)
    return fail(path, "expected tokens ?x?xi32, got " +
                          describe(header->shape, header->type));
  TokenFile tokens;
  tokens.file = std::make_unique<InputFile>(std::move(*file));
  tokens.offset = header->dataOffset;
  tokens.rowCount = header->shape[0];
  tokens.tokenCount = header->shape[1];
  return tokens;
}

TokenFile::TokenFile() = default;
TokenFile::TokenFile(TokenFile &&other) = default;
TokenFile::~TokenFile() = default;

Expected<Array> TokenFile::read(int64_t begin, int64_t count) const {
  Expected<Array> array = Array::create(DType::I32, {rowCount, count});
  if (!array)
    return array;
  // A hostile header may promise any number of rows of nothing.
  if (count == 0)
    return array;
  for (int64_t row = 0; row < rowCount; ++row)
    if (Error error = file->read(array->data.get() + row * count * 4, count * 4,
                                 offset + (row * tokenCount + begin) * 4))
      return error;
  return array;
}
