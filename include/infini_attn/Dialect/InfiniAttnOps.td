//===- InfiniAttnOps.td - Operations of infini_attn --------*- tablegen -*-===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_OPS_TD
#define INFINI_ATTN_OPS_TD

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

defvar TilingMethods = [
  "getIterationDomain", "getLoopIteratorTypes", "getTiledImplementation",
  "getResultTilePosition"
];

class InfiniAttn_Op<string mnemonic, list<Trait> traits = []>
    : Op<InfiniAttnDialect, mnemonic, traits # [
        Pure,
        DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>,
        DeclareOpInterfaceMethods<TilingInterface, TilingMethods>
      ]>;

// An operation whose result types follow from its operands.
class InfiniAttn_ValueOp<string mnemonic, list<Trait> traits = []>
    : InfiniAttn_Op<mnemonic, traits # [InferTypeOpAdaptorWithIsCompatible]>;

// An operation that updates its state: every result has an init operand.
class InfiniAttn_StateOp<string mnemonic, list<Trait> traits = []>
    : InfiniAttn_Op<mnemonic, traits # [
        DestinationStyleOpInterface, AttrSizedOperandSegments
      ]>;

//===----------------------------------------------------------------------===//
// The parts of one segment
//===----------------------------------------------------------------------===//

def InfiniAttn_SegmentAttentionOp
    : InfiniAttn_ValueOp<"segment_attention", [AttrSizedOperandSegments]> {
  let summary = "causal softmax attention inside one segment";
  let arguments = (ins
    InfiniAttn_Activation:$q,
    InfiniAttn_Activation:$k,
    InfiniAttn_Activation:$v,
    Optional<InfiniAttn_Counts>:$query_offset,
    Optional<InfiniAttn_Counts>:$lengths,
    Optional<InfiniAttn_Frequencies>:$rotary_frequencies,
    OptionalAttr<F64Attr>:$scale,
    DefaultValuedAttr<InfiniAttn_RotaryStyleAttr, "RotaryStyle::Interleaved">:$rotary_style,
    OptionalAttr<InfiniAttn_PrecisionAttr>:$precision,
    UnitAttr:$keys_rotated,
    UnitAttr:$return_lse
  );
  let results = (outs
    InfiniAttn_Activation:$o,
    Optional<3DTensorOf<[F32]>>:$lse
  );
  let assemblyFormat = [{
    $q `,` $k `,` $v
    oilist(`query_offset` `(` $query_offset `:` type($query_offset) `)`
         | `lengths` `(` $lengths `:` type($lengths) `)`
         | `rotary` `(` $rotary_frequencies `:` type($rotary_frequencies) `)`)
    attr-dict `:` type($q) `,` type($k) `,` type($v) `->` type(results)
  }];
}

def InfiniAttn_MemoryRetrieveOp : InfiniAttn_ValueOp<"memory_retrieve"> {
  let summary = "read the compressive memory with linear attention";
  let arguments = (ins
    InfiniAttn_Activation:$q,
    InfiniAttn_Memory:$memory,
    InfiniAttn_Normalizer:$normalizer,
    Optional<InfiniAttn_Counts>:$lengths,
    DefaultValuedAttr<F64Attr, "0.0">:$epsilon,
    OptionalAttr<InfiniAttn_PrecisionAttr>:$precision
  );
  let results = (outs InfiniAttn_Activation:$o);
  let assemblyFormat = [{
    $q `,` $memory `,` $normalizer
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    attr-dict `:` type($q) `,` type($memory) `,` type($normalizer) `->` type($o)
  }];
}

def InfiniAttn_MemoryUpdateOp : InfiniAttn_StateOp<"memory_update"> {
  let summary = "write one segment into the compressive memory";
  let arguments = (ins
    InfiniAttn_Activation:$k,
    InfiniAttn_Activation:$v,
    Optional<InfiniAttn_Counts>:$lengths,
    Optional<InfiniAttn_Memory>:$read_memory,
    Optional<InfiniAttn_Normalizer>:$read_normalizer,
    InfiniAttn_Memory:$memory,
    InfiniAttn_Normalizer:$normalizer,
    InfiniAttn_UpdateRuleAttr:$rule,
    DefaultValuedAttr<F64Attr, "0.0">:$epsilon,
    OptionalAttr<InfiniAttn_PrecisionAttr>:$precision
  );
  let results = (outs
    InfiniAttn_Memory:$new_memory,
    InfiniAttn_Normalizer:$new_normalizer
  );
  let assemblyFormat = [{
    $k `,` $v
    oilist(`lengths` `(` $lengths `:` type($lengths) `)`
         | `reads` `(` $read_memory `,` $read_normalizer `:`
                       type($read_memory) `,` type($read_normalizer) `)`)
    `outs` `(` $memory `,` $normalizer `:` type($memory) `,` type($normalizer) `)`
    attr-dict `:` type($k) `,` type($v) `->` type($new_memory) `,` type($new_normalizer)
  }];
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() {
      return MutableOperandRange(getOperation(),
          getNumOperands() - getNumResults(), getNumResults());
    }
  }];
}

def InfiniAttn_GateOp : InfiniAttn_ValueOp<"gate"> {
  let summary = "mix what the memory and the segment answered";
  let arguments = (ins
    InfiniAttn_Activation:$a_mem,
    InfiniAttn_Activation:$a_dot,
    InfiniAttn_Gate:$gate
  );
  let results = (outs InfiniAttn_Activation:$o);
  let assemblyFormat = [{
    $a_mem `,` $a_dot `,` $gate
    attr-dict `:` type($a_mem) `,` type($a_dot) `,` type($gate) `->` type($o)
  }];
}

//===----------------------------------------------------------------------===//
// Whole segments and sequences
//===----------------------------------------------------------------------===//

def InfiniAttn_SegmentOp : InfiniAttn_StateOp<"segment"> {
  let summary = "Infini-attention over one segment, fused";
  let arguments = (ins
    InfiniAttn_Activation:$q,
    InfiniAttn_Activation:$k,
    InfiniAttn_Activation:$v,
    InfiniAttn_Gate:$gate,
    Optional<InfiniAttn_Counts>:$lengths,
    Optional<InfiniAttn_Frequencies>:$rotary_frequencies,
    InfiniAttn_Activation:$init,
    InfiniAttn_Memory:$memory,
    InfiniAttn_Normalizer:$normalizer,
    InfiniAttn_UpdateRuleAttr:$rule,
    OptionalAttr<F64Attr>:$scale,
    DefaultValuedAttr<F64Attr, "0.0">:$epsilon,
    DefaultValuedAttr<InfiniAttn_RotaryStyleAttr, "RotaryStyle::Interleaved">:$rotary_style,
    OptionalAttr<InfiniAttn_PrecisionAttr>:$precision
  );
  let results = (outs
    InfiniAttn_Activation:$o,
    InfiniAttn_Memory:$new_memory,
    InfiniAttn_Normalizer:$new_normalizer
  );
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $gate
    oilist(`lengths` `(` $lengths `:` type($lengths) `)`
         | `rotary` `(` $rotary_frequencies `:` type($rotary_frequencies) `)`)
    `outs` `(` $init `,` $memory `,` $normalizer `:`
               type($init) `,` type($memory) `,` type($normalizer) `)`
    attr-dict `:` type($q) `,` type($k) `,` type($v) `,` type($gate)
    `->` type($o) `,` type($new_memory) `,` type($new_normalizer)
  }];
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() {
      return MutableOperandRange(getOperation(),
          getNumOperands() - getNumResults(), getNumResults());
    }
  }];
}

def InfiniAttn_AttentionOp : InfiniAttn_StateOp<"attention"> {
  let summary = "Infini-attention over a whole sequence";
  let arguments = (ins
    InfiniAttn_Activation:$q,
    InfiniAttn_Activation:$k,
    InfiniAttn_Activation:$v,
    InfiniAttn_Gate:$gate,
    Optional<InfiniAttn_Counts>:$lengths,
    Optional<InfiniAttn_Frequencies>:$rotary_frequencies,
    InfiniAttn_Activation:$init,
    InfiniAttn_Memory:$memory,
    InfiniAttn_Normalizer:$normalizer,
    I64Attr:$segment_length,
    InfiniAttn_UpdateRuleAttr:$rule,
    OptionalAttr<F64Attr>:$scale,
    DefaultValuedAttr<F64Attr, "0.0">:$epsilon,
    DefaultValuedAttr<InfiniAttn_RotaryStyleAttr, "RotaryStyle::Interleaved">:$rotary_style,
    OptionalAttr<InfiniAttn_PrecisionAttr>:$precision,
    OptionalAttr<I64Attr>:$detach_every
  );
  let results = (outs
    InfiniAttn_Activation:$o,
    InfiniAttn_Memory:$new_memory,
    InfiniAttn_Normalizer:$new_normalizer
  );
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $gate
    oilist(`lengths` `(` $lengths `:` type($lengths) `)`
         | `rotary` `(` $rotary_frequencies `:` type($rotary_frequencies) `)`)
    `outs` `(` $init `,` $memory `,` $normalizer `:`
               type($init) `,` type($memory) `,` type($normalizer) `)`
    attr-dict `:` type($q) `,` type($k) `,` type($v) `,` type($gate)
    `->` type($o) `,` type($new_memory) `,` type($new_normalizer)
  }];
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() {
      return MutableOperandRange(getOperation(),
          getNumOperands() - getNumResults(), getNumResults());
    }
  }];
}

def InfiniAttn_MemoryScanOp : InfiniAttn_ValueOp<"memory_scan"> {
  let summary = "the memory before each segment of a sequence";
  let arguments = (ins
    InfiniAttn_Activation:$k,
    InfiniAttn_Activation:$v,
    InfiniAttn_Memory:$memory,
    InfiniAttn_Normalizer:$normalizer,
    Optional<InfiniAttn_Counts>:$lengths,
    I64Attr:$segment_length,
    InfiniAttn_UpdateRuleAttr:$rule,
    DefaultValuedAttr<F64Attr, "0.0">:$epsilon,
    OptionalAttr<InfiniAttn_PrecisionAttr>:$precision
  );
  let results = (outs
    TensorRankOf<[F32], [5]>:$memories,
    4DTensorOf<[F32]>:$normalizers,
    InfiniAttn_Memory:$new_memory,
    InfiniAttn_Normalizer:$new_normalizer
  );
  let assemblyFormat = [{
    $k `,` $v `,` $memory `,` $normalizer
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    attr-dict `:` type($k) `,` type($v) `,` type($memory) `,` type($normalizer)
    `->` type(results)
  }];
}

//===----------------------------------------------------------------------===//
// Streaming
//===----------------------------------------------------------------------===//

def InfiniAttn_AttentionStepOp : InfiniAttn_StateOp<"attention_step"> {
  let summary = "Infini-attention over one chunk of a stream, with explicit state";
  let arguments = (ins
    InfiniAttn_Activation:$q,
    InfiniAttn_Activation:$k,
    InfiniAttn_Activation:$v,
    InfiniAttn_Gate:$gate,
    Optional<InfiniAttn_Counts>:$lengths,
    Optional<InfiniAttn_Frequencies>:$rotary_frequencies,
    InfiniAttn_Activation:$init,
    InfiniAttn_Memory:$memory,
    InfiniAttn_Normalizer:$normalizer,
    InfiniAttn_Memory:$pending_memory,
    InfiniAttn_Normalizer:$pending_normalizer,
    InfiniAttn_Activation:$keys,
    InfiniAttn_Activation:$values,
    InfiniAttn_Counts:$count,
    I64Attr:$segment_length,
    InfiniAttn_UpdateRuleAttr:$rule,
    OptionalAttr<F64Attr>:$scale,
    DefaultValuedAttr<F64Attr, "0.0">:$epsilon,
    DefaultValuedAttr<InfiniAttn_RotaryStyleAttr, "RotaryStyle::Interleaved">:$rotary_style,
    OptionalAttr<InfiniAttn_PrecisionAttr>:$precision
  );
  let results = (outs
    InfiniAttn_Activation:$o,
    InfiniAttn_Memory:$new_memory,
    InfiniAttn_Normalizer:$new_normalizer,
    InfiniAttn_Memory:$new_pending_memory,
    InfiniAttn_Normalizer:$new_pending_normalizer,
    InfiniAttn_Activation:$new_keys,
    InfiniAttn_Activation:$new_values,
    InfiniAttn_Counts:$new_count
  );
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $gate
    oilist(`lengths` `(` $lengths `:` type($lengths) `)`
         | `rotary` `(` $rotary_frequencies `:` type($rotary_frequencies) `)`)
    `outs` `(` $init `,` $memory `,` $normalizer `,` $pending_memory `,`
               $pending_normalizer `,` $keys `,` $values `,` $count `:`
               type($init) `,` type($memory) `,` type($normalizer) `,`
               type($pending_memory) `,` type($pending_normalizer) `,`
               type($keys) `,` type($values) `,` type($count) `)`
    attr-dict `:` type($q) `,` type($k) `,` type($v) `,` type($gate)
    `->` type(results)
  }];
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() {
      return MutableOperandRange(getOperation(),
          getNumOperands() - getNumResults(), getNumResults());
    }
  }];
}

#endif // INFINI_ATTN_OPS_TD
