#!/usr/bin/env python3
"""Trains the pass-key model on a CPU within a budget of minutes, and writes safetensors weights.

  train.py --haystack=synthetic --rule=linear --minutes=30 --output=weights/linear.safetensors \
      --checkpoint=linear.pt --log=logs/linear.log

Training sees at most --longest tokens (2,048), the finished model reads a million. What makes that work is the repeat
augmentation: in training a filler segment's contribution to the memory counts exp(u1 u2 ln R) times (u1 a segment, u2
a row, uniform in [0, 1]; the needle's segments count once; 30% of the rows go without). A read is a weighted mean over
all earlier tokens, so a long text dilutes the needle unless its weight beats the filler's by more than the length, and
the factor R shows that in a short text.

A run that was stopped, or that needs more minutes, goes on from --checkpoint: call it again with the total minutes.
"""

import argparse
import json
import math
import os
import pathlib
import random
import shlex
import sys
import time

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

import haystack as haystacks
from model import Model

TAIL = 2  # segments at the end of a row that get logits: the question may straddle a boundary
TEXT_SAMPLES = 48  # tokens a row in the language-model loss: logits of all cost as much as the model for the book
BATCH_TOKENS = 8192
BF16_PROGRESS = 0.85  # bf16 products save a third of a step (Xeon with AMX); the end is f32, as the model is used
CHECKPOINT_SECONDS = 120
LOG_STEPS = 100


def needle_position(room, needle_length, segment):
    """Anywhere, with more than their share at the start, right before the prompt, and across a segment boundary."""
    choice = random.random()
    if choice < 0.06:
        return random.randint(0, min(3, room))
    if choice < 0.12:
        return room - random.randint(0, min(3, room))
    if choice < 0.22:
        boundary = random.randint(1, room // segment) * segment if room >= segment else room
        return min(max(boundary - random.randint(1, needle_length - 1), 0), room)
    return random.randint(0, room)


def repeat_factors(rows, segments, repeat, ascending):
    """[rows, segments], exp(u1 u2 ln repeat); all 1 in 30% of the rows. ascending: sorted in half of the rows.

    In a long text a segment is a small part of what came before it. Sorted factors keep to that, unsorted ones do not,
    and then the delta rule's update is far from what a long text does: it is expansive where dz > 2 z [F3].
    """
    uniform = torch.rand(rows, segments)
    if ascending:
        uniform = torch.where(torch.rand(rows, 1) < 0.5, uniform.sort(1).values, uniform)
    exponent = uniform * torch.rand(rows, 1) * (torch.rand(rows, 1) >= 0.3)
    return torch.exp(exponent * math.log(repeat))


def make_batch(haystack, length, segment, repeat, ascending):
    """Rows of length - segment < tokens <= length, padded to `length` on the right with token 0.

    Returns tokens [B, length], factors [B, S], and for the answer the row of the logits' position before each digit:
    positions [B, 5] (indices into the whole row).
    """
    rows = max(BATCH_TOKENS // length, 1)
    segments = length // segment
    tokens = np.zeros((rows, length), np.int32)
    ends = np.empty(rows, np.int64)
    positions = np.empty(rows, np.int64)
    for row in range(rows):
        size = length - random.randrange(segment)
        digits = np.random.randint(0, 10, haystacks.DIGITS)
        room = haystack.room(size)
        position = needle_position(room, haystack.needle_length, segment)
        haystack.fill(tokens[row, : size - haystacks.DIGITS], digits, position, random.randrange(len(haystack.filler)))
        tokens[row, size - haystacks.DIGITS : size] = haystack.digit_ids[digits]
        ends[row], positions[row] = size, position
    factors = repeat_factors(rows, segments, repeat, ascending)
    for row in range(rows):
        factors[row, positions[row] // segment] = 1
        factors[row, (positions[row] + haystack.needle_length - 1) // segment] = 1
    answers = torch.from_numpy(ends)[:, None] - haystacks.DIGITS - 1 + torch.arange(haystacks.DIGITS)
    return torch.from_numpy(tokens).long(), factors, answers, torch.from_numpy(ends)


def losses(model, tokens, factors, answers, ends):
    """Cross entropy of the five digits and of some other tokens of the tail, and the share of rows all right."""
    hidden, _ = model(tokens, factors=factors, last=TAIL)
    start = tokens.shape[1] - hidden.shape[1]
    text = start + (torch.rand(len(tokens), TEXT_SAMPLES) * (ends[:, None] - 1 - start)).long()
    index = torch.cat([answers, text], 1)
    logits = model.logits(hidden.take_along_dim((index - start).unsqueeze(-1), 1)).float()
    targets = tokens.gather(1, index + 1)
    each = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view_as(targets)
    digits = haystacks.DIGITS
    right = (logits.argmax(-1) == targets)[:, :digits].all(1).float().mean()
    return each[:, :digits].mean(), each[:, digits:].mean(), right.item()


def learning_rate(peak, step, progress):
    """Linear warm-up over 200 steps, then a cosine to 1% of the peak at the end of the budget (progress 0..1)."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1)))
    return peak * min(1, (step + 1) / 200) * (0.01 + 0.99 * cosine)


class Trainer:
    """Everything that a checkpoint keeps: weights, their running average, optimizer, curriculum, clock."""

    def __init__(self, haystack, arguments):
        self.haystack, self.arguments = haystack, arguments
        self.model = Model(len(haystack.words), arguments.rule)
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), arguments.rate, betas=(0.9, 0.98), weight_decay=0.01)
        self.step, self.seconds, self.lengths = 0, 0.0, [256]
        self.smooth = {}

    def start_from(self, path):
        """Weights of another rule are a good start: what to keep of a text is the same, how to write it is not."""
        self.model.load_state_dict(load_file(path))
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        longest = self.arguments.longest
        self.lengths = [longest // 4, longest // 2, longest]

    def save(self):
        state = {"model": self.model.state_dict(), "average": self.average, "optimizer": self.optimizer.state_dict(),
                 "rule": self.arguments.rule, "step": self.step, "seconds": self.seconds,
                 "lengths": self.lengths, "smooth": self.smooth}
        torch.save(state, self.arguments.checkpoint + ".new")
        os.replace(self.arguments.checkpoint + ".new", self.arguments.checkpoint)

    def load(self):
        state = torch.load(self.arguments.checkpoint)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average, self.step, self.seconds = state["average"], state["step"], state["seconds"]
        self.lengths, self.smooth = state["lengths"], state["smooth"]

    def train_step(self):
        arguments = self.arguments
        progress = self.seconds / (60 * arguments.minutes)
        self.model.set_bf16(progress < BF16_PROGRESS)
        batch = make_batch(self.haystack, random.choice(self.lengths), self.model.segment, arguments.repeat,
                           ascending=arguments.rule == "delta")
        answer, text, right = losses(self.model, *batch)
        self.optimizer.zero_grad()
        (answer + arguments.text_weight * text).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        if not torch.isfinite(norm):  # a row of large jumps may overflow the delta rule's memory
            return False
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(arguments.rate, self.step, progress)
        self.optimizer.step()
        self.step += 1
        decay = min(0.998, self.step / (10 + self.step))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.average[name].lerp_(value, 1 - decay)
        for name, value in (("digits", answer.item()), ("text", text.item()), ("right", right)):
            self.smooth[name] = 0.98 * self.smooth.get(name, value) + 0.02 * value
        if self.smooth["digits"] < 0.15 and self.lengths[-1] < arguments.longest and self.step % 50 == 0:
            self.lengths = (self.lengths + [2 * self.lengths[-1]])[-3:]
            return True
        return False

    def run(self, log):
        began, spent = time.monotonic(), self.seconds
        saved = began
        while self.seconds < 60 * self.arguments.minutes:
            longer = self.train_step()
            self.seconds = spent + time.monotonic() - began
            if longer or self.step % LOG_STEPS == 0:
                log(f"step {self.step} minute {self.seconds / 60:.1f} lengths {self.lengths} "
                    + " ".join(f"{name} {value:.4f}" for name, value in self.smooth.items()))
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                saved = time.monotonic()
                self.save()
        self.save()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--haystack", choices=["synthetic", "book"], required=True)
    parser.add_argument("--rule", choices=["linear", "delta"], required=True)
    parser.add_argument("--minutes", type=float, default=30, help="total budget, of all calls with this checkpoint")
    parser.add_argument("--longest", type=int, default=2048, help="longest row in tokens")
    parser.add_argument("--repeat", type=float, default=1e5, help="R, the largest factor of the repeat augmentation")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--text-weight", type=float, default=0.2, help="weight of the language-model loss")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", required=True, help="safetensors file")
    parser.add_argument("--checkpoint", required=True, help="file to go on from, if it exists, and to save to")
    parser.add_argument("--start-from", help="safetensors file with the first weights (default: random ones)")
    parser.add_argument("--log", required=True, help="text file to append to")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    haystack = haystacks.load(arguments.haystack)
    torch.manual_seed(arguments.seed)
    trainer = Trainer(haystack, arguments)
    if arguments.start_from:
        trainer.start_from(arguments.start_from)
    if os.path.exists(arguments.checkpoint):
        trainer.load()
    # Other draws after a restart than before it.
    for generator in (random.seed, np.random.seed, torch.manual_seed):
        generator(arguments.seed + trainer.step)
    pathlib.Path(arguments.output).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(arguments.log).parent.mkdir(parents=True, exist_ok=True)
    command = "train.py " + shlex.join(sys.argv[1:])
    with open(arguments.log, "a") as file:
        def log(line):
            print(line, flush=True)
            print(line, file=file, flush=True)
        log(f"$ {command}")
        log(f"torch {torch.__version__}, {sum(p.numel() for p in trainer.model.parameters())} parameters, "
            f"vocabulary {len(haystack.words)}, from step {trainer.step}")
        trainer.run(log)
        metadata = {"rule": arguments.rule, "haystack": arguments.haystack, "command": command,
                    "steps": str(trainer.step), "minutes": f"{trainer.seconds / 60:.1f}",
                    "vocabulary_sha256": haystack.vocabulary_hash()}
        save_file({name: value.contiguous() for name, value in trainer.average.items()}, arguments.output, metadata)
        log(f"done: {trainer.step} steps, {trainer.seconds / 60:.1f} minutes, {json.dumps(trainer.smooth)}")


if __name__ == "__main__":
    main()
