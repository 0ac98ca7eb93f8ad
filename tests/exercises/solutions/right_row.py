def right_formula(n, i):
    return n + i, n - i


def right_by_counting(n, i):
    names = ["BOS", *(f"x{j}" for j in range(n)), *(f"y{j}" for j in range(n))]
    return [names.index(f"y{i}") - 1, names.index(f"x{n - 1 - i}")]


def wrong_row_too_low(n, i):
    return n + i + 1, n - i


def wrong_without_bos(n, i):
    return n + i - 1, n - 1 - i


def wrong_column_without_bos(n, i):
    return n + i, n - 1 - i


def wrong_not_reversed(n, i):
    return n + i, i + 1


def wrong_exchanged(n, i):
    return n - i, n + i


def wrong_for_four_only(n, i):
    return 4 + i, 4 - i
