//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A module for one operation on arrays, from their shapes.
///
//===----------------------------------------------------------------------===//

#include "Run.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace infini;

namespace {
/// The operands of an operation, in the order of its text.
struct OpForm {
  SmallVector<StringRef> required;
  /// keyword(operands): present where the first of them is.
  SmallVector<std::pair<StringRef, SmallVector<StringRef>>> clauses;
  /// In destination style; zeros where no file is given.
  SmallVector<StringRef> inits;
};

struct Operand {
  SmallVector<int64_t> shape;
  DType type;
  bool isGiven;
};
} // namespace

static std::optional<OpForm> formOf(StringRef op) {
  auto lengths =
      std::pair(StringRef("lengths"), SmallVector<StringRef>{"lengths"});
  auto rotary = std::pair(StringRef("rotary"),
                          SmallVector<StringRef>{"rotary_frequencies"});
  if (op == "segment_attention")
    return OpForm{{"q", "k", "v"},
                  {{"query_offset", {"query_offset"}}, lengths, rotary},
                  {}};
  if (op == "memory_retrieve")
    return OpForm{{"q", "memory", "normalizer"}, {lengths}, {}};
  if (op == "memory_update")
    return OpForm{{"k", "v"},
                  {lengths, {"reads", {"read_memory", "read_normalizer"}}},
                  {"memory", "normalizer"}};
  if (op == "gate")
    return OpForm{{"a_mem", "a_dot", "gate"}, {}, {}};
  if (op == "segment" || op == "attention")
    return OpForm{{"q", "k", "v", "gate"},
                  {lengths, rotary},
                  {"init", "memory", "normalizer"}};
  if (op == "memory_scan")
    return OpForm{{"k", "v", "memory", "normalizer"}, {lengths}, {}};
  if (op == "attention_step")
    return OpForm{{"q", "k", "v", "gate"},
                  {lengths, rotary},
                  {"init", "memory", "normalizer", "pending_memory",
                   "pending_normalizer", "keys", "values", "count"}};
  return std::nullopt;
}

/// KEY=VALUE as an attribute of the dialect.
static Expected<std::string> attribute(StringRef setting) {
  auto [key, value] = setting.split('=');
  auto isWord = [](StringRef text) {
    return !text.empty() &&
           all_of(text, [](char c) { return isAlnum(c) || c == '_'; });
  };
  double number;
  int64_t whole;
  if (isWord(value)) {
    StringRef kind = StringSwitch<StringRef>(key)
                         .Case("rule", "update_rule")
                         .Case("rotary_style", "rotary_style")
                         .Case("precision", "precision")
                         .Default("");
    if (!kind.empty())
      return (key + " = #infini_attn." + kind + "<" + value + ">").str();
  }
  if ((key == "segment_length" || key == "detach_every") &&
      !value.getAsInteger(10, whole))
    return (key + " = " + Twine(whole) + " : i64").str();
  if ((key == "scale" || key == "epsilon") && !value.getAsDouble(number)) {
    std::string text;
    raw_string_ostream(text)
        << key << " = " << format("0x%016llX", bit_cast<uint64_t>(number))
        << " : f64";
    return text;
  }
  if ((key == "keys_rotated" || key == "return_lse") && value == "true")
    return key.str();
  return createStringError(
      "expected --set=KEY=VALUE with rule, segment_length, scale, epsilon, "
      "rotary_style, precision, detach_every, keys_rotated=true or "
      "return_lse=true, got '" +
      setting + "'");
}

static std::string tensorType(const Operand &operand) {
  return "tensor<" + describe(operand.shape, operand.type) + ">";
}

namespace {
class OpWriter {
public:
  OpWriter(StringRef op, OpForm form) : op(op), form(std::move(form)) {}

  Error readShapes(ArrayRef<Binding> inputs, std::optional<DType> dtype);
  Error addMissing();
  std::string write(ArrayRef<std::string> attributes, bool returnsLse,
                    int64_t segmentLength);

private:
  SmallVector<StringRef> names() const;
  const SmallVector<int64_t> &shape(StringRef name) {
    return operands.find(name)->second.shape;
  }
  SmallVector<std::string> resultTypes(bool returnsLse, int64_t segmentLength);

  std::string op;
  OpForm form;
  StringMap<Operand> operands;
};
} // namespace

SmallVector<StringRef> OpWriter::names() const {
  SmallVector<StringRef> all(form.required);
  for (const auto &clause : form.clauses)
    append_range(all, clause.second);
  append_range(all, form.inits);
  return all;
}

Error OpWriter::readShapes(ArrayRef<Binding> inputs,
                           std::optional<DType> dtype) {
  for (const Binding &input : inputs) {
    if (!is_contained(names(), input.name) || input.name == "init")
      return createStringError("expected an operand of " + op + " (" +
                               join(names(), ", ") + ") as NAME=FILE, got '" +
                               (input.name.empty() ? input.path : input.name) +
                               "'");
    Expected<Array> array = readNpy(input.path);
    if (!array)
      return array.takeError();
    // Activations take --dtype; the state and the gate stay f32 [S1].
    bool isActivation =
        is_contained({"q", "k", "v", "a_mem", "a_dot", "keys", "values"},
                     StringRef(input.name));
    DType type = isActivation && dtype && array->type == DType::F32
                     ? *dtype
                     : array->type;
    operands[input.name] = {array->shape, type, true};
  }
  return Error::success();
}

/// Zeros for the state and the inits that no file was given for.
Error OpWriter::addMissing() {
  for (StringRef name : names()) {
    if (operands.count(name))
      continue;
    bool isState = is_contained({"memory", "normalizer"}, name) ||
                   is_contained(form.inits, name);
    if (!isState) {
      if (is_contained(form.required, name))
        return createStringError("expected --input=" + name +
                                 "=FILE for the operand of " + op +
                                 ", got none");
      continue;
    }
    StringRef keys = operands.count("k") ? "k" : "q";
    // An operand of a wrong rank is the verifier's to report.
    auto size = [&](StringRef of, size_t dim) {
      auto found = operands.find(of);
      return found != operands.end() && dim < found->second.shape.size()
                 ? found->second.shape[dim]
                 : 1;
    };
    Operand zero{{}, DType::F32, false};
    DType activation = operands.count(keys) ? operands[keys].type : DType::F32;
    if (name.ends_with("memory"))
      zero.shape = {size(keys, 0), size(keys, 1), size(keys, 3), size("v", 3)};
    else if (name.ends_with("normalizer"))
      zero.shape = {size(keys, 0), size(keys, 1), size(keys, 3)};
    else if (name == "init")
      zero = {{size("q", 0), size("q", 1), size("q", 2), size("v", 3)},
              activation,
              false};
    else
      return createStringError("expected --input=" + name +
                               "=FILE for the operand of " + op + ", got none");
    if (Expected<int64_t> count = countElements(zero.shape, zero.type); !count)
      return count.takeError();
    operands[name] = zero;
  }
  return Error::success();
}

SmallVector<std::string> OpWriter::resultTypes(bool returnsLse,
                                               int64_t segmentLength) {
  SmallVector<std::string> types;
  if (!form.inits.empty()) {
    for (StringRef init : form.inits)
      types.push_back(tensorType(operands[init]));
    return types;
  }
  auto at = [&](StringRef name, size_t dim) {
    return dim < shape(name).size() ? shape(name)[dim] : 1;
  };
  if (op == "gate")
    return {tensorType(operands["a_dot"])};
  if (op == "memory_scan") {
    int64_t tokens = at("k", 2);
    int64_t segments = tokens == 0 ? 0 : (tokens - 1) / segmentLength + 1;
    Operand memories = operands["memory"], normalizers = operands["normalizer"];
    for (Operand *states : {&memories, &normalizers})
      states->shape.insert(states->shape.begin() +
                               std::min<size_t>(2, states->shape.size()),
                           segments);
    return {tensorType(memories), tensorType(normalizers),
            tensorType(operands["memory"]), tensorType(operands["normalizer"])};
  }
  Operand o = operands["q"];
  if (!o.shape.empty())
    o.shape.back() = op == "memory_retrieve" ? at("memory", 3) : at("v", 3);
  types.push_back(tensorType(o));
  if (returnsLse) {
    Operand lse{{at("q", 0), at("q", 1), at("q", 2)}, DType::F32, false};
    types.push_back(tensorType(lse));
  }
  return types;
}

std::string OpWriter::write(ArrayRef<std::string> attributes, bool returnsLse,
                            int64_t segmentLength) {
  SmallVector<std::string> arguments;
  std::string zeros;
  for (StringRef name : names()) {
    auto found = operands.find(name);
    if (found == operands.end())
      continue;
    std::string type = tensorType(found->second);
    if (found->second.isGiven)
      arguments.push_back(
          ("%" + name + ": " + type + " {infini_attn.name = \"" + name + "\"}")
              .str());
    else
      zeros += ("  %" + name + " = arith.constant dense<0.0> : " + type + "\n")
                   .str();
  }
  auto list = [&](ArrayRef<StringRef> of, bool areTypes) {
    return join(map_range(of,
                          [&](StringRef name) {
                            return areTypes ? tensorType(operands[name])
                                            : ("%" + name).str();
                          }),
                ", ");
  };
  SmallVector<std::string> types = resultTypes(returnsLse, segmentLength);
  std::string results = join(types, ", ");
  std::string count = std::to_string(types.size());
  std::string text = "func.func @run(" + join(arguments, ", ") + ") -> (" +
                     results + ") {\n" + zeros + "  %r:" + count +
                     " = infini_attn." + op + " " + list(form.required, false);
  for (const auto &[keyword, of] : form.clauses)
    if (operands.count(of[0]))
      text +=
          (" " + keyword + "(" + list(of, false) + " : " + list(of, true) + ")")
              .str();
  if (!form.inits.empty())
    text += " outs(" + list(form.inits, false) + " : " +
            list(form.inits, true) + ")";
  text += " {" + join(attributes, ", ") + "} : " + list(form.required, true) +
          " -> " + results + "\n  return ";
  SmallVector<std::string> returned;
  for (size_t i = 0; i < types.size(); ++i)
    returned.push_back("%r#" + std::to_string(i));
  return text + join(returned, ", ") + " : " + results + "\n}\n";
}

Expected<std::string> infini::makeOpModule(StringRef op,
                                           ArrayRef<Binding> inputs,
                                           ArrayRef<std::string> settings,
                                           std::optional<DType> dtype) {
  std::optional<OpForm> form = formOf(op);
  if (!form)
    return createStringError(
        "expected --op=attention, attention_step, gate, memory_retrieve, "
        "memory_scan, memory_update, segment or segment_attention, got '" +
        op + "'");
  SmallVector<std::string> attributes;
  bool returnsLse = false;
  int64_t segmentLength = 0;
  for (StringRef setting : settings) {
    Expected<std::string> text = attribute(setting);
    if (!text)
      return text.takeError();
    attributes.push_back(*text);
    returnsLse |= setting == "return_lse=true";
    if (setting.consume_front("segment_length="))
      setting.getAsInteger(10, segmentLength);
  }
  if (op == "memory_scan" && segmentLength < 1)
    return createStringError("expected --set=segment_length=N with N >= 1");
  OpWriter writer(op, std::move(*form));
  if (Error error = writer.readShapes(inputs, dtype))
    return std::move(error);
  if (Error error = writer.addMissing())
    return std::move(error);
  return writer.write(attributes, returnsLse, segmentLength);
}
