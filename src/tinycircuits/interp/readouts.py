"""Straight lines in closed form: read-outs that need no fitting loop, for many sets of labels at once."""

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

By = Literal["lda", "ridge"]


def lda_readouts(
    states: Float[Tensor, "batch d_model"],
    labels: Int[Tensor, "target batch"],
    held_out: Float[Tensor, "held d_model"],
    *,
    shrinkage: float = 1e-3,
) -> Int[Tensor, "target held"]:
    """The classes that linear discriminant analysis guesses for ``held_out``, for each row of labels.

    argmax over c of x' S^-1 m_c - m_c' S^-1 m_c / 2 + log p_c, with m_c the mean of the class, p_c its share and S the
    pooled covariance inside the classes, of which ``shrinkage`` is replaced by a multiple of the identity with the same
    trace. It has a closed form, so that there is no question of convergence, and all sets of labels share the second
    moments. A floor of 1e-9 of the total variance lets it read classes that do not vary inside.

    Equal to scikit-learn's ``LinearDiscriminantAnalysis(solver="lsqr")`` in the tests, which cannot share the work.
    Source: Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", section 4.3.
    """
    mean = states.mean(0, dtype=torch.float64)
    x, held = states.double() - mean, held_out.double() - mean
    n, d = x.shape
    total = x.T @ x / n
    identity = torch.eye(d, dtype=torch.float64)
    guesses = []
    for means, share in _class_means(x, labels):
        within = total - (means.T * share) @ means
        shrunk = (1 - shrinkage) * within + shrinkage * within.trace() / d * identity
        floor = 1e-9 * total.trace() / d + 1e-30
        weights = torch.linalg.solve(shrunk + floor * identity, means.T)
        guesses.append((held @ weights - (means.T * weights).sum(0) / 2 + share.log()).argmax(1))
    return torch.stack(guesses)


def ridge_readouts(
    states: Float[Tensor, "batch d_model"],
    labels: Int[Tensor, "target batch"],
    held_out: Float[Tensor, "held d_model"],
    *,
    penalty: float = 1.0,
) -> Int[Tensor, "target held"]:
    """The classes that ridge regression on class indicators guesses for ``held_out``, for each row of labels.

    For standardised x and the indicator Y of the class, W = (x'x + penalty)^-1 x'Y; the guess is the largest output
    x W + mean Y. With many classes in few dimensions the outputs of some classes are masked by others', so that this
    read-out can fail where another straight line succeeds: a warning, and not the one to trust.

    Equal to scikit-learn's ``Ridge`` in the tests, which cannot share the work.
    Source: Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", section 4.2.
    """
    mean, scale = states.mean(0), states.std(0, correction=0)
    scale = torch.where(scale > 1e-6 * states.abs().max(), scale, torch.inf)  # what never varies tells nothing
    x, held = ((each - mean).double() / scale for each in (states, held_out))
    gram = x.T @ x + penalty * torch.eye(x.shape[1], dtype=torch.float64)
    guesses = []
    for means, share in _class_means(x, labels):
        weights = torch.linalg.solve(gram, (means.T * share) * len(x))
        guesses.append((held @ weights + share).argmax(1))
    return torch.stack(guesses)


READOUTS: dict[By, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"lda": lda_readouts, "ridge": ridge_readouts}


def _class_means(
    x: Float[Tensor, "batch d_model"], labels: Int[Tensor, "target batch"]
) -> Iterator[tuple[Float[Tensor, "class d_model"], Float[Tensor, " class"]]]:
    """For each row of labels the mean of every class (0 for an empty one) and its share of the inputs."""
    for each in labels:
        cases = each.bincount().double()
        sums = x.new_zeros(len(cases), x.shape[1]).index_add_(0, each, x)
        yield sums / cases.clamp_min(1)[:, None], cases / len(x)
