"""What is left of the answers without a part, in many seeds, from their profiles."""

from collections.abc import Sequence

import pandas as pd

from tinycircuits.interp.ablation import REMOVALS
from tinycircuits.results.profiles import Profile


def removals(over: Profile, parts: Sequence[str], *, seed: int, what: str = "components") -> pd.DataFrame:
    """One row for each of ``parts`` and each kind of removal, of the model of ``seed``; all inputs.

    ``what`` says whether the parts are ``components`` or ``heads``. ``share right`` is what is answered without the
    part, ``low`` and ``high`` the lowest and highest over all seeds, ``random push`` what is left after a push of equal
    norm.
    """
    right, pushed = over[f"ablation.{what}"], over[f"ablation.{what}, random push"]
    row = over.seeds.tolist().index(seed)
    return pd.DataFrame(
        [
            {
                "part": part,
                "kind": kind,
                "share right": float(right[row, i, j]),
                "low": float(right[:, i, j].min()),
                "high": float(right[:, i, j].max()),
                "random push": float(pushed[row, i, j]),
            }
            for i, part in enumerate(parts)
            for j, kind in enumerate(REMOVALS)
        ]
    )
