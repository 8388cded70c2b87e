//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Run.h"

#include "infini_attn/IO/OutputFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>

using namespace llvm;
using namespace infini;
using mlir::infini_attn::Parameter;
using mlir::infini_attn::Session;
using mlir::infini_attn::Signature;

/// \p array as \p parameter takes it: f32 is cast where --dtype says so.
static Expected<Array> fit(const Parameter &parameter, const Array &array,
                           const RunOptions &options) {
  if (array.type == parameter.type || array.type != DType::F32 ||
      options.dtype != parameter.type)
    return array;
  return convert(array, parameter.type);
}

static std::string nameList(const Signature &signature) {
  SmallVector<StringRef> names;
  for (const Parameter &parameter : signature.arguments)
    names.push_back(parameter.name);
  return join(names, ", ");
}

Expected<std::vector<Array>> infini::bindArguments(const Signature &signature,
                                                   const RunOptions &options) {
  std::vector<Array> arguments(signature.arguments.size());
  auto bind = [&](size_t index, const Array &array, StringRef file) -> Error {
    const Parameter &parameter = signature.arguments[index];
    Expected<Array> fitted = fit(parameter, array, options);
    if (!fitted)
      return fitted.takeError();
    if (Error error = checkArgument(parameter, *fitted))
      return createStringError(file + ": " + toString(std::move(error)));
    arguments[index] = std::move(*fitted);
    return Error::success();
  };
  auto find = [&](StringRef name) {
    return find_if(signature.arguments,
                   [&](const Parameter &p) { return p.name == name; }) -
           signature.arguments.begin();
  };

  bool isCast = !options.dtype || *options.dtype == DType::F32;
  for (const Parameter &parameter : signature.arguments)
    isCast |= parameter.type == options.dtype;
  if (!isCast)
    return createStringError("expected --dtype=" + nameOf(*options.dtype) +
                             " only with an argument of " +
                             nameOf(*options.dtype) + ", got none");
  size_t next = 0;
  for (const Binding &input : options.inputs) {
    size_t index = input.name.empty() ? next++ : find(input.name);
    if (index >= arguments.size())
      return createStringError("expected an argument of '" + options.entry +
                               "' (" + nameList(signature) + "), got " +
                               (input.name.empty()
                                    ? "one more input: '" + input.path + "'"
                                    : "'" + input.name + "'"));
    if (arguments[index].data)
      return createStringError("expected one input for argument '" +
                               signature.arguments[index].name + "', got two");
    Expected<Array> array =
        input.array.data ? Expected<Array>(input.array) : readNpy(input.path);
    if (!array)
      return array.takeError();
    if (Error error = bind(index, *array, input.path))
      return std::move(error);
  }
  if (options.weights.empty())
    return arguments;

  Expected<StringMap<Array>> weights = readSafetensors(options.weights);
  if (!weights)
    return weights.takeError();
  bool isUsed = false;
  for (size_t index = 0; index < arguments.size(); ++index) {
    auto found = weights->find(signature.arguments[index].name);
    if (found == weights->end() || arguments[index].data)
      continue;
    if (hasNaN(found->second))
      WithColor::warning(errs(), "infini-run")
          << "weight '" << found->getKey() << "' holds NaN\n";
    if (Error error = bind(index, found->second, options.weights))
      return std::move(error);
    isUsed = true;
  }
  if (!isUsed)
    return createStringError(options.weights +
                             ": expected a tensor for an argument that has no "
                             "input (" +
                             nameList(signature) + "), got none");
  return arguments;
}

Error infini::checkAllBound(const Signature &signature,
                            ArrayRef<Array> arguments) {
  SmallVector<std::string> missing;
  for (auto [parameter, array] : zip(signature.arguments, arguments))
    if (!array.data)
      missing.push_back("'" + parameter.name + "' (" +
                        describe(parameter.shape, parameter.type) + ")");
  if (missing.empty())
    return Error::success();
  return createStringError("expected an input or a weight for " +
                           join(missing, ", ") + ", got none");
}

Error infini::writeOutputs(ArrayRef<Array> results, const RunOptions &options) {
  // All are written before the first gets its name.
  std::vector<OutputFile> files;
  for (auto [path, array] : zip(options.outputs, results)) {
    Expected<Array> shown =
        array.type == DType::BF16 ||
                (options.dtype && *options.dtype == array.type)
            ? convert(array, DType::F32)
            : Expected<Array>(array);
    if (!shown)
      return shown.takeError();
    Expected<OutputFile> file = OutputFile::create(path);
    if (!file)
      return file.takeError();
    if (Error error = writeNpy(file->stream(), *shown))
      return error;
    files.push_back(std::move(*file));
  }
  for (OutputFile &file : files)
    if (Error error = file.commit())
      return error;
  return Error::success();
}

Error infini::runFunction(Session &session, const RunOptions &options) {
  Expected<const Signature *> found = session.lookup(options.entry);
  if (!found)
    return found.takeError();
  const Signature &signature = **found;
  if (Error error = session.link(options.entry))
    return error;
  std::chrono::duration<double> compiling =
      std::chrono::steady_clock::now() - options.begin;
  Expected<std::vector<Array>> arguments = bindArguments(signature, options);
  if (!arguments)
    return arguments.takeError();
  if (Error error = checkAllBound(signature, *arguments))
    return error;
  if (options.outputs.size() > signature.results.size())
    return createStringError("expected at most " +
                             Twine(signature.results.size()) +
                             " outputs, got " + Twine(options.outputs.size()));
  std::vector<Array> results;
  SmallVector<double> seconds;
  for (unsigned i = 0; i < options.repeat; ++i) {
    auto begin = std::chrono::steady_clock::now();
    Expected<std::vector<Array>> called =
        session.call(options.entry, *arguments);
    std::chrono::duration<double> time =
        std::chrono::steady_clock::now() - begin;
    if (!called)
      return called.takeError();
    results = std::move(*called);
    seconds.push_back(time.count());
  }
  if (options.repeat > 1) {
    sort(seconds);
    outs() << format("compiled in %.1f ms\n", 1e3 * compiling.count());
    outs() << format("%u calls: minimum %.3f ms, median %.3f ms\n",
                     options.repeat, 1e3 * seconds.front(),
                     1e3 * seconds[seconds.size() / 2]);
  }
  // Something to see where nothing is written.
  if (options.outputs.empty())
    for (auto [result, array] : zip(signature.results, results))
      outs() << result.name << ": " << describe(array.shape, array.type)
             << "\n";
  return writeOutputs(results, options);
}
