//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Target/Signature.h"

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::infini_attn;
using infini::Array;
using infini::DType;

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
  auto tensor = dyn_cast<RankedTensorType>(type);
  parameter.isScalar = !tensor;
  std::optional<DType> element = tensor ? elementType(tensor.getElementType())
                                 : type.isIndex() ? DType::I64
                                                  : elementType(type);
  if (!element) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return llvm::createStringError("expected a ranked tensor or a scalar of "
                                   "f32, f64, f16, bf16, i32 or i64, got " +
                                   text);
  }
  parameter.type = *element;
  if (tensor)
    llvm::append_range(parameter.shape, tensor.getShape());
  return parameter;
}

llvm::Expected<Signature> infini_attn::makeSignature(func::FuncOp function) {
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
