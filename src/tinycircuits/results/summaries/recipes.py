"""What the articles choose and what they leave open, beside what the studies do."""

from collections.abc import Callable

import pandas as pd

from tinycircuits.articles import ARTICLES, CHOICES, Value, given, plainly
from tinycircuits.results.tables.alternatives import OLDER, PYTORCH
from tinycircuits.results.tables.profiles import SOURCES
from tinycircuits.results.tables.studies import Study, study
from tinycircuits.tasks import OrderedSplit
from tinycircuits.training.lanes.layout import layout
from tinycircuits.training.recipe import EpochBatches, TrainSpec

STARTS = {"gpt2": "TransformerLens 4's", "hooked": OLDER, "torch": PYTORCH}
"""The starts of ``ModelSpec`` by the names of their libraries."""


def studied(article: str) -> Study:
    """The study that rebuilds an article."""
    return study(SOURCES[article].study)


def _yes(found: bool) -> str:
    return "yes" if found else "no"


def _biases(of: Study, *, unembedding: bool) -> str:
    names = layout(of.model, of.task).shapes
    maps = [name.removesuffix(".weight") for name, shape in names.items() if len(shape) == 2 and "layers." in name]
    return _yes(all(f"{each}.bias" in names for each in (["head"] if unembedding else maps)))


def _sizes(of: Study) -> tuple[int, int]:
    n_train = of.train.split.n_train
    return n_train, len(of.task.sequences()) - n_train


def _length(train: TrainSpec) -> str:
    batches = train.batches
    return f"{batches.epochs:,} epochs" if isinstance(batches, EpochBatches) else f"{batches.steps:,} steps"


OURS: dict[str, Callable[[Study], Value]] = {
    "layers": lambda of: of.model.n_layers,
    "heads in a layer": lambda of: of.model.n_heads,
    "d_model": lambda of: of.model.d_model,
    "d_head": lambda of: of.model.d_head,
    "d_mlp": lambda of: of.model.d_mlp or 0,
    "activation": lambda of: {"relu": "ReLU", "gelu": "GELU"}[of.model.act_fn],
    "LayerNorm": lambda of: _yes(of.model.layer_norm),
    "positions": lambda of: "learned" if "pos.weight" in layout(of.model, of.task).shapes else "fixed",
    "biases of the maps": lambda of: _biases(of, unembedding=False),
    "bias of the unembedding": lambda of: _biases(of, unembedding=True),
    "start of the weights": lambda of: STARTS[of.model.start],
    "vocabulary": lambda of: of.task.d_vocab,
    "context": lambda of: of.task.n_ctx,
    "answers that count": lambda of: of.task.n_answers,
    "training set / holdout": _sizes,
    "order before the split": lambda of: "ordered" if isinstance(of.train.split, OrderedSplit) else "shuffled",
    "seed of the split": lambda of: "none" if isinstance(of.train.split, OrderedSplit) else of.train.split.seed,
    "batch": lambda of: of.train.batches.batch_size,
    "drawing of batches": lambda of: "in epochs" if isinstance(of.train.batches, EpochBatches) else "each anew",
    "length": lambda of: _length(of.train),
    "optimizer": lambda of: "AdamW",
    "learning rate": lambda of: of.train.lr,
    "decay of the rate": lambda of: "none" if of.train.decay == "constant" else of.train.decay,
    "warm-up": lambda of: _yes(of.train.warmup_steps > 0),
    "weight decay": lambda of: of.train.weight_decay,
    "gradient clipping": lambda of: "none" if of.train.clip_norm is None else "clipped",
    "precision": lambda of: {"float32": "single", "float64": "double"}[of.train.dtype],
    "seed of the model": lambda of: of.published_seed,
    "models shown": lambda of: SOURCES[of.article].n_seeds or len(of.seeds),
    "inputs looked at": lambda of: len(of.task.sequences()),
}
"""For each choice of the articles what a study does, computed from its description."""

IN_FULL: dict[str, Callable[[Study], str]] = {
    "optimizer": lambda of: "AdamW, betas {:g} and {:g}".format(*of.train.betas),
    "warm-up": lambda of: f"{of.train.warmup_steps:,} steps" if of.train.warmup_steps else "no",
    "gradient clipping": lambda of: f"at norm {of.train.clip_norm:g}" if of.train.clip_norm else "none",
    "models shown": lambda of: f"{OURS['models shown'](of):,}",
    "inputs looked at": lambda of: f"all {OURS['inputs looked at'](of):,}",
}
"""Where more is to be said than what an article's word can be compared with."""


def training_recipe(of: Study) -> dict[str, Value]:
    """How the model of a study is trained, by the words of a table."""
    train = of.train
    return {
        "split": "ordered" if isinstance(train.split, OrderedSplit) else "shuffled",
        "training set": train.split.n_train,
        "length": _length(train),
        "batch": train.batches.batch_size,
        "learning rate": train.lr,
        "warm-up": train.warmup_steps,
        "decay": train.decay,
        "clipping": train.clip_norm or "none",
        "weight decay": train.weight_decay,
    }


def choices(article: str) -> pd.DataFrame:
    """One row for each choice: what the article gives, by number, by a word or not at all, and what the study does."""
    of = studied(article)
    rows = []
    for choice in CHOICES:
        said = given(article, choice)
        ours = IN_FULL[choice](of) if choice in IN_FULL else plainly(OURS[choice](of))
        rows.append(
            {"article": article, "choice": choice, "there": said.says or None, "given": said.status, "here": ours}
        )
    return pd.DataFrame(rows)


def every_choice() -> pd.DataFrame:
    """The rows of all articles, one under the other."""
    return pd.concat([choices(article) for article in ARTICLES], ignore_index=True)


def choice_grid() -> pd.DataFrame:
    """One row for each choice, one column for each article: what the study does; in italics where nothing is said.

    In brackets what the article says, where its words are others.
    """
    table = every_choice()
    said = table["there"].fillna("")
    cells = table.assign(cell=[_beside(*each) for each in zip(table["here"], said, strict=True)])
    grid = cells.pivot(index="choice", columns="article", values="cell").loc[list(CHOICES)]
    return grid.rename_axis(columns=None).reset_index()


def _beside(here: str, there: str) -> str:
    if not there:
        return f"*{here}*"
    if here.startswith(there):
        return here
    return f"{here} ({there.removeprefix(here).lstrip(', ')})"


def other_than_given(article: str) -> dict[str, tuple[tuple[Value, ...], Value]]:
    """Where the study does something that does not fit what the article gives: what would fit, and what it does."""
    of = studied(article)
    both = {choice: (given(article, choice).allows, OURS[choice](of)) for choice in CHOICES}
    return {choice: (allows, ours) for choice, (allows, ours) in both.items() if allows and ours not in allows}
