import numpy as np


def _table(values):
    spectrum = np.abs(np.fft.fft2(values)) ** 2
    spectrum[0, 0] = 0
    return spectrum


def right_fourier(values):
    spectrum, p = _table(values), len(values)
    of_k = [2 * (spectrum[k, 0] + spectrum[0, k]) for k in range(1, p // 2 + 1)]
    return 1 + int(np.argmax(of_k)), max(of_k) / spectrum.sum()


def right_fitted(values):
    p = len(values)
    a, b = (each.ravel() for each in np.meshgrid(range(p), range(p), indexing="ij"))
    centred = values.ravel() - values.mean()
    shares = []
    for k in range(1, p // 2 + 1):
        waves = np.stack([f(2 * np.pi * k * n / p) for n in (a, b) for f in (np.cos, np.sin)], -1)
        rest = centred - waves @ np.linalg.lstsq(waves, centred, rcond=None)[0]
        shares.append(1 - rest @ rest / (centred @ centred))
    best = int(np.argmax(shares))
    return best + 1, shares[best]


def wrong_of_a_only(values):
    spectrum, p = _table(values), len(values)
    of_k = [2 * spectrum[k, 0] for k in range(1, p // 2 + 1)]
    return 1 + int(np.argmax(of_k)), max(of_k) / spectrum.sum()


def wrong_mean_left_in(values):
    spectrum, p = np.abs(np.fft.fft2(values)) ** 2, len(values)
    of_k = [2 * (spectrum[k, 0] + spectrum[0, k]) for k in range(1, p // 2 + 1)]
    return 1 + int(np.argmax(of_k)), max(of_k) / spectrum.sum()


def wrong_products_counted(values):
    spectrum, p = _table(values), len(values)
    of_k = [
        2 * (spectrum[k, 0] + spectrum[0, k]) + 2 * (spectrum[k, k] + spectrum[k, -k]) for k in range(1, p // 2 + 1)
    ]
    return 1 + int(np.argmax(of_k)), min(1, max(of_k) / spectrum.sum())


def wrong_counted_from_zero(values):
    k, share = right_fourier(values)
    return k - 1, share


def wrong_height(values):
    k, share = right_fourier(values)
    return k, share**0.5


def wrong_half(values):
    k, share = right_fourier(values)
    return k, share / 2


def wrong_frequency_only(values):
    return right_fourier(values)[0]


def wrong_cosines_only(values):
    p = len(values)
    waves = [np.cos(2 * np.pi * k * np.arange(p) / p) for k in range(1, p // 2 + 1)]
    centred = values - values.mean()
    of_k = [((wave @ centred).sum() ** 2 + (centred @ wave).sum() ** 2) * 2 / p**2 for wave in waves]
    return 1 + int(np.argmax(of_k)), min(1, max(of_k) / (centred**2).sum())
