"""Runs the examples of one Markdown document.

usage: run_examples.py DOCUMENT BUILD_DIR

A fenced block is an example where
- its language is mlir: infini-opt must accept it. `<!-- run: infini-opt ARGS -->` on the line
  before the fence gives a command of its own, which reads the block on its standard input;
- its language is sh and `<!-- run -->` is on the line before the fence: bash runs it in a folder
  of the document's own, where build/, examples/ and .venv/ are those of the project.
A text block with `<!-- output -->` on the line before its fence is what the example before it
prints on its standard output.
"""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile


@dataclasses.dataclass
class Block:
    line: int  # of the opening fence, from 1
    language: str
    text: str
    note: str  # the comment on the line before the fence, or ""


def blocks(document):
    """Yields the fenced blocks of a Markdown text; an indented fence counts too."""
    lines = document.splitlines()
    i = 0
    while i < len(lines):
        fence = re.match(r"(\s*)```(\w*)\s*$", lines[i])
        i += 1
        if not fence:
            continue
        start, body = i, []
        while i < len(lines) and lines[i].strip() != "```":
            body.append(lines[i].removeprefix(fence[1]))
            i += 1
        i += 1
        before = lines[start - 2].strip() if start >= 2 else ""
        note = re.match(r"<!-- (.*) -->$", before)
        yield Block(start, fence[2], "\n".join(body) + "\n", note[1] if note else "")


def command_of(block):
    """The shell command that runs a block with the block on its standard input, or None."""
    if block.language == "mlir":
        return block.note.removeprefix("run: ") if block.note.startswith("run: ") else "infini-opt"
    if block.language == "sh" and block.note == "run":
        return "bash -euo pipefail"
    return None


def link_project(folder, build, source):
    """Makes the paths that the documents use: .venv is the Python that runs this."""
    for name, target in (("build", build), ("examples", source / "examples"), (".venv", sys.prefix)):
        (pathlib.Path(folder) / name).symlink_to(target)


def run(command, block, build, folder):
    env = dict(os.environ, PATH=f"{build / 'bin'}:{os.environ['PATH']}")
    return subprocess.run(command, shell=True, input=block.text, cwd=folder, env=env,
                          capture_output=True, text=True)


def run_all(document, build, folder):
    """The number of examples of a document that ran, and what failed."""
    ran, failures, printed = 0, [], None
    for block in blocks(document.read_text()):
        if block.note == "output":
            if printed is None or printed.split() != block.text.split():
                failures.append(f"{document}:{block.line}: expected this output, got:\n{printed}")
            continue
        command = command_of(block)
        if command is None:
            continue
        ran += 1
        result = run(command, block, build, folder)
        printed = result.stdout
        if result.returncode != 0:
            failures.append(f"{document}:{block.line}: {command} exited with "
                            f"{result.returncode}:\n{result.stdout}{result.stderr}")
    return ran, failures


def main():
    document, build = map(lambda p: pathlib.Path(p).resolve(), sys.argv[1:])
    source = pathlib.Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory() as folder:
        link_project(folder, build, source)
        ran, failures = run_all(document, build, folder)
    print("\n".join(failures) or f"{ran} examples of {document.name} ran")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
