"""Compiled functions for the tests: each module once a session, at first use."""
from contextlib import contextmanager

import pytest

import programs
from cases import OPS, grid
from compiled import Library, compile_library
from element_types import BITS, decode, encode


def pytest_configure(config):
    """Marks of the grid's cases, by which ctest runs an op at a time."""
    for name in ("compiled", *OPS):
        config.addinivalue_line("markers", f"{name}: cases of the grid")


@pytest.fixture(scope="session")
def build():
    """build(text, *options): the compiled library of a module, loaded (or refused) once a session."""
    known = {}

    def build(*module):
        if module not in known:
            try:
                known[module] = compile_library(*module)
            except RuntimeError as error:
                known[module] = error
        if isinstance(known[module], RuntimeError):
            raise known[module]
        return known[module]
    return build


@pytest.fixture
def threads():
    """threads(n): a context in which the libraries loaded so far run on n threads."""
    @contextmanager
    def threads(count):
        Library.set_threads(count)
        yield
        Library.set_threads(0)
    return threads


@pytest.fixture(scope="session")
def run(build):
    """run(program, arguments): the results by name, float32 (counts int64); arguments by name, float32 unless counts.

    The programs of the grid are compiled together, those of an op in one module; any other by itself.
    """
    grids = {op: tuple(dict.fromkeys(case.program for case in grid(op))) for op in OPS}

    def run(program, arguments):
        group = grids[program.op] if program in grids[program.op] else (program,)
        library = build("".join(map(programs.text, group)))
        return call(library, program, arguments)
    return run


def call(library, program, arguments, name=None):
    """One call of a program's function (or of another function of its type), with conversion to and from element types."""
    given = [encode(arguments[key], program.dtype) if programs.TYPES[key].endswith("a") else arguments[key]
             for key in programs.operands(program)]
    return call_encoded(library, program, given, name)


def call_encoded(library, program, given, name=None):
    """The same with arguments that are of their element types already, in order."""
    kinds = [(key, shape.count("x"), shape.split("x")[-1]) for key, shape in programs.RESULTS[program.op]]
    types = [(rank, BITS[program.dtype] if element == "a" else "int64" if element == "i64" else "float32")
             for _, rank, element in kinds]
    results = library.call(name or program.name, given, types)
    return {key: decode(x, program.dtype) if element == "a" else x for (key, _, element), x in zip(kinds, results)}
