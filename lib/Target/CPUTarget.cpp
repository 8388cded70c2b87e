//===----------------------------------------------------------------------===//
//
// Part of the InfiniAttn project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "infini_attn/Target/CPU.h"

#include "infini_attn/Runtime/Runtime.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

#include <mutex>

using namespace mlir;
using namespace mlir::infini_attn;

static void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();
  });
}

/// This machine's features. Its name is not asked: a virtual machine may report
/// a CPU that lacks what it has.
static std::string hostFeatures() {
  SmallVector<std::string> features;
  for (const auto &[name, isOn] : llvm::sys::getHostCPUFeatures())
    features.push_back((isOn ? "+" : "-") + name.str());
  llvm::sort(features);
  return llvm::join(features, ",");
}

static llvm::Error checkFeatures(const llvm::MCSubtargetInfo &subtarget,
                                 StringRef features) {
  SmallVector<StringRef> names;
  if (!features.empty())
    features.split(names, ',');
  for (StringRef feature : names) {
    if (!feature.starts_with("+") && !feature.starts_with("-"))
      return llvm::createStringError(
          "expected a feature as +name or -name, got '" + feature + "'");
    auto hasName = [&](const llvm::SubtargetFeatureKV &known) {
      return feature.drop_front() == StringRef(known.Key);
    };
    if (llvm::none_of(subtarget.getAllProcessorFeatures(), hasName))
      return llvm::createStringError("expected a feature of the target, got '" +
                                     feature + "'");
  }
  return llvm::Error::success();
}

/// LLVM aborts without these, or reports errors in functions of ours.
static llvm::Error checkBaseline(const llvm::MCSubtargetInfo &subtarget) {
  SmallVector<StringRef> needed, excluded;
  if (subtarget.getTargetTriple().isX86()) {
    needed = {"64bit", "64bit-mode", "sse2"};
    excluded = {"x32", "32bit-mode", "16bit-mode"};
  }
  if (subtarget.getTargetTriple().isAArch64())
    needed = {"fp-armv8", "neon"};
  // The C interface passes and returns no float in an integer register, but a
  // linker refuses objects of the other kind.
  if (subtarget.getTargetTriple().isRISCV64())
    needed = {"64bit", "m", "d"};
  if (subtarget.getTargetTriple().isLoongArch64())
    needed = {"d"};
  for (StringRef feature : needed)
    if (!subtarget.checkFeatures(("+" + feature).str()))
      return llvm::createStringError(
          "expected a CPU with " + feature + ", got '" + subtarget.getCPU() +
          "' with features '" + subtarget.getFeatureString() + "'");
  for (StringRef feature : excluded)
    if (subtarget.checkFeatures(("+" + feature).str()))
      return llvm::createStringError("expected a CPU without " + feature +
                                     ", got features '" +
                                     subtarget.getFeatureString() + "'");
  return llvm::Error::success();
}

/// Instruction sets that examples/ and the pass-key models have been compiled
/// for. Code for all but loongarch64 has also run (under QEMU), with the same
/// bits as on x86_64. Indices have 64 bits. Bytes may come in either order:
/// compiled code reads no element by its parts, and constants are LLVM's to lay
/// out.
static bool isSupported(const llvm::Triple &triple) {
  switch (triple.getArch()) {
  case llvm::Triple::x86_64:
  case llvm::Triple::aarch64:
  case llvm::Triple::riscv64:
  case llvm::Triple::ppc64le:
  case llvm::Triple::systemz:
  case llvm::Triple::loongarch64:
    // No 32-bit pointers on these.
    return !triple.isX32() && triple.getEnvironment() != llvm::Triple::GNUILP32;
  default:
    return false;
  }
}

/// What every Linux of the target has, beyond what LLVM's oldest CPU does: that
/// of RISC-V has integers only, not even a product.
static StringRef baselineFeatures(const llvm::Triple &triple) {
  return triple.isRISCV64() ? "+m,+a,+f,+d,+c" : "";
}

static bool isFeatureName(const llvm::MCSubtargetInfo &subtarget,
                          StringRef name) {
  return llvm::any_of(subtarget.getAllProcessorFeatures(),
                      [&](const llvm::SubtargetFeatureKV &feature) {
                        return name == feature.Key;
                      });
}

/// The first target whose features all are there, and none that it must not
/// have.
static const cpu::Target *chooseTarget(const llvm::MCSubtargetInfo &subtarget,
                                       const CPUOptions &options) {
  for (const cpu::Target &target : cpu::getTargets()) {
    SmallVector<StringRef> features;
    StringRef(target.features).split(features, ',', -1, /*KeepEmpty=*/false);
    // Features of another instruction set have no name in this one: asking for
    // them would print a warning.
    if (llvm::all_of(features, [&](StringRef feature) {
          return isFeatureName(subtarget, feature.drop_front()) &&
                 subtarget.checkFeatures(("+" + feature.drop_front()).str()) ==
                     feature.starts_with("+");
        })) {
      if (!options.inProcess || target.pairUnit != cpu::PairProductUnit::AMX)
        return &target;
      if (infini_request_amx())
        return cpu::lookupTarget("amx-granted");
    }
  }
  llvm_unreachable("the last target needs no feature");
}

llvm::Expected<CPUTarget> CPUTarget::create(const CPUOptions &options) {
  initializeTargets();
  llvm::Triple triple(options.triple.empty()
                          ? llvm::sys::getDefaultTargetTriple()
                          : llvm::Triple::normalize(options.triple));
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target || !target->hasTargetMachine() || !target->hasMCAsmBackend())
    return llvm::createStringError(
        "expected a target triple of this LLVM, got '" + options.triple + "'");
  if (!triple.isOSBinFormatELF() || !isSupported(triple))
    return llvm::createStringError(
        "expected a triple of x86_64, aarch64, riscv64, powerpc64le, s390x or "
        "loongarch64 with ELF objects, got '" +
        options.triple + "'");

  if (options.emulateAMX && !triple.isLittleEndian())
    return llvm::createStringError(
        "expected a little-endian target for the form of AMX, got '" +
        options.triple + "'");

  bool isHost = options.triple.empty() ||
                triple.getArch() ==
                    llvm::Triple(llvm::sys::getDefaultTargetTriple()).getArch();
  std::string cpu = options.cpu, features;
  if (cpu == "native" || (cpu.empty() && options.triple.empty())) {
    if (!isHost)
      return llvm::createStringError(
          "expected a CPU of the target, got 'native' for '" + options.triple +
          "'");
    cpu = triple.isX86() ? "x86-64" : "generic";
    features = hostFeatures();
  } else if (cpu.empty()) {
    cpu = triple.isX86() ? "x86-64" : "generic";
    features = baselineFeatures(triple);
  }
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget(
      target->createMCSubtargetInfo(triple, "", ""));
  if (!subtarget)
    return llvm::createStringError("expected a target with CPUs, got '" +
                                   options.triple + "'");
  if (!subtarget->isCPUStringValid(cpu))
    return llvm::createStringError("expected a CPU of " + triple.getArchName() +
                                   ", got '" + cpu + "'");
  if (llvm::Error wrong = checkFeatures(*subtarget, options.features))
    return std::move(wrong);
  for (const std::string &more :
       {options.features, std::string(triple.isX86() ? "-prefer-256-bit" : "")})
    if (!more.empty())
      features += (features.empty() ? "" : ",") + more;
  subtarget.reset(target->createMCSubtargetInfo(triple, cpu, features));
  if (llvm::Error wrong = checkBaseline(*subtarget))
    return std::move(wrong);

  CPUTarget result;
  result.targetMachine.reset(target->createTargetMachine(
      triple, cpu, features, llvm::TargetOptions(), llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  if (!result.targetMachine)
    return llvm::createStringError(
        "expected a target that can be compiled for, "
        "got '" +
        options.triple + "'");
  result.chosen = options.emulateAMX ? cpu::lookupTarget("amx-emulated")
                                     : chooseTarget(*subtarget, options);
  return result;
}

CPUTarget CPUTarget::clone() const {
  const llvm::TargetMachine &from = *targetMachine;
  CPUTarget result;
  result.targetMachine.reset(from.getTarget().createTargetMachine(
      from.getTargetTriple(), from.getTargetCPU(),
      from.getTargetFeatureString(), from.Options, from.getRelocationModel(),
      std::nullopt, from.getOptLevel()));
  result.chosen = chosen;
  return result;
}
