"""The alternatives: what the articles leave open, done otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass

from tinycircuits.models.build import ModelSpec
from tinycircuits.results.tables.studies import STUDIES, RunSpec, Study
from tinycircuits.tasks import OrderedSplit
from tinycircuits.training.recipe import EpochBatches, TrainSpec


@dataclass(frozen=True)
class Alternative:
    """A study with one choice made otherwise, trained from a few seeds.

    ``choice`` names what is changed, ``value`` to what. Where ``sweep`` is named the models are stored as that sweep;
    else only what is measured on them is kept. ``left_open`` is false where the article fixes the choice, and the
    question is what depends on it.
    """

    study: Study
    choice: str
    value: str
    model: ModelSpec
    train: TrainSpec
    seeds: range
    sweep: str | None = None
    left_open: bool = True

    @property
    def name(self) -> str:
        """``E, embeddings start at 1/4``."""
        return f"{self.study.article}, {self.choice} {self.value}"

    def spec(self, seed: int) -> RunSpec:
        """The full description of the model of one seed."""
        return RunSpec(task=self.study.task, model=self.model, train=self.train, seed=seed)


START_SIZES = {"1/16": 1 / 16, "1/8": 1 / 8, "1/4": 1 / 4, "1/2": 1 / 2, "1": 1.0}
"""Standard deviations at which the embeddings of article E's class may start; 1 is what it prints."""
LARGE_BATCHES = "large batches, embeddings start at"
"""The same sizes, trained in batches of 512 at a constant rate: a recipe by which small starts finish in time."""


def _of_addition() -> Iterator[Alternative]:
    e, d = STUDIES["addition-97-2l"], STUDIES["addition-113-3l"]

    def trained(study_: Study, choice: str, value: str, **changes: object) -> Alternative:
        return Alternative(study_, choice, value, study_.model, study_.train.model_copy(update=changes), range(3))

    yield trained(e, "weight decay", "0", weight_decay=0.0)
    yield trained(e, "weight decay", "0.1", weight_decay=0.1)
    yield trained(e, "decay of the rate", "none", decay="constant", warmup_steps=0)
    large = EpochBatches(epochs=60, batch_size=512)
    plain = e.train.model_copy(update={"batches": large, "decay": "constant", "warmup_steps": 0})
    yield Alternative(e, "batch and length", "512, 60, rate constant", e.model, plain, range(5))
    for value, embed_std in START_SIZES.items():
        if embed_std != e.model.default_embed_std:
            model = e.model.model_copy(update={"embed_std": embed_std})
            for choice, recipe in (("embeddings start at", e.train), (LARGE_BATCHES, plain)):
                yield Alternative(e, choice, value, model, recipe, range(5), left_open=False)
    torch_start = d.model.model_copy(update={"start": "torch"})
    as_many = range(d.n_seeds)  # three beside five could show nothing
    yield Alternative(d, "start", PYTORCH, torch_start, d.train, as_many)


OLDER, PYTORCH = "TransformerLens 3's", "PyTorch's"
"""Two other starts of the weights: those of the library when the articles were written, and those of PyTorch."""


def _of_reversal() -> Iterator[Alternative]:
    """All in single precision, as the sweeps that they stand beside."""
    c, b, a = (STUDIES[f"reversal-{shape}"] for shape in ("4d-2l", "8d-1l", "8d-2l"))

    def built(study_: Study, choice: str, value: str, key: str, n_seeds: int, **changes: object) -> Alternative:
        model, train = study_.model.model_dump(), study_.train.model_dump() | {"dtype": "float32"}
        for name, value_ in changes.items():
            (model if name in model else train)[name] = value_
        name = f"open-{study_.article.lower()}-{key}"
        return Alternative(study_, choice, value, ModelSpec(**model), TrainSpec(**train), range(n_seeds), name)

    for study_, n_seeds in ((a, 5), (b, 8), (c, 250)):
        yield built(study_, "start", OLDER, "hooked", n_seeds, start="hooked")
        yield built(study_, "start", PYTORCH, "torch", n_seeds, start="torch")
    yield built(a, "LayerNorm", "none", "raw", 5, layer_norm=False)
    ordered = b.train.model_copy(update={"dtype": "float32", "split": OrderedSplit(n_train=60_000)})
    yield Alternative(b, "split", "ordered", b.model, ordered, range(25), "seeds-b-ordered")


ALTERNATIVES = {each.name: each for each in (*_of_reversal(), *_of_addition())}
"""What the articles leave open, done in other usual ways, and the size of E's start, by name."""
