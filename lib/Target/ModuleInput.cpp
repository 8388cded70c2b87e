//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Target/ModuleInput.h"

#include "infini_attn/InitAll.h"
#include "infini_attn/Target/CPU.h"
#include "infini_attn/Target/ModuleFile.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::infini_attn;

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registerToolDialects(registry);
  registerCPUTranslations(registry);
  return registry;
}

ModuleInput::ModuleInput(StringRef tool)
    : context(makeRegistry()), errors(&context, tool) {}

llvm::Error ModuleInput::readFile(StringRef path) {
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> text =
      openModuleFile(path);
  if (!text)
    return text.takeError();
  return read(std::move(*text));
}

llvm::Error ModuleInput::read(std::unique_ptr<llvm::MemoryBuffer> text) {
  std::string name = text->getBufferIdentifier().str();
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(text), llvm::SMLoc());
  parsed = parseSourceFile<ModuleOp>(sources, &context);
  if (parsed)
    return llvm::Error::success();
  return explain(
      llvm::createStringError("expected a module in '" + name + "'"));
}
