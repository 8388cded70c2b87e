"""Products of pairs of bf16 in each form that this machine can run: tiles, dot products, or vectors that stand for them."""
import ctypes
import errno
import os
import pathlib
import re
import struct
import subprocess
import sys

import numpy as np
import pytest

import conftest
import programs
from cases import OPS, Program, grid, inputs
from checking import assert_close
from compiled import BIN, LLVM
from element_types import BITS, decode, encode
from sample import sample

FLAGS = set(pathlib.Path("/proc/cpuinfo").read_text().split())
FORMS = {"emulated": "--emulate-amx", "widened": "--mattr=-amx-bf16,-avx512bf16"} if "sse2" in FLAGS else {"emulated": "--emulate-amx"}
if {"avx512_bf16", "avx512dq"} <= FLAGS:
    FORMS["dot"] = "--mattr=-amx-bf16"
if "amx_bf16" in FLAGS:
    FORMS["tiles"] = "--mattr=+amx-bf16"
CASES = [case for op in OPS for case in grid(op) if case.program.dtype == "bf16"]
# Several blocks of 32 queries and of 128 keys, partial ones, widths that are no multiple of 32.
TILED = [Program("attention", rule="delta", dtype="bf16", segment_length=300, has_lengths=True),
         Program("attention", rule="linear", dtype="bf16", segment_length=131, rotary_style="interleaved"),
         Program("segment", rule="delta", dtype="bf16", has_lengths=True)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_grid(case, build):
    """The whole grid where no machine is asked for."""
    library = build(programs.text(case.program), "--emulate-amx")
    results = conftest.call(library, case.program, inputs(case))
    for name, (value, bound) in programs.expected_of_case(case).items():
        assert_close(name, results[name], value, bound)


@pytest.mark.parametrize("program", TILED, ids=lambda p: f"{p.op}-{p.rule}")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tokens, widths", [(431, (40, 72)), (256, (32, 64)), (129, (7, 33))])
def test_tiles(tokens, widths, form, program, build):
    lengths = [tokens, tokens // 3] if program.has_lengths else None
    if program.rotary_style and widths[0] % 2:
        widths = widths[0] + 1, widths[1]
    arguments = sample(program, batch=2, tokens=tokens, lengths=lengths, widths=widths)
    results = conftest.call(build(programs.text(program), FORMS[form]), program, arguments)
    for name, (value, bound) in programs.expected(program, arguments).items():
        assert_close(name, results[name], value, bound)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size, sign", [(1, 1), (1, -1), (40, 1), (40, -1)])
def test_bound(size, sign, form, build):
    """Scores far below |q| |k|: weights relative to that bound would all be 0, and the block is done again."""
    program = Program("segment", rule="linear", dtype="bf16", scale=0.5 * sign)
    arguments = sample(program, batch=1, tokens=300, lengths=None, widths=(32, 32))
    for name in "qk":  # long in directions that the other does not have
        arguments[name] = arguments[name].copy()
        arguments[name][..., 0 if name == "q" else 1] = 30.0 * size
        arguments[name][..., 1 if name == "q" else 0] = 0.0
    results = conftest.call(build(programs.text(program), FORMS[form]), program, arguments)
    for name, (value, bound) in programs.expected(program, arguments).items():
        assert_close(name, results[name], value, bound)


def with_widths(text, width):
    """The module with Dk = Dv = width in its types, so that loops over it are written out."""
    for dynamic, static in (("tensor<?x?x?x?xbf16>", f"tensor<?x?x?x{width}xbf16>"), ("tensor<?x?x?x?xf32>", f"tensor<?x?x{width}x{width}xf32>"),
                            ("tensor<?x?x?xf32>", f"tensor<?x?x{width}xf32>")):
        text = text.replace(dynamic, static)

    def sizes(found):  # of the dynamic dimensions only
        return f"tensor.empty({', '.join(found[1].split(', ')[:found[2].count('?')])}) : {found[2]}"
    return re.sub(r"tensor\.empty\(([^)]*)\) : (tensor<[^>]*>)", sizes, text)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("width", [32, 64, 128])
@pytest.mark.parametrize("tokens", [200, 129])
def test_static_widths(tokens, width, form, build):
    """Products and what reads them as one loop: one chunk of 32 keys, two, and more, and chunks of the diagonal."""
    program = Program("attention", rule="delta", dtype="bf16", segment_length=170, has_lengths=True)
    arguments = sample(program, batch=2, tokens=tokens, lengths=[tokens, tokens - 20], widths=(width, width))
    library = build(with_widths(programs.text(program), width), FORMS[form])
    results = conftest.call(library, program, arguments)
    for name, (value, bound) in programs.expected(program, arguments).items():
        assert_close(name, results[name], value, bound)


def attend(library, program, arguments):
    given = [encode(arguments[key], "bf16") if programs.TYPES[key].endswith("a") else arguments[key] for key in programs.operands(program)]
    result, = library.call(program.name, given, [(4, BITS["bf16"])])
    return decode(result, "bf16")


def without_lse(program):
    """The module without a log-sum-exp, which goes another way."""
    text = programs.text(program).replace("%r:2 =", "%r =").replace("{return_lse}", "").replace(", return_lse", "")
    return text.replace("%r#0, %r#1", "%r").replace(", tensor<?x?x?xf32>)", ")").replace(", tensor<?x?x?xf32>", "").replace("(tensor<?x?x?x?xbf16>)", "tensor<?x?x?x?xbf16>")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("offset", [0, 40, 77])
def test_offset(offset, form, build):
    """Queries past the last key see all keys, and none of what fills up a chunk."""
    program = Program("segment_attention", dtype="bf16", has_offset=True)
    arguments = sample(program, batch=2, tokens=77, lengths=None, widths=(32, 32))
    arguments["query_offset"] = np.full(2, offset)
    value, bound = programs.expected(program, arguments)["o"]
    assert_close("o", attend(build(without_lse(program), FORMS[form]), program, arguments), value, bound)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", "qk")
@pytest.mark.parametrize("bits", [np.nan, np.inf])
def test_not_finite(bits, name, form, build):
    """What is no number makes results none where it is seen, and there only. Blocks whose bound it spoils are done again."""
    program = Program("segment_attention", dtype="bf16")
    arguments = sample(program, batch=2, tokens=160, lengths=None, widths=(32, 32))
    value, bound = programs.expected(program, arguments)["o"]
    arguments[name] = arguments[name].copy()
    arguments[name][:, :, 70, 3] = bits
    result = attend(build(without_lse(program), FORMS[form]), program, arguments)
    seen = np.arange(160) >= 70 if name == "k" else np.arange(160) == 70
    assert_close("o", result[:, :, ~seen], value[:, :, ~seen], bound[:, :, ~seen])
    if np.isnan(bits):
        assert np.isnan(result[:, :, seen]).all()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1.0, 40.0, 300.0, 1e4])
def test_large(size, form, build):
    """Scores of any size, up to those whose bound leaves a block no weights."""
    program = Program("segment_attention", dtype="bf16")
    arguments = sample(program, batch=1, tokens=160, lengths=None, widths=(32, 32))
    for name in "qk":
        arguments[name] = np.float32(arguments[name] * size)
        arguments[name] = decode(encode(arguments[name], "bf16"), "bf16")
    value, bound = programs.expected(program, arguments)["o"]
    assert_close("o", attend(build(without_lse(program), FORMS[form]), program, arguments), value, bound)


REFUSAL = """
#include <stdint.h>
#include <unistd.h>
int32_t infini_request_amx(void) { return write(2, "refused\\n", 8) == 0; }
"""


@pytest.mark.skipif("tiles" not in FORMS, reason="this CPU has no AMX")
def test_refused(tmp_path):
    """Compiled for tiles, in a process that may not use them: a host's answer takes the place of the system's."""
    (tmp_path / "refusal.c").write_text(REFUSAL)
    subprocess.run([LLVM / "clang", "-shared", "-fPIC", tmp_path / "refusal.c", "-o", tmp_path / "refusal.so"], check=True)
    tests = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", __file__, "-k", "test_bound and tiles"]
    done = subprocess.run(tests, env=os.environ | {"LD_PRELOAD": str(tmp_path / "refusal.so")}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout and "refused" in done.stderr


def refuse_tiles():
    """In this process and those that it starts, the system refuses the state of the tiles: a filter of system calls does."""
    load, equal, give = 0x20, 0x15, 0x06  # BPF: a word of seccomp_data, jumps over (if so, if not), the answer
    allow, permission_denied = 0x7fff0000, 0x00050000 | errno.EPERM
    arch_prctl, request = 158, 0x1023
    code = [(load, 0, 0, 0), (equal, 0, 3, arch_prctl), (load, 0, 0, 16), (equal, 0, 1, request), (give, 0, 0, permission_denied),
            (give, 0, 0, allow)]
    filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(filters)))
    prctl = ctypes.CDLL(None).prctl
    no_new_privileges, set_seccomp, mode_filter = 38, 22, 2
    if prctl(no_new_privileges, 1, 0, 0, 0) or prctl(set_seccomp, mode_filter, program, 0, 0):
        raise OSError("expected to filter system calls")


@pytest.mark.skipif("tiles" not in FORMS, reason="this CPU has no AMX")
@pytest.mark.parametrize("form", ["tiles", "widened"])
def test_in_process(form, build, tmp_path):
    """Code for this process only has one way: that of the tiles, or where they are refused that of a CPU without them."""
    program = TILED[0]
    arguments = sample(program, batch=2, tokens=431, lengths=[431, 143], widths=(64, 64))
    (tmp_path / "module.mlir").write_text(programs.text(program))
    inputs = []
    for key in programs.operands(program):
        np.save(tmp_path / f"{key}.npy", arguments[key])
        inputs.append(f"--input={tmp_path / key}.npy")
    outputs = [tmp_path / f"{key}.out.npy" for key, _ in programs.RESULTS[program.op]]
    subprocess.run([BIN / "infini-run", tmp_path / "module.mlir", "--dtype=bf16", *inputs,
                    f"--output={','.join(map(str, outputs))}"], check=True,
                   preexec_fn=refuse_tiles if form == "widened" else None)
    expected = conftest.call(build(programs.text(program), FORMS[form]), program, arguments)
    others = conftest.call(build(programs.text(program), FORMS["tiles" if form == "widened" else "widened"]), program, arguments)
    for (key, _), path in zip(programs.RESULTS[program.op], outputs):
        np.testing.assert_array_equal(np.load(path), expected[key])
    assert any((np.load(path) != others[key]).any() for (key, _), path in zip(programs.RESULTS[program.op], outputs))
