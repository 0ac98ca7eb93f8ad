"""Grokking: how the trainings that are kept as they go are trained, and what is kept of each round."""

from collections.abc import Iterable
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from tinycircuits.interp.fourier import clock_shares, frequency_shares, pair_logits
from tinycircuits.interp.progress import above_the_floor, gini, neuron_logit_map, progress
from tinycircuits.models.build import build, named_parameters
from tinycircuits.models.weights import flat_weights, named_weights, put_weights
from tinycircuits.results import grokked
from tinycircuits.results.differences import tensors_that_differ
from tinycircuits.results.door import Entry, Made, Work
from tinycircuits.results.rows import Row
from tinycircuits.results.runs import columns, rounds_of
from tinycircuits.results.store import Stored
from tinycircuits.results.tables.grokking import GROKKINGS, GrokkingRow, GrokkingSpec
from tinycircuits.results.text import of
from tinycircuits.tasks import ModularAddition
from tinycircuits.training.device import one_thread
from tinycircuits.training.loop import Checkpoint, train

TOLERANCE = 1e-6
"""Difference of a loss or share, relative to the larger one, that another processor's float64 may make."""
SPLITS = ("train", "holdout")


def rows() -> list[Row]:
    """The rows of the table of grokking."""
    return [row_of(each) for each in GROKKINGS.values()]


def row_of(chosen: GrokkingRow) -> Row:
    """A training as a row of what is stored."""

    def entries(seeds: Iterable[int]) -> list[Entry]:
        return [entry(chosen, seed) for seed in seeds]

    return Row("grokking", chosen.name, chosen.name, f"grokking, {chosen.title}", chosen.seeds, entries)


def entry(chosen: GrokkingRow, seed: int) -> Entry:
    """The training of one seed as an entry."""
    return Entry(
        **vars(grokked.place(chosen, seed)),
        make=partial(_make, chosen, seed),
        check=partial(_check, chosen, seed),
        says=_said,
        sampled="; the last round evaluated again",
    )


def looked_at(model: TransformerBridge, spec: GrokkingSpec, keys: tuple[int, ...]) -> dict[str, Tensor]:
    """What is kept of one round, as in ``Grokking``, computed in float64."""
    task, split = spec.of.task, spec.of.train.split
    assert isinstance(task, ModularAddition)
    p, indices = task.modulus, split.indices(task.modulus**2)
    logits, answers = pair_logits(model, task), task.answers(task.sequences()).reshape(p, p)
    parts = {name: torch.zeros(p * p, dtype=torch.bool) for name in SPLITS}
    parts["train"][indices.train] = parts["holdout"][indices.holdout] = True
    squares = {name: part.reshape(p, p) for name, part in parts.items()}
    wrong = logits.argmax(-1) != answers
    embedded, neurons = model.W_E[:p].detach(), neuron_logit_map(model, task)
    shares = {"of_embedding": frequency_shares(embedded), "of_neurons": frequency_shares(neurons)}
    norms = {f"norm.{name}": each.double().square().sum() for name, each in named_weights(model).items()}
    return {
        "wrong": torch.stack([wrong[squares[name]].sum() for name in SPLITS]).int(),
        **progress(logits, answers, keys, squares),
        **shares,
        "of_logits": clock_shares(logits[..., :p]),
        "gini_embedding": gini(shares["of_embedding"]),
        "gini_neurons": gini(shares["of_neurons"]),
        **norms,
    }


@one_thread()
def _make(chosen: GrokkingRow, seed: int, work: Work) -> Made:
    spec = chosen.spec(seed)
    weights = _trained(spec, work)
    return Made(*_measured(spec, weights))


def _trained(spec: GrokkingSpec, work: Work) -> Float[Tensor, "round weight"]:
    """The weights before the training and after each round; a training that was broken off goes on."""
    run, before = spec.of, work.latest()
    model = build(run.model, run.task, seed=run.seed, dtype=run.train.dtype)
    named = named_parameters(model)
    rounds, resume = [flat_weights(model)], None
    if before is not None:
        tensors = dict(before.tensors)
        rounds = list(tensors.pop("rounds"))
        resume = Checkpoint(tensors, rounds_of(before.metrics["history"]))

    @torch.no_grad()
    def after(checkpoint: Checkpoint) -> None:
        for name, parameter in named.items():
            parameter.copy_(checkpoint.tensors[f"parameter/{name}"])
        rounds.append(flat_weights(model))
        done = {**checkpoint.tensors, "rounds": torch.stack(rounds)}
        work.keep(len(rounds) - 1, {"history": columns(checkpoint.history)}, done)

    train(
        run.task,
        run.model,
        run.train,
        seed=run.seed,
        device=work.device,
        resume=resume,
        on_round=after,
        progress=work.bar,
    )
    return torch.stack(rounds)


def _measured(
    spec: GrokkingSpec, weights: Float[Tensor, "round weight"]
) -> tuple[dict[str, list[int]], dict[str, Tensor]]:
    """Metrics and tensors of a training whose rounds have these weights."""
    task = spec.of.task
    assert isinstance(task, ModularAddition)
    model = build(spec.of.model, task, seed=0, dtype="float64")
    keys = above_the_floor(neuron_logit_map(put_weights(model, weights[-1].double()), task))
    looks = [looked_at(put_weights(model, row.double()), spec, keys) for row in weights]
    tensors = {name: torch.stack([each[name] for each in looks]).contiguous() for name in looks[0]}
    kept = {"keys": torch.tensor(keys, dtype=torch.int32), "kept": weights[list(spec.kept)].float()}
    return _counts(tensors["wrong"]), {**tensors, **kept}


def _counts(wrong: Int[Tensor, "round part"]) -> dict[str, list[int]]:
    return {f"wrong_{name}": each.tolist() for name, each in zip(SPLITS, wrong.unbind(1), strict=True)}


def _check(chosen: GrokkingRow, seed: int, stored: Stored, whole: bool) -> list[str]:
    """The rounds whose weights are kept, or the last, looked at again."""
    spec, tensors = chosen.spec(seed), stored.tensors
    found = [] if stored.metrics == _counts(tensors["wrong"]) else ["metrics"]
    model, keys = build(spec.of.model, spec.of.task, seed=0, dtype="float64"), tuple(tensors["keys"].tolist())
    for round_, weights in list(zip(spec.kept, tensors["kept"], strict=True))[0 if whole else -1 :]:
        now = looked_at(put_weights(model, weights.double()), spec, keys)
        differ = tensors_that_differ(now, {name: tensors[name][round_] for name in now}, tolerance=TOLERANCE)
        found += [f"{name} after round {round_}" for name in differ]
    return found


def _said(stored: Stored) -> str:
    held = stored.metrics["wrong_holdout"]
    return f"{len(held) - 1} rounds, on the holdout without a mistake after {of(sum(not w for w in held), len(held))}"
