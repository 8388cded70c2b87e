"""The streams of examples/passkey: what the demo's table means rests on them."""

import os
import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, os.fspath(pathlib.Path(__file__).parents[2] / "examples" / "passkey"))
import haystack as haystacks  # noqa: E402


@pytest.fixture
def synthetic():
    return haystacks.synthetic()


@pytest.mark.parametrize("length", [28, 29, 200, 70000, 140000])
@pytest.mark.parametrize("depth", [0.0, 0.5, 1.0])
def test_stream_is_filler_with_one_needle_and_prompt(synthetic, length, depth):
    row, digits = haystacks.sample(synthetic, length, seed=7, depth=depth)
    words = [synthetic.words[i] for i in row]
    room = length - 28
    assert len(words) == length - 5
    position = round(depth * room)
    needle = ["the", "pass", "key", "is", *map(str, digits), ".", "remember", "it", "."]
    assert words[position : position + 13] == needle
    assert words[-10:] == "what is the pass key ? the pass key is".split()
    filler = words[:position] + words[position + 13 : -10]
    sentences = haystacks.SENTENCES.split()
    cycles = [sentences[i:] + sentences[:i] for i in range(len(sentences))]
    assert any(filler == (cycle * (room // len(cycle) + 1))[:room] for cycle in cycles)


def test_the_answer_is_in_the_needle_only(synthetic):
    row, digits = haystacks.sample(synthetic, 5000, seed=3)
    found = np.flatnonzero(np.isin(row, synthetic.digit_ids))
    assert len(found) == 5 and found[-1] - found[0] == 4
    assert (row[found] == synthetic.digit_ids[digits]).all()


def test_depths_are_spread_and_seeds_differ(synthetic):
    digits, positions, _ = haystacks.plan(synthetic, 100000, 20, seed=1)
    parts = positions * 20 // (synthetic.room(100000) + 1)
    assert parts.tolist() == list(range(20))
    assert (haystacks.plan(synthetic, 100000, 20, seed=1)[0] == digits).all()
    assert (haystacks.plan(synthetic, 100000, 20, seed=2)[0] != digits).any()


def test_written_file_holds_the_planned_streams(synthetic, tmp_path):
    answers = haystacks.write(synthetic, 1000, 3, 5, tmp_path / "tokens.npy")
    rows = np.load(tmp_path / "tokens.npy")
    assert rows.dtype == np.int32 and rows.shape == (3, 995)
    assert answers.dtype == np.int32 and answers.shape == (3, 5)
    for row, digits in zip(rows, answers):
        assert row[np.isin(row, synthetic.digit_ids)].tolist() == synthetic.digit_ids[digits].tolist()


def test_too_short_a_stream_is_refused(synthetic, tmp_path):
    with pytest.raises(ValueError, match="expected at least 28 tokens, got 27"):
        haystacks.write(synthetic, 27, 1, 1, tmp_path / "tokens.npy")
    assert not (tmp_path / "tokens.npy").exists()


def test_book_vocabulary_file_has_what_needle_and_prompt_need():
    words = haystacks.BOOK_VOCABULARY.read_text().split("\n")[:-1]
    assert len(words) == len(set(words)) == haystacks.BOOK_VOCABULARY_SIZE
    book = haystacks.Haystack("book", words, np.arange(20, 2000))
    row, digits = haystacks.sample(book, 1500, seed=2)
    assert [words[i] for i in row[-10:]] == haystacks.PROMPT.split()
    assert [words[i] for i in row if words[i].isdigit()] == [str(digit) for digit in digits]


def test_a_whole_book_begins_at_its_beginning():
    book = haystacks.Haystack("book", haystacks.BOOK_VOCABULARY.read_text().split("\n")[:-1], np.arange(20, 2000))
    length = book.whole_length()
    row, _ = haystacks.sample(book, length, seed=4, depth=0.25)
    position = round(0.25 * (length - 28))
    assert np.concatenate([row[:position], row[position + 13 : -10]]).tolist() == list(range(20, 2000))
