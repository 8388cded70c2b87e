//===- InfiniAttnOpBase.td - Types and base classes of the operations -*- tablegen -*-===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_OP_BASE_TD
#define INFINI_ATTN_OP_BASE_TD

include "infini_attn/Dialect/InfiniAttnDialect.td"
include "infini_attn/Dialect/InfiniAttnAttrs.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"

//===----------------------------------------------------------------------===//
// Operand types
//===----------------------------------------------------------------------===//

// Activations: B x H x T x D.
def InfiniAttn_Activation : 4DTensorOf<[F32, BF16, F16]>;
// The compressive memory M: B x Hkv x Dk x Dv. Always f32 [S1].
def InfiniAttn_Memory : 4DTensorOf<[F32]>;
// Its normalizer z: B x Hkv x Dk. Always f32 [S1].
def InfiniAttn_Normalizer : 3DTensorOf<[F32]>;
// One logit a query head: Hq.
def InfiniAttn_Gate : 1DTensorOf<[F32]>;
// One count of tokens a batch row: B.
def InfiniAttn_Counts : 1DTensorOf<[I64]>;
// Rotary frequencies: Dr / 2.
def InfiniAttn_Frequencies : 1DTensorOf<[F32]>;

//===----------------------------------------------------------------------===//
// Base classes
//===----------------------------------------------------------------------===//

// A misspelt attribute is an error, not one that nothing reads: names without
// a dialect's prefix are those that the operation has.
def InfiniAttn_KnownAttributes : NativeOpTrait<"KnownAttributes"> {
  let cppNamespace = "::mlir::infini_attn";
}

defvar TilingMethods = [
  "getIterationDomain", "getLoopIteratorTypes", "getTiledImplementation",
  "getResultTilePosition"
];

class InfiniAttn_Op<string mnemonic, list<Trait> traits = []>
    : Op<InfiniAttnDialect, mnemonic, traits # [
        Pure, InfiniAttn_KnownAttributes,
        DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>,
        DeclareOpInterfaceMethods<TilingInterface, TilingMethods>
      ]> {
  let hasVerifier = 1;
}

// An operation whose result types follow from its operands.
class InfiniAttn_ValueOp<string mnemonic, list<Trait> traits = []>
    : InfiniAttn_Op<mnemonic, traits # [InferTypeOpAdaptorWithIsCompatible]> {
  let hasCanonicalizer = 1;
}

// An operation that updates its state: every result has an init operand, the
// last operands in the order of the results.
class InfiniAttn_StateOp<string mnemonic, list<Trait> traits = []>
    : InfiniAttn_Op<mnemonic, traits # [
        DestinationStyleOpInterface, AttrSizedOperandSegments
      ]> {
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() {
      return MutableOperandRange(getOperation(),
          getNumOperands() - getNumResults(), getNumResults());
    }
  }];
}

#endif // INFINI_ATTN_OP_BASE_TD
