"""What attention reads and follows in many seeds of modular addition, from their profiles."""

from collections.abc import Sequence

import pandas as pd

from tinycircuits.interp.heads import head_roles
from tinycircuits.results.profiles import Profile

FOLLOWED = ("a", "b", "a + b", "a - b", "rest")
"""What attention may follow, in the order of a profile's ``attention.follows``."""


def roles(over: Profile, names: Sequence[str]) -> pd.DataFrame:
    """One row for each head of each seed and its ``head_roles``; ``names`` are those of the positions it may read."""
    found = [head_roles(mean, names) for mean in over["attention.mean"]]
    return pd.DataFrame(
        [
            {"seed": seed, "layer": layer, "head": head, "role": role}
            for seed, layers in zip(over.seeds.tolist(), found, strict=True)
            for layer, heads in enumerate(layers)
            for head, role in enumerate(heads)
        ]
    )


def attention_follows(over: Profile) -> pd.DataFrame:
    """One row for each layer and each of ``FOLLOWED``: mean ``share`` over seeds, ``low`` and ``high`` seed."""
    return pd.DataFrame(
        [
            {
                "layer": layer,
                "function of": what,
                "share": float(seeds.mean()),
                "low": float(seeds.min()),
                "high": float(seeds.max()),
            }
            for layer, shares in enumerate(over["attention.follows"].unbind(1))
            for what, seeds in zip(FOLLOWED, shares.unbind(1), strict=True)
        ]
    )
