//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A C header for compiled functions.
///
//===----------------------------------------------------------------------===//

#include "infini_attn/Dialect/InfiniAttn.h"
#include "infini_attn/Target/CPU.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <set>

using namespace mlir;
using namespace mlir::infini_attn;

/// \p name as a C identifier.
static std::string identifier(StringRef name) {
  std::string text;
  for (char c : name)
    text += llvm::isAlnum(c) ? c : '_';
  return text.empty() || llvm::isDigit(text[0]) ? "_" + text : text;
}

static llvm::Expected<std::string> scalarType(Type type) {
  if (type.isF32())
    return "float";
  if (type.isF64())
    return "double";
  if (type.isBF16() || type.isF16())
    return "uint16_t";
  if (type.isIndex())
    return "int64_t";
  if (auto integer = dyn_cast<IntegerType>(type))
    if (llvm::is_contained({8u, 16u, 32u, 64u}, integer.getWidth()))
      return "int" + std::to_string(integer.getWidth()) + "_t";
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return llvm::createStringError("expected a type that C has, got " + text);
}

static std::string spell(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

namespace {
class HeaderWriter {
public:
  explicit HeaderWriter(llvm::raw_ostream &out) : out(out) {}

  llvm::Error function(func::FuncOp function) {
    std::string results, arguments;
    llvm::raw_string_ostream resultStream(results), argumentStream(arguments);
    std::string name = function.getName().str();
    ArrayRef<Type> resultTypes = function.getResultTypes();
    for (auto [index, type] : llvm::enumerate(resultTypes)) {
      llvm::Expected<std::string> c = typeName(type);
      if (!c)
        return c.takeError();
      resultStream << "  " << *c << " result" << index << "; /* " << spell(type)
                   << " */\n";
    }
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
      llvm::Expected<std::string> c = typeName(type);
      if (!c)
        return c.takeError();
      auto given = function.getArgAttrOfType<StringAttr>(
          index, InfiniAttnDialect::kArgNameAttr);
      std::string label =
          given ? identifier(given.getValue()) : "arg" + std::to_string(index);
      bool isTensor = isa<TensorType>(type);
      if (index > 0 || !resultTypes.empty())
        argumentStream << ",\n    ";
      argumentStream << (isTensor ? "const " : "") << *c
                     << (isTensor ? " *" : " ") << label << " /* "
                     << spell(type) << " */";
    }
    out << "\n/* " << name << " */\n";
    if (!resultTypes.empty())
      out << "typedef struct {\n"
          << results << "} " << identifier(name) << "_results;\n";
    out << "void _mlir_ciface_" << name << "(";
    if (!resultTypes.empty())
      out << identifier(name) << "_results *results";
    out << arguments << (resultTypes.empty() && arguments.empty() ? "void" : "")
        << ");\n";
    return llvm::Error::success();
  }

private:
  /// The C type of \p type; writes the descriptor of a tensor when it is new.
  llvm::Expected<std::string> typeName(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return scalarType(type);
    llvm::Expected<std::string> element = scalarType(tensor.getElementType());
    if (!element)
      return element;
    int64_t rank = tensor.getRank();
    std::string name = "infini_memref_" + std::to_string(rank) + "d_" +
                       identifier(spell(tensor.getElementType()));
    if (written.insert(name).second) {
      out << "#ifndef INFINI_DEFINED_" << name << "\n#define INFINI_DEFINED_"
          << name << "\ntypedef struct {\n  " << *element
          << " *allocated; /* for free() */\n  " << *element
          << " *aligned;   /* the elements begin here */\n"
             "  int64_t offset;\n";
      if (rank > 0)
        out << "  int64_t sizes[" << rank << "];\n  int64_t strides[" << rank
            << "]; /* in elements */\n";
      out << "} " << name << ";\n#endif\n";
    }
    return name;
  }

  llvm::raw_ostream &out;
  std::set<std::string> written;
};
} // namespace

llvm::Expected<std::string> infini_attn::writeCHeader(ModuleOp module,
                                                      StringRef name) {
  std::string text;
  llvm::raw_string_ostream out(text);
  std::string guard = "INFINI_" + StringRef(identifier(name)).upper() + "_H";
  out << "/* Compiled by infini-compile.\n"
         " *\n"
         " * Arguments are never written. Row-major arguments have strides "
         "like\n"
         " * {s1 * s2, s2, 1}. Each result is a new row-major buffer, which "
         "the\n"
         " * caller frees: free(results.result0.allocated). bf16 and f16 are\n"
         " * passed as their bits. A check of the inputs that failed is told "
         "by\n"
         " * infini_last_error(); the results are then not to be used.\n"
         " */\n#ifndef "
      << guard << "\n#define " << guard
      << "\n\n#include <stddef.h>\n#include <stdint.h>\n\n#ifdef "
         "__cplusplus\nextern \"C\" {\n"
         "#endif\n\n/* The first failed check since the last call, or NULL. "
         "*/\n"
         "const char *infini_last_error(void);\n"
         "/* Threads to use from now on; 0 means all. */\n"
         "void infini_set_threads(int32_t threads);\n"
         "/* What is called, on any thread, when there are no `bytes` of "
         "memory "
         "left; must\n"
         " * not return. NULL means one line on stderr, and abort(). */\n"
         "void infini_set_out_of_memory(void (*handler)(size_t bytes));\n\n";
  HeaderWriter writer(out);
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isDeclaration())
      continue;
    if (llvm::Error error = writer.function(function))
      return llvm::createStringError("function '" + function.getName() +
                                     "': " + llvm::toString(std::move(error)));
  }
  out << "\n#ifdef __cplusplus\n}\n#endif\n\n#endif /* " << guard << " */\n";
  return text;
}
