"""Stored dictionaries as a table: how good each fit is, and whether it had finished."""

from collections.abc import Mapping, Sequence

import pandas as pd
from jaxtyping import Float
from torch import Tensor

from tinycircuits.interp.sae import quality
from tinycircuits.results.fits import Fitted
from tinycircuits.training.dictionaries import SaeSpec


def fit_qualities(fits: Mapping[str, Sequence[Fitted]], states: Float[Tensor, "batch d_in"]) -> pd.DataFrame:
    """One row for each stored dictionary of each recipe: its penalty, ``l0``, ``fvu`` and ``dead`` latents.

    ``loss`` is the mean of the last epoch, ``last fall`` by what part it fell over the last tenth of the epochs.
    """
    rows = []
    for label, each in fits.items():
        for fitted in each:
            losses, recipe = fitted.metrics["loss"], fitted.fit.recipe
            assert isinstance(recipe, SaeSpec)
            rows.append(
                {
                    "dictionary": label,
                    "penalty": recipe.l1,
                    **quality(fitted.dictionary, states).row(),
                    "loss": losses[-1],
                    "last fall": 1 - losses[-1] / losses[-len(losses) // 10],
                }
            )
    return pd.DataFrame(rows)
