"""Models of every shape with changes that a reader may make, and what TransformerLens makes of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from transformer_lens.model_bridge import TransformerBridge

from tests.browser.engine import Engine, Touch
from tests.circuits import SPECS, scrambled
from tinycircuits.interp.touches import Touches
from tinycircuits.models.live import live_data
from tinycircuits.results.runs import load
from tinycircuits.tasks import ReverseIncrement

STUDIES = {"A": "reversal-8d-2l", "B": "reversal-8d-1l", "C": "reversal-4d-2l"}
TASK = ReverseIncrement(n_digits=3)
OTHER = [2, 0, 3]
NEAR = 1e-9


@cache
def model_of(shape: str) -> TransformerBridge:
    """A model of a shape, all weights at random."""
    return scrambled(SPECS[shape], TASK)


@cache
def data_of(shape: str) -> dict[str, Any]:
    """What a page has of it."""
    return live_data(model_of(shape), TASK, name=shape, study="none", seed=0)


@cache
def published(name: str) -> dict[str, Any]:
    """What a page has of an article's model."""
    run = load(STUDIES[name])
    return live_data(run.model, run.study.task, name=name, study=run.study.name, seed=run.seed)


@dataclass(frozen=True)
class Case:
    """Changes of a model, and the logits of all inputs after them."""

    shape: str
    touches: list[Touch]
    expected: Float[np.ndarray, "batch answer d_vocab"] = field(repr=False)

    def differing(self, engine: Engine) -> list[str]:
        """What the script gets wrong."""
        data = data_of(self.shape)
        found = engine.count(data, self.touches, OTHER)
        traced = engine.trace(data, self.touches, OTHER, inputs=list(range(len(self.expected))))
        wrong = self.expected.argmax(-1) != TASK.answers(TASK.sequences()).numpy()
        alike = {
            "logits": np.abs(found.logits - self.expected).max() < NEAR,
            "trace": np.abs(traced - self.expected).max() < NEAR,
            "wrong": found.wrong == wrong.sum(0).tolist(),
            "mistakes": found.mistakes.tolist() == wrong.sum(1).tolist(),
            "any": found.any == wrong.any(1).sum(),
        }
        return [name for name, holds in alike.items() if not holds]


@cache
def cases(shape: str, make: Callable[[dict[str, Any]], Iterator[list[Touch]]]) -> list[Case]:
    """The changes that ``make`` finds in a shape, with what the package makes of them."""
    return [Case(shape, touches, _expected(model_of(shape), touches)) for touches in make(data_of(shape))]


@torch.no_grad()
def _expected(model: TransformerBridge, touches: list[Touch]) -> Float[np.ndarray, "batch answer d_vocab"]:
    with Touches.read("_".join(map(_written, touches)), OTHER).on(model, TASK) as touched:
        return touched(TASK.inputs(TASK.sequences()))[:, list(TASK.predicting_rows)].numpy()


def _written(touch: Touch) -> str:
    if touch["kind"] == "hold":
        return touch["site"] + ("" if touch["pos"] is None else f"@{touch['pos']}") + f"~{touch['by']}"
    return f"{touch['name']}~0" if touch["kind"] == "zero" else f"{touch['name']}~{touch['index']}~{touch['value']!r}"


def one_of_each(data: dict[str, Any]) -> Iterator[list[Touch]]:
    """Nothing; then each site with a value, everywhere and at one position, and each parameter."""
    n, layers = data["n_digits"], range(data["n_layers"])
    sites = ["embed", *[site for layer in layers for site in (f"attn.{layer}", f"head.{layer}.0")]]
    if data["d_mlp"]:
        sites += [site for layer in layers for site in (f"mlp.{layer}", f"neuron.{layer}.1")]
    yield []
    for site in sites:
        for pos, by in ((None, "mean"), (2, "zero"), (n + 1, "other")):
            yield [{"kind": "hold", "site": site, "pos": pos, "by": by}]
    for layer in layers:
        for key, by in ((2, "zero"), (n + 1, "mean"), (0, "other")):
            yield [{"kind": "hold", "site": f"edge.{layer}.0.{n + 1}.{key}", "pos": None, "by": by}]
    for name, _ in data["parameters"]:
        yield [{"kind": "zero", "name": name}]
        yield [{"kind": "weight", "name": name, "index": 1, "value": 0.7}]


def some_at_once(data: dict[str, Any]) -> Iterator[list[Touch]]:
    """Several changes at random."""
    random = Random(1)
    for number in (2, 2, 3, 3, 4, 5, 6, 8) * 2:
        yield some_touches(data, random, number)


def far_out(data: dict[str, Any]) -> Iterator[list[Touch]]:
    """Weights so large that one key gets all attention, in several ways."""
    for layer in range(data["n_layers"]):
        for letter, value in (("Q", 3e3), ("K", -3e3), ("Q", -1e6)):
            yield [{"kind": "weight", "name": f"blocks.{layer}.attn.W_{letter}", "index": 0, "value": value}]


def some_touches(data: dict[str, Any], random: Random, number: int) -> list[Touch]:
    """Touches of different places, of every kind that the model has."""
    touches: dict[str, Touch] = {}
    while len(touches) < number:
        touch = _touch(data, random)
        touches.setdefault(repr([touch.get(key) for key in ("kind", "site", "pos", "name", "index")]), touch)
    return list(touches.values())


def _touch(data: dict[str, Any], random: Random) -> Touch:
    kind = random.choice(("hold", "hold", "hold", "weight", "zero"))
    if kind != "hold":
        name, shape = random.choice(data["parameters"])
        if kind == "zero":
            return {"kind": "zero", "name": name}
        value = random.choice((0, 1, -2.5, random.gauss(0, 1), random.gauss(0, 1e-7)))
        return {"kind": "weight", "name": name, "index": random.randrange(int(np.prod(shape))), "value": value}
    layer, head, row = (random.randrange(data[size]) for size in ("n_layers", "n_heads", "n_digits"))
    row += data["n_digits"]
    sites = ["embed", f"attn.{layer}", f"head.{layer}.{head}", f"edge.{layer}.{head}.{row}.{random.randrange(row + 1)}"]
    if data["d_mlp"]:
        sites += [f"mlp.{layer}", *[f"neuron.{layer}.{random.randrange(data['d_mlp'])}"] * 2]
    site = random.choice(sites)
    anywhere = random.random() < 0.5 or site.startswith("edge")
    pos = None if anywhere else random.randrange(2 * data["n_digits"])
    return {"kind": "hold", "site": site, "pos": pos, "by": random.choice(("zero", "mean", "other"))}
