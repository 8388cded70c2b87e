#!/usr/bin/env python3
"""The main job: a trained model, compiled by infini-run, finds pass keys in token streams of up to a million tokens.

  demo.py                 linear and delta rule, and the same model without its memory; under 10 minutes on 2 cores
  demo.py --quick         two short lengths, and one stream of a million tokens; about a minute
  demo.py --full          20 keys at every length
  demo.py --book          20 keys hidden anywhere in the text of a whole book
  demo.py --json FILE     also writes the table: {"rows": [{tokens, rule, memory, keys, found, tokens_per_s, peak_mb}]}

Every key is its own stream, the streams of a row run as one batch. The digits are generated one after the other, each
fed back (greedy). Needs numpy; PyTorch is not needed.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import haystack as haystacks

HERE = pathlib.Path(__file__).resolve().parent
INFINI_RUN = HERE.parents[1] / "build" / "bin" / "infini-run"
LENGTHS = (32_768, 131_072, 524_288, 1_000_000)
FULL_KEYS = 20
# Keys a length in the default run, which must stay under ten minutes.
KEYS = {32_768: 20, 131_072: 20, 524_288: 10, 1_000_000: 8}
KEYS_OFF = {32_768: 20, 131_072: 4, 524_288: 2, 1_000_000: 2}
# (rule, memory, tokens, keys) of --quick, about a minute.
QUICK_ROWS = [("linear", "on", 8_192, 20), ("linear", "on", 32_768, 20), ("linear", "on", 1_000_000, 2),
              ("linear", "off", 8_192, 20)]
CHUNK = 512  # tokens of each stream that one step takes: memory is in proportion to it
LAYERS, HEADS = 2, 4
GATE_OFF = -100.0  # its sigmoid is 0 in f32: local attention only


def run_streams(model, weights, tokens_file, memory, folder, arguments):
    """One batch of streams through infini-run: (token ids int32 [keys, 5], its measurements)."""
    output, measured = os.path.join(folder, "digits.npy"), os.path.join(folder, "run.json")
    command = [arguments.infini_run, model, "--entry=lm", f"--weights={weights}", f"--input=tokens={tokens_file}",
               "--stream", f"--chunk={CHUNK}", f"--generate={haystacks.DIGITS}", f"--output={output}",
               f"--json={measured}"]
    if arguments.threads:
        command.append(f"--threads={arguments.threads}")
    if memory == "off":
        gate = os.path.join(folder, "gate.npy")
        np.save(gate, np.full(HEADS, GATE_OFF, np.float32))
        command += [f"--input=layers.{layer}.gate={gate}" for layer in range(LAYERS)]
    subprocess.run([str(part) for part in command], check=True)
    with open(measured) as file:
        return np.load(output), json.load(file)


def measure(haystack, model, weights, rule, memory, tokens, keys, arguments):
    """One row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        tokens_file = os.path.join(folder, "tokens.npy")
        digits = haystacks.write(haystack, tokens, keys, arguments.seed, tokens_file)
        answers, run = run_streams(model, weights, tokens_file, memory, folder, arguments)
    found = int((answers == haystack.digit_ids[digits]).all(1).sum())
    return {"tokens": tokens, "rule": rule, "memory": memory, "keys": keys, "found": found,
            "tokens_per_s": round(run["tokens_per_s"]), "peak_mb": round(run["peak_mb"], 1)}


def rows_to_measure(haystack, arguments):
    """(rule, memory, tokens, keys) of each row, the memory switched off last."""
    if arguments.book:
        return [("linear", memory, haystack.whole_length(), FULL_KEYS) for memory in ("on", "off")]
    if arguments.quick:
        return QUICK_ROWS
    rows = []
    for rule, memory in (("linear", "on"), ("delta", "on"), ("linear", "off"), ("delta", "off")):
        some = KEYS if memory == "on" else KEYS_OFF
        rows += [(rule, memory, tokens, FULL_KEYS if arguments.full else some[tokens]) for tokens in LENGTHS]
    return rows


def print_table(arguments):
    """Measures and prints the rows, one after the other."""
    haystack = haystacks.load("book" if arguments.book else "synthetic")
    print(f"{'tokens':>9}  {'rule':<6}  {'memory':<6}  {'found':>8}  {'tokens/s':>9}  {'peak MB':>8}", flush=True)
    rows = []
    for rule, memory, tokens, keys in rows_to_measure(haystack, arguments):
        model = HERE / f"passkey-{rule}.mlir"
        weights = HERE / "weights" / f"{'book' if arguments.book else rule}.safetensors"
        row = measure(haystack, model, weights, rule, memory, tokens, keys, arguments)
        rows.append(row)
        print(f"{row['tokens']:>9}  {rule:<6}  {memory:<6}  {row['found']:>2} of {keys:>2}  "
              f"{row['tokens_per_s']:>9}  {row['peak_mb']:>8}", flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help="a short table, in about a minute")
    extent.add_argument("--full", action="store_true", help="20 keys at every length")
    extent.add_argument("--book", action="store_true", help="hide 20 keys in the text of a whole book")
    parser.add_argument("--json", metavar="FILE", help="file for the table")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, help="threads of infini-run (default: all)")
    parser.add_argument("--infini-run", default=INFINI_RUN, help="the tool (default: build/bin/infini-run)")
    arguments = parser.parse_args()

    # Opened first: minutes are lost where it cannot be written.
    table = open(arguments.json + ".part", "w") if arguments.json else None
    try:
        rows = print_table(arguments)
        if table:
            with table:
                json.dump({"rows": rows}, table, indent=1)
            os.replace(table.name, arguments.json)
    except BaseException:
        if table:
            os.unlink(table.name)
        raise


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: infini-run ended with exit code {error.returncode}")
    except (RuntimeError, ValueError, OSError) as error:
        sys.exit(f"error: {error}")
