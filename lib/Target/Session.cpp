//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Target/Session.h"

#include "infini_attn/Dialect/InfiniAttn.h"
#include "infini_attn/Runtime/Runtime.h"
#include "infini_attn/Target/ShapeCheck.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace mlir::infini_attn;
using infini::Array;
using infini::DType;

static constexpr StringLiteral kEntryPrefix = "infini_call_";

struct Session::Code {
  std::unique_ptr<llvm::orc::LLJIT> jit;
  /// The module before lowering, and the shapes that each function was last
  /// called with: those fit together.
  OwningOpRef<ModuleOp> source;
  llvm::StringMap<std::vector<SmallVector<int64_t>>> checked;
};

Session::Session() : code(std::make_unique<Code>()) {}
Session::~Session() = default;

//===----------------------------------------------------------------------===//
// Signatures
//===----------------------------------------------------------------------===//

static std::optional<DType> elementType(Type type) {
  if (type.isF32())
    return DType::F32;
  if (type.isF64())
    return DType::F64;
  if (type.isF16())
    return DType::F16;
  if (type.isBF16())
    return DType::BF16;
  if (type.isInteger(32))
    return DType::I32;
  if (type.isInteger(64))
    return DType::I64;
  return std::nullopt;
}

static llvm::Expected<Parameter> makeParameter(Type type, std::string name) {
  Parameter parameter;
  parameter.name = std::move(name);
  if (type.isIndex()) {
    parameter.isIndex = true;
    parameter.type = DType::I64;
    return parameter;
  }
  auto tensor = dyn_cast<RankedTensorType>(type);
  std::optional<DType> element =
      tensor ? elementType(tensor.getElementType()) : std::nullopt;
  if (!element) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return llvm::createStringError(
        "expected a ranked tensor of f32, f64, f16, bf16, i32 or i64, got " +
        text);
  }
  parameter.type = *element;
  llvm::append_range(parameter.shape, tensor.getShape());
  return parameter;
}

static llvm::Expected<Signature> makeSignature(func::FuncOp function) {
  Signature signature;
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto name = function.getArgAttrOfType<StringAttr>(
        index, InfiniAttnDialect::kArgNameAttr);
    llvm::Expected<Parameter> parameter =
        makeParameter(type, name ? name.str() : "arg" + std::to_string(index));
    if (!parameter)
      return parameter.takeError();
    signature.arguments.push_back(std::move(*parameter));
  }
  for (auto [index, type] : llvm::enumerate(function.getResultTypes())) {
    llvm::Expected<Parameter> parameter =
        makeParameter(type, "result" + std::to_string(index));
    if (!parameter)
      return parameter.takeError();
    if (parameter->isIndex)
      return llvm::createStringError("expected tensors as results, got index");
    signature.results.push_back(std::move(*parameter));
  }
  return signature;
}

llvm::Error infini_attn::checkArgument(const Parameter &parameter,
                                       const Array &array) {
  bool matches = array.type == parameter.type &&
                 array.shape.size() == parameter.shape.size();
  for (size_t i = 0; matches && i < array.shape.size(); ++i)
    matches = ShapedType::isDynamic(parameter.shape[i]) ||
              parameter.shape[i] == array.shape[i];
  if (matches) {
    // The sizes of what compiled code allocates derive from these.
    if (auto count = infini::countElements(array.shape, array.type); !count)
      return llvm::createStringError("argument '" + parameter.name +
                                     "': " + llvm::toString(count.takeError()));
    return llvm::Error::success();
  }
  return llvm::createStringError(
      "argument '" + parameter.name + "': expected " +
      infini::describe(parameter.shape, parameter.type) + ", got " +
      infini::describe(array.shape, array.type));
}

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

/// Adds void infini_call_NAME(ptr slots), which loads the arguments of NAME's C
/// wrapper from \p slots: the pointer to the results, then each argument, a
/// pointer or the address of a scalar.
static llvm::Error addEntry(llvm::Module &module, StringRef name) {
  llvm::Function *wrapper = module.getFunction(("_mlir_ciface_" + name).str());
  if (!wrapper || !wrapper->getReturnType()->isVoidTy())
    return llvm::createStringError(
        "expected a function with a C wrapper, got '" + name + "'");
  llvm::LLVMContext &context = module.getContext();
  auto *pointer = llvm::PointerType::get(context, 0);
  auto *type =
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer}, false);
  auto *entry = llvm::Function::Create(type, llvm::Function::ExternalLinkage,
                                       kEntryPrefix + name, module);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", entry));
  llvm::SmallVector<llvm::Value *> arguments;
  for (llvm::Argument &argument : wrapper->args()) {
    llvm::Value *slot =
        b.CreateConstGEP1_64(pointer, entry->getArg(0), argument.getArgNo());
    llvm::Value *value = b.CreateLoad(pointer, slot);
    if (!argument.getType()->isPointerTy())
      value = b.CreateLoad(argument.getType(), value);
    arguments.push_back(value);
  }
  b.CreateCall(wrapper, arguments);
  b.CreateRetVoid();
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<Session>>
Session::create(ModuleOp module, const CPUTarget &target) {
  std::unique_ptr<Session> session(new Session());
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isDeclaration())
      continue;
    llvm::Expected<Signature> signature = makeSignature(function);
    if (!signature)
      return llvm::createStringError("function '" + function.getName() + "': " +
                                     llvm::toString(signature.takeError()));
    session->signatures[function.getName()] = std::move(*signature);
  }
  session->code->source = module.clone();
  if (failed(lowerForCPU(module, target)))
    return llvm::createStringError("expected a module that can be compiled");

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> llvmModule =
      translateForCPU(module, context, target);
  if (!llvmModule)
    return llvm::createStringError("expected a module that can be compiled");
  for (const auto &signature : session->signatures)
    if (llvm::Error error = addEntry(*llvmModule, signature.getKey()))
      return std::move(error);
  llvm::Expected<llvm::SmallVector<char, 0>> object =
      emitForCPU(*llvmModule, target, llvm::CodeGenFileType::ObjectFile);
  if (!object)
    return object.takeError();

  llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> jit =
      llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  llvm::orc::SymbolMap runtime;
  auto add = [&](StringRef name, void *address) {
    runtime[(*jit)->mangleAndIntern(name)] = {
        llvm::orc::ExecutorAddr::fromPtr(address),
        llvm::JITSymbolFlags::Exported};
  };
  add("infini_parallel_for", reinterpret_cast<void *>(&infini_parallel_for));
  add("infini_check", reinterpret_cast<void *>(&infini_check));
  add("infini_malloc", reinterpret_cast<void *>(&infini_malloc));
  add("infini_calloc", reinterpret_cast<void *>(&infini_calloc));
  llvm::orc::JITDylib &library = (*jit)->getMainJITDylib();
  if (llvm::Error error =
          library.define(llvm::orc::absoluteSymbols(std::move(runtime))))
    return std::move(error);
  auto process = llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      (*jit)->getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  library.addGenerator(std::move(*process));
  if (llvm::Error error =
          (*jit)->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(
              StringRef(object->data(), object->size()), "compiled")))
    return std::move(error);
  session->code->jit = std::move(*jit);
  return session;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

const Signature *Session::lookup(StringRef function) const {
  auto found = signatures.find(function);
  return found == signatures.end() ? nullptr : &found->second;
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

/// The row-major array that a result descriptor owns.
static Array takeResult(const Parameter &result, const int64_t *words) {
  Array array;
  array.type = result.type;
  size_t rank = result.shape.size();
  array.shape.assign(words + 3, words + 3 + rank);
  char *allocated = reinterpret_cast<char *>(words[0]);
  char *begin = reinterpret_cast<char *>(words[1]) +
                words[2] * infini::sizeOf(result.type);
  array.data = std::shared_ptr<char>(
      begin, [allocated](char *) { std::free(allocated); });
  return array;
}

llvm::Expected<std::vector<Array>> Session::call(StringRef function,
                                                 ArrayRef<Array> arguments) {
  const Signature *signature = lookup(function);
  if (!signature)
    return llvm::createStringError("expected a public function, got '" +
                                   function + "'");
  if (arguments.size() != signature->arguments.size())
    return llvm::createStringError(
        "expected " + Twine(signature->arguments.size()) + " arguments, got " +
        Twine(arguments.size()));
  for (auto [parameter, array] : llvm::zip(signature->arguments, arguments))
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
  auto entry = code->jit->lookup((kEntryPrefix + function).str());
  if (!entry)
    return entry.takeError();

  size_t resultWords = 0;
  for (const Parameter &result : signature->results)
    resultWords += descriptorWords(result.shape.size());
  SmallVector<int64_t> results(resultWords);
  SmallVector<SmallVector<int64_t>> descriptors(arguments.size());
  SmallVector<void *> slots;
  if (resultWords > 0)
    slots.push_back(results.data());
  for (auto [parameter, array, words] :
       llvm::zip(signature->arguments, arguments, descriptors)) {
    if (parameter.isIndex) {
      slots.push_back(array.data.get());
      continue;
    }
    fillDescriptor(array, words);
    slots.push_back(words.data());
  }
  infini_last_error();
  entry->toPtr<void(void **)>()(slots.data());

  std::vector<Array> arrays;
  const int64_t *words = results.data();
  for (const Parameter &result : signature->results) {
    arrays.push_back(takeResult(result, words));
    words += descriptorWords(result.shape.size());
  }
  if (const char *message = infini_last_error())
    return llvm::createStringError(Twine("function '") + function +
                                   "': " + message);
  return arrays;
}
