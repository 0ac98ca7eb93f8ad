import numpy as np


def right_squares(states):
    return np.square(states - states.mean(0)).sum() / np.square(states).sum()


def right_one_minus(states):
    return 1 - len(states) * (states.mean(0) ** 2).sum() / (states**2).sum()


def wrong_standard_deviation(states):
    return np.sqrt(right_squares(states))


def wrong_mean_of_numbers(states):
    return np.square(states - states.mean(1, keepdims=True)).sum() / np.square(states).sum()


def wrong_one_mean(states):
    return np.square(states - states.mean()).sum() / np.square(states).sum()


def wrong_fixed_share(states):
    return 1 - right_squares(states)


def wrong_variance(states):
    return states.var()


def wrong_number_by_number(states):
    return (states.var(0) / np.square(states).mean(0)).mean()


def wrong_lengths(states):
    return np.linalg.norm(states - states.mean(0), axis=1).sum() / np.linalg.norm(states, axis=1).sum()
