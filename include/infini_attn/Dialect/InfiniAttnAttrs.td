//===- InfiniAttnAttrs.td - Attributes of infini_attn ------*- tablegen -*-===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_ATTRS_TD
#define INFINI_ATTN_ATTRS_TD

include "infini_attn/Dialect/InfiniAttnDialect.td"
include "mlir/IR/EnumAttr.td"

class InfiniAttn_Enum<string name, string summary, list<I32EnumCase> cases>
    : I32Enum<name, summary, cases> {
  let cppNamespace = "::mlir::infini_attn";
}

def InfiniAttn_UpdateRule
    : InfiniAttn_Enum<"UpdateRule", "how a segment enters the memory", [
        I32EnumCase<"Linear", 0, "linear">,
        I32EnumCase<"Delta", 1, "delta">
      ]>;

def InfiniAttn_RotaryStyle
    : InfiniAttn_Enum<"RotaryStyle", "which components of a head are rotated together", [
        I32EnumCase<"Interleaved", 0, "interleaved">,
        I32EnumCase<"Halves", 1, "halves">
      ]>;

def InfiniAttn_Precision
    : InfiniAttn_Enum<"Precision", "what one product of a contraction is", [
        I32EnumCase<"Ieee", 0, "ieee">,
        I32EnumCase<"Bf16x6", 1, "bf16x6">,
        I32EnumCase<"Bf16x3", 2, "bf16x3">,
        I32EnumCase<"Bf16", 3, "bf16">,
        I32EnumCase<"F16", 4, "f16">,
        I32EnumCase<"Tf32", 5, "tf32">
      ]>;

class InfiniAttn_EnumAttr<EnumInfo info, string mnemonic>
    : EnumAttr<InfiniAttnDialect, info, mnemonic> {
  let assemblyFormat = "`<` $value `>`";
}

def InfiniAttn_UpdateRuleAttr
    : InfiniAttn_EnumAttr<InfiniAttn_UpdateRule, "update_rule">;
def InfiniAttn_RotaryStyleAttr
    : InfiniAttn_EnumAttr<InfiniAttn_RotaryStyle, "rotary_style">;
def InfiniAttn_PrecisionAttr
    : InfiniAttn_EnumAttr<InfiniAttn_Precision, "precision">;

#endif // INFINI_ATTN_ATTRS_TD
