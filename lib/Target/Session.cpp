//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Target/Session.h"

#include "infini_attn/Runtime/Runtime.h"
#include "infini_attn/Target/ShapeCheck.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstring>

using namespace mlir;
using namespace mlir::infini_attn;
using infini::Array;

static constexpr StringLiteral kEntryPrefix = "infini_call_";

struct Session::Code {
  /// Why code does not link. Outlives what reports it.
  std::string cause;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  /// The module before lowering, and the shapes that each function was last
  /// called with: those fit together.
  OwningOpRef<ModuleOp> source;
  llvm::StringMap<std::vector<SmallVector<int64_t>>> checked;
  /// What is linked.
  llvm::StringMap<void (*)(void **)> entries;
};

Session::Session() : code(std::make_unique<Code>()) {}
Session::~Session() = default;

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

/// Adds void infini_call_NAME(ptr slots) where NAME's C wrapper is. It loads
/// the arguments from \p slots: the pointer to the results, then each argument,
/// a pointer or the address of a scalar. A result that the wrapper returns,
/// which is a lone scalar, is stored where the results belong.
static void addEntry(llvm::Module &module, StringRef name) {
  llvm::Function *wrapper = module.getFunction(("_mlir_ciface_" + name).str());
  if (!wrapper || wrapper->isDeclaration())
    return;
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::get(context, 0);
  auto *type =
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer}, false);
  auto *entry = llvm::Function::Create(type, llvm::Function::ExternalLinkage,
                                       kEntryPrefix + name, module);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", entry));
  auto load = [&](unsigned slot) -> llvm::Value * {
    return b.CreateLoad(pointer,
                        b.CreateConstGEP1_64(pointer, entry->getArg(0), slot));
  };
  bool returns = !wrapper->getReturnType()->isVoidTy();
  llvm::SmallVector<llvm::Value *> arguments;
  for (llvm::Argument &argument : wrapper->args()) {
    llvm::Value *value = load(argument.getArgNo() + returns);
    if (!argument.getType()->isPointerTy())
      value = b.CreateLoad(argument.getType(), value);
    arguments.push_back(value);
  }
  llvm::Value *result = b.CreateCall(wrapper, arguments);
  if (returns)
    b.CreateStore(result, load(0));
  b.CreateRetVoid();
}

llvm::Expected<std::unique_ptr<Session>>
Session::create(ModuleOp module, const CPUTarget &target) {
  std::unique_ptr<Session> session(new Session());
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isDeclaration())
      continue;
    llvm::Expected<Signature> signature = makeSignature(function);
    if (signature)
      session->signatures[function.getName()] = std::move(*signature);
    else
      session->uncallable[function.getName()] =
          llvm::toString(signature.takeError());
  }
  session->code->source = module.clone();
  llvm::Expected<SmallVector<Object>> objects =
      compileForCPU(module, target, [&](llvm::Module &part) {
        for (const auto &signature : session->signatures)
          addEntry(part, signature.getKey());
      });
  if (!objects)
    return objects.takeError();

  llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> jit =
      llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  // Printed otherwise. The first is the cause of what a look-up returns.
  (*jit)->getExecutionSession().setErrorReporter(
      [&cause = session->code->cause](llvm::Error error) {
        std::string text = llvm::toString(std::move(error));
        if (cause.empty())
          cause = std::move(text);
      });
  llvm::orc::SymbolMap runtime;
  auto add = [&](StringRef name, void *address) {
    runtime[(*jit)->mangleAndIntern(name)] = {
        llvm::orc::ExecutorAddr::fromPtr(address),
        llvm::JITSymbolFlags::Exported};
  };
  add("infini_parallel_for", reinterpret_cast<void *>(&infini_parallel_for));
  add("infini_parallel_for_outer",
      reinterpret_cast<void *>(&infini_parallel_for_outer));
  add("infini_check", reinterpret_cast<void *>(&infini_check));
  add("infini_request_amx", reinterpret_cast<void *>(&infini_request_amx));
  add("infini_malloc", reinterpret_cast<void *>(&infini_malloc));
  add("infini_calloc", reinterpret_cast<void *>(&infini_calloc));
  add("infini_free", reinterpret_cast<void *>(&infini_free));
  llvm::orc::JITDylib &library = (*jit)->getMainJITDylib();
  if (llvm::Error error =
          library.define(llvm::orc::absoluteSymbols(std::move(runtime))))
    return std::move(error);
  auto process = llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      (*jit)->getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  library.addGenerator(std::move(*process));
  for (auto [i, object] : llvm::enumerate(*objects))
    if (llvm::Error error =
            (*jit)->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(
                StringRef(object.data(), object.size()),
                ("compiled " + Twine(i)).str())))
      return std::move(error);
  session->code->jit = std::move(*jit);
  return session;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

llvm::Expected<const Signature *> Session::lookup(StringRef function) const {
  auto found = signatures.find(function);
  if (found != signatures.end())
    return &found->second;
  auto reason = uncallable.find(function);
  if (reason != uncallable.end())
    return llvm::createStringError("function '" + function +
                                   "': " + reason->second);
  return llvm::createStringError("expected a public function, got '" +
                                 function + "'");
}

llvm::Error Session::link(StringRef function) {
  auto &linked = code->entries[function];
  if (linked)
    return llvm::Error::success();
  auto entry = code->jit->lookup((kEntryPrefix + function).str());
  if (entry) {
    linked = entry->toPtr<void(void **)>();
    return llvm::Error::success();
  }
  std::string text = llvm::toString(entry.takeError());
  return llvm::createStringError(Twine("function '") + function +
                                 "': expected code that links, got: " +
                                 (code->cause.empty() ? text : code->cause));
}

/// Words of a memref descriptor: allocated, aligned, offset, sizes, strides.
static size_t descriptorWords(size_t rank) { return 3 + 2 * rank; }

static void fillDescriptor(const Array &array,
                           SmallVectorImpl<int64_t> &words) {
  auto address = reinterpret_cast<int64_t>(array.data.get());
  words.append({address, address, 0});
  llvm::append_range(words, array.shape);
  size_t strides = words.size();
  words.resize(strides + array.shape.size());
  int64_t stride = 1;
  for (size_t i = array.shape.size(); i-- > 0; stride *= array.shape[i])
    words[strides + i] = stride;
}

namespace {
/// The structure that a C wrapper stores its results to: descriptors and
/// scalars, aligned as C aligns them.
class Results {
public:
  explicit Results(ArrayRef<Parameter> parameters) : parameters(parameters) {
    size_t size = 0;
    for (const Parameter &result : parameters) {
      size_t bytes = result.isScalar ? infini::sizeOf(result.type)
                                     : 8 * descriptorWords(result.shape.size());
      size = llvm::alignTo(size, std::min<size_t>(bytes, 8));
      offsets.push_back(size);
      size += bytes;
    }
    words.resize(llvm::divideCeil(size, 8));
  }

  void *data() { return words.data(); }
  /// The results of a call with these arguments.
  llvm::Expected<std::vector<Array>> take(ArrayRef<Array> arguments) const;

private:
  static Array takeTensor(const Parameter &result, const int64_t *descriptor,
                          ArrayRef<Array> arguments);

  ArrayRef<Parameter> parameters;
  SmallVector<size_t> offsets; // in bytes
  SmallVector<int64_t> words;
};
} // namespace

/// The row-major array that a result descriptor owns, or the argument that was
/// changed in place.
Array Results::takeTensor(const Parameter &result, const int64_t *descriptor,
                          ArrayRef<Array> arguments) {
  Array array;
  array.type = result.type;
  size_t rank = result.shape.size();
  array.shape.assign(descriptor + 3, descriptor + 3 + rank);
  char *allocated = reinterpret_cast<char *>(descriptor[0]);
  char *begin = reinterpret_cast<char *>(descriptor[1]) +
                descriptor[2] * infini::sizeOf(result.type);
  for (const Array &argument : arguments)
    if (allocated && argument.data.get() == allocated) {
      array.data = std::shared_ptr<char>(argument.data, begin);
      return array;
    }
  array.data = std::shared_ptr<char>(
      begin, [allocated](char *) { std::free(allocated); });
  return array;
}

llvm::Expected<std::vector<Array>>
Results::take(ArrayRef<Array> arguments) const {
  std::vector<Array> arrays;
  for (auto [result, offset] : llvm::zip(parameters, offsets)) {
    const char *at = reinterpret_cast<const char *>(words.data()) + offset;
    if (!result.isScalar) {
      arrays.push_back(
          takeTensor(result, reinterpret_cast<const int64_t *>(at), arguments));
      continue;
    }
    llvm::Expected<Array> scalar = Array::create(result.type, {});
    if (!scalar)
      return scalar.takeError();
    std::memcpy(scalar->data.get(), at, infini::sizeOf(result.type));
    arrays.push_back(std::move(*scalar));
  }
  return arrays;
}

llvm::Expected<std::vector<Array>> Session::call(StringRef function,
                                                 ArrayRef<Array> arguments) {
  llvm::Expected<const Signature *> found = lookup(function);
  if (!found)
    return found.takeError();
  const Signature &signature = **found;
  if (arguments.size() != signature.arguments.size())
    return llvm::createStringError(
        "expected " + Twine(signature.arguments.size()) + " arguments, got " +
        Twine(arguments.size()));
  for (auto [parameter, array] : llvm::zip(signature.arguments, arguments))
    if (llvm::Error error = checkArgument(parameter, array))
      return std::move(error);
  std::vector<SmallVector<int64_t>> shapes;
  for (const Array &array : arguments)
    shapes.push_back(array.shape);
  if (code->checked[function] != shapes) {
    if (llvm::Error error = checkShapes(
            code->source->lookupSymbol<func::FuncOp>(function), arguments))
      return std::move(error);
    code->checked[function] = std::move(shapes);
  }
  if (llvm::Error error = link(function))
    return std::move(error);

  Results results(signature.results);
  SmallVector<SmallVector<int64_t>> descriptors(arguments.size());
  SmallVector<void *> slots;
  if (!signature.results.empty())
    slots.push_back(results.data());
  for (auto [parameter, array, words] :
       llvm::zip(signature.arguments, arguments, descriptors)) {
    if (parameter.isScalar) {
      slots.push_back(array.data.get());
      continue;
    }
    fillDescriptor(array, words);
    slots.push_back(words.data());
  }
  infini_last_error();
  code->entries[function](slots.data());

  // Before a failed check is told: the arrays free what was returned.
  llvm::Expected<std::vector<Array>> arrays = results.take(arguments);
  if (!arrays)
    return arrays.takeError();
  if (const char *message = infini_last_error())
    return llvm::createStringError(Twine("function '") + function +
                                   "': " + message);
  return arrays;
}
