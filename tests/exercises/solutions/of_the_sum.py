import numpy as np


def right_projected(logits, k):
    p = len(logits)
    angle = 2 * np.pi * k * (np.arange(p)[:, None] + np.arange(p)) / p
    return sum(
        wave[..., None] * np.einsum("ab,abc->c", wave, logits) * 2 / p**2 for wave in (np.cos(angle), np.sin(angle))
    )


def right_by_diagonals(logits, k):
    """The mean of each diagonal is a function of the sum; of it one frequency is kept."""
    p = len(logits)
    sums = (np.arange(p)[:, None] + np.arange(p)) % p
    means = np.stack([logits[sums == s].mean(0) for s in range(p)])
    waves = np.fft.fft(means, axis=0)
    kept = np.zeros_like(waves)
    kept[[k, -k]] = waves[[k, -k]]
    return np.fft.ifft(kept, axis=0).real[sums]


def wrong_cosine_only(logits, k):
    p = len(logits)
    wave = np.cos(2 * np.pi * k * (np.arange(p)[:, None] + np.arange(p)) / p)
    return wave[..., None] * np.einsum("ab,abc->c", wave, logits) * 2 / p**2


def wrong_differences_too(logits, k):
    return right_projected(logits, k) + right_projected(logits[:, ::-1], k)[:, ::-1]


def wrong_all_frequencies(logits, k):
    p = len(logits)
    sums = (np.arange(p)[:, None] + np.arange(p)) % p
    return np.stack([logits[sums == s].mean(0) for s in range(p)])[sums]


def wrong_not_divided(logits, k):
    return right_projected(logits, k) * len(logits) ** 2 / 2


def wrong_excluded(logits, k):
    return logits - right_projected(logits, k)


def wrong_next_frequency(logits, k):
    return right_projected(logits, k + 1)


def wrong_waves_of_each_number(logits, k):
    spectrum = np.fft.fft2(logits, axes=(0, 1))
    kept = np.zeros_like(spectrum)
    for at in ((k, 0), (-k, 0), (0, k), (0, -k), (k, k), (-k, -k)):
        kept[at] = spectrum[at]
    return np.fft.ifft2(kept, axes=(0, 1)).real


def wrong_as_given(logits, k):
    return logits


def wrong_one_answer(logits, k):
    return right_projected(logits, k)[..., :1]
