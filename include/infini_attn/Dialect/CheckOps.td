//===- CheckOps.td - What run time checks -*- tablegen -*-===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_CHECK_OPS_TD
#define INFINI_ATTN_CHECK_OPS_TD

include "infini_attn/Dialect/InfiniAttnOpBase.td"

def InfiniAttn_CheckOp
    : Op<InfiniAttnDialect, "check", [
        InfiniAttn_KnownAttributes, MemoryEffects<[MemWrite]>
      ]> {
  let summary = "report what data or sizes are wrong, and go on";
  let description = [{
    A `cf.assert` whose message says what came. Lowerings make it of operands
    that only run time tells; code after it is safe also where it failed. The
    first message of a call is what the host is told.

    - `ok`: whether all is well.
    - `message`: the text; `{0}` stands for the first of `values`, `{1}` and
      `{2}` for the others.
    - `values`: what the message tells, at most three, as signed integers.

    Example:

    ```mlir
    func.func @row(%row: index, %rows: index) {
      %ok = arith.cmpi ult, %row, %rows : index
      infini_attn.check %ok, "expected a row below {1}, got {0}" (%row, %rows : index, index)
      return
    }
    ```

    Constraints:
    - (C1) there are at most three values.
    - (C2) each `{` of the message begins the place of a value that is there.
  }];

  let arguments = (ins
    I1:$ok,
    StrAttr:$message,
    Variadic<AnyTypeOf<[I64, Index]>>:$values
  );
  let assemblyFormat = [{
    $ok `,` $message (`(` $values^ `:` type($values) `)`)? attr-dict
  }];
  let hasVerifier = 1;
}

#endif // INFINI_ATTN_CHECK_OPS_TD
