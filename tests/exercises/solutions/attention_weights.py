import numpy as np
import torch


def right_numpy(q, k):
    n = len(q)
    scores = np.where(np.tri(n, dtype=bool), q @ k.T / np.sqrt(q.shape[1]), -np.inf)
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def right_torch(q, k):
    scores = torch.tensor(q @ k.T) / q.shape[1] ** 0.5
    later = torch.ones_like(scores).triu(1).bool()
    return scores.masked_fill(later, -torch.inf).softmax(-1)


def right_row_by_row(q, k):
    found = np.zeros((len(q), len(q)))
    for row in range(len(q)):
        s = k[: row + 1] @ q[row] / q.shape[1] ** 0.5
        e = np.exp(s - s.max())
        found[row, : row + 1] = e / e.sum()
    return found


def _softmax(scores, axis=1):
    e = np.exp(scores - scores.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def wrong_no_mask(q, k):
    return _softmax(q @ k.T / np.sqrt(q.shape[1]))


def wrong_no_scale(q, k):
    return _softmax(np.where(np.tri(len(q), dtype=bool), q @ k.T, -np.inf))


def wrong_scale_without_root(q, k):
    return _softmax(np.where(np.tri(len(q), dtype=bool), q @ k.T / q.shape[1], -np.inf))


def wrong_mask_hides_own_position(q, k):
    mask = np.tri(len(q), k=-1, dtype=bool)
    mask[0, 0] = True
    return _softmax(np.where(mask, q @ k.T / np.sqrt(q.shape[1]), -np.inf))


def wrong_axis(q, k):
    return _softmax(np.where(np.tri(len(q), dtype=bool), q @ k.T / np.sqrt(q.shape[1]), -np.inf), 0)


def wrong_queries_and_keys_exchanged(q, k):
    return _softmax(np.where(np.tri(len(q), dtype=bool), k @ q.T / np.sqrt(q.shape[1]), -np.inf))


def wrong_overflows(q, k):
    e = np.where(np.tri(len(q), dtype=bool), np.exp(q @ k.T / np.sqrt(q.shape[1])), 0)
    return e / e.sum(1, keepdims=True)


def wrong_masked_after_softmax(q, k):
    return np.tril(_softmax(q @ k.T / np.sqrt(q.shape[1])))
