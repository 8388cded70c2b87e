"""The .mlir text of each program of the grid, with every size dynamic, and its call in the reference."""
import numpy as np

import reference
import tolerances
from cases import OPERANDS

# Results of each op: name, then rank and element type of its tensor ("a": the activation type).
STATE = (("memory", "?x?x?x?xf32"), ("normalizer", "?x?x?xf32"))
RESULTS = dict(
    attention=(("o", "?x?x?x?xa"), *STATE),
    segment=(("o", "?x?x?x?xa"), *STATE),
    segment_attention=(("o", "?x?x?x?xa"), ("log_sum_exp", "?x?x?xf32")),
    memory_retrieve=(("o", "?x?x?x?xa"),),
    memory_update=STATE,
    gate=(("o", "?x?x?x?xa"),),
    memory_scan=(("memories", "?x?x?x?x?xf32"), ("normalizers", "?x?x?x?xf32"), *STATE),
)
TYPES = dict(q="?x?x?x?xa", k="?x?x?x?xa", v="?x?x?x?xa", a_mem="?x?x?x?xa", a_dot="?x?x?x?xa", gate="?xf32",
             query_offset="?xi64", lengths="?xi64", rotary_frequencies="?xf32", memory="?x?x?x?xf32", normalizer="?x?x?xf32",
             read_memory="?x?x?x?xf32", read_normalizer="?x?x?xf32")


def operands(program):
    """The names of the operands that a program has, in order."""
    absent = {name for name, has in dict(
        query_offset=program.has_offset, lengths=program.has_lengths, rotary_frequencies=program.rotary_style,
        read_memory=program.reads, read_normalizer=program.reads).items() if not has}
    return [name for name in OPERANDS[program.op] if name not in absent]


def text(program):
    """A function of the program's name over one op."""
    def tensor(shape):
        return f"tensor<{shape[:-1] + program.dtype if shape.endswith('a') else shape}>"
    def types(names):
        return ", ".join(tensor(TYPES[name]) for name in names)
    has = operands(program)
    arguments = ", ".join(f"%{name}: {tensor(TYPES[name])}" for name in has)
    results = ", ".join(tensor(shape) for _, shape in RESULTS[program.op])
    destination = program.op in ("attention", "segment")
    inits = (["init"] if destination else []) + ["memory", "normalizer"]
    plain = [name for name in has if name not in ("query_offset", "lengths", "rotary_frequencies", "read_memory",
                                                  "read_normalizer")]
    if destination or program.op == "memory_update":
        plain = plain[:-2]
        outs = f" outs({', '.join('%' + n for n in inits)} : {types(['v' if n == 'init' else n for n in inits])})"
    else:
        outs = ""
    clauses = "".join(f" {word}({', '.join('%' + n for n in names)} : {types(names)})" for word, names in (
        ("query_offset", ["query_offset"]), ("lengths", ["lengths"]), ("rotary", ["rotary_frequencies"]),
        ("reads", ["read_memory", "read_normalizer"])) if names[0] in has)
    lines = [f"func.func @{program.name}({arguments}) -> ({results}) {{"]
    if destination:
        lines += init(tensor(TYPES["q"]))
    lines += [f"  %r:{len(RESULTS[program.op])} = infini_attn.{program.op} {', '.join('%' + n for n in plain)}{clauses}{outs}"
              f" {{{attributes(program)}}} : {types(plain)} -> {results}",
              "  return " + ", ".join(f"%r#{i}" for i in range(len(RESULTS[program.op]))) + f" : {results}", "}"]
    return "\n".join(lines) + "\n"


def init(activation):
    """An empty tensor for o: the sizes of q, and v's width."""
    dims = [f"  %c{i} = arith.constant {i} : index\n  %d{i} = tensor.dim %{'v' if i == 3 else 'q'}, %c{i} : {activation}"
            for i in range(4)]
    return [*dims, f"  %init = tensor.empty(%d0, %d1, %d2, %d3) : {activation}"]


def attributes(program):
    """The op's attribute dictionary."""
    given = [f"scale = {program.scale!r} : f64"] if program.scale else []
    given += [f"epsilon = {program.epsilon!r} : f64"] if program.epsilon else []
    given += [f"rule = #infini_attn.update_rule<{program.rule}>"] if program.rule else []
    given += [f"segment_length = {program.segment_length} : i64"] if program.segment_length else []
    given += [f"rotary_style = #infini_attn.rotary_style<{program.rotary_style}>"] if program.rotary_style else []
    given += ["keys_rotated"] if program.keys_rotated else []
    return ", ".join(given + (["return_lse"] if program.op == "segment_attention" else []))


def call(module, program, arguments):
    """The results of a program's op as `module` computes it (reference, or another that follows it), as a tuple."""
    options = {name: getattr(program, name) for name in ("rule", "segment_length", "scale", "keys_rotated")
               if getattr(program, name)}
    if "memory" in arguments:
        options["epsilon"] = program.epsilon
    if program.rotary_style:
        options["rotary_style"] = program.rotary_style
    positional = []
    for name, x in arguments.items():
        if name in ("query_offset", "lengths", "rotary_frequencies", "read_memory", "read_normalizer"):
            options[name] = x
        else:
            positional.append(x)
    if module is tolerances and program.op != "gate":
        options["precision"] = tolerances.DEFAULT[program.dtype]
    results = getattr(module, program.op)(*positional, **options)
    return results if isinstance(results, tuple) else (results,)


def expected(case, arguments):
    """What a case must give and how far from it a result may lie: {name: (float64 array, bound)}."""
    exact = {name: x if x.dtype == np.int64 or name == "rotary_frequencies" else x.astype(np.float64)
             for name, x in arguments.items()}
    values, bounds = call(reference, case.program, exact), call(tolerances, case.program, exact)
    return {name: (x, tolerances.stored(x, bound, case.program.dtype) if shape.endswith("a") else bound)
            for (name, shape), x, bound in zip(RESULTS[case.program.op], values, bounds, strict=True)}
