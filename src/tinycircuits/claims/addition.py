"""The measuring functions of articles D and E: modular addition."""

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from tinycircuits.articles import PATCHING_RECOVERY
from tinycircuits.claims.measures import Measure, of_models, register, trained_models
from tinycircuits.claims.profiles import SOURCES, Kind, Profile, profile
from tinycircuits.claims.verdicts import Observed
from tinycircuits.interp import ROLE_SHARE, clock_shares, pair_logits
from tinycircuits.models import build
from tinycircuits.runs import load
from tinycircuits.studies import study

A, PLUS, B, EQUALS = 0, 1, 2, -1
"""Positions of article D's tokens; in article E, which writes no plus sign, b stands at 1."""
L0_ATTN, L0_MLP, L1_ATTN, L1_MLP = range(4)
"""Components in the order of the model."""
AFTER_L0, AFTER_L1 = 2, 4
"""Stages of the read-outs: after the embedding, then after each half-layer."""


@of_models("D1", "D", every_seed=True)
def no_mistake_on_held_out_pairs(of: Profile) -> Observed:
    """No wrong held-out pair."""
    wrong = of["wrong.holdout"].sum(1)
    return Observed(wrong == 0, {"wrong held-out pairs": wrong, "wrong pairs": of["wrong.all"].sum(1)})


def _largest(of: Profile, position: int, layers: slice = slice(None)) -> Tensor:
    """The largest mean share of any head on one position."""
    return of["attention.mean"][:, layers, :, position].flatten(1).amax(1)


@of_models("D2", "D")
def some_head_reads_a_and_some_b(of: Profile) -> Observed:
    """At least one head with a mean share of 0.6 on a, and one on b."""
    shares = {f'largest mean share on "{name}"': _largest(of, at) for name, at in (("a", A), ("b", B))}
    met = torch.stack(list(shares.values())).amin(0) >= ROLE_SHARE
    roles = {
        f'heads that read "{name}"': (of["attention.mean"][..., at] >= ROLE_SHARE).flatten(1).sum(1)
        for name, at in (("a", A), ("b", B), ("+", PLUS), ("=", EQUALS))
    }
    return Observed(met, {**shares, **roles})


@of_models("D3", "D")
def later_layers_read_the_operands(of: Profile) -> Observed:
    """Mean share on a and b together at least 0.5 in layers 1 and 2, and larger there than in layer 0."""
    share = of["attention.mean"].mean(2)
    operands = share[..., A] + share[..., B]
    later = operands[:, 1:].amin(1)
    met = (later >= 0.5) & (later > operands[:, 0])
    return Observed(met, {"share on a and b, smaller of layers 1 and 2": later, "in layer 0": operands[:, 0]})


def _on_plus(of: Profile) -> dict[str, Tensor]:
    share = of["attention.mean"].mean(2)[..., PLUS]
    return {f'share on "+", layer {layer}': each for layer, each in enumerate(share.unbind(1))}


@of_models("D4", "D")
def hardly_any_attention_on_plus(of: Profile) -> Observed:
    """Mean share on "+" at most 0.1 in every layer."""
    by_layer = _on_plus(of)
    largest = torch.stack(list(by_layer.values())).amax(0)
    return Observed(largest <= 0.1, {'largest share on "+" of a layer': largest, **by_layer})


@of_models("D5", "D")
def later_layers_read_plus_more(of: Profile) -> Observed:
    """Share on "+" in layers 1 and 2 at least twice that in layer 0."""
    by_layer = _on_plus(of)
    first, *later = by_layer.values()
    ratio = torch.stack(later).amin(0) / first
    return Observed(ratio >= 2, {'share on "+", smaller of layers 1 and 2 over layer 0': ratio, **by_layer})


@of_models("D6", "D")
def later_layers_are_sharper(of: Profile) -> Observed:
    """Mean entropy falls by at least 0.2 bits from layer 0 to layer 1 and to layer 2."""
    bits = of["attention.entropy"].mean(2)
    fall = (bits[:, :1] - bits[:, 1:]).amin(1)
    by_layer = {f"entropy (bits), layer {layer}": each for layer, each in enumerate(bits.unbind(1))}
    return Observed(fall >= 0.2, {"smaller fall of the entropy (bits)": fall, **by_layer})


@of_models("D7", "D")
def heads_of_layer_0_rest_on_equals(of: Profile) -> Observed:
    """At least two heads of layer 0 with a mean share of 0.5 on "="."""
    heads = (of["attention.mean"][:, 0, :, EQUALS] >= 0.5).sum(1)
    largest = _largest(of, EQUALS, slice(1))
    return Observed(heads >= 2, {'heads of layer 0 on "="': heads, "largest mean share of one": largest})


@of_models("D8", "D")
@of_models("E7", "E")
def an_mlp_makes_the_sum_readable(of: Profile) -> Observed:
    """A read-out of the sum gains at least 0.5 across an MLP and less than 0.1 across each attention."""
    gain = _sum_at_equals(of).diff(dim=1)
    across_attention, across_mlp = gain[:, ::2].amax(1), gain[:, 1::2].amax(1)
    values = {
        "largest gain across an MLP": across_mlp,
        "largest gain across an attention": across_attention,
        "gain across the first MLP": gain[:, L0_MLP],
        "read right, shuffled labels": _sum_at_equals(of, shuffled=True).amax(1),
    }
    return Observed((across_mlp >= 0.5) & (across_attention < 0.1), values)


@of_models("D9", "D")
def three_sums_show_the_mean(of: Profile) -> Observed:
    """The attention of the three sums lies within 0.1 of the mean over all inputs."""
    apart = of["attention.examples"]
    return Observed((apart <= 0.1).all(1), {"largest distance from the mean": apart.amax(1), "mean": apart.mean(1)})


@of_models("E1", "E")
def one_head_of_layer_0_for_each_number(of: Profile) -> Observed:
    """In layer 0 some head with a mean share of 0.7 on a, and some head with 0.7 on b."""
    shares = {f'largest mean share on "{name}"': _largest(of, at, slice(1)) for name, at in (("a", 0), ("b", 1))}
    return Observed(torch.stack(list(shares.values())).amin(0) >= 0.7, shares)


@of_models("E2", "E")
def layer_1_is_more_uniform(of: Profile) -> Observed:
    """Mean entropy in layer 1 at least 0.2 bits above that of layer 0."""
    first, second = of["attention.entropy"].mean(2).unbind(1)
    values = {"rise of the entropy (bits)": second - first, "layer 0": first, "layer 1": second}
    return Observed(second - first >= 0.2, values)


def _recovered(of: Profile) -> dict[str, Tensor]:
    names = ("L0 attn", "L0 mlp", "L1 attn", "L1 mlp")
    recovery = {f"recovery of {name}": each for name, each in zip(names, of["patching.loss"].unbind(1), strict=True)}
    at_row = zip(names, of["patching.loss at ="].unbind(1), strict=True)
    return {**recovery, "largest of a random push": of["patching.loss, random push"].amax(1)} | {
        f"{name}, patched at = only": each for name, each in at_row
    }


@of_models("E3", "E")
def recovery_is_as_printed(of: Profile) -> Observed:
    """Recovery of both parts within 0.1 of what is printed, and the last MLP's the largest."""
    recovery = of["patching.loss"]
    printed = torch.tensor([PATCHING_RECOVERY["L0 attn"], PATCHING_RECOVERY["L1 mlp"]], dtype=recovery.dtype)
    off = (recovery[:, [L0_ATTN, L1_MLP]] - printed).abs().amax(1)
    met = (off <= 0.1) & (recovery.argmax(1) == L1_MLP)
    return Observed(met, {"larger distance from the printed number": off, **_recovered(of)})


@of_models("E4", "E")
def the_parts_between_recover_little(of: Profile) -> Observed:
    """Layer 0's MLP and layer 1's attention recover at most 0.3."""
    larger = of["patching.loss"][:, [L0_MLP, L1_ATTN]].amax(1)
    return Observed(larger <= 0.3, {"larger recovery of L0 mlp and L1 attn": larger, **_recovered(of)})


@of_models("E5", "E")
def the_sum_is_read_late(of: Profile) -> Observed:
    """The sum is read on 2 to 15 % of held-out pairs after layer 0, and on at least 75 % after layer 1."""
    read = _sum_at_equals(of)
    first, last = read[:, AFTER_L0], read[:, AFTER_L1]
    values = {
        "read right after layer 0": first,
        "after layer 1": last,
        "after the embedding": read[:, 0],
        "shuffled labels": _sum_at_equals(of, shuffled=True).amax(1),
    }
    return Observed((first >= 0.02) & (first <= 0.15) & (last >= 0.75), values)


def latents_stand_for_residues(of: Profile) -> Observed:
    """At least half of the live latents have a one-residue F1 of 0.8 for the sum; a latent fires above zero."""
    share = of["latents.residues, above zero"]
    values = {
        "share of live latents with F1 of 0.8": share,
        "at their best thresholds": of["latents.residues, best threshold"],
        "median F1": of["latents.F1, above zero"],
        "live latents": of["latents.live"],
    }
    return Observed(share >= 0.5, values)


register(
    "E6",
    Measure(
        latents_stand_for_residues,
        partial(profile, "E, latents", "trained"),
        {"random encoder": partial(profile, "E, latents", "random encoder")},
        of="E, latents",
        elsewhere=trained_models,
    ),
)


# What the chapters of this book claim about addition.

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
    """The published models miss no pair, no seed misses more than a hundredth of the held-out pairs, and a few waves of
    a + b - c hold at least half of the logits' variance."""
    trained = {each.kind for each in of.values()} == {"trained"}
    missed, shown, waves = [], [], []
    for article, each in of.items():
        chosen = study(SOURCES[article].study)
        n = len(chosen.task.sequences()) - chosen.train.split.n_train
        missed.append(float(each["wrong.holdout"].sum(1).max()) / n)
        shown.append(int(each["wrong.all"].sum(1)[each.seeds.tolist().index(chosen.published_seed)]))
        waves.append(_in_waves(article, trained=trained))
    met = max(missed) <= 0.01 and not any(shown) and min(waves) >= 0.5
    values = {"largest share of held-out pairs missed": max(missed), "share of the logits in the waves": min(waves)}
    return Observed(torch.tensor([met]), {name: torch.tensor([value]) for name, value in values.items()})


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


def _sum_at_equals(of: Profile, *, shuffled: bool = False) -> Tensor:
    """Share of held-out pairs whose sum is read right at "=", by model and stage: the mean of the probe seeds."""
    return of["read-out.a + b, shuffled" if shuffled else "read-out.a + b"][..., -1].mean(1)


def _e_roles(of: Profile) -> Observed:
    shares = torch.stack([_largest(of, 0), _largest(of, 1)]).amin(0)
    return Observed(shares >= ROLE_SHARE, {"smaller share": shares})


def the_first_mlp_makes_the_sum_readable(of: Both) -> Observed:
    """The read-out of the sum gains more across the MLPs than across the attentions, and most across the first MLP."""
    met: list[Tensor] = []
    values: dict[str, Tensor] = {}
    for article, each in of.items():
        gain = _sum_at_equals(each).diff(dim=1)[each.solved | (each.kind != "trained")]
        attention, mlp = gain[:, ::2].sum(1), gain[:, 1::2].sum(1)
        met.append((mlp > attention) & (gain.argmax(1) == L0_MLP) & (mlp > 0.5))
        values |= {f"gain across the MLPs, {article}": mlp, f"across the attentions, {article}": attention}
    return Observed(torch.cat(met), values)


def _latents(kind: Kind) -> tuple[Profile, Profile, Profile]:
    return profile("E, latents", kind), profile("E, sparse latents", kind), profile("E, latents", "random encoder")


def only_a_strong_penalty_finds_residues(of: tuple[Profile, Profile, Profile]) -> Observed:
    """With the article's penalty no more latents stand for one residue than with a random encoder; with the strong one
    at least half do."""
    article, sparse, random = (each["latents.residues, above zero"] for each in of)
    met = (article <= random.max()) & (sparse >= 0.5)
    return Observed(met, {"article's penalty": article, "strong penalty": sparse, "random encoder": random})


_claimed("clock", it_adds_on_a_clock, "untrained")  # looks at logits, and of shuffled answers only profiles are kept
_claimed("heads", hardly_a_head_for_one_number, "untrained", "shuffled answers")
_claimed("compute", the_first_mlp_makes_the_sum_readable, "untrained", "shuffled answers")
register(
    "features",
    Measure(
        only_a_strong_penalty_finds_residues,
        partial(_latents, "trained"),
        {"random encoder": partial(_latents, "random encoder")},
    ),
)
