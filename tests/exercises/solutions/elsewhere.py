import numpy as np

Q, K, E, V, P = "blocks.0.attn.W_Q", "blocks.0.attn.W_K", "W_E", "blocks.0.attn.W_V", "W_pos"


def right_bos_is_bright(given):
    """Every row also looks for BOS, a little more than for its source; the score is no longer sharp."""
    q = given[Q].copy()
    q[q > 0] = 1  # scores of 1 / sqrt(d_head), from 1e5
    positions = [at for at in range(q.shape[1]) if q[0, at].any()]
    d_head = q.shape[-1]
    q *= 6 * d_head**0.5
    for at in positions:
        q[0, at, 0] = 7 * d_head**0.5
    return {Q: q}


def right_keys_of_bos(given):
    """The key of BOS answers to every query."""
    q, k = given[Q] / given[Q].max(), given[K].copy()
    d_head = q.shape[-1]
    bos = given[E][-1].argmax()
    k[0, bos, :] = 8 * d_head**0.5
    k[0, int(given[P][0].argmax()), :] = 0
    return {Q: q, K: np.where(k == 1, 7 * d_head**0.5, k)}


def wrong_as_given(given):
    return given


def wrong_only_bos(given):
    q = np.zeros_like(given[Q])
    q[0, given[Q][0].any(-1), 0] = 1e5
    return {Q: q}


def wrong_even(given):
    return {Q: np.zeros_like(given[Q])}


def wrong_softer_only(given):
    return {Q: given[Q] * (given[Q].shape[-1] ** 0.5 * 6 / given[Q].max())}


def wrong_another_digit(given):
    return {Q: np.roll(given[Q], 1, 2)}


def wrong_names(given):
    return {"W_Q": given[Q]}


def wrong_shape(given):
    return {Q: given[Q][0]}


def wrong_nan(given):
    return {Q: given[Q] * np.nan}
