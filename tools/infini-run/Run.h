//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// The parts of infini-run.
///
//===----------------------------------------------------------------------===//

#ifndef INFINI_ATTN_TOOLS_INFINI_RUN_RUN_H
#define INFINI_ATTN_TOOLS_INFINI_RUN_RUN_H

#include "infini_attn/Target/Session.h"

#include "mlir/IR/BuiltinOps.h"

#include <chrono>

namespace infini {

/// What is bound to an argument: NAME=FILE, FILE in order, or an array by name.
struct Binding {
  std::string name, path;
  Array array = {}; ///< without data: to be read from the file
};

struct RunOptions {
  std::string entry;
  std::vector<Binding> inputs;
  std::string weights;
  std::vector<std::string> outputs;
  unsigned repeat = 1;
  std::chrono::steady_clock::time_point begin; ///< of compiling
  std::optional<DType> dtype;                  ///< f32 files are cast to it
  // Streaming.
  int64_t chunk = 0;
  int64_t generate = 0;
  bool showProgress = false;
  std::string json;
};

/// The arguments of a function by position; a null data pointer where a binding
/// is missing. Reports on stderr what deserves a warning (weights with NaN).
llvm::Expected<std::vector<Array>>
bindArguments(const mlir::infini_attn::Signature &signature,
              const RunOptions &options);
/// An error that lists the arguments that nothing was bound to.
llvm::Error checkAllBound(const mlir::infini_attn::Signature &signature,
                          llvm::ArrayRef<Array> arguments);

/// Writes results to the output files, in order.
llvm::Error writeOutputs(llvm::ArrayRef<Array> results,
                         const RunOptions &options);

/// Calls the entry function, --repeat times. Prints how long compiling took,
/// and the calls, if there are several.
llvm::Error runFunction(mlir::infini_attn::Session &session,
                        const RunOptions &options);

/// Feeds a token file through NAME_prefill and NAME_step, then generates.
llvm::Error runStream(mlir::infini_attn::Session &session,
                      const RunOptions &options);

/// The text of a module whose function `run` is one operation on arrays.
/// `inputs` are bound by operand name; zeros for absent state are added to
/// them. `settings` are attributes, KEY=VALUE.
llvm::Expected<std::string> makeOpModule(llvm::StringRef op,
                                         std::vector<Binding> &inputs,
                                         llvm::ArrayRef<std::string> settings,
                                         std::optional<DType> dtype);

} // namespace infini

#endif // INFINI_ATTN_TOOLS_INFINI_RUN_RUN_H
