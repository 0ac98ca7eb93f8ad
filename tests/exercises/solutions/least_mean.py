import numpy as np


def _mean(values, weights, chosen):
    at = (np.arange(len(values)), chosen)
    return (values[at] * weights[at]).sum() / weights[at].sum()


def right_better_and_better(values, weights):
    mean = values.max()
    while True:
        chosen = ((values - mean) * weights).argmin(1)
        better = _mean(values, weights, chosen)
        if better >= mean - 1e-12:
            return better
        mean = better


def right_by_halving(values, weights):
    low, high = values.min(), values.max()
    for _ in range(80):
        mean = (low + high) / 2
        low, high = (mean, high) if ((values - mean) * weights).min(1).sum() > 0 else (low, mean)
    return low


def right_one_position_at_a_time(values, weights):
    chosen, better = values.argmin(1), True
    while better:
        better = False
        for j in range(len(values)):
            for option in range(values.shape[1]):
                other = chosen.copy()
                other[j] = option
                if _mean(values, weights, other) < _mean(values, weights, chosen) - 1e-12:
                    chosen, better = other, True
    return _mean(values, weights, chosen)


def wrong_intervals(values, weights):
    return (values * weights).min(1).sum() / weights.max(1).sum()


def wrong_least_values(values, weights):
    return _mean(values, weights, values.argmin(1))


def wrong_least_products(values, weights):
    return _mean(values, weights, (values * weights).argmin(1))


def wrong_heaviest(values, weights):
    return _mean(values, weights, weights.argmax(1))


def wrong_without_weights(values, weights):
    return values.min(1).mean()


def wrong_least_of_all(values, weights):
    return values.min()


def wrong_largest(values, weights):
    return -right_better_and_better(-values, weights)


def wrong_one_step(values, weights):
    mean = _mean(values, weights, values.argmin(1))
    return _mean(values, weights, ((values - mean) * weights).argmin(1)) if len(values) < 16 else mean


def wrong_all_at_once(values, weights):
    return (values * weights).sum() / weights.sum()
