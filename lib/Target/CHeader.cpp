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
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/raw_ostream.h"

#include <set>

using namespace mlir;
using namespace mlir::infini_attn;

/// \p name with what C identifiers lack as underscores.
static std::string identifier(StringRef name) {
  std::string text;
  for (char c : name)
    text += llvm::isAlnum(c) ? c : '_';
  return text.empty() || llvm::isDigit(text[0]) ? "_" + text : text;
}

/// Words that C or C++ keeps, but for those that begin with an underscore, and
/// what headers define.
static bool isReserved(StringRef word) {
  static const llvm::StringSet<> words{"alignas",     "alignof",
                                       "and",         "and_eq",
                                       "asm",         "auto",
                                       "bitand",      "bitor",
                                       "bool",        "break",
                                       "case",        "catch",
                                       "char",        "char16_t",
                                       "char32_t",    "char8_t",
                                       "class",       "co_await",
                                       "co_return",   "co_yield",
                                       "compl",       "concept",
                                       "const",       "const_cast",
                                       "consteval",   "constexpr",
                                       "constinit",   "continue",
                                       "decltype",    "default",
                                       "delete",      "do",
                                       "double",      "dynamic_cast",
                                       "else",        "enum",
                                       "explicit",    "export",
                                       "extern",      "false",
                                       "float",       "for",
                                       "friend",      "goto",
                                       "if",          "inline",
                                       "int",         "int16_t",
                                       "int32_t",     "int64_t",
                                       "int8_t",      "linux",
                                       "long",        "mutable",
                                       "namespace",   "new",
                                       "noexcept",    "not",
                                       "not_eq",      "nullptr",
                                       "operator",    "or",
                                       "or_eq",       "private",
                                       "protected",   "public",
                                       "register",    "reinterpret_cast",
                                       "requires",    "restrict",
                                       "return",      "short",
                                       "signed",      "sizeof",
                                       "static",      "static_assert",
                                       "static_cast", "struct",
                                       "switch",      "template",
                                       "this",        "thread_local",
                                       "throw",       "true",
                                       "try",         "typedef",
                                       "typeid",      "typename",
                                       "typeof",      "typeof_unqual",
                                       "uint16_t",    "union",
                                       "unix",        "unsigned",
                                       "using",       "virtual",
                                       "void",        "volatile",
                                       "wchar_t",     "while",
                                       "xor",         "xor_eq",
                                       "NULL"};
  return words.contains(word);
}

/// \p text inside of a C comment.
static std::string comment(StringRef text) {
  std::string escaped, parted;
  llvm::raw_string_ostream(escaped).write_escaped(text);
  for (char c : escaped) {
    if (!parted.empty() && ((parted.back() == '*' && c == '/') ||
                            (parted.back() == '/' && c == '*')))
      parted += ' ';
    parted += c;
  }
  return parted;
}

namespace {
/// The C identifiers of one scope, each different.
class Names {
public:
  std::string add(StringRef name) {
    std::string word = identifier(name);
    if (word[0] == '_' || isReserved(word) ||
        StringRef(word).starts_with("infini_"))
      word = "arg_" + word;
    return addUnique(word);
  }
  std::string addUnique(const std::string &word) {
    std::string unique = word;
    for (unsigned number = 2; !taken.insert(unique).second; ++number)
      unique = word + "_" + std::to_string(number);
    return unique;
  }

private:
  llvm::StringSet<> taken;
};
} // namespace

static std::string spell(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
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
  return llvm::createStringError("expected a type that C has, got " +
                                 spell(type));
}

namespace {
class HeaderWriter {
public:
  explicit HeaderWriter(llvm::raw_ostream &out) : out(out) {}

  llvm::Error function(func::FuncOp function) {
    std::string results, arguments;
    llvm::raw_string_ostream resultStream(results), argumentStream(arguments);
    StringRef name = function.getName();
    std::string label = functions.addUnique(identifier(name));
    ArrayRef<Type> resultTypes = function.getResultTypes();
    for (auto [index, type] : llvm::enumerate(resultTypes)) {
      llvm::Expected<std::string> c = typeName(type);
      if (!c)
        return c.takeError();
      resultStream << "  " << *c << " result" << index << "; /* "
                   << comment(spell(type)) << " */\n";
    }
    Names labels;
    // A lone scalar is what the function returns.
    bool returns = resultTypes.size() == 1 && !isa<TensorType>(resultTypes[0]);
    bool stores = !resultTypes.empty() && !returns;
    if (stores) {
      labels.add("results");
      argumentStream << label << "_results *results";
    }
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
      llvm::Expected<std::string> c = typeName(type);
      if (!c)
        return c.takeError();
      if (!arguments.empty())
        argumentStream << ",\n    ";
      argument(argumentStream, *c, type, labels,
               function.getArgAttrOfType<StringAttr>(
                   index, InfiniAttnDialect::kArgNameAttr),
               index);
      if (function.getArgAttr(index, InfiniAttnDialect::kInPlaceAttr))
        argumentStream << " /* written */";
    }
    out << "\n/* " << comment(name) << " */\n";
    if (stores)
      out << "typedef struct {\n" << results << "} " << label << "_results;\n";
    out << (returns ? *scalarType(resultTypes[0]) : "void") << " _mlir_ciface_"
        << label << "(" << (arguments.empty() ? "void" : arguments) << ")";
    if (label != name) {
      // A symbol that is no identifier, under one that is.
      out << " INFINI_SYMBOL(\"_mlir_ciface_";
      out.write_escaped(name) << "\")";
    }
    out << ";\n";
    return llvm::Error::success();
  }

private:
  void argument(llvm::raw_ostream &stream, StringRef c, Type type,
                Names &labels, StringAttr given, size_t index) {
    std::string name =
        given ? given.getValue().str() : "arg" + std::to_string(index);
    std::string label = labels.add(name);
    bool isTensor = isa<TensorType>(type);
    stream << (isTensor ? "const " : "") << c << (isTensor ? " *" : " ")
           << label << " /* " << (label == name ? "" : comment(name) + ": ")
           << comment(spell(type)) << " */";
  }

  /// The C type of \p type; writes the descriptor of a tensor when it is new.
  llvm::Expected<std::string> typeName(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor && (type.isBF16() || type.isF16()))
      // Their bits, as an integer, would travel in another register.
      return llvm::createStringError(
          "expected a type that C passes by value, got " + spell(type));
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
  Names functions;
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
         " * Arguments are never written, but for those that say so. They must "
         "be row-major,\n"
         " * of offset 0 and strides like {s1 * s2, s2, 1}: a call with others "
         "fails as a\n"
         " * check does, and gives null pointers. A result is the buffer of an "
         "argument that\n"
         " * is written, if its `allocated` is that argument's, else a new "
         "row-major buffer,\n"
         " * which the caller frees: free(results.result0.allocated). bf16 and "
         "f16 are\n"
         " * passed as their bits. A check of the inputs that failed is told "
         "by\n"
         " * infini_last_error(); the results are then not to be used.\n"
         " *\n"
         " * An object file is linked with libInfiniAttnRuntime.a, -lomp and "
         "-lm; a\n"
         " * shared library holds or names all that it needs.\n"
         " */\n#ifndef "
      << guard << "\n#define " << guard
      << "\n\n#include <stddef.h>\n#include <stdint.h>\n\n#ifdef "
         "__cplusplus\nextern \"C\" {\n"
         "#endif\n\n/* The first failed check since the last call, or NULL. "
         "*/\n"
         "const char *infini_last_error(void);\n"
         "/* Threads to use from now on, at most 1024; 0 means all. */\n"
         "void infini_set_threads(int32_t threads);\n"
         "/* What is called, on any thread, when there are no `bytes` of "
         "memory "
         "left; must\n"
         " * not return. NULL means one line on stderr, and abort(). */\n"
         "void infini_set_out_of_memory(void (*handler)(size_t bytes));\n\n"
         "/* The name of a symbol, as the linker knows it. */\n"
         "#ifndef INFINI_SYMBOL\n"
         "#define INFINI_TEXT_(text) #text\n"
         "#define INFINI_TEXT(text) INFINI_TEXT_(text)\n"
         "#define INFINI_SYMBOL(name) "
         "__asm__(INFINI_TEXT(__USER_LABEL_PREFIX__) name)\n"
         "#endif\n\n";
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
