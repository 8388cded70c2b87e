#!/usr/bin/env python3
"""Seeds one bug after another into the sources and asks that a test fail.

usage: scripts/mutate.py [--only REGEX] [--list] [--keep] [--here]

The bugs are in test/mutants.toml: exact replacements, each in one file. They are applied to a scratch checkout of HEAD
in build-mutate/, which is rebuilt (with ccache) and tested as far as the first failure. Prints a table in Markdown of which
test saw which bug; exits with 1 if one was seen by none, or if a replacement's text is not in its file exactly once.

  --only REGEX only the bugs whose name matches
  --list       prints the names and stops
  --keep       leaves the scratch checkout (and what it built) for the next run
  --here       seeds into this checkout, which must have no changes, and its build/; each file is put back
"""
import argparse
import os
import re
import shlex
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / "build-mutate"
BUILD = SCRATCH / "build"
TOOLS = ["infini-opt", "infini-compile"]
ENVIRONMENT = dict(os.environ, CCACHE_BASEDIR=str(SCRATCH), CCACHE_NOHASHDIR="1")


def run(command, extra=None, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          env=ENVIRONMENT | (extra or {}), **options)


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


def work_here():
    """Takes this checkout in place of a scratch one."""
    global SCRATCH, BUILD
    SCRATCH, BUILD = ROOT, ROOT / "build"
    ENVIRONMENT.pop("CCACHE_BASEDIR")
    if run(["git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no"]).stdout:
        sys.exit("mutate: error: expected no changes in this checkout with --here")
    must(["ninja", "-C", BUILD, *TOOLS])


def check_out():
    """A clean checkout of HEAD in build-mutate/, configured and built."""
    if SCRATCH.exists():
        must(["git", "-C", SCRATCH, "checkout", "--quiet", "--detach", "--force", revision()])
    else:
        must(["git", "-C", ROOT, "worktree", "add", "--quiet", "--detach", SCRATCH, "HEAD"])
    if not BUILD.exists():
        python = [f"-DPython3_EXECUTABLE={sys.executable}"]
        must(["cmake", "-S", SCRATCH, "--preset", "release", "-B", BUILD, *python])
    must(["ninja", "-C", BUILD, *TOOLS])


def revision():
    return run(["git", "-C", ROOT, "rev-parse", "HEAD"]).stdout.strip()


def first_failure(tests):
    """Runs tests one after another, each as far as its first failure; the name of what fails, or None."""
    for test in tests:
        if test.startswith("test_"):
            done = run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *shlex.split(test)],
                       cwd=SCRATCH / "test" / "numeric", extra=dict(INFINI_BIN_DIR=str(BUILD / "bin")))
            if done.returncode < 0:  # a signal: what ran died of it
                return f"{test.split()[0]}, which died"
            if done.returncode not in (0, 1):
                sys.exit(f"mutate: error: expected tests from pytest {test}, got:\n{done.stdout[-2000:]}")
            name = re.search(r"^(?:FAILED|ERROR) (test_\w+\.py::\w+)", done.stdout, re.M)
        else:
            done = run(["ctest", "--test-dir", BUILD, "-R", test, "--stop-on-failure"])
            if "No tests were found" in done.stdout + done.stderr:
                sys.exit(f"mutate: error: expected a ctest that matches '{test}', got none")
            name = re.search(r"^\s*\d+ - (\S+) \(", done.stdout, re.M)
        if done.returncode:
            return name[1] if name else test
    return None


def seen_by(bug):
    """What saw the bug: a test, or the compiler of this project."""
    path = SCRATCH / bug["file"]
    source = path.read_text()
    path.write_text(source.replace(bug["find"], bug["replace"]))
    try:
        done = run(["ninja", "-C", BUILD, *TOOLS])
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
    parser.add_argument("--here", action="store_true")
    parser.add_argument("--help", action="store_true")
    options = parser.parse_args()
    if options.help:
        print(__doc__)
        return
    bugs = [bug for bug in load() if re.search(options.only, bug["name"])]
    if options.list:
        print("\n".join(bug["name"] for bug in bugs))
        return
    print("mutate: building the checkout that the bugs go into (minutes the first time)", file=sys.stderr)
    work_here() if options.here else check_out()
    if (failure := first_failure(dict.fromkeys(test for bug in bugs for test in bug["tests"]))):
        sys.exit(f"mutate: error: {failure} fails without any bug")
    caught = 0
    print("| bug | file | seen by |\n|---|---|---|")
    for bug in bugs:
        start = time.monotonic()
        test = seen_by(bug)
        caught += test is not None
        print(f"| {bug['name']} | {Path(bug['file']).name} | {test or 'NOTHING'} |", flush=True)
        print(f"mutate: {bug['name']}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    if not options.keep and not options.here:
        must(["git", "-C", ROOT, "worktree", "remove", "--force", SCRATCH])
    print(f"\n{caught} of {len(bugs)} bugs caught")
    sys.exit(caught != len(bugs))


if __name__ == "__main__":
    main()
