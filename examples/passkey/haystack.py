#!/usr/bin/env python3
"""Pass-key streams: a five-digit key hidden in a long text, then the question for it. Needs numpy only.

A stream is `filler[:p] + needle + filler[p:] + prompt`, as int32 token ids. It ends with `the pass key is`; the five
digits that should follow are returned beside it and are never part of it. A length counts them: a stream of 32,768
tokens is 32,763 tokens to read and 5 to generate.

Two haystacks:
  synthetic  five sentences repeated for ever (vocabulary below, about 35 words)
  book       the King James Bible as Debian's package bible-kjv prints it, 1,044,013 tokens (vocabulary in
             book_vocabulary.txt; the text itself is read from the package, it is not part of this repository)

Command line, to write streams and answers for infini-run:
  haystack.py --haystack=synthetic --tokens=1000000 --keys=20 --seed=1 --output=tokens.npy --answers=answers.npy
writes tokens.npy (int32, keys x tokens - 5) piece by piece, so that memory does not grow with the length, and
answers.npy (int32, keys x 5).
"""

import argparse
import hashlib
import pathlib
import re
import subprocess
import sys

import numpy as np

DIGITS = 5
PIECE = 65536  # tokens written at once
BOOK_COMMAND = ["bible", "-f", "gen1:1-rev22:21"]
BOOK_TOKENS = 1_044_013
BOOK_VOCABULARY = pathlib.Path(__file__).with_name("book_vocabulary.txt")
BOOK_VOCABULARY_SIZE = 2017
SENTENCES = "the grass is green . the sky is blue . the sun is yellow . here we go . there and back again ."
NEEDLE_HEAD = "the pass key is"
NEEDLE_TAIL = ". remember it ."
PROMPT = "what is the pass key ? the pass key is"


class Haystack:
    """A vocabulary and an endless filler text.

    words: the vocabulary, in the order of the ids. filler: int32 ids of the text, repeated for ever when a stream is
    longer. name: 'synthetic' or 'book'.
    """

    def __init__(self, name, words, filler):
        self.name = name
        self.words = list(words)
        self.filler = np.asarray(filler, np.int32)
        self.ids = {word: i for i, word in enumerate(self.words)}
        self.digit_ids = self.encode("0 1 2 3 4 5 6 7 8 9")
        self.prompt = self.encode(PROMPT)
        self.needle_length = len(self.needle([0] * DIGITS))

    def encode(self, text):
        """Ids of space-separated words, all of which must be in the vocabulary."""
        return np.array([self.ids[word] for word in text.split()], np.int32)

    def needle(self, digits):
        """`the pass key is D D D D D . remember it .` for five digits 0..9."""
        return np.concatenate([self.encode(NEEDLE_HEAD), self.digit_ids[np.asarray(digits)], self.encode(NEEDLE_TAIL)])

    def vocabulary_hash(self):
        """SHA-256 of the words, one a line: weights carry it, so that a wrong vocabulary is noticed."""
        return hashlib.sha256(("\n".join(self.words) + "\n").encode()).hexdigest()

    def room(self, length):
        """Filler tokens in a stream of `length` tokens, digits included. Raises ValueError where it is too short."""
        room = length - self.needle_length - len(self.prompt) - DIGITS
        if room < 0:
            raise ValueError(f"expected at least {length - room} tokens, got {length}")
        return room

    def whole_length(self):
        """Tokens of a stream that holds the filler text once."""
        return len(self.filler) + self.needle_length + len(self.prompt) + DIGITS

    def fill(self, row, digits, position, offset):
        """Writes one stream into `row` (int32, 1-d, e.g. a row of a memory-mapped array): all but the answer.

        digits: five values 0..9. position: filler tokens before the needle, 0..room. offset: where in the filler text
        the stream begins.
        """
        room = self.room(len(row) + DIGITS)
        if not 0 <= position <= room:
            raise ValueError(f"expected a position in 0..{room}, got {position}")
        needle = self.needle(digits)
        self._fill_text(row[:position], offset)
        row[position : position + len(needle)] = needle
        self._fill_text(row[position + len(needle) : len(row) - len(self.prompt)], offset + position)
        row[len(row) - len(self.prompt) :] = self.prompt

    def _fill_text(self, out, offset):
        size = len(self.filler)
        for start in range(0, len(out), PIECE):
            stop = min(start + PIECE, len(out))
            first = (offset + start) % size
            if first + stop - start <= size:
                out[start:stop] = self.filler[first : first + stop - start]
            else:
                out[start:stop] = self.filler[(first + np.arange(stop - start)) % size]


def synthetic():
    """The repeated sentences. Vocabulary: their words, the digits, and the words of needle and prompt."""
    words = dict.fromkeys(SENTENCES.split())
    words.update(dict.fromkeys("0 1 2 3 4 5 6 7 8 9".split()))
    words.update(dict.fromkeys(f"{NEEDLE_HEAD} {NEEDLE_TAIL} {PROMPT}".split()))
    ids = {word: i for i, word in enumerate(words)}
    return Haystack("synthetic", words, [ids[word] for word in SENTENCES.split()])


def read_book():
    """Words of the book, lower case, every number as <num> (so the digits occur in the needle only)."""
    try:
        text = subprocess.run(BOOK_COMMAND, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeError(f"expected `{' '.join(BOOK_COMMAND)}` to print the book "
                           f"(packages bible-kjv and bible-kjv-text), got: {error}") from error
    words = re.findall(r"[A-Za-z']+|[0-9]+|[^\sA-Za-z0-9]", text)
    if len(words) != BOOK_TOKENS:
        raise RuntimeError(f"expected a book of {BOOK_TOKENS} tokens, got {len(words)}")
    return ["<num>" if word.isdigit() else word.lower() for word in words]


def make_book_vocabulary(words):
    """<unk>, the digits, the words of needle and prompt, then the most frequent words of the book."""
    values, counts = np.unique(np.array(words), return_counts=True)
    frequent = values[np.lexsort((values, -counts))]
    vocabulary = dict.fromkeys(["<unk>", *"0123456789", *f"{NEEDLE_HEAD} {NEEDLE_TAIL} {PROMPT}".split()])
    for word in frequent.tolist():
        if len(vocabulary) == BOOK_VOCABULARY_SIZE:
            break
        vocabulary[word] = None
    return list(vocabulary)


def book():
    """The whole book; words outside the vocabulary are <unk>, id 0."""
    vocabulary = BOOK_VOCABULARY.read_text().split("\n")[:-1]
    ids = {word: i for i, word in enumerate(vocabulary)}
    return Haystack("book", vocabulary, [ids.get(word, 0) for word in read_book()])


def load(name):
    """The haystack called 'synthetic' or 'book'."""
    return {"synthetic": synthetic, "book": book}[name]()


def plan(haystack, length, keys, seed):
    """Digits (keys x 5), positions (keys) and filler offsets (keys) of `keys` streams of `length` tokens.

    Depths are spread: stream i has its needle at a random place of the i-th of `keys` equal parts. Offsets are random,
    except where the stream holds the whole filler text or more: there it begins at the text's beginning.
    """
    random = np.random.default_rng([seed, length, keys])
    room = haystack.room(length)
    digits = random.integers(0, 10, (keys, DIGITS)).astype(np.int32)
    depths = (np.arange(keys) + random.random(keys)) / max(keys, 1)
    positions = np.minimum((depths * (room + 1)).astype(np.int64), room)
    size = len(haystack.filler)
    if haystack.name == "synthetic":
        offsets = random.integers(0, size, keys)
    else:
        offsets = random.integers(0, max(size - room, 0) + 1, keys)
    return digits, positions, offsets


def sample(haystack, length, seed, depth=None):
    """One stream: (tokens int32 [length - 5], digits int32 [5]). depth 0..1 fixes where the needle is."""
    digits, positions, offsets = plan(haystack, length, 1, seed)
    position = positions[0] if depth is None else round(depth * haystack.room(length))
    row = np.empty(length - DIGITS, np.int32)
    haystack.fill(row, digits[0], position, offsets[0])
    return row, digits[0]


def write(haystack, length, keys, seed, path):
    """Writes `keys` streams to the npy file `path` in bounded memory; returns the digits, int32 [keys, 5]."""
    digits, positions, offsets = plan(haystack, length, keys, seed)
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.int32, shape=(keys, length - DIGITS))
    for row, digit, position, offset in zip(rows, digits, positions, offsets):
        haystack.fill(row, digit, position, offset)
    rows.flush()
    return digits


def main():
    parser = argparse.ArgumentParser(description="Write pass-key streams as int32 npy files.")
    parser.add_argument("--haystack", choices=["synthetic", "book"], default="synthetic")
    parser.add_argument("--tokens", type=int, default=0,
                        help="tokens a stream, the five digits included; 0 (default): the filler text once")
    parser.add_argument("--keys", type=int, default=20, help="streams, each with its own key (default 20)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", help="npy file for the tokens, int32 [keys, tokens - 5]")
    parser.add_argument("--answers", help="npy file for the digits, int32 [keys, 5], values 0..9")
    parser.add_argument("--digit-ids", help="npy file for the ten ids of the tokens 0..9")
    parser.add_argument("--make-book-vocabulary", action="store_true", help="rebuild book_vocabulary.txt and stop")
    arguments = parser.parse_args()
    if arguments.make_book_vocabulary:
        BOOK_VOCABULARY.write_text("\n".join(make_book_vocabulary(read_book())) + "\n")
        return
    if not arguments.output or not arguments.answers:
        parser.error("expected --output and --answers")
    haystack = load(arguments.haystack)
    length = arguments.tokens or haystack.whole_length()
    answers = write(haystack, length, arguments.keys, arguments.seed, arguments.output)
    np.save(arguments.answers, answers)
    if arguments.digit_ids:
        np.save(arguments.digit_ids, haystack.digit_ids)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, ValueError, OSError) as error:
        sys.exit(f"error: {error}")
