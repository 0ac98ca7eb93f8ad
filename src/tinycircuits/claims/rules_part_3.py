"""What the rules of the book's part III see: modular addition."""

import torch
from jaxtyping import Bool
from torch import Tensor

from tinycircuits.claims.judge import Observed
from tinycircuits.claims.rules_addition import (
    AFTER_L0,
    L0_MLP,
    L1_ATTN,
    ROLE_SHARE,
    Readings,
    largest_share,
    some_head_reads_a_and_some_b,
)
from tinycircuits.claims.rules_part_1 import once
from tinycircuits.claims.starts import E, Starts
from tinycircuits.results.grokked import load_grokking
from tinycircuits.results.numbers import OfPairs, pairs
from tinycircuits.results.summaries.grokking import Milestones, milestones
from tinycircuits.results.tables.grokking import grokking_row
from tinycircuits.results.tables.profiles import SOURCES, Kind
from tinycircuits.results.tables.studies import study

Both = dict[str, OfPairs]
"""Profiles of articles D and E."""


def both(kind: Kind) -> Both:
    """Articles D and E; raises as ``profile`` does."""
    return {article: pairs(article, kind) for article in "DE"}


N_WAVES = 8
"""The few waves: so many of the logits' frequencies."""


def in_waves(article: str, *, trained: bool) -> float:
    """Share of the logits' variance in the strongest waves of a + b - c, over all pairs, in the published model."""
    waves = pairs(f"{article}, shown", "published" if trained else "untrained").waves[0]
    return float(waves.sort(descending=True).values[:N_WAVES].sum())


def it_adds_on_a_clock(of: Both) -> Observed:
    """The published models miss no pair, at most one seed misses more than a hundredth of the held-out pairs, and a few
    waves of a + b - c hold at least half of the logits' variance."""
    trained = {each.kind for each in of.values()} == {"trained"}
    missed, shown, waves = [], [], []
    for article, each in of.items():
        chosen = study(SOURCES[article].study)
        n = len(chosen.task.sequences()) - chosen.train.split.n_train
        missed += (each.wrong_held_out.sum(1) / n).tolist()
        published = each.seeds.tolist().index(chosen.published_seed) if trained else 0
        shown.append(int(each.wrong.sum(1)[published]))
        waves.append(in_waves(article, trained=trained))
    late = sum(share > 0.01 for share in missed)
    values = {
        "seeds that miss more than a hundredth": late,
        "largest share of held-out pairs missed": max(missed),
        "share of the logits in the waves": min(waves),
    }
    return once(late <= 1 and not any(shown) and min(waves) >= 0.5, values)


def hardly_a_head_for_one_number(of: Both) -> Observed:
    """Of either article fewer than half of the seeds have a head for a and one for b, and the attention of article D's
    last layer follows the sum more than both single numbers together, averaged over seeds."""
    heads = [some_head_reads_a_and_some_b(of["D"]).met, _reads_both(of["E"])]
    follows = of["D"].follows[:, -1].mean(0)
    single, total = follows[:2].sum(), follows[2]
    met = all(each.double().mean() < 0.5 for each in heads) and total > single
    values = {
        "seeds with a head for a and one for b": torch.cat(heads).double().mean(),
        "follows the sum": total,
        "a or b": single,
    }
    return once(met, values)


def _reads_both(of: OfPairs) -> Bool[Tensor, " seed"]:
    """Whether some head of article E's model reads a and some head b."""
    return torch.stack([largest_share(of, 0), largest_share(of, 1)]).amin(0) >= ROLE_SHARE


WHERE_FORMED = {"D": L0_MLP, "E": L1_ATTN}
"""The component across which a read-out of the sum gains most."""


def the_sum_comes_up_in_one_place(of: Both) -> Observed:
    """A read-out of the sum gains at least 0.5 across the first MLP of every model of article D that solves the task,
    and across the second attention of every one of article E."""
    met: list[Tensor] = []
    values: dict[str, Tensor] = {}
    for article, each in of.items():
        gain = each.sum_read().diff(dim=1)[each.solved | (each.kind != "trained")]
        there, others = gain[:, WHERE_FORMED[article]], gain.clone()
        others[:, WHERE_FORMED[article]] = 0
        met.append((there >= 0.5) & (gain.argmax(1) == WHERE_FORMED[article]))
        values |= {f"gain there, {article}": there, f"largest gain elsewhere, {article}": others.amax(1)}
    return Observed(torch.cat(met), values)


def only_one_reading_finds_residues(of: Readings) -> Observed:
    """With the error summed fewer than a tenth of the live latents stand for one residue, and with it averaged at least
    nine tenths do, in every fit."""
    summed, averaged = (each.residues for each in of)
    met = bool((summed < 0.1).all() and (averaged >= 0.9).all())
    return once(met, {"error summed, largest": summed.max(), "averaged": averaged.min()})


def the_start_decides_where(of: Starts) -> Observed:
    """Of the models that miss at most a hundredth of the held-out pairs, every one from the smallest start reads the
    sum after layer 0 on at least nine tenths of them, every one from the printed start on fewer than half, and the
    median is nowhere more than a hundredth above that of the next smaller size."""
    after = {size: of.read(size)[:, AFTER_L0] for size in of.profiles}
    sizes = list(after)
    medians = torch.stack([after[size].quantile(0.5) for size in sizes])
    small, printed = after[sizes[0]], after[E.model.default_embed_std]
    met = bool((small >= 0.9).all() and (printed < 0.5).all() and (medians.diff() <= 0.01).all())
    values = {
        "read after layer 0, smallest start, lowest seed": small.min(),
        "printed start, highest seed": printed.max(),
        "largest rise of the median from one size to the next": medians.diff().max(),
        "models that count": torch.tensor(float(sum(map(len, after.values())))),
    }
    return once(met, values)


def trainings(*names: str) -> dict[str, list[Milestones]]:
    """Milestones of every seed of some trainings that are kept round by round; raises as ``load_grokking`` does."""
    return {name: [milestones(load_grokking(name, seed)) for seed in grokking_row(name).seeds] for name in names}


def it_understands_late_and_its_waves_grow_before(of: dict[str, list[Milestones]]) -> Observed:
    """Every seed knows all training pairs while more than half of the held-out pairs are wrong, misses at most a
    hundredth of them in the end, and its key frequencies hold half of their last share of the neuron-logit map before
    half of the held-out pairs are right."""
    seeds = [each for of_name in of.values() for each in of_name]
    late = [each.missed_when_known is not None and 2 * each.missed_when_known > each.n_holdout for each in seeds]
    end = [each.wrong_at_end <= 0.01 * each.n_holdout for each in seeds]
    before = [each.half_of_waves is not None and each.half_of_waves < (each.half or 0) for each in seeds]
    values = {
        "seeds": len(seeds),
        "know their pairs while most others are wrong": sum(late),
        "understand in the end": sum(end),
        "whose waves are half grown before": sum(before),
    }
    return once(all(late) and all(end) and all(before), {name: float(each) for name, each in values.items()})
