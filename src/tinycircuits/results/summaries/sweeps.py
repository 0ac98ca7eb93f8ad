"""Many seeds of one training side by side: counts, shares with intervals, one row for each seed."""

from collections.abc import Mapping
from typing import Literal

import pandas as pd
import torch
from jaxtyping import Bool
from torch import Tensor

from tinycircuits.models.errors import share_interval
from tinycircuits.results.sweeps import SweepResult

OUTCOMES = ("faultless", "with mistakes")


def share_table(results: Mapping[str, SweepResult], label: str) -> pd.DataFrame:
    """One row for each sweep, its name in column ``label``: how many seeds make no mistake on any input.

    ``low`` and ``high`` end the exact 95 % interval of ``share``, ``solved`` says both counts, ``5 of 50``; ``best
    accuracy`` is that of the best seed.
    """
    rows = []
    for name, result in results.items():
        faultless, seeds = int(result.solved.sum()), len(result.seeds)
        low, high = share_interval(faultless, seeds)
        counts = {"seeds": seeds, "faultless": faultless, "share": faultless / seeds, "low": low, "high": high}
        words = {"solved": f"{faultless:,} of {seeds:,}", "best accuracy": float(result.accuracy.max())}
        rows.append({label: name, **counts, **words})
    return pd.DataFrame(rows)


def seed_table(results: Mapping[str, SweepResult], label: str) -> pd.DataFrame:
    """One row for each seed of each sweep: its wrong digits over all inputs, its accuracy, its outcome.

    ``outcome`` is one of ``OUTCOMES``; seeds without a mistake stand first, so that figures name them first. The sweeps
    are categories, so that figures show them in the order given.
    """
    frames = [
        pd.DataFrame(
            {
                label: name,
                "seed": result.seeds.numpy(),
                "wrong digits": result.wrong_digits.numpy(),
                "accuracy": result.accuracy.numpy(),
                "outcome": [OUTCOMES[not solved] for solved in result.solved.tolist()],
            }
        )
        for name, result in results.items()
    ]
    rows = pd.concat(frames).sort_values("outcome", kind="stable", ignore_index=True)
    return rows.assign(**{label: pd.Categorical(rows[label], categories=list(results), ordered=True)})


def failure_table(results: Mapping[str, SweepResult], label: str) -> pd.DataFrame:
    """One row for each sweep about its seeds ``with mistakes``; those that make ``none in training`` are counted too.

    ``median wrong`` is the median of their wrong digits over all inputs; ``wrong in training`` and ``wrong in holdout``
    are their mean shares of wrong digits, 0 .. 1, on the two sides of the split.
    """
    rows = []
    for name, result in results.items():
        failed, (n_train, n_holdout) = ~result.solved, _sides(result)
        counts = {"with mistakes": int(failed.sum()), "none in training": int(fitted(result).sum())}
        shares = {
            "median wrong": float(result.wrong_digits[failed].double().median()),
            "wrong in training": float(result.train_wrong_digits[failed].sum(1).double().mean()) / n_train,
            "wrong in holdout": float(result.holdout_wrong_digits[failed].sum(1).double().mean()) / n_holdout,
        }
        rows.append({label: name, **counts, **shares})
    return pd.DataFrame(rows)


def fitted(result: SweepResult) -> Bool[Tensor, " lane"]:
    """Which models make mistakes, but none on what they were trained on."""
    return ~result.solved & (result.train_wrong_sequences == 0)


def wrong_by_first_digit(result: SweepResult) -> pd.DataFrame:
    """Mean share of wrong digits, 0 .. 1, of the seeds with mistakes: rows by ``x_0``, columns by answer."""
    task = result.sweep.task
    wrong, first = result.wrong(~result.solved).double().mean(0), task.sequences()[:, 1]
    rows = {str(digit): wrong[first == digit].mean(0).tolist() for digit in sorted(set(first.tolist()))}
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=[f"y_{i}" for i in range(task.n_answers)])
    return frame.rename_axis(index="first digit of the input", columns="answer")


def lost_again(result: SweepResult) -> tuple[int, int]:
    """How many seeds end with mistakes after a point of the training without any, of how many that had such a point."""
    ever = result.faultless.any(1)
    return int((ever & ~result.solved).sum()), int(ever.sum())


def course_band(result: SweepResult, part: Literal["train", "holdout"]) -> pd.DataFrame:
    """Over the ``step``s of training, the share of right answers that 5 %, half and 95 % of the seeds stay below.

    The columns are ``low``, ``median`` and ``high``.
    """
    levels = torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)
    low, median, high = torch.quantile(result.course(part), levels, dim=0)
    return pd.DataFrame({"step": result.history.step, "low": low, "median": median, "high": high})


def _sides(result: SweepResult) -> tuple[int, int]:
    """Digits of the training set and of the holdout that each model answers."""
    task, train = result.sweep.task, result.sweep.train
    split = train.split.indices(len(task.sequences()))
    return len(split.train) * task.n_answers, len(split.holdout) * task.n_answers
