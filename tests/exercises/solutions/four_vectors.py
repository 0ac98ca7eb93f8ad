import numpy as np


def right_means(outputs, digits):
    return np.stack([outputs[digits == digit].mean(0) for digit in range(4)])


def right_medians(outputs, digits):
    return [np.median(outputs[digits == digit], axis=0) for digit in range(4)]


def right_least_squares(outputs, digits):
    return np.linalg.lstsq(np.eye(4)[digits], outputs, rcond=None)[0]


def wrong_one_for_all(outputs, digits):
    return np.tile(outputs.mean(0), (4, 1))


def wrong_one_later(outputs, digits):
    return np.roll(right_means(outputs, digits), 1, 0)


def wrong_nothing(outputs, digits):
    return np.zeros((4, 4))


def wrong_first_input(outputs, digits):
    return np.tile(outputs[0], (4, 1))


def wrong_turned_round(outputs, digits):
    return right_means(outputs, digits).T


def wrong_too_long(outputs, digits):
    return 3 * right_means(outputs, digits)


def wrong_sums(outputs, digits):
    return np.stack([outputs[digits == digit].sum(0) for digit in range(4)])


def wrong_centred(outputs, digits):
    means = right_means(outputs, digits)
    return means - means.mean(0)
