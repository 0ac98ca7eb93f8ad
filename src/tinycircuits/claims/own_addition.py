"""The measuring functions of what the chapters of part III claim."""

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from tinycircuits.claims.addition import (
    L0_MLP,
    L1_ATTN,
    Readings,
    largest_share,
    readings,
    some_head_reads_a_and_some_b,
    sum_at_equals,
)
from tinycircuits.claims.measures import Measure, register
from tinycircuits.claims.verdicts import Observed
from tinycircuits.interp.fourier import clock_shares, pair_logits
from tinycircuits.interp.heads import ROLE_SHARE
from tinycircuits.models.build import build
from tinycircuits.results.profiles import Profile, profile
from tinycircuits.results.runs import load
from tinycircuits.results.tables.profiles import SOURCES, Kind
from tinycircuits.results.tables.studies import study

Both = dict[str, Profile]
"""Profiles of articles D and E."""


def _both(kind: Kind) -> Both:
    return {article: profile(article, kind) for article in "DE"}


def _claimed(name: str, see: Callable[[Both], Observed], *controls: Kind) -> None:
    register(name, Measure(see, partial(_both, "trained"), {kind: partial(_both, kind) for kind in controls}))


N_WAVES = 8
"""The few waves: so many of the logits' frequencies."""


@cache
def _in_waves(article: str, *, trained: bool) -> float:
    """Share of the logits' variance in the strongest waves of a + b - c, over all pairs, in the published model."""
    chosen = study(SOURCES[article].study)
    model = load(chosen.name).model if trained else build(chosen.model, chosen.task, seed=0)
    logits = pair_logits(model, chosen.task)
    return float(clock_shares(logits[..., : len(logits)]).sort(descending=True).values[:N_WAVES].sum())


def it_adds_on_a_clock(of: Both) -> Observed:
    """The published models miss no pair, at most one seed misses more than a hundredth of the held-out pairs, and a few
    waves of a + b - c hold at least half of the logits' variance."""
    trained = {each.kind for each in of.values()} == {"trained"}
    missed, shown, waves = [], [], []
    for article, each in of.items():
        chosen = study(SOURCES[article].study)
        n = len(chosen.task.sequences()) - chosen.train.split.n_train
        missed += (each["wrong.holdout"].sum(1) / n).tolist()
        published = each.seeds.tolist().index(chosen.published_seed) if trained else 0
        shown.append(int(each["wrong.all"].sum(1)[published]))
        waves.append(_in_waves(article, trained=trained))
    late = sum(share > 0.01 for share in missed)
    values = {
        "seeds that miss more than a hundredth": late,
        "largest share of held-out pairs missed": max(missed),
        "share of the logits in the waves": min(waves),
    }
    met = late <= 1 and not any(shown) and min(waves) >= 0.5
    return Observed(torch.tensor([met]), {name: torch.tensor([float(value)]) for name, value in values.items()})


def hardly_a_head_for_one_number(of: Both) -> Observed:
    """Fewer than half of the seeds have a head for a and one for b, and the attention of article D's last layer follows
    the sum more than both single numbers together, averaged over seeds."""
    heads = torch.cat([(some_head_reads_a_and_some_b(of[key]) if key == "D" else _e_roles(of[key])).met for key in of])
    follows = of["D"]["attention.follows"][:, -1].mean(0)
    single, total = follows[:2].sum(), follows[2]
    met = heads.double().mean() < 0.5 and total > single
    values = {
        "seeds with a head for a and one for b": heads.double().mean(),
        "follows the sum": total,
        "a or b": single,
    }
    return Observed(torch.tensor([bool(met)]), {name: value[None].double() for name, value in values.items()})


def _e_roles(of: Profile) -> Observed:
    shares = torch.stack([largest_share(of, 0), largest_share(of, 1)]).amin(0)
    return Observed(shares >= ROLE_SHARE, {"smaller share": shares})


WHERE_FORMED = {"D": L0_MLP, "E": L1_ATTN}
"""The component across which a read-out of the sum gains most."""


def the_sum_comes_up_in_one_place(of: Both) -> Observed:
    """A read-out of the sum gains at least 0.5 across the first MLP of every model of article D that solves the task,
    and across the second attention of every one of article E."""
    met: list[Tensor] = []
    values: dict[str, Tensor] = {}
    for article, each in of.items():
        gain = sum_at_equals(each).diff(dim=1)[each.solved | (each.kind != "trained")]
        there, others = gain[:, WHERE_FORMED[article]], gain.clone()
        others[:, WHERE_FORMED[article]] = 0
        met.append((there >= 0.5) & (gain.argmax(1) == WHERE_FORMED[article]))
        values |= {f"gain there, {article}": there, f"largest gain elsewhere, {article}": others.amax(1)}
    return Observed(torch.cat(met), values)


def only_one_reading_finds_residues(of: Readings) -> Observed:
    """With the error summed fewer than a tenth of the live latents stand for one residue, and with it averaged at least
    nine tenths do, in every fit."""
    summed, averaged = (each["latents.residues, above zero"] for each in of)
    met = bool((summed < 0.1).all() and (averaged >= 0.9).all())
    return Observed(
        torch.tensor([met]), {"error summed, largest": summed.max()[None], "averaged": averaged.min()[None]}
    )


_claimed("clock", it_adds_on_a_clock, "untrained")  # looks at logits, and of shuffled answers only profiles are kept
_claimed("heads", hardly_a_head_for_one_number, "untrained", "shuffled answers")
_claimed("compute", the_sum_comes_up_in_one_place, "untrained", "shuffled answers")
register(
    "features",
    Measure(
        only_one_reading_finds_residues,
        partial(readings, "trained"),
        {"random encoder": partial(readings, "random encoder")},
    ),
)
