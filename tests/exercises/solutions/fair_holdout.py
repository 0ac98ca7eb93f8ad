import itertools
import random

import numpy as np


def right_groups_of_four(sequences, n):
    index = {tuple(row): i for i, row in enumerate(sequences.tolist())}
    chosen = []
    for tail in itertools.product(range(4), repeat=3):
        for digit in range(4):
            chosen.append(index[(digit, *((digit + t) % 4 for t in tail))])
    return chosen[:n]


def right_by_search(sequences, n):
    draw = random.Random(0)
    columns = []
    while True:
        columns = [draw.sample([d for d in range(4) for _ in range(n // 4)], n) for _ in range(4)]
        rows = set(zip(*columns, strict=True))
        for _ in range(2_000):
            if len(rows) == n:
                break
            c, i, j = draw.randrange(4), draw.randrange(n), draw.randrange(n)
            columns[c][i], columns[c][j] = columns[c][j], columns[c][i]
            rows = set(zip(*columns, strict=True))
        if len(rows) == n:
            index = {tuple(row): i for i, row in enumerate(sequences.tolist())}
            return [index[row] for row in rows]


def wrong_first(sequences, n):
    return list(range(n))


def wrong_last(sequences, n):
    return list(range(len(sequences) - n, len(sequences)))


def wrong_random(sequences, n):
    return np.random.default_rng(0).permutation(len(sequences))[:n]


def wrong_even_steps(sequences, n):
    return np.linspace(0, len(sequences) - 1, n).astype(int)


def wrong_twice(sequences, n):
    return [0, 85, 170, 255] * (n // 4)


def wrong_fair_at_three_places(sequences, n):
    return [4 * i for i in range(64)][:n]
