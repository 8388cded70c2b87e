//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Dialect/InfiniAttn.h"

#include "mlir/Bytecode/BytecodeImplementation.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::infini_attn;

#include "infini_attn/Dialect/InfiniAttnDialect.cpp.inc"
#include "infini_attn/Dialect/InfiniAttnEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "infini_attn/Dialect/InfiniAttnAttrs.cpp.inc"

namespace {
/// Version of the bytecode this dialect writes. A reader refuses a newer one,
/// since it cannot know what changed.
struct InfiniAttnVersion : public DialectVersion {
  uint64_t number = 1;
};
constexpr uint64_t kCurrentVersion = 1;

struct InfiniAttnBytecodeInterface : public BytecodeDialectInterface {
  InfiniAttnBytecodeInterface(Dialect *dialect)
      : BytecodeDialectInterface(dialect) {}

  void writeVersion(DialectBytecodeWriter &writer) const final {
    writer.writeVarInt(kCurrentVersion);
  }

  std::unique_ptr<DialectVersion>
  readVersion(DialectBytecodeReader &reader) const final {
    auto version = std::make_unique<InfiniAttnVersion>();
    if (failed(reader.readVarInt(version->number)))
      return nullptr;
    if (version->number > kCurrentVersion) {
      reader.emitError("expected infini_attn bytecode version <= ")
          << kCurrentVersion << ", got " << version->number;
      return nullptr;
    }
    return version;
  }
};
} // namespace

void InfiniAttnDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "infini_attn/Dialect/InfiniAttnAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "infini_attn/Dialect/InfiniAttnOps.cpp.inc"
      >();
  addInterfaces<InfiniAttnBytecodeInterface>();
}

LogicalResult infini_attn::verifyKnownAttributes(Operation *op) {
  for (NamedAttribute attribute : op->getDiscardableAttrs()) {
    if (attribute.getName().getValue().contains('.'))
      continue;
    InFlightDiagnostic diagnostic =
        op->emitOpError("expected an attribute with a dialect's prefix");
    StringRef separator = " or ";
    for (StringAttr known : op->getName().getAttributeNames())
      if (known != "operandSegmentSizes") {
        diagnostic << separator << known.getValue();
        separator = ", ";
      }
    return diagnostic << ", got " << attribute.getName().getValue();
  }
  return success();
}

LogicalResult
InfiniAttnDialect::verifyOperationAttribute(Operation *op,
                                            NamedAttribute attribute) {
  StringRef name = attribute.getName();
  bool isKnown =
      (name == kSequentialAttr && isa<FunctionOpInterface>(op)) ||
      (name == kPairProductAttr && isa<linalg::GenericOp>(op)) ||
      (name == kWeightAttr && op->getName().getStringRef() == "math.exp2");
  if (isKnown && isa<UnitAttr>(attribute.getValue()))
    return success();
  return op->emitOpError("got unknown attribute ") << attribute.getName();
}

LogicalResult InfiniAttnDialect::verifyRegionResultAttribute(
    Operation *op, unsigned, unsigned, NamedAttribute attribute) {
  return op->emitOpError("got unknown result attribute ")
         << attribute.getName();
}

LogicalResult
InfiniAttnDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned,
                                            NamedAttribute attribute) {
  if (attribute.getName() == kInPlaceAttr) {
    if (isa<UnitAttr>(attribute.getValue()))
      return success();
    return op->emitOpError("expected ")
           << kInPlaceAttr << " to be a unit attribute, got "
           << attribute.getValue();
  }
  if (attribute.getName() != kArgNameAttr)
    return op->emitOpError("got unknown argument attribute ")
           << attribute.getName();
  auto name = dyn_cast<StringAttr>(attribute.getValue());
  if (!name || name.empty())
    return op->emitOpError("expected ")
           << kArgNameAttr << " to be a non-empty string, got "
           << attribute.getValue();
  return success();
}
