"""What the lattices of many models come to: how many circuits a model has, and what a table of single removals says."""

from collections import Counter
from collections.abc import Mapping

import pandas as pd
import torch
from jaxtyping import Bool
from torch import Tensor

from tinycircuits.models import subsets
from tinycircuits.results.lattices import SweptLattices

MANY = 5
"""Minimal circuits from which on they are counted together."""
TENTH = 0.1
"""Share of all digits from which on a removal is called costly: the book's rule for "essential"."""


def circuit_counts(found: SweptLattices) -> pd.DataFrame:
    """How many ``models`` have so many minimal circuits, and their ``share``: one row for each kind and number.

    Those with ``MANY`` or more are counted together; models without any are in no row.
    """
    names = [str(n) for n in range(1, MANY)] + [f"{MANY} or more"]
    rows = []
    for kind in found.kinds:
        number = found.minimal(kind).sum(1).clamp(max=MANY)
        for n, said in enumerate(names, start=1):
            models = int((number == n).sum())
            share = models / len(number)
            rows.append({"kind": kind, "minimal circuits": said, "models": models, "share of models": share})
    return pd.DataFrame(rows)


def by_single_removal(found: SweptLattices, shares: Mapping[str, float]) -> pd.DataFrame:
    """One row for each kind and each rule by which a removal names its part: it costs more than this share of digits.

    Counts of parts, and in how many models there is one: ``named in no circuit``, which a minimal circuit never has;
    ``named, dispensable``, without which some circuit does; ``needed, not named``, which every circuit has; ``in a
    circuit, not named``.
    """
    rows = []
    for kind in found.kinds:
        needed, used, single = found.necessary(kind), found.used(kind), found.single(kind)
        for word, share in shares.items():
            named = single > share * found.n_answers
            sides = {
                "named in no circuit": named & ~used,
                "named, dispensable": named & ~needed,
                "needed, not named": needed & ~named,
                "in a circuit, not named": used & ~named,
            }
            counted = {
                f"{said}{what}": count
                for said, each in sides.items()
                for what, count in (("", int(each.sum())), (", models", int(each.any(1).sum())))
            }
            rows.append({"kind": kind, "named if it costs": word, "named": int(named.sum()), **counted})
    return pd.DataFrame(rows)


def shapes(found: SweptLattices) -> pd.DataFrame:
    """The shapes of minimal circuits, the commonest of each kind first, with the number of ``models`` that have one.

    Neurons of a layer can change places and nothing else changes, so that "the same circuit" of two models can only
    mean: the same attentions, and as many neurons of each layer.
    """
    layers = [label.split("N")[0] if "N" in label else label for label in found.units]
    names = list(dict.fromkeys(layers))
    of_mask = {}
    for mask in range(1 << len(layers)):
        have = Counter(layers[j] for j in subsets.members(mask, len(layers)))
        of_mask[mask] = tuple(have[name] for name in names)
    rows = []
    for kind in found.kinds:
        models = Counter(shape for model in found.minimal(kind) for shape in {of_mask[m] for m in _masks(model)})
        rows += [
            {"kind": kind, "circuit": _said(names, shape), "models": n, "share": n / len(found.seeds)}
            for shape, n in sorted(models.items(), key=lambda each: (-each[1], each[0]))
        ]
    return pd.DataFrame(rows, columns=["kind", "circuit", "models", "share"])


def alike(found: SweptLattices) -> Bool[Tensor, " model"]:
    """Which models have the very same minimal circuits under every kind of replacement."""
    first, *others = (found.minimal(kind) for kind in found.kinds)
    return torch.stack([(each == first).all(1) for each in others]).all(0)


def repaired(found: SweptLattices) -> pd.DataFrame:
    """For each kind the models in which removing one part *more* puts some answer right, and by how many at most."""
    rows = []
    for kind in found.kinds:
        wrong, n = found.wrong(kind), len(found.units)
        most = torch.zeros(len(wrong), dtype=torch.int64)
        for j in range(n):
            halves = wrong.reshape(len(wrong), -1, 2, 1 << j)  # without and with unit j
            most = torch.maximum(most, (halves[:, :, 1] - halves[:, :, 0]).flatten(1).amax(1))
        rows.append({"kind": kind, "models": int((most > 0).sum()), "most": int(most.max())})
    return pd.DataFrame(rows)


def _masks(chosen: Bool[Tensor, " subset"]) -> list[int]:
    masks: list[int] = chosen.nonzero()[:, 0].tolist()
    return masks


def _said(names: list[str], shape: tuple[int, ...]) -> str:
    """``L0 attn, 3 of L0, L1 attn``."""
    said = [name if " " in name else f"{n} of {name}" for name, n in zip(names, shape, strict=True) if n]
    return ", ".join(said) or "nothing"
