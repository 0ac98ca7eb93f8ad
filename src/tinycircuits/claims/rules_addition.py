"""What the rules of articles D and E see: modular addition."""

import torch
from torch import Tensor

from tinycircuits.articles import PATCHING_RECOVERY
from tinycircuits.claims.judge import Observed
from tinycircuits.results.numbers import OfLatents, OfPairs, latents
from tinycircuits.results.tables.profiles import Kind

A, PLUS, B, EQUALS = 0, 1, 2, -1
"""Positions of article D's tokens; in article E, which writes no plus sign, b stands at 1."""
L0_ATTN, L0_MLP, L1_ATTN, L1_MLP = range(4)
"""Components in the order of the model."""
AFTER_L0, AFTER_L1 = 2, 4
"""Stages of the read-outs: after the embedding, then after each half-layer."""
ROLE_SHARE = 0.6
"""A head reads one number if its mean share on it is at least that."""


def no_mistake_on_held_out_pairs(of: OfPairs) -> Observed:
    """No wrong held-out pair."""
    wrong = of.wrong_held_out.sum(1)
    return Observed(wrong == 0, {"wrong held-out pairs": wrong, "wrong pairs": of.wrong.sum(1)})


def largest_share(of: OfPairs, position: int, layers: slice = slice(None)) -> Tensor:
    """The largest mean share of any head on one position."""
    return of.mean[:, layers, :, position].flatten(1).amax(1)


def some_head_reads_a_and_some_b(of: OfPairs) -> Observed:
    """At least one head with a mean share of 0.6 on a, and one on b."""
    shares = {f'largest mean share on "{name}"': largest_share(of, at) for name, at in (("a", A), ("b", B))}
    met = torch.stack(list(shares.values())).amin(0) >= ROLE_SHARE
    roles = {
        f'heads that read "{name}"': (of.mean[..., at] >= ROLE_SHARE).flatten(1).sum(1)
        for name, at in (("a", A), ("b", B), ("+", PLUS), ("=", EQUALS))
    }
    return Observed(met, {**shares, **roles})


def later_layers_read_the_operands(of: OfPairs) -> Observed:
    """Mean share on a and b together at least 0.5 in layers 1 and 2, and larger there than in layer 0."""
    share = of.mean.mean(2)
    operands = share[..., A] + share[..., B]
    later = operands[:, 1:].amin(1)
    met = (later >= 0.5) & (later > operands[:, 0])
    return Observed(met, {"share on a and b, smaller of layers 1 and 2": later, "in layer 0": operands[:, 0]})


def _on_plus(of: OfPairs) -> dict[str, Tensor]:
    share = of.mean.mean(2)[..., PLUS]
    return {f'share on "+", layer {layer}': each for layer, each in enumerate(share.unbind(1))}


def hardly_any_attention_on_plus(of: OfPairs) -> Observed:
    """Mean share on "+" at most 0.1 in every layer."""
    by_layer = _on_plus(of)
    largest = torch.stack(list(by_layer.values())).amax(0)
    return Observed(largest <= 0.1, {'largest share on "+" of a layer': largest, **by_layer})


def later_layers_read_plus_more(of: OfPairs) -> Observed:
    """Share on "+" in layers 1 and 2 at least twice that in layer 0."""
    by_layer = _on_plus(of)
    first, *later = by_layer.values()
    ratio = torch.stack(later).amin(0) / first
    return Observed(ratio >= 2, {'share on "+", smaller of layers 1 and 2 over layer 0': ratio, **by_layer})


def later_layers_are_sharper(of: OfPairs) -> Observed:
    """Mean entropy falls by at least 0.2 bits from layer 0 to layer 1 and to layer 2."""
    bits = of.bits.mean(2)
    fall = (bits[:, :1] - bits[:, 1:]).amin(1)
    by_layer = {f"entropy (bits), layer {layer}": each for layer, each in enumerate(bits.unbind(1))}
    return Observed(fall >= 0.2, {"smaller fall of the entropy (bits)": fall, **by_layer})


def heads_of_layer_0_rest_on_equals(of: OfPairs) -> Observed:
    """At least two heads of layer 0 with a mean share of 0.5 on "="."""
    heads = (of.mean[:, 0, :, EQUALS] >= 0.5).sum(1)
    largest = largest_share(of, EQUALS, slice(1))
    return Observed(heads >= 2, {'heads of layer 0 on "="': heads, "largest mean share of one": largest})


def an_mlp_makes_the_sum_readable(of: OfPairs) -> Observed:
    """A read-out of the sum gains at least 0.5 across an MLP and less than 0.1 across each attention."""
    gain = of.sum_read().diff(dim=1)
    across_attention, across_mlp = gain[:, ::2].amax(1), gain[:, 1::2].amax(1)
    values = {
        "largest gain across an MLP": across_mlp,
        "largest gain across an attention": across_attention,
        "gain across the first MLP": gain[:, L0_MLP],
        "read right, shuffled labels": of.sum_read(shuffled=True).amax(1),
    }
    return Observed((across_mlp >= 0.5) & (across_attention < 0.1), values)


def three_sums_show_the_mean(of: OfPairs) -> Observed:
    """The attention of the three sums lies within 0.1 of the mean over all inputs."""
    apart = of.examples_apart
    return Observed((apart <= 0.1).all(1), {"largest distance from the mean": apart.amax(1), "mean": apart.mean(1)})


def one_head_of_layer_0_for_each_number(of: OfPairs) -> Observed:
    """In layer 0 some head with a mean share of 0.7 on a, and some head with 0.7 on b."""
    shares = {f'largest mean share on "{name}"': largest_share(of, at, slice(1)) for name, at in (("a", 0), ("b", 1))}
    return Observed(torch.stack(list(shares.values())).amin(0) >= 0.7, shares)


def layer_1_is_more_uniform(of: OfPairs) -> Observed:
    """Mean entropy in layer 1 at least 0.2 bits above that of layer 0."""
    first, second = of.bits.mean(2).unbind(1)
    values = {"rise of the entropy (bits)": second - first, "layer 0": first, "layer 1": second}
    return Observed(second - first >= 0.2, values)


PART_NAMES = ("L0 attn", "L0 mlp", "L1 attn", "L1 mlp")


def _recovered(of: OfPairs) -> dict[str, Tensor]:
    at_row, everywhere = of.recovery_at_equals.unbind(1), of.recovery.unbind(1)
    return {
        **{f"recovery of {name}": each for name, each in zip(PART_NAMES, at_row, strict=True)},
        **{f"{name}, patched everywhere": each for name, each in zip(PART_NAMES, everywhere, strict=True)},
        "largest of a random push, everywhere": of.recovery_push.amax(1),
    }


def recovery_is_as_printed(of: OfPairs) -> Observed:
    """Recovery of both parts, patched at "=", within 0.1 of what is printed, and the last MLP's the largest."""
    recovery = of.recovery_at_equals
    printed = torch.tensor([PATCHING_RECOVERY["L0 attn"], PATCHING_RECOVERY["L1 mlp"]], dtype=recovery.dtype)
    off = (recovery[:, [L0_ATTN, L1_MLP]] - printed).abs().amax(1)
    met = (off <= 0.1) & (recovery.argmax(1) == L1_MLP)
    return Observed(met, {"larger distance from the printed number": off, **_recovered(of)})


def the_parts_between_recover_little(of: OfPairs) -> Observed:
    """Layer 0's MLP and layer 1's attention, patched at "=", recover at most 0.3."""
    larger = of.recovery_at_equals[:, [L0_MLP, L1_ATTN]].amax(1)
    return Observed(larger <= 0.3, {"larger recovery of L0 mlp and L1 attn": larger, **_recovered(of)})


def the_sum_is_read_late(of: OfPairs) -> Observed:
    """The article's probe reads the sum on 2 to 15 % of held-out pairs after layer 0, and on 75 % after layer 1."""
    embed, first, last = of.probe.unbind(1)
    by_lines = of.sum_read()
    values = {
        "read right after layer 0": first,
        "after layer 1": last,
        "after the embedding": embed,
        "shuffled labels": of.probe_shuffled.amax(1),
        "by discriminant analysis after layer 0": by_lines[:, AFTER_L0],
        "by discriminant analysis after layer 1": by_lines[:, AFTER_L1],
    }
    return Observed((first >= 0.02) & (first <= 0.15) & (last >= 0.75), values)


Readings = tuple[OfLatents, ...]
"""Dictionaries by each way to read what the article leaves open: its error summed over dimensions, or averaged."""


def readings(kind: Kind) -> Readings:
    """The dictionaries of both readings; raises as ``profile`` does."""
    return tuple(latents(f"E, latents, {how}", kind) for how in ("summed", "averaged"))


def latents_stand_for_residues(of: Readings) -> Observed:
    """At least half of the live latents have a one-residue F1 of 0.8 for the sum; a latent fires above zero."""
    shares = torch.cat([each.residues for each in of])
    values = {"share of live latents with F1 of 0.8": shares}
    for how, each in zip(("summed", "averaged"), of, strict=False):
        values |= {
            f"error {how}": each.residues,
            f"error {how}, best thresholds": each.residues_best,
            f"error {how}, live latents": each.live,
        }
    return Observed(shares >= 0.5, values)
