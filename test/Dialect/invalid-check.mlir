// RUN: infini-opt %s -verify-diagnostics -split-input-file

// (C1)
func.func @four(%ok: i1, %n: i64) {
  // expected-error @below {{'infini_attn.check' op expected at most 3 values, got 4}}
  infini_attn.check %ok, "wrong" (%n, %n, %n, %n : i64, i64, i64, i64)
  return
}

// -----

// (C2)
func.func @beyond(%ok: i1, %n: i64) {
  // expected-error @below {{'infini_attn.check' op expected {i} with i below 1 in the message, got '{1}'}}
  infini_attn.check %ok, "got {0} and {1}" (%n : i64)
  return
}

// -----

func.func @none(%ok: i1) {
  // expected-error @below {{'infini_attn.check' op expected {i} with i below 0 in the message, got '{0}'}}
  infini_attn.check %ok, "got {0}"
  return
}

// -----

func.func @open(%ok: i1, %n: i64) {
  // expected-error @below {{'infini_attn.check' op expected {i} with i below 1 in the message, got '{0'}}
  infini_attn.check %ok, "got {0" (%n : i64)
  return
}

// -----

func.func @words(%ok: i1, %n: i64) {
  // expected-error @below {{'infini_attn.check' op expected {i} with i below 1 in the message, got '{value}'}}
  infini_attn.check %ok, "got {value}" (%n : i64)
  return
}

// -----

func.func @type(%ok: i1, %x: f32) {
  // expected-error @below {{'infini_attn.check' op operand #1 must be variadic of 64-bit signless integer or index, but got 'f32'}}
  infini_attn.check %ok, "got {0}" (%x : f32)
  return
}
