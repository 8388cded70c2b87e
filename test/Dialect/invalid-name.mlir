// RUN: infini-opt %s -verify-diagnostics -split-input-file

// expected-error @below {{'func.func' op expected infini_attn.name to be a non-empty string, got 7 : i64}}
func.func private @f(tensor<4xf32> {infini_attn.name = 7})

// -----

// expected-error @below {{'func.func' op expected infini_attn.name to be a non-empty string, got ""}}
func.func private @f(tensor<4xf32> {infini_attn.name = ""})

// -----

// expected-error @below {{'func.func' op got unknown argument attribute "infini_attn.label"}}
func.func private @f(tensor<4xf32> {infini_attn.label = "q"})
