"""Feeds infini-opt broken operations: it may refuse them, it may not crash.

usage: sweep.py INFINI_OPT [ARGUMENT...]

Takes one valid call of each operation in generic form, and changes one thing at a time: the type
of an operand or a result, their number, an attribute, the sizes of the operand groups. ARGUMENTs
are passes, which then run on what the verifier accepts.
"""

import concurrent.futures
import os
import subprocess
import sys

RULE = "#infini_attn.update_rule<delta>"
COMMON = {"scale": "5.0e-01 : f64", "epsilon": "1.0e-06 : f64",
          "rotary_style": "#infini_attn.rotary_style<halves>",
          "precision": "#infini_attn.precision<bf16x3>"}
MEMORY, NORMALIZER, COUNT, GATE, F = "2x2x8x6xf32", "2x2x8xf32", "2xi64", "4xf32", "4xf32"
Q, K, V, O, LSE = "2x4x9x8xf32", "2x2x9x8xf32", "2x2x9x6xf32", "2x4x9x6xf32", "2x4x9xf32"
STATE = [MEMORY, NORMALIZER, MEMORY, NORMALIZER, "2x2x4x8xf32", "2x2x4x6xf32", COUNT]


def without(names, attributes=COMMON):
    return {name: value for name, value in attributes.items() if name not in names}


# Operation: operands, results, attributes, and the sizes of the operand groups if it has them.
OPERATIONS = {
    "segment_attention": ([Q, K, V, COUNT, COUNT, F], [O, LSE],
                          {**without(["epsilon"]), "keys_rotated": "unit", "return_lse": "unit"}, [1] * 6),
    "memory_retrieve": ([Q, MEMORY, NORMALIZER, COUNT], [O], without(["scale", "rotary_style"]), None),
    "memory_update": ([K, V, COUNT, MEMORY, NORMALIZER, MEMORY, NORMALIZER], [MEMORY, NORMALIZER],
                      {**without(["scale", "rotary_style"]), "rule": RULE}, [1] * 7),
    "gate": ([O, O, GATE], [O], {}, None),
    "segment": ([Q, K, V, GATE, COUNT, F, O, MEMORY, NORMALIZER], [O, MEMORY, NORMALIZER],
                {**COMMON, "rule": RULE}, [1] * 9),
    "attention": ([Q, K, V, GATE, COUNT, F, O, MEMORY, NORMALIZER], [O, MEMORY, NORMALIZER],
                  {**COMMON, "rule": RULE, "segment_length": "4 : i64", "detach_every": "2 : i64"}, [1] * 9),
    "memory_scan": ([K, V, MEMORY, NORMALIZER, COUNT], ["2x2x3x8x6xf32", "2x2x3x8xf32", MEMORY, NORMALIZER],
                    {**without(["scale", "rotary_style"]), "rule": RULE, "segment_length": "4 : i64"}, None),
    "attention_step": ([Q, K, V, GATE, COUNT, F, O, *STATE], [O, *STATE],
                       {**COMMON, "rule": RULE, "segment_length": "4 : i64"}, [1] * 14),
}
# A sanitizer's report is not an exit code of the tool.
ENVIRONMENT = {**os.environ, **{name: os.environ.get(name, "") + ":exitcode=99"
                                for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS")}}
HUGE = 2**63 - 1
TYPES = ["tensor<*xf32>", "tensor<f32>", "f32", "i64", "index", "none", "tensor<7xf32>", "tensor<7x7xi64>",
         "tensor<2x4x9x8xf64>", "tensor<2x4x9x8xi1>", "tensor<2x4x9x8xcomplex<f32>>", "tensor<2x2x2x2x2x2xf32>",
         "memref<2x4x9x8xf32>", "vector<2x4x9x8xf32>", "tuple<>", "tensor<?x?x?x?xf32>", "tensor<?x?x?xf32>",
         "tensor<?x?x?x?x?xf32>", "tensor<?xf32>", "tensor<?xi64>", "tensor<?x?x?x?xbf16>", "tensor<?x?x?x?xf16>",
         f"tensor<{HUGE}x{HUGE}x{HUGE}x{HUGE}xf32>", f"tensor<{HUGE}xf32>", f"tensor<{HUGE}xi64>"]
ATTRIBUTES = ["unit", "0 : i64", "-1 : i64", f"{HUGE} : i64", "3 : i32", "0x7FF8000000000000 : f64", "-1.0 : f64",
              "0x7FF0000000000000 : f64", "1.0 : f32", '"linear"', "[]", "{}", "@symbol", RULE,
              "#infini_attn.rotary_style<interleaved>", "#infini_attn.precision<f16>", "dense<1> : tensor<2xi64>"]
GROUPS = [[], [0], [1], [-1], [2**31 - 1], [1, 1, 1, 1, 1, 1], [9, -8], [2**30, 2**30, 2**30, 2**30]]


def tensor(text):
    return f"tensor<{text}>"


def sizes(text):
    """Types that differ from a valid one in one size, or have an encoding."""
    *shape, element = text.split("x")
    for i in range(len(shape)):
        for size in ("0", "1", "5", "?", str(HUGE)):
            yield tensor("x".join([*shape[:i], size, *shape[i + 1:], element]))
    yield tensor(text + ", 7 : i64")
    yield tensor("x".join(["0"] * len(shape) + [element]))
    yield tensor("x".join(["?"] * len(shape) + [element]))


def function(op, operands, results, attributes, groups):
    properties = [name if value == "unit" else f"{name} = {value}" for name, value in attributes.items()]
    if groups is not None:
        properties.append(f"operandSegmentSizes = array<i32: {', '.join(map(str, groups))}>".replace(": >", ">"))
    values = [f"%a{i}" for i in range(len(operands))]
    arguments = ", ".join(f"{v}: {t}" for v, t in zip(values, operands))
    types = ", ".join(results)
    # The results are used, so that nothing of the operation is dead.
    names = ", ".join(f"%r#{i}" if len(results) > 1 else "%r" for i in range(len(results)))
    head = f"%r:{len(results)} = " if len(results) > 1 else "%r = " if results else ""
    properties = f" <{{{', '.join(properties)}}}>" if properties else ""
    body = f'{head}"infini_attn.{op}"({", ".join(values)}){properties}'
    return (f"func.func @f({arguments}) -> ({types}) {{\n  {body} : ({', '.join(operands)}) -> ({types})\n"
            f"  return {names}{' : ' if results else ''}{types}\n}}\n")


def cases():
    for op, (operands, results, attributes, groups) in OPERATIONS.items():
        operands, results = list(map(tensor, operands)), list(map(tensor, results))
        valid = (operands, results, attributes, groups)

        def changed(index, value):
            return function(op, *valid[:index], value, *valid[index + 1:])

        yield function(op, *valid)
        for index in (0, 1):
            types = valid[index]
            for i, old in enumerate(types):
                for new in [*TYPES, *sizes(old.removeprefix("tensor<").removesuffix(">"))]:
                    yield changed(index, [*types[:i], new, *types[i + 1:]])
                yield changed(index, [*types[:i], *types[i + 1:]])
                yield changed(index, [*types[:i], old, *types[i:]])
            for count in range(len(types)):
                yield changed(index, types[:count])
        for name in attributes:
            yield changed(2, without([name], attributes))
            for value in ATTRIBUTES:
                yield changed(2, {**attributes, name: value})
        yield changed(2, {**attributes, "unknown": "unit"})
        for new in [*GROUPS, None] if groups else []:
            yield changed(3, new)
        for i in range(len(groups or [])):
            for count in (-1, 0, 2, 2**31 - 1):
                sizes_of_groups = [*groups[:i], count, *groups[i + 1:]]
                yield changed(3, sizes_of_groups)
                # The operands of an absent group are absent, too.
                if count == 0:
                    yield function(op, [*operands[:i], *operands[i + 1:]], results, attributes, sizes_of_groups)


def crashes(command, functions):
    """Whether the tool does worse than to fail on some of the functions."""
    text = "// -----\n".join(functions)
    arguments = ["-split-input-file", "--mlir-print-op-on-diagnostic=false", "-o", os.devnull]
    result = subprocess.run([*command, *arguments], input=text, text=True, capture_output=True, env=ENVIRONMENT)
    return result.returncode not in (0, 1)


def culprits(command, functions):
    if not crashes(command, functions):
        return []
    if len(functions) == 1:
        return functions
    half = len(functions) // 2
    return culprits(command, functions[:half]) + culprits(command, functions[half:])


def main():
    command, functions = sys.argv[1:], list(cases())
    # The calls that all others differ from in one thing are valid.
    for op, valid in OPERATIONS.items():
        text = function(op, list(map(tensor, valid[0])), list(map(tensor, valid[1])), *valid[2:])
        subprocess.run(command[:1], input=text, text=True, check=True, stdout=subprocess.DEVNULL)
    chunks = [functions[i:i + 200] for i in range(0, len(functions), 200)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [text for texts in pool.map(lambda c: culprits(command, c), chunks) for text in texts]
    for text in found[:10]:
        print(text)
    print(f"{len(functions)} operations, {len(found)} crashes of {' '.join(command)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
