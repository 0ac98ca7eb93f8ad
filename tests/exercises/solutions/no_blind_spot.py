from itertools import combinations

import numpy as np

P = 59


def _least(waves):
    return np.abs(np.cos(np.pi * np.outer(waves, np.arange(P)) / P)).max(0).min()


def right_searched():
    return max(combinations(range(1, P // 2 + 1), 3), key=_least)


def right_renamed():
    return (8, 16, 24)


def right_one_two_three():
    return [3, 1, 2]


def wrong_none():
    return []


def wrong_one():
    return [1]


def wrong_two():
    return [1, 2]


def wrong_doubled():
    return [1, 2, 4]


def wrong_neighbours():
    return [27, 28, 29]


def wrong_four():
    return [1, 2, 3, 4]


def wrong_too_high():
    return [1, 2, 56]


def wrong_zero():
    return [0, 1, 2]


def wrong_fractions():
    return [0.5, 1, 2]


def wrong_one_thrice():
    return [7, 7, 7]
