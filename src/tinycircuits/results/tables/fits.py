"""The fits: what is fitted on the states of a published model."""

from dataclasses import dataclass

from pydantic import Field

from tinycircuits.models.clockwork import ClockworkSpec
from tinycircuits.results.tables.machines import D_MODEL, MACHINES
from tinycircuits.results.tables.studies import RunSpec, study
from tinycircuits.specs import Spec, checked_seed
from tinycircuits.training.dictionaries import ProbeSpec, SaeSpec

EVERY_STAGE = "every stage"


class FitSpec(Spec):
    """All that one stored fit depends on: the run or the machine set by hand, the place in it, recipe and seed."""

    run: RunSpec | ClockworkSpec
    site: str
    recipe: SaeSpec | ProbeSpec
    seed: int = Field(ge=0)


@dataclass(frozen=True)
class Fit:
    """One row of the table: a recipe for something fitted on one model, at the answer's row.

    The model is the published one of a study, or the machine ``by_hand``, of which ``study`` is the name.

    ``site`` is the component whose output an autoencoder rebuilds; a read-out is fitted at every stage.
    """

    name: str
    study: str
    title: str
    site: str
    recipe: SaeSpec | ProbeSpec
    n_seeds: int = 5
    by_hand: ClockworkSpec | None = None

    @property
    def seeds(self) -> range:
        """Seeds that are stored."""
        return range(self.n_seeds)

    def spec(self, seed: int) -> FitSpec:
        """The full description of the fit with this seed; raises ``ValueError`` for one out of range."""
        run = self.by_hand
        if run is None:
            chosen = study(self.study)
            run = chosen.spec(chosen.published_seed)
        return FitSpec(run=run, site=self.site, recipe=self.recipe, seed=checked_seed(seed))


# Article E gives width, coefficient, optimizer, epochs and batch; it leaves open how its loss is averaged. Either both
# terms are summed over dimensions and latents, or the error is averaged over the dimensions, as `mse_loss` does: the
# same coefficient then weighs as many times as much as there are dimensions. Both are averaged over the batch.
_SUMMED = SaeSpec(width=512, l1=1e-3, lr=1e-3, epochs=200, batch_size=128)
_AVERAGED = _SUMMED.model_copy(update={"l1": 128 * _SUMMED.l1})
ARTICLE_PROBE = ProbeSpec(steps=200, lr=1e-2, fit_share=0.8)
"""Article E's linear probe: full-batch steps of Adam, four fifths of the inputs to fit."""


def _on_machine(machine: str, how: str) -> Fit:
    """As in article E, with four latents for each dimension of the stream as there; the same two readings."""
    times = D_MODEL if how == "averaged" else 1
    recipe = _SUMMED.model_copy(update={"width": 4 * D_MODEL, "l1": times * _SUMMED.l1})
    title = f"as in article E, error {how}"
    return Fit(f"{machine}-sae-{how}", f"{machine} set by hand", title, "L0 mlp", recipe, 2, MACHINES[machine])


_FITS = (
    Fit("addition-97-2l-sae-summed", "addition-97-2l", "as in article E, error summed", "L1 mlp", _SUMMED),
    Fit("addition-97-2l-sae-averaged", "addition-97-2l", "as in article E, error averaged", "L1 mlp", _AVERAGED),
    Fit("addition-97-2l-gpt2-sae-summed", "addition-97-2l-gpt2", "as in article E, error summed", "L1 mlp", _SUMMED),
    Fit("addition-97-2l-probe-article", "addition-97-2l", "as in article E", EVERY_STAGE, ARTICLE_PROBE),
    *(_on_machine(machine, how) for machine in MACHINES for how in ("summed", "averaged")),
)

FITS = {each.name: each for each in _FITS}


def fit_named(name: str) -> Fit:
    """The fit of that name; raises ``ValueError`` that lists the known names."""
    if name not in FITS:
        raise ValueError(f"unknown fit {name!r}; known are {', '.join(FITS)}")
    return FITS[name]
