import numpy as np


def right_rolled(outputs, kind):
    if kind == "zero":
        return np.zeros_like(outputs)
    if kind == "mean":
        return np.broadcast_to(outputs.mean(0), outputs.shape)
    return np.roll(outputs, 1, axis=0)


def right_drawn(outputs, kind):
    draw, n = np.random.default_rng(0), len(outputs)
    if kind == "resample":
        order = draw.permutation(n)
        while (order == np.arange(n)).any():
            order = draw.permutation(n)
        return outputs[order]
    return 0 * outputs + (outputs.mean(0, keepdims=True) if kind == "mean" else 0)


def _else(outputs, kind):
    return right_rolled(outputs, kind)


def wrong_mean_of_everything(outputs, kind):
    return np.full_like(outputs, outputs.mean()) if kind == "mean" else _else(outputs, kind)


def wrong_mean_over_rows(outputs, kind):
    return np.broadcast_to(outputs.mean(1, keepdims=True), outputs.shape) if kind == "mean" else _else(outputs, kind)


def wrong_order_may_stay(outputs, kind):
    return outputs[::-1] if kind == "resample" else _else(outputs, kind)


def wrong_rows_mixed(outputs, kind):
    if kind == "resample":
        return np.stack([np.roll(outputs[:, r], r + 1, 0) for r in range(outputs.shape[1])], 1)
    return _else(outputs, kind)


def wrong_all_get_one(outputs, kind):
    if kind == "resample":
        return np.stack([outputs[1 if i == 0 else 0] for i in range(len(outputs))])
    return _else(outputs, kind)


def wrong_zero_is_small(outputs, kind):
    return 1e-3 * outputs if kind == "zero" else _else(outputs, kind)


def wrong_median(outputs, kind):
    return np.broadcast_to(np.median(outputs, 0), outputs.shape) if kind == "mean" else _else(outputs, kind)


def wrong_noise(outputs, kind):
    if kind == "resample":
        return outputs.mean(0) + outputs.std(0) * np.random.default_rng(0).normal(size=outputs.shape)
    return _else(outputs, kind)
