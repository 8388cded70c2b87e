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
  /// keyword(operands): all of them or none.
  SmallVector<std::pair<StringRef, SmallVector<StringRef>>> clauses;
  /// In destination style; zeros where no file is given.
  SmallVector<StringRef> inits;
  /// Attributes that --set may give.
  SmallVector<StringRef> settings;
};

struct Operand {
  SmallVector<int64_t> shape;
  DType type;
};
} // namespace

static std::optional<OpForm> formOf(StringRef op) {
  auto lengths =
      std::pair(StringRef("lengths"), SmallVector<StringRef>{"lengths"});
  auto rotary = std::pair(StringRef("rotary"),
                          SmallVector<StringRef>{"rotary_frequencies"});
  if (op == "segment_attention")
    return OpForm{
        {"q", "k", "v"},
        {{"query_offset", {"query_offset"}}, lengths, rotary},
        {},
        {"scale", "rotary_style", "precision", "keys_rotated", "return_lse"}};
  if (op == "memory_retrieve")
    return OpForm{
        {"q", "memory", "normalizer"}, {lengths}, {}, {"epsilon", "precision"}};
  if (op == "memory_update")
    return OpForm{{"k", "v"},
                  {lengths, {"reads", {"read_memory", "read_normalizer"}}},
                  {"memory", "normalizer"},
                  {"rule", "epsilon", "precision"}};
  if (op == "gate")
    return OpForm{{"a_mem", "a_dot", "gate"}, {}, {}, {}};
  if (op == "segment")
    return OpForm{{"q", "k", "v", "gate"},
                  {lengths, rotary},
                  {"init", "memory", "normalizer"},
                  {"rule", "scale", "epsilon", "rotary_style", "precision"}};
  if (op == "attention")
    return OpForm{{"q", "k", "v", "gate"},
                  {lengths, rotary},
                  {"init", "memory", "normalizer"},
                  {"segment_length", "rule", "scale", "epsilon", "rotary_style",
                   "precision", "detach_every"}};
  if (op == "memory_scan")
    return OpForm{{"k", "v", "memory", "normalizer"},
                  {lengths},
                  {},
                  {"segment_length", "rule", "epsilon", "precision"}};
  if (op == "attention_step")
    return OpForm{{"q", "k", "v", "gate"},
                  {lengths, rotary},
                  {"init", "memory", "normalizer", "pending_memory",
                   "pending_normalizer", "keys", "values", "count"},
                  {"segment_length", "rule", "scale", "epsilon", "rotary_style",
                   "precision"}};
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
  return createStringError("expected --set=KEY=VALUE with a value for " + key +
                           ", got '" + setting + "'");
}

/// A size of 0 stays open in the type: no loop is made for it in vain.
static std::string tensorType(const Operand &operand) {
  SmallVector<int64_t> sizes(operand.shape);
  replace(sizes, 0, -1);
  return "tensor<" + describe(sizes, operand.type) + ">";
}

namespace {
class OpWriter {
public:
  OpWriter(StringRef op, OpForm form) : op(op), form(std::move(form)) {}

  Error readShapes(MutableArrayRef<Binding> inputs, std::optional<DType> dtype);
  Error addMissing(std::vector<Binding> &inputs, int64_t segmentLength);
  std::string write(ArrayRef<std::string> attributes, bool returnsLse,
                    int64_t segmentLength);

private:
  Error checkClauses();
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

/// An optional clause has all of its operands or none.
Error OpWriter::checkClauses() {
  for (const auto &clause : form.clauses) {
    SmallVector<StringRef> given, missing;
    for (StringRef name : clause.second)
      (operands.count(name) ? given : missing).push_back(name);
    if (!given.empty() && !missing.empty())
      return createStringError("expected --input=" + missing[0] +
                               "=FILE beside " + given[0] + " of " + op +
                               ", got none");
  }
  return Error::success();
}

Error OpWriter::readShapes(MutableArrayRef<Binding> inputs,
                           std::optional<DType> dtype) {
  for (Binding &input : inputs) {
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
    operands[input.name] = {array->shape, type};
    input.array = std::move(*array);
  }
  return checkClauses();
}

/// Zeros for the state and the inits that no file was given for.
Error OpWriter::addMissing(std::vector<Binding> &inputs,
                           int64_t segmentLength) {
  for (StringRef name : names()) {
    if (operands.count(name))
      continue;
    // A read of an empty memory says nothing about Dv.
    bool isState = (is_contained({"memory", "normalizer"}, name) &&
                    op != "memory_retrieve") ||
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
    Operand zero{{}, DType::F32};
    DType activation = operands.count(keys) ? operands[keys].type : DType::F32;
    if (name.ends_with("memory"))
      zero.shape = {size(keys, 0), size(keys, 1), size(keys, 3), size("v", 3)};
    else if (name.ends_with("normalizer"))
      zero.shape = {size(keys, 0), size(keys, 1), size(keys, 3)};
    else if (name == "init")
      zero = {{size("q", 0), size("q", 1), size("q", 2), size("v", 3)},
              activation};
    else if (name == "keys")
      zero = {{size(keys, 0), size(keys, 1), segmentLength, size(keys, 3)},
              activation};
    else if (name == "values")
      zero = {{size(keys, 0), size(keys, 1), segmentLength, size("v", 3)},
              activation};
    else // count
      zero = {{size(keys, 0)}, DType::I64};
    Expected<Array> array = Array::create(zero.type, zero.shape);
    if (!array)
      return array.takeError();
    inputs.push_back({name.str(), "", std::move(*array)});
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
    Operand lse{{at("q", 0), at("q", 1), at("q", 2)}, DType::F32};
    types.push_back(tensorType(lse));
  }
  return types;
}

std::string OpWriter::write(ArrayRef<std::string> attributes, bool returnsLse,
                            int64_t segmentLength) {
  SmallVector<std::string> arguments;
  for (StringRef name : names()) {
    auto found = operands.find(name);
    if (found == operands.end())
      continue;
    std::string type = tensorType(found->second);
    arguments.push_back(
        ("%" + name + ": " + type + " {infini_attn.name = \"" + name + "\"}")
            .str());
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
                     results + ") {\n  %r:" + count + " = infini_attn." + op +
                     " " + list(form.required, false);
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
                                           std::vector<Binding> &inputs,
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
    if (!is_contained(form->settings, setting.split('=').first))
      return createStringError(
          "expected --set=KEY=VALUE with an attribute of " + op + " (" +
          join(form->settings, ", ") + "), got '" + setting + "'");
    Expected<std::string> text = attribute(setting);
    if (!text)
      return text.takeError();
    attributes.push_back(*text);
    returnsLse |= setting == "return_lse=true";
    if (setting.consume_front("segment_length="))
      setting.getAsInteger(10, segmentLength);
  }
  if (is_contained({"memory_scan", "attention_step"}, op) && segmentLength < 1)
    return createStringError("expected --set=segment_length=N with N >= 1");
  OpWriter writer(op, std::move(*form));
  if (Error error = writer.readShapes(inputs, dtype))
    return std::move(error);
  if (Error error = writer.addMissing(inputs, segmentLength))
    return std::move(error);
  return writer.write(attributes, returnsLse, segmentLength);
}
