"""How the models of articles D and E add, from what is stored of each: rows of tables."""

import pandas as pd
import torch

from tinycircuits.interp.adding import Adding, PartWaves, adding
from tinycircuits.results.analyses import stored
from tinycircuits.results.runs import run
from tinycircuits.results.tables.analyses import ADDING
from tinycircuits.results.tables.profiles import Kind

ROUNDED = 0.85
"""Nanda et al. 2023 count the neurons with more than this share of their variance on one frequency."""


def addings(kind: Kind = "trained") -> dict[str, Adding]:
    """What is stored of each model, by article and seed, ``D 0``; the published one of an article comes first.

    Of models before training there is one for each article, and of those trained on the answers of other inputs.
    """
    found = {}
    for study, seeds in ADDING.items():
        for seed in seeds if kind == "trained" else seeds[:1]:
            of = run(study) if seed == seeds[0] else run(study, seed)
            name = f"{of.study.article} {seed}" if kind == "trained" else f"{of.study.article}, {kind}"
            found[name] = stored(adding, of, trained=kind != "untrained", shuffled=kind == "shuffled answers")
    return found


def part_rows(of: Adding) -> pd.DataFrame:
    """One row for each part of one model: what its values follow, and how well waves of one frequency fit them.

    ``one`` and ``two`` are means over neurons of the R^2 of the best one or two frequencies, ``linear`` without and
    ``full`` with products; ``one frequency`` counts the neurons above ``ROUNDED``.
    """
    return pd.DataFrame([_part_row(part) for part in of.parts])


def _part_row(part: PartWaves) -> dict[str, object]:
    follows = {name: part.follows[name] for name in ("a", "b", "a + b", "a - b", "rest")}
    fits = {
        "a and b apart": float(part.one["linear"].mean()),
        "one": float(part.one["full"].mean()),
        "two": float(part.two["full"].mean()),
        "one frequency": round(_one_frequency(part) * part.n_alive),
        "values": part.n_alive,
    }
    return {"part": part.part, **follows, **fits}


def _one_frequency(part: PartWaves) -> float:
    """The share of a part's values with more than ``ROUNDED`` of their variance on one frequency."""
    return float((part.one["full"] > ROUNDED).double().mean())


def phase_error(part: PartWaves) -> float:
    """The median distance of the phases that neurons read and write at, in radians; NaN for fewer than ten neurons."""
    if part.phases is None or part.phases.n_neurons < 10:
        return float("nan")
    return float(part.phases.errors.median())


def explained(of: Adding) -> dict[int, tuple[int, ...]]:
    """For each key frequency of the embedding the key frequencies of the logits that go when it is taken out.

    One goes when its factor falls below a tenth of what it was.
    """
    keys = torch.tensor(of.logit_keys, dtype=torch.long)
    left = (of.cuts.alphas_without[:, keys - 1] / of.alphas[keys - 1]).abs()
    return {k: tuple(keys[row < 0.1].tolist()) for k, row in zip(of.keys, left, strict=True)}


def adding_rows(kind: Kind = "trained") -> pd.DataFrame:
    """One row for each of ``addings``: counts of wrong pairs of all ``pairs``, and what the chapter's rule asks.

    ``others`` are as many other frequencies: the draw with the most wrong pairs where waves are taken out, the fewest
    where only they stay, the most that follow where they are turned. ``keys gone`` are the key frequencies of the
    logits that go with one of the embedding.
    """
    return pd.DataFrame([{"model": name, "article": name[0], **_adding_row(of)} for name, of in addings(kind).items()])


def _adding_row(of: Adding) -> dict[str, object]:
    cut, first = of.cuts, next(part for part in of.parts if part.phases is not None)
    gone = {key for keys in explained(of).values() for key in keys}
    return {
        "pairs": len(of.profile) ** 2,
        "keys": of.keys,
        "logit keys": of.logit_keys,
        "keys gone": len(gone),
        "share of waves": float(of.of_logits.sum()),
        "wrong": cut.whole,
        "wrong without": cut.without,
        "without others": int(cut.drawn_without.max()) if of.keys else cut.whole,
        "wrong with only": cut.only,
        "with only others": int(cut.drawn_only.min()) if of.keys else cut.whole,
        "followed": cut.followed,
        "others followed": int(cut.drawn_followed.max()) if of.keys else 0,
        "rebuilt wrong": 0 if of.logit_keys and int(of.rebuilt(of.logit_keys).argmax()) == 0 else len(of.profile) ** 2,
        "sum in last MLP": of.parts[-1].follows["a + b"],
        "phase error": phase_error(first),
        "one frequency": max(_one_frequency(part) for part in of.parts if part.phases is not None),
    }


CUTS = ("right without", "right with only", "turned, two later")


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
