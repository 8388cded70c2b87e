"""Rows of test parameters in which every pair of values occurs, found greedily and always the same way."""
from itertools import combinations, product


def cover(blocks, full=()):
    """A list of rows (dicts from factor to value).

    blocks: lists of options; an option is a dict that fixes one or more factors, each factor belonging to one block; a row is
    one option of each block. Every pair of values of two factors that some row can hold occurs in a row. Of the factors
    named in `full`, every combination that some row can hold occurs.
    """
    left = {pair for one, other in combinations(blocks, 2) for a in one for b in other for pair in across(a, b)}
    left |= {pair for block in blocks for option in block for pair in within(option)}
    values = {f: sorted({option[f] for block in blocks for option in block if f in option}, key=repr) for f in full}
    seeds = [dict(zip(full, chosen)) for chosen in product(*values.values())] if full else []
    rows = []
    for seed in seeds:
        row = complete(seed, blocks, left)
        if row:
            rows.append(row)
            left -= within(row)
    while left:
        row = complete(dict(min(left, key=repr)), blocks, left)
        rows.append(row)
        left -= within(row)
    return rows


def complete(seed, blocks, left):
    """The row that holds `seed` and, block after block, the option that covers most of what is left; None if none can."""
    row = dict(seed)
    for block in blocks:
        options = [o for o in block if all(row.get(f, x) == x for f, x in o.items())]
        if not options:
            return None
        row |= max(options, key=lambda option: len(left & within(row | option)))
    return row


def within(row):
    """The pairs of a row, as a set of frozensets of (factor, value)."""
    return {frozenset(pair) for pair in combinations(row.items(), 2)}


def across(one, other):
    """The pairs of one option's values with another's."""
    return {frozenset(pair) for pair in product(one.items(), other.items())}
