"""The phases of the neurons of trained models, from what is stored, with the floor that chance gives them."""

import pandas as pd

from tinycircuits.interp.torus import phase_differences
from tinycircuits.results.summaries.torus import sources


def phase_table() -> pd.DataFrame:
    """One row for each trained model and layer: ``models``, ``seed`` (its place among them), ``layer``, how many
    ``neurons`` follow one wave, the ``mean cosine`` of their phase differences, ``floor``; NaN where none does."""
    return pd.DataFrame(
        {
            "models": name,
            "seed": seed,
            "layer": f"L{layer}",
            "neurons": d.n,
            "mean cosine": d.mean_cosine,
            "floor": d.floor,
        }
        for name, each in sources().items()
        if not name.endswith("untrained")
        for seed in range(len(each.of))
        for layer in range(each.share.shape[1])
        for d in [phase_differences(*each.phases(seed, layer), seed=0)]
    )
