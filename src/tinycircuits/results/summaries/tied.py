"""Models with tied embeddings: does attention rename the digits, and is an MLP beside it used?"""

from collections import Counter
from collections.abc import Mapping

import pandas as pd

from tinycircuits.interp.ablation import ablation_table
from tinycircuits.interp.activations import components
from tinycircuits.interp.ov import digit_writing, shift
from tinycircuits.results.summaries.sweeps import share_table
from tinycircuits.results.sweeps import SweepResult
from tinycircuits.tasks import DigitTask

BY_MEAN, PUSHED = "replaced by its mean", "random push of equal size"


def shifts(result: SweepResult) -> Counter[int | None]:
    """By how much attention's matrix raises the digits, counted over the faultless models; ``None`` is no shift."""
    task = result.sweep.task
    assert isinstance(task, DigitTask)
    return Counter(shift(digit_writing(model, task)) for model in result.models(result.seeds[result.solved].tolist()))


def renaming_table(results: Mapping[str, SweepResult], label: str) -> pd.DataFrame:
    """``share_table``, and in how many of the faultless models attention's matrix raises every digit ``by one``.

    The others raise ``by another`` number or have ``no shift``.
    """
    found = [shifts(result) for result in results.values()]
    return share_table(results, label).assign(
        **{
            "by one": [each[1] for each in found],
            "by another": [each.total() - each[1] - each[None] for each in found],
            "no shift": [each[None] for each in found],
        }
    )


def without_the_mlp(result: SweepResult) -> pd.DataFrame:
    """Share of ``right`` digits of each faultless model of one layer by the ``output of the MLP``: two rows a model.

    It is ``BY_MEAN``, the mean over all inputs, or ``PUSHED``, moved as far in a random direction.
    """
    task, rows = result.sweep.task, []
    seeds = result.seeds[result.solved].tolist()
    for seed, model in zip(seeds, result.models(seeds), strict=True):
        mlp = components(model)[1]
        table = ablation_table(model, task.sequences(), task, kinds=["mean"], only=[mlp], seed=0, draws=1)
        found = table.get(mlp, "mean")
        for way, right in ((BY_MEAN, found.errors().accuracy), (PUSHED, found.control_accuracy())):
            rows.append({"seed": seed, "output of the MLP": way, "right": right})
    return pd.DataFrame(rows)
