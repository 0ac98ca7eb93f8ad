import numpy as np


def right_means(table):
    p = len(table)
    a, b = np.indices((p, p))
    shares = []
    for group in (a, b, (a + b) % p):
        sums = np.bincount(group.ravel(), table.ravel(), minlength=p)
        shares.append((sums / p).var() / table.var())
    return shares


def right_rolled(table):
    by_sum = np.stack([np.roll(row, a) for a, row in enumerate(table)])  # column: a + b
    return np.array([table.mean(1).var(), table.mean(0).var(), by_sum.mean(0).var()]) / table.var()


def right_fourier(table):
    p = len(table)
    power = np.abs(np.fft.fft2(table)) ** 2
    power[0, 0] = 0
    k = np.arange(1, p)
    return [power[k, 0].sum() / power.sum(), power[0, k].sum() / power.sum(), power[k, k].sum() / power.sum()]


def wrong_exchanged(table):
    a, b, s = right_means(table)
    return b, a, s


def wrong_difference(table):
    a, b, _ = right_means(table)
    return a, b, right_means(table[:, ::-1])[2]


def wrong_not_wrapped(table):
    p = len(table)
    a, b = np.indices((p, p))
    s = (a + b).ravel()
    mean = np.bincount(s, table.ravel()) / np.bincount(s)
    return [*right_means(table)[:2], mean[s].var() / table.var()]


def wrong_standard_deviation(table):
    return np.sqrt(right_means(table))


def wrong_not_centred(table):
    p = len(table)
    return np.array([np.square(table.mean(1)).mean()] * 3) / np.square(table).mean() + 0 * p


def wrong_rescaled_to_one(table):
    shares = np.array(right_means(table))
    return shares / shares.sum()


def wrong_one_row(table):
    return table[:, 0].var() / table.var(), table[0].var() / table.var(), 0.0


def wrong_always_a_third(table):
    return [1 / 3] * 3
