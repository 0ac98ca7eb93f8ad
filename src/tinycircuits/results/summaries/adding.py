"""How the models of articles D and E add, from what is stored of each: rows of tables."""

import pandas as pd
import torch

from tinycircuits.interp.adding import Adding, PartWaves, adding
from tinycircuits.results.analyses import stored
from tinycircuits.results.summaries.waves import ROUNDED, flags, models, wave_rows
from tinycircuits.results.tables.profiles import Kind


def addings(kind: Kind = "trained") -> dict[str, Adding]:
    """What is stored of each of ``models``, by its name."""
    return {name: stored(adding, of, **flags(kind)) for name, of in models(kind).items()}


def part_rows(of: Adding) -> pd.DataFrame:
    """One row for each part of one model: what its values follow, and how well waves of one frequency fit them.

    ``apart``, ``one`` and ``two`` are means over values of the R^2 of the best frequency without products, of the best
    one and of the best two with products; ``single`` counts the values above ``ROUNDED`` by one, of those ``alive``.
    """
    return pd.DataFrame([_part_row(part) for part in of.parts])


def _part_row(part: PartWaves) -> dict[str, object]:
    follows = {name: part.follows[name] for name in ("a", "b", "a + b", "a - b", "rest")}
    fits = {
        "apart": float(part.one["linear"].mean()),
        "one": float(part.one["full"].mean()),
        "two": float(part.two["full"].mean()),
        "single": int((part.one["full"] > ROUNDED).sum()),
        "alive": part.n_alive,
    }
    return {"part": part.part, **follows, **fits}


def explained(of: Adding) -> dict[int, tuple[int, ...]]:
    """For each key frequency of the embedding the key frequencies of the logits that go when it is taken out.

    One goes when its factor falls below a tenth of what it was.
    """
    keys = torch.tensor(of.logit_keys, dtype=torch.long)
    left = (of.cuts.alphas_without[:, keys - 1] / of.alphas[keys - 1]).abs()
    return {k: tuple(keys[row < 0.1].tolist()) for k, row in zip(of.keys, left, strict=True)}


def adding_rows(kind: Kind = "trained") -> pd.DataFrame:
    """``wave_rows``, and beside them what the chapter tells besides: counts of wrong pairs of all ``pairs``, and keys.

    ``others`` are as many other frequencies: the draw with the fewest wrong pairs where only they stay, the most that
    follow where they are turned. ``keys gone`` are the key frequencies of the logits that go with one of the embedding.
    """
    told = pd.DataFrame([{"model": name, **_adding_row(of)} for name, of in addings(kind).items()])
    return wave_rows(kind).merge(told, on="model", validate="one_to_one")


def _adding_row(of: Adding) -> dict[str, object]:
    cut = of.cuts
    gone = {key for keys in explained(of).values() for key in keys}
    return {
        "keys": of.keys,
        "logit keys": of.logit_keys,
        "keys gone": len(gone),
        "share of waves": float(of.of_logits.sum()),
        "wrong with only": cut.only,
        "with only others": int(cut.drawn_only.min()) if of.keys else cut.whole,
        "followed": cut.followed,
        "others followed": int(cut.drawn_followed.max()) if of.keys else 0,
        "rebuilt wrong": 0 if of.logit_keys and int(of.rebuilt(of.logit_keys).argmax()) == 0 else len(of.profile) ** 2,
    }


CUTS = ("right without them", "right with only them", "turned: two hours on")


def cut_rows(kind: Kind = "trained") -> pd.DataFrame:
    """One row for each model, cut and set of waves, ``key`` or a draw of ``others``: the ``share of all pairs``.

    The three of ``CUTS``: right pairs without the waves, with only them, and pairs whose answer moved on by one hour
    for each number when the waves were turned by one.
    """
    rows = []
    for name, of in addings(kind).items():
        pairs, cut = len(of.profile) ** 2, of.cuts
        key = (pairs - cut.without, pairs - cut.only, cut.followed)
        drawn = (pairs - cut.drawn_without, pairs - cut.drawn_only, cut.drawn_followed)
        for said, own, others in zip(CUTS, key, drawn, strict=True):
            rows += [(name, said, "key", own / pairs), *((name, said, "others", n / pairs) for n in others.tolist())]
    return pd.DataFrame(rows, columns=["model", "cut", "waves", "share of all pairs"])


def phase_rows(kind: Kind = "trained") -> pd.DataFrame:
    """One row for each model: the median ``distance`` of phases in its first MLP, and the median ``control``."""
    rows = []
    for name, of in addings(kind).items():
        phases = next(part.phases for part in of.parts if part.phases is not None)
        rows.append(
            {"model": name, "distance": float(phases.errors.median()), "control": float(phases.control.median())}
        )
    return pd.DataFrame(rows)
