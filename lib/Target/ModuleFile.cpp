//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Target/ModuleFile.h"

#include "mlir/Support/FileUtilities.h"
#include "llvm/ADT/Twine.h"

using namespace mlir;
using namespace mlir::infini_attn;

/// Of any module that somebody wrote.
static constexpr unsigned kMaxDepth = 256;

/// The end of the string or comment that begins at \p at, or \p at + 1.
static size_t skipToken(llvm::StringRef text, size_t at) {
  if (text.substr(at).starts_with("//"))
    return std::min(text.find('\n', at), text.size());
  if (text[at] != '"')
    return at + 1;
  for (++at; at < text.size() && text[at] != '"' && text[at] != '\n'; ++at)
    at += text[at] == '\\';
  return at + 1;
}

/// Most brackets that are open at once.
static unsigned nestingDepth(llvm::StringRef text) {
  unsigned depth = 0, deepest = 0;
  for (size_t at = 0; at < text.size(); at = skipToken(text, at)) {
    switch (text[at]) {
    case '(':
    case '[':
    case '{':
    case '<':
      deepest = std::max(deepest, ++depth);
      break;
    case '>':
      // The arrow and the comparison of integer sets close nothing.
      if ((at > 0 && text[at - 1] == '-') ||
          text.substr(at + 1).starts_with("="))
        break;
      [[fallthrough]];
    case ')':
    case ']':
    case '}':
      depth -= depth > 0;
      break;
    default:
      break;
    }
  }
  return deepest;
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
infini_attn::openModuleFile(llvm::StringRef path) {
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(path, &message);
  if (!file)
    return llvm::createStringError(message);
  llvm::StringRef text = file->getBuffer();
  // Bytecode has no brackets, and a reader that keeps its own stack.
  bool isBytecode = text.starts_with("ML\xefR");
  if (!isBytecode && nestingDepth(text) > kMaxDepth)
    return llvm::createStringError("expected brackets nested at most " +
                                   llvm::Twine(kMaxDepth) +
                                   " deep, got more in '" + path + "'");
  return file;
}
