"""What the rule about clock and pizza sees: two machines set by hand, and the models of articles D and E."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tinycircuits.claims.judge import Observed
from tinycircuits.claims.rules_part_1 import once
from tinycircuits.results.summaries.torus import RIGHT, SYMMETRICITY, machines
from tinycircuits.results.torus import load_torus

OF = ("addition-113-3l.torus", "addition-97-2l.torus")


@dataclass(frozen=True)
class Ruler:
    """The poles, and the models that are laid beside them."""

    symmetricity: tuple[float, float]
    """Of pizza and clock without noise."""
    perfect: float
    """Distance irrelevance of the clock without noise."""
    noisy: Float[Tensor, " machine"]
    """The same of the clocks with noise that make no mistake."""
    irrelevance: Float[Tensor, " model"]
    """Of the models."""
    phases: Float[Tensor, " model"]
    """Mean cosine of the phase differences in their first layer; 0 where no neuron follows one wave."""


def ruler(*, trained: bool = True) -> Ruler:
    """The trained models that make no mistake, or models before training. Raises as ``load_torus`` does."""
    by_hand = machines()
    pure, clock = by_hand[by_hand.noise == 0].set_index("spread"), by_hand[by_hand.spread == 1]
    noisy = clock[(clock.noise > 0) & (clock["wrong pairs"] == 0)][RIGHT]
    irrelevance, phases = [], []
    for found in (load_torus(name if trained else f"{name}, untrained") for name in OF):
        chosen = (found.wrong == 0).nonzero().flatten().tolist() if trained else range(len(found.of))
        irrelevance += [float(found.irrelevance[model, 0]) for model in chosen]
        phases += [found.mean_cosine(model, 0) for model in chosen]
    return Ruler(
        symmetricity=(float(pure[SYMMETRICITY][0.0]), float(pure[SYMMETRICITY][1.0])),
        perfect=float(pure[RIGHT][1.0]),
        noisy=torch.tensor(noisy.tolist()),
        irrelevance=torch.tensor(irrelevance),
        phases=torch.tensor(phases).nan_to_num(0.0),
    )


def the_numbers_do_not_say(of: Ruler) -> Observed:
    """Symmetricity is at least 0.95 of the pizza, at most 0.05 of the clock; distance irrelevance is below one half of
    the perfect clock and at least 0.9 of each noisy one; every model has 0.9 of it, and phases that agree by 0.95."""
    pizza, clock = of.symmetricity
    noisy, said, agree = (float(each.min()) for each in (of.noisy, of.irrelevance, of.phases))
    values = {
        "symmetricity of the pizza": pizza,
        "of the clock": clock,
        "irrelevance of the perfect clock": of.perfect,
        "least of a noisy one": noisy,
        "least of a model": said,
        "least cosine of its phases": agree,
    }
    ruled = pizza >= 0.95 and abs(clock) <= 0.05 and of.perfect < 0.5 and noisy >= 0.9
    return once(ruled and said >= 0.9 and agree >= 0.95, values)
