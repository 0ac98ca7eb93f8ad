def right_found_by_search():
    return [3, 19, 42, 43, 53]


def right_another_set():
    return (30, 34, 44, 46, 52)


def right_search():
    import numpy as np

    draw, c = np.random.default_rng(0), np.arange(1, 113)
    best, chosen = -1.0, None
    for _ in range(4_000):
        k = draw.choice(np.arange(1, 57), 5, replace=False)
        margin = (1 - np.cos(2 * np.pi * np.outer(k, c) / 113)).sum(0).min()
        if margin > best:
            best, chosen = margin, k
    return chosen


def wrong_slowest():
    return [1, 2, 3, 4, 5]


def wrong_one():
    return [1]


def wrong_six():
    return [3, 19, 42, 43, 53, 30]


def wrong_same_twice():
    return [3, 19, 42, 42, 53]


def wrong_too_high():
    return [3, 19, 42, 43, 60]


def wrong_none():
    return []


def wrong_fractions():
    return [3.5, 19.5, 42.5, 43.5, 53.5]


def wrong_multiples():
    return [10, 20, 30, 40, 50]
