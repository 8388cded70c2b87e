"""Interrupts infini-run (Ctrl-C) in the middle of a stream, and prints the files that it left.

usage: interrupt.py FOLDER MODEL
"""
import os
import signal
import subprocess
import sys

import numpy as np

folder, model = sys.argv[1:]
left = f"{folder}/interrupted"
os.mkdir(left)
np.save(f"{folder}/long.npy", np.zeros((1, 10_000_000), np.int32))
process = subprocess.Popen(
    ["infini-run", model, "--stream", "--chunk=1", "--generate=1", "--progress", f"--input={folder}/long.npy",
     f"--weights={folder}/weights.safetensors", f"--output={left}/o.npy", f"--json={left}/run.json"],
    stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # lit ignores it
process.stderr.read(1)  # the first progress: it runs
process.send_signal(signal.SIGINT)
process.communicate(timeout=60)
print("ended by", signal.Signals(-process.returncode).name)
os.remove(f"{folder}/long.npy")
print("files:", os.listdir(left))
