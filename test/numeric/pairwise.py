"""Rows of test parameters in which every pair of values occurs, found greedily and always the same way."""
from itertools import combinations, product


def cover(blocks, full=(), hiding=lambda row: []):
    """A list of rows (dicts from factor to value).

    blocks: lists of options; an option is a dict that fixes one or more factors, each factor belonging to one block; a row is
    one option of each block. Every pair of values of two factors that some row can hold occurs in a row. Of the factors
    named in `full`, every combination that some row can hold occurs.
    hiding: the sets of (factor, value) of a row that each leave nothing else of it to see, as 0 tokens do; such a row
    counts only for the pairs that hold such a set.
    """
    def seen(row):
        pairs, hidden = within(row), hiding(row)
        return {pair for pair in pairs if any(group <= pair for group in hidden)} if hidden else pairs

    left = {pair for one, other in combinations(blocks, 2) for a in one for b in other for pair in across(a, b)}
    left |= {pair for block in blocks for option in block for pair in within(option)}
    values = {f: list(dict.fromkeys(o[f] for block in blocks for o in block if f in o)) for f in full}
    seeds = [dict(zip(full, chosen)) for chosen in product(*values.values())] if full else []
    rows = []
    for seed in seeds:
        row = complete(seed, blocks, left, seen)
        if row:
            rows.append(row)
            left -= seen(row)
    while left:
        row = complete(dict(min(left, key=lambda pair: sorted(map(repr, pair)))), blocks, left, seen)
        if not left & seen(row):
            raise ValueError(f"expected a row that shows one of {len(left)} pairs, got {row}")
        rows.append(row)
        left -= seen(row)
    return rows


def complete(seed, blocks, left, seen):
    """The row that holds `seed` and, block after block, the option that shows most of what is left; None if none can."""
    row = dict(seed)
    for block in blocks:
        options = [o for o in block if all(row.get(f, x) == x for f, x in o.items())]
        if not options:
            return None
        row |= max(options, key=lambda option: len(left & seen(row | option)))
    return row


def within(row):
    """The pairs of a row, as a set of frozensets of (factor, value)."""
    return {frozenset(pair) for pair in combinations(row.items(), 2)}


def across(one, other):
    """The pairs of one option's values with another's."""
    return {frozenset(pair) for pair in product(one.items(), other.items())}
