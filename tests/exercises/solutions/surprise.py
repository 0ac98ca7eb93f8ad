import math

import numpy as np
import torch


def right_numpy(logits, answer):
    top = logits.max()
    return top + np.log(np.exp(logits - top).sum()) - logits[answer]


def right_torch(logits, answer):
    return torch.nn.functional.cross_entropy(torch.tensor(logits)[None], torch.tensor([answer])).item()


def right_sum_of_odds(logits, answer):
    steps = sorted(float(x - logits[answer]) for x in logits)
    top = steps[-1]
    return top + math.log(math.fsum(math.exp(s - top) for s in steps))


def wrong_overflows(logits, answer):
    with np.errstate(all="ignore"):
        return -np.log(np.exp(logits[answer]) / np.exp(logits).sum())


def wrong_bits(logits, answer):
    return right_numpy(logits, answer) / np.log(2)


def wrong_sign(logits, answer):
    return -right_numpy(logits, answer)


def wrong_mean_over_tokens(logits, answer):
    return right_numpy(logits, answer) / len(logits)


def wrong_chance(logits, answer):
    return np.exp(-right_numpy(logits, answer))


def wrong_right_or_wrong(logits, answer):
    return 0.0 if logits.argmax() == answer else 1.0


def wrong_always_first(logits, answer):
    return right_numpy(logits, 0)
