"""The .mlir text of each program of the grid, with every size dynamic, and its call in the reference."""
from functools import cache

import numpy as np

import reference
import tolerances
from cases import OPERANDS, inputs

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
    attention_step=(("o", "?x?x?x?xa"), *STATE, ("pending_memory", "?x?x?x?xf32"), ("pending_normalizer", "?x?x?xf32"),
                    ("keys", "?x?xNx?xa"), ("values", "?x?xNx?xa"), ("count", "?xi64")),
)
TYPES = dict(q="?x?x?x?xa", k="?x?x?x?xa", v="?x?x?x?xa", a_mem="?x?x?x?xa", a_dot="?x?x?x?xa", gate="?xf32",
             query_offset="?xi64", lengths="?xi64", rotary_frequencies="?xf32", memory="?x?x?x?xf32", normalizer="?x?x?xf32",
             read_memory="?x?x?x?xf32", read_normalizer="?x?x?xf32",
             **dict(RESULTS["attention_step"][3:]))
STATE_NAMES = tuple(name for name, _ in RESULTS["attention_step"][1:])
CLAUSES = ("query_offset", "lengths", "rotary_frequencies", "read_memory", "read_normalizer")


def operands(program):
    """The names of the operands that a program has, in order."""
    absent = {name for name, has in dict(
        query_offset=program.has_offset, lengths=program.has_lengths, rotary_frequencies=program.rotary_style,
        read_memory=program.reads, read_normalizer=program.reads).items() if not has}
    return [name for name in OPERANDS[program.op] if name not in absent]


def tensor(shape, program):
    """The type of a tensor: "a" stands for the element type of activations, N for the segment length."""
    shape = shape.replace("N", str(program.segment_length))
    return f"tensor<{shape[:-1] + program.dtype if shape.endswith('a') else shape}>"


def text(program):
    """A function of the program's name over one op, with an argument for each operand."""
    def types(names):
        return ", ".join(tensor(TYPES["v" if name == "init" else name], program) for name in names)
    def list_of(names):
        return ", ".join("%" + name for name in names)
    op, has = program.op, operands(program)
    results = ", ".join(tensor(shape, program) for _, shape in RESULTS[op])
    count = len(RESULTS[op])
    outs = {"memory_update": ["memory", "normalizer"], "segment": ["init", "memory", "normalizer"],
            "attention": ["init", "memory", "normalizer"], "attention_step": ["init", *STATE_NAMES]}.get(op, [])
    plain = [name for name in has if name not in (*CLAUSES, *outs)]
    clauses = [(word, [name for name in names if name in has]) for word, names in (
        ("query_offset", ["query_offset"]), ("lengths", ["lengths"]), ("rotary", ["rotary_frequencies"]),
        ("reads", ["read_memory", "read_normalizer"]))] + [("outs", outs)]
    clauses = "".join(f" {word}({list_of(names)} : {types(names)})" for word, names in clauses if names)
    arguments = ", ".join(f"%{name}: {types([name])}" for name in has)
    lines = [f"func.func @{program.name}({arguments}) -> ({results}) {{"]
    lines += init(tensor(TYPES["q"], program)) if "init" in outs else []
    lines += [f"  %r:{count} = infini_attn.{op} {list_of(plain)}{clauses} {{{attributes(program)}}} : {types(plain)} -> {results}",
              "  return " + ", ".join(f"%r#{i}" for i in range(count)) + f" : {results}", "}"]
    return "\n".join(lines) + "\n"


def init(activation):
    """An empty tensor for o: the sizes of q, and v's width."""
    dims = [f"  %c{i} = arith.constant {i} : index\n  %d{i} = tensor.dim %{'v' if i == 3 else 'q'}, %c{i} : {activation}"
            for i in range(4)]
    return [*dims, f"  %init = tensor.empty(%d0, %d1, %d2, %d3) : {activation}"]


def attributes(program):
    """The op's attribute dictionary."""
    given = [f"scale = {number(program.scale)} : f64"] if program.scale else []
    given += [f"epsilon = {number(program.epsilon)} : f64"] if program.epsilon else []
    given += [f"precision = #infini_attn.precision<{program.precision}>"] if program.precision else []
    given += [f"rule = #infini_attn.update_rule<{program.rule}>"] if program.rule else []
    given += [f"segment_length = {program.segment_length} : i64"] if program.segment_length else []
    given += [f"rotary_style = #infini_attn.rotary_style<{program.rotary_style}>"] if program.rotary_style else []
    given += ["keys_rotated"] if program.keys_rotated else []
    return ", ".join(given + (["return_lse"] if program.op == "segment_attention" else []))


def number(x):
    """A float as MLIR reads it: with digits behind a point, also before an exponent."""
    return repr(x) if "." in repr(x) else repr(x).replace("e", ".0e")


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
        if name in CLAUSES:
            options[name] = x
        else:
            positional.append(x)
    if module is tolerances and program.op != "gate":
        options["precision"] = program.precision or tolerances.DEFAULT[program.dtype]
    results = getattr(module, program.op)(*positional, **options)
    return results if isinstance(results, tuple) else (results,)


@cache
def expected_of_case(case):
    """expected() for the inputs of a case of the grid."""
    return expected(case.program, inputs(case))


def expected(program, arguments):
    """What a program must give and how far from it a result may lie: {name: (float64 array, bound)}.

    A bound of infinity: any bits may stand there (keys and values of an open segment that have not come yet).
    """
    exact = {name: x if x.dtype == np.int64 or name == "rotary_frequencies" else x.astype(np.float64)
             for name, x in arguments.items()}
    values, bounds = call(reference, program, exact), call(tolerances, program, exact)
    names = [name for name, _ in RESULTS[program.op]]
    result = {name: (x, tolerances.stored(x, bound, program.dtype) if name in ("o", "keys") else bound)
              for name, x, bound in zip(names, values, bounds, strict=True)}
    if program.op == "attention_step":
        unused = np.arange(program.segment_length) >= result["count"][0][:, None]
        for name in ("keys", "values"):
            x, bound = result[name]
            result[name] = np.nan_to_num(x), np.where(unused[:, None, :, None], np.inf, bound)
    return result
