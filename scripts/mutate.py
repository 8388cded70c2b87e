#!/usr/bin/env python3
"""Seeds one bug after another into the sources and asks that a test fail.

usage: scripts/mutate.py [--only WORD] [--list] [--keep]

The bugs are in test/mutants.toml: exact replacements, each in one file. They are applied to a scratch checkout of HEAD
in build-mutate/, which is rebuilt (with ccache) and tested as far as the first failure. Prints a table in Markdown of which
test saw which bug; exits with 1 if one was seen by none, or if a replacement's text is not in its file exactly once.

  --only WORD  only the bugs with WORD in their name
  --list       prints the names and stops
  --keep       leaves the scratch checkout (and what it built) for the next run
"""
import argparse
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / "build-mutate"
BUILD = SCRATCH / "build"
ENVIRONMENT = dict(os.environ, CCACHE_BASEDIR=str(SCRATCH), CCACHE_NOHASHDIR="1")


def run(command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, env=ENVIRONMENT, **options)


def must(command):
    done = run(command)
    if done.returncode:
        sys.exit(f"mutate: error: {' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def load():
    """The bugs, each with its text checked to be in its file exactly once."""
    bugs = tomllib.loads((ROOT / "test" / "mutants.toml").read_text())["bug"]
    for bug in bugs:
        found = (ROOT / bug["file"]).read_text().count(bug["find"])
        if found != 1:
            sys.exit(f"mutate: error: expected the text of '{bug['name']}' once in {bug['file']}, got {found} times")
    return bugs


def check_out():
    """A clean checkout of HEAD in build-mutate/, configured and built."""
    if SCRATCH.exists():
        must(["git", "-C", SCRATCH, "checkout", "--quiet", "--detach", "--force", revision()])
    else:
        must(["git", "-C", ROOT, "worktree", "add", "--quiet", "--detach", SCRATCH, "HEAD"])
    if not BUILD.exists():
        python = [f"-DPython3_EXECUTABLE={sys.executable}"]
        must(["cmake", "-S", SCRATCH, "--preset", "release", "-B", BUILD, *python])
    must(["ninja", "-C", BUILD])


def revision():
    return run(["git", "-C", ROOT, "rev-parse", "HEAD"]).stdout.strip()


def first_failure(tests):
    """Runs the given ctests (regular expressions) one after another; the name of the first that fails, or None."""
    for pattern in tests:
        done = run(["ctest", "--test-dir", BUILD, "-R", pattern, "--output-on-failure", "--stop-on-failure", "-j2",
                    "--timeout", "120"])
        if "No tests were found" in done.stdout + done.stderr:
            sys.exit(f"mutate: error: expected a ctest that matches '{pattern}', got none")
        if done.returncode:
            python = re.search(r"^(?:FAILED|ERROR) \S*?(test_\w+\.py(?:::[\w-]+)?)", done.stdout, re.M)
            ctest = re.search(r"^\s*\d+ - (\S+) \(", done.stdout, re.M)
            return python[1] if python else ctest[1] if ctest else "unknown"
    return None


def seen_by(bug):
    """What saw the bug: a test, or the compiler of this project."""
    path = SCRATCH / bug["file"]
    source = path.read_text()
    path.write_text(source.replace(bug["find"], bug["replace"]))
    try:
        done = run(["ninja", "-C", BUILD])
        if done.returncode:
            sys.exit(f"mutate: error: '{bug['name']}' does not compile:\n{done.stdout[-3000:]}")
        return first_failure(bug["tests"])
    finally:
        path.write_text(source)


def main():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--only", default="")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--help", action="store_true")
    options = parser.parse_args()
    if options.help:
        print(__doc__)
        return
    bugs = [bug for bug in load() if options.only in bug["name"]]
    if options.list:
        print("\n".join(bug["name"] for bug in bugs))
        return
    print("mutate: building a scratch checkout in build-mutate/ (minutes the first time)", file=sys.stderr)
    check_out()
    for pattern in dict.fromkeys(p for bug in bugs for p in bug["tests"]):
        if (failure := first_failure([pattern])):
            sys.exit(f"mutate: error: {failure} fails without any bug")
    caught = 0
    print("| bug | file | seen by |\n|---|---|---|")
    for bug in bugs:
        start = time.monotonic()
        test = seen_by(bug)
        caught += test is not None
        print(f"| {bug['name']} | {Path(bug['file']).name} | {test or 'NOTHING'} |", flush=True)
        print(f"mutate: {bug['name']}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    if not options.keep:
        must(["git", "-C", ROOT, "worktree", "remove", "--force", SCRATCH])
    print(f"\n{caught} of {len(bugs)} bugs caught")
    sys.exit(caught != len(bugs))


if __name__ == "__main__":
    main()
