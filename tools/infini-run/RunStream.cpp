//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Streaming: a token file of any length through a model, in constant memory.
///
//===----------------------------------------------------------------------===//

#include "Run.h"

#include "infini_attn/IO/OutputFile.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>
#include <cmath>
#include <sys/resource.h>

using namespace llvm;
using namespace infini;
using mlir::infini_attn::Session;
using mlir::infini_attn::Signature;
using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Most memory this process ever held, in MiB.
static double peakMegabytes() {
  // Linux counts in getrusage what the parent process held before exec.
  if (auto status = MemoryBuffer::getFileAsStream("/proc/self/status")) {
    StringRef line = (*status)->getBuffer().split("VmHWM:").second.ltrim();
    unsigned long long kilobytes;
    if (!line.consumeInteger(10, kilobytes))
      return kilobytes / 1024.0;
  }
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024.0;
}

namespace {
/// One line on stderr, redrawn a few times a second.
class Progress {
public:
  Progress(bool isShown, int64_t total, int64_t rows)
      : isShown(isShown), total(total), rows(rows), begin(Clock::now()) {}

  void update(int64_t done) {
    if (!isShown || (secondsSince(lastDrawn) < 0.25 && done < total))
      return;
    lastDrawn = Clock::now();
    double share = total ? double(done) / total : 1;
    double rate = done * rows / std::max(secondsSince(begin), 1e-9);
    std::string bar(size_t(share * 30), '#');
    bar.resize(30, '.');
    errs() << format("\r[%s] %3.0f%%  %lld of %lld tokens  %.0f tokens/s  "
                     "%.0f MB ",
                     bar.c_str(), 100 * share, (long long)done,
                     (long long)total, rate, peakMegabytes());
  }
  ~Progress() {
    if (isShown)
      errs() << "\r\x1b[K";
  }

private:
  bool isShown;
  int64_t total, rows;
  Clock::time_point begin, lastDrawn;
};

/// The functions that infini-attn-stream makes of one, and the state between
/// their calls.
class Stream {
public:
  /// The tokens are \p tokensInput; what else is bound is bound by name.
  static Expected<Stream> create(Session &session, const Signature &step,
                                 const RunOptions &options, size_t tokensInput,
                                 int64_t rows);

  /// Takes a chunk; no logits are computed.
  Error prefill(const Array &tokens);
  /// Takes a chunk; returns the outputs of its tokens.
  Expected<std::vector<Array>> step(const Array &tokens);

private:
  Stream(Session &session, std::string entry)
      : session(session), entry(std::move(entry)) {}
  Expected<std::vector<Array>> call(StringRef function, const Array &tokens);

  Session &session;
  std::string entry;
  /// Tokens, weights, then the state: the arguments of the next step.
  std::vector<Array> arguments;
  size_t stateSize = 0;
};
} // namespace

Expected<Stream> Stream::create(Session &session, const Signature &step,
                                const RunOptions &options, size_t tokensInput,
                                int64_t rows) {
  Stream stream(session, options.entry);
  Array batch = cantFail(Array::create(DType::I64, {}));
  *reinterpret_cast<int64_t *>(batch.data.get()) = rows;
  Expected<std::vector<Array>> state =
      session.call(options.entry + "_init", batch);
  if (!state)
    return state.takeError();
  stream.stateSize = state->size();

  // What comes before the state is bound by name; the tokens are fed.
  Signature bound = step;
  bound.arguments.resize(bound.arguments.size() - stream.stateSize);
  RunOptions named = options;
  named.inputs.erase(named.inputs.begin() + tokensInput);
  for (Binding &input : named.inputs)
    if (input.name.empty())
      return createStringError("expected --input=NAME=FILE beside the tokens, "
                               "got '" +
                               input.path + "'");
  Expected<std::vector<Array>> arguments = bindArguments(bound, named);
  if (!arguments)
    return arguments.takeError();
  Signature rest = bound;
  rest.arguments.erase(rest.arguments.begin());
  if (Error error = checkAllBound(rest, ArrayRef(*arguments).drop_front()))
    return std::move(error);
  stream.arguments = std::move(*arguments);
  append_range(stream.arguments, *state);
  return stream;
}

Expected<std::vector<Array>> Stream::call(StringRef function,
                                          const Array &tokens) {
  arguments.front() = tokens;
  Expected<std::vector<Array>> results =
      session.call((entry + function).str(), arguments);
  if (!results)
    return results;
  size_t outputs = results->size() - stateSize;
  std::move(results->begin() + outputs, results->end(),
            arguments.end() - stateSize);
  results->resize(outputs);
  return results;
}

Error Stream::prefill(const Array &tokens) {
  return call("_prefill", tokens).takeError();
}

Expected<std::vector<Array>> Stream::step(const Array &tokens) {
  return call("_step", tokens);
}

/// The most likely token after the last one of each row: argmax over V of
/// logits B x C x V.
static Expected<Array> greedy(const std::vector<Array> &outputs, int64_t rows) {
  if (outputs.empty() || outputs[0].type != DType::F32 ||
      outputs[0].shape.size() != 3 || outputs[0].shape[0] != rows ||
      outputs[0].shape[1] < 1 || outputs[0].shape[2] < 1)
    return createStringError(
        "expected logits ?x?x?xf32 as first output, got " +
        (outputs.empty() ? std::string("none")
                         : describe(outputs[0].shape, outputs[0].type)));
  int64_t chunk = outputs[0].shape[1], vocabulary = outputs[0].shape[2];
  Expected<Array> next = Array::create(DType::I32, {rows, 1});
  if (!next)
    return next;
  auto *logits = reinterpret_cast<const float *>(outputs[0].data.get());
  for (int64_t row = 0; row < rows; ++row) {
    const float *last = logits + (row * chunk + chunk - 1) * vocabulary;
    int64_t best = 0;
    for (int64_t i = 1; i < vocabulary; ++i)
      if (last[i] > last[best] || std::isnan(last[best]))
        best = i;
    reinterpret_cast<int32_t *>(next->data.get())[row] = best;
  }
  return next;
}

static Error writeMeasurements(const RunOptions &options, int64_t tokens,
                               double seconds, double rate) {
  if (options.json.empty())
    return Error::success();
  json::Object object{{"tokens", tokens},
                      {"seconds", seconds},
                      {"tokens_per_s", rate},
                      {"peak_mb", peakMegabytes()}};
  std::string text;
  raw_string_ostream(text) << json::Value(std::move(object)) << "\n";
  return writeFile(options.json, text);
}

/// The input that is the tokens: the one of their name, or the first without.
static Expected<size_t> findTokens(const Signature &step,
                                   const RunOptions &options) {
  StringRef name = step.arguments.front().name;
  for (StringRef wanted : {name, StringRef()})
    for (size_t i = 0; i < options.inputs.size(); ++i)
      if (options.inputs[i].name == wanted)
        return i;
  return createStringError("expected --input=" + name +
                           "=FILE with the tokens, got none");
}

Error infini::runStream(Session &session, const RunOptions &options) {
  Expected<const Signature *> step = session.lookup(options.entry + "_step");
  if (!step)
    return step.takeError();
  Expected<size_t> tokensInput = findTokens(**step, options);
  if (!tokensInput)
    return tokensInput.takeError();
  Expected<TokenFile> file = TokenFile::open(options.inputs[*tokensInput].path);
  if (!file)
    return file.takeError();
  int64_t rows = file->rows(), length = file->tokens();
  if (options.generate > 0 && length < 1)
    return createStringError("expected at least one token to generate from, "
                             "got " +
                             Twine(rows) + "x" + Twine(length));
  if (options.outputs.size() > 1)
    return createStringError("expected one output with --stream, got " +
                             Twine(options.outputs.size()));
  if (options.generate < 1 && !options.outputs.empty())
    return createStringError("expected --generate=K with --output, got none");
  Expected<Stream> stream =
      Stream::create(session, **step, options, *tokensInput, rows);
  if (!stream)
    return stream.takeError();

  auto begin = Clock::now();
  std::vector<Array> outputs;
  {
    Progress progress(options.showProgress, length, rows);
    for (int64_t at = 0; at < length; at += options.chunk) {
      int64_t count = std::min(options.chunk, length - at);
      bool isLast = at + count == length;
      // Logits are computed for the last token only.
      if (isLast && options.generate > 0)
        --count;
      if (count > 0) {
        Expected<Array> tokens = file->read(at, count);
        if (!tokens)
          return tokens.takeError();
        if (Error error = stream->prefill(*tokens))
          return error;
      }
      if (isLast && options.generate > 0) {
        Expected<Array> tokens = file->read(length - 1, 1);
        if (!tokens)
          return tokens.takeError();
        Expected<std::vector<Array>> last = stream->step(*tokens);
        if (!last)
          return last.takeError();
        outputs = std::move(*last);
      }
      progress.update(std::min(at + options.chunk, length));
    }
  }
  double seconds = secondsSince(begin), rate = rows * length / seconds;

  Expected<Array> generated =
      Array::create(DType::I32, {rows, options.generate});
  if (!generated)
    return generated.takeError();
  auto *ids = reinterpret_cast<int32_t *>(generated->data.get());
  for (int64_t i = 0; i < options.generate; ++i) {
    Expected<Array> next = greedy(outputs, rows);
    if (!next)
      return next.takeError();
    for (int64_t row = 0; row < rows; ++row)
      ids[row * options.generate + i] =
          reinterpret_cast<int32_t *>(next->data.get())[row];
    if (i + 1 == options.generate)
      break;
    Expected<std::vector<Array>> more = stream->step(*next);
    if (!more)
      return more.takeError();
    outputs = std::move(*more);
  }
  if (!options.outputs.empty())
    if (Error error = writeOutputs(*generated, options))
      return error;
  if (options.json.empty())
    outs() << format("%lld rows of %lld tokens: %.0f tokens/s, peak %.1f MB\n",
                     (long long)rows, (long long)length, rate, peakMegabytes());
  return writeMeasurements(options, rows * length, seconds, rate);
}
