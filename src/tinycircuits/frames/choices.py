"""What the articles choose and what they leave open, beside what the studies do; and what becomes of the verdicts."""

from collections.abc import Callable

import pandas as pd

from tinycircuits.articles import (
    ABLATED_ACCURACY,
    ACCURACY_AT_STEP,
    ARTICLES,
    CHOICES,
    PATCHING_RECOVERY,
    PROBE_ACCURACY,
    Value,
    given,
    plainly,
)
from tinycircuits.claims.choices import Compared, alternatives, compared, in_the_book, learned, statements
from tinycircuits.claims.judge import Elsewhere
from tinycircuits.claims.ledger import finding
from tinycircuits.claims.rules import OF_MODELS
from tinycircuits.claims.statements import Verdict
from tinycircuits.models.build import ModelSpec
from tinycircuits.results.profiles import SOURCES
from tinycircuits.results.tables.alternatives import OLDER, PYTORCH, Alternative
from tinycircuits.results.tables.studies import Study, study
from tinycircuits.tasks import OrderedSplit
from tinycircuits.training.lanes import layout
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


def _model(read: Callable[[ModelSpec], Value]) -> Callable[[Study], Value]:
    return lambda of: read(of.model)


def _train(read: Callable[[TrainSpec], Value]) -> Callable[[Study], Value]:
    return lambda of: read(of.train)


OURS: dict[str, Callable[[Study], Value]] = {
    "layers": _model(lambda model: model.n_layers),
    "heads in a layer": _model(lambda model: model.n_heads),
    "d_model": _model(lambda model: model.d_model),
    "d_head": _model(lambda model: model.d_head),
    "d_mlp": _model(lambda model: model.d_mlp or 0),
    "activation": _model(lambda model: {"relu": "ReLU", "gelu": "GELU"}[model.act_fn]),
    "LayerNorm": _model(lambda model: _yes(model.layer_norm)),
    "positions": lambda of: "learned" if "pos.weight" in layout(of.model, of.task).shapes else "fixed",
    "biases of the maps": lambda of: _biases(of, unembedding=False),
    "bias of the unembedding": lambda of: _biases(of, unembedding=True),
    "start of the weights": _model(lambda model: STARTS[model.start]),
    "vocabulary": lambda of: of.task.d_vocab,
    "context": lambda of: of.task.n_ctx,
    "answers that count": lambda of: of.task.n_answers,
    "training set / holdout": _sizes,
    "order before the split": _train(lambda t: "ordered" if isinstance(t.split, OrderedSplit) else "shuffled"),
    "seed of the split": _train(lambda t: "none" if isinstance(t.split, OrderedSplit) else t.split.seed),
    "batch": _train(lambda t: t.batches.batch_size),
    "drawing of batches": _train(lambda t: "in epochs" if isinstance(t.batches, EpochBatches) else "each anew"),
    "length": _train(_length),
    "optimizer": lambda of: "AdamW",
    "learning rate": _train(lambda t: t.lr),
    "decay of the rate": _train(lambda t: "none" if t.decay == "constant" else t.decay),
    "warm-up": _train(lambda t: _yes(t.warmup_steps > 0)),
    "weight decay": _train(lambda t: t.weight_decay),
    "gradient clipping": _train(lambda t: "none" if t.clip_norm is None else "clipped"),
    "precision": _train(lambda t: {"float32": "single", "float64": "double"}[t.dtype]),
    "seed of the model": lambda of: of.published_seed,
    "models shown": lambda of: SOURCES[of.article].n_seeds or len(of.seeds),
    "inputs looked at": lambda of: len(of.task.sequences()),
}
"""For each choice of the articles what a study does, computed from its description."""

IN_FULL: dict[str, Callable[[Study], str]] = {
    "optimizer": lambda of: "AdamW, betas {:g} and {:g}".format(*of.train.betas),
    "warm-up": lambda of: f"{of.train.warmup_steps:,} steps" if of.train.warmup_steps else "none",
    "gradient clipping": lambda of: f"at norm {of.train.clip_norm:g}" if of.train.clip_norm else "none",
    "models shown": lambda of: f"{OURS['models shown'](of):,}",
    "inputs looked at": lambda of: f"all {OURS['inputs looked at'](of):,}",
}
"""Where more is to be said than what an article's word can be compared with."""


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


def other_than_given(article: str) -> dict[str, tuple[tuple[Value, ...], Value]]:
    """Where the study does something that does not fit what the article gives: what would fit, and what it does."""
    of = studied(article)
    both = {choice: (given(article, choice).allows, OURS[choice](of)) for choice in CHOICES}
    return {choice: (allows, ours) for choice, (allows, ours) in both.items() if allows and ours not in allows}


SHORT: dict[Verdict, str] = {
    "holds": "yes",
    "holds for some seeds": "some",
    "does not hold": "no",
    "not testable as stated": "none",
}
"""Verdicts in a word; ``none`` where no seed counts, because none solves the task."""
STAR = r"\*"
"""Set behind a share that differs by more than seeds do."""


def _cell(seen: Elsewhere) -> str:
    return f"{SHORT[seen.verdict]} {_count(seen)}" if seen.judged else SHORT[seen.verdict]


def _count(seen: Elsewhere) -> str:
    return f"{seen.met:,}/{seen.judged:,}"


def verdict_grid(article: str) -> pd.DataFrame:
    """One row for the study and each alternative, one column for each statement: verdict, models that meet the rule.

    A verdict that is another one is in bold. A star follows a share that differs by more than seeds do: behind such a
    verdict, and behind the models that make no mistake.
    """
    others = alternatives(article)
    first = {name: _cell(in_the_book(name)) for name in statements(article)}
    rows = [{"made otherwise": "as in the book", "faultless": _count(learned(others[0].name).usual), **first}]
    for other in others:
        learning = learned(other.name)
        cells = {pair.claim: _marked(pair) for pair in compared(other.name)}
        faultless = _count(learning.other) + STAR * learning.unlike
        rows.append({"made otherwise": _named(other), "faultless": faultless, **cells})
    return pd.DataFrame(rows)


def _marked(pair: Compared) -> str:
    if not pair.moves:
        return _cell(pair.other)
    return f"**{SHORT[pair.other.verdict]}**{STAR * pair.unlike} {_count(pair.other)}"


def _named(other: Alternative) -> str:
    return f"{other.choice}: {'older library' if other.value == OLDER else other.value}"


def moves(article: str) -> pd.DataFrame:
    """One row for each alternative of an article: how many models learn the task, what becomes of the statements."""
    rows = []
    for other in alternatives(article):
        pairs, learning = compared(other.name), learned(other.name)
        moved = [pair.claim + STAR * pair.unlike for pair in pairs if pair.moves]
        rows.append(
            {
                "article": article,
                "made otherwise": _named(other),
                "faultless here": _count(learning.usual),
                "there": _count(learning.other) + STAR * learning.unlike,
                "statements": len(pairs),
                "nothing to judge by": sum(not pair.judged for pair in pairs),
                "another verdict": len(moved),
                "which": ", ".join(moved) or "none",
            }
        )
    return pd.DataFrame(rows)


PRINTED_NUMBERS: tuple[tuple[str, str, str, float], ...] = (
    ("B5", "right without the MLP's weights", "share right, all inputs", ABLATED_ACCURACY["L0 mlp"]),
    ("B6", "right without attention's weights", "share right, all inputs", ABLATED_ACCURACY["L0 attn"]),
    *(
        ("C2", f"right on the holdout at step {step:,}", f"held-out share right, step {step:,}", held_out)
        for step, (_, held_out) in ACCURACY_AT_STEP.items()
    ),
    *(("E3", f"recovery of {part}", f"recovery of {part}", share) for part, share in PATCHING_RECOVERY.items()),
    ("E5", "sum read after layer 0", "read right after layer 0", PROBE_ACCURACY["L0 resid_post"]),
    ("E5", "sum read after layer 1", "after layer 1", PROBE_ACCURACY["L1 resid_post"]),
)
"""Numbers that articles print of one model: statement, what it is, its name among what is measured, the number."""


def one_beside_many() -> pd.DataFrame:
    """One row for each number that an article prints of its one model, beside the range of the study's models."""
    rows = []
    for name, what, key, printed in PRINTED_NUMBERS:
        found = finding(name)
        spread, n = found.values[key], len(OF_MODELS[name].models().seeds) if name == "C2" else found.judged
        low, high = spread.low, spread.high
        row = {"statement": name, "number": what, "printed": printed, "median": spread.median, "low": low, "high": high}
        rows.append(row | {"models": n, "inside": low <= printed <= high})
    return pd.DataFrame(rows)
