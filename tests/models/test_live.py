"""The data of the live model suffice: plain numpy computes every logit from the JSON alone."""

import base64
import json
import math

import numpy as np
import pytest
import torch

from tests.circuits import SPECS, scrambled
from tinycircuits.models.build import build
from tinycircuits.models.live import live_data, wave_data
from tinycircuits.models.weights import Course, flat_weights
from tinycircuits.results.runs import load
from tinycircuits.tasks import IncrementInPlace, ModularAddition, ReverseIncrement, Task

TASK = ReverseIncrement(n_digits=3)


def read(model, task: Task, **more) -> dict:
    """The data as a page finds them."""
    return json.loads(json.dumps(live_data(model, task, name="T", title="a test", study="none", seed=0, **more)))


def weights_in(data: dict, text: str, dtype: str) -> list[dict[str, np.ndarray]]:
    """The named parameters of each model that is written in ``text``."""
    sizes = [math.prod(shape) for _, shape in data["parameters"]]
    rows = np.frombuffer(base64.b85decode(text), dtype=f"<{dtype[0]}{int(dtype[-2:]) // 8}").reshape(-1, sum(sizes))
    cuts = np.cumsum(sizes)[:-1]
    return [
        {name: part.reshape(shape) for (name, shape), part in zip(data["parameters"], np.split(row, cuts), strict=True)}
        for row in rows.astype(np.float64)
    ]


def logits(data: dict, weights: dict[str, np.ndarray], tokens: np.ndarray) -> np.ndarray:
    """The forward pass by the book, from the data alone."""

    def norm(x, name):
        if not data["layer_norm"]:
            return x
        centred = x - x.mean(-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(-1, keepdims=True) + data["eps"])
        return centred / scale * weights[f"{name}.w"] + weights[f"{name}.b"]

    def act(x):
        return np.maximum(x, 0) if data["act_fn"] == "relu" else x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2

    n = tokens.shape[1]
    x = weights["W_E"][tokens] + weights["W_pos"][:n]
    for layer in range(data["n_layers"]):
        block = {name.removeprefix(f"blocks.{layer}."): w for name, w in weights.items()}
        state = norm(x, f"blocks.{layer}.ln1")
        q, k, v = (
            np.einsum("bpd,hde->bhpe", state, block[f"attn.W_{c}"]) + block[f"attn.b_{c}"][:, None] for c in "QKV"
        )
        scores = q @ k.swapaxes(-1, -2) / math.sqrt(data["d_head"])
        scores[..., np.triu(np.ones((n, n), bool), 1)] = -np.inf
        pattern = np.exp(scores - scores.max(-1, keepdims=True))
        z = pattern / pattern.sum(-1, keepdims=True) @ v
        x = x + np.einsum("bhpe,hed->bpd", z, block["attn.W_O"]) + block["attn.b_O"]
        if data["d_mlp"] is not None:
            hidden = act(norm(x, f"blocks.{layer}.ln2") @ block["mlp.W_in"] + block["mlp.b_in"])
            x = x + hidden @ block["mlp.W_out"] + block["mlp.b_out"]
    return norm(x, "ln_final") @ weights["W_U"] + weights["b_U"]


def gap(data: dict, model, task: Task, sequences: torch.Tensor) -> float:
    tokens = task.inputs(sequences)
    (weights,) = weights_in(data, data["weights"], data["dtype"])
    with torch.no_grad():
        return float(np.abs(logits(data, weights, tokens.numpy()) - model(tokens).double().numpy()).max())


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_numpy_finds_the_logits_of_every_shape_in_the_data(spec):
    model = scrambled(spec, TASK)
    assert gap(read(model, TASK), model, TASK, TASK.sequences()) < 1e-9


@pytest.mark.parametrize("study", ["reversal-8d-1l", "reversal-8d-2l", "reversal-4d-2l"])
def test_numpy_finds_the_logits_of_the_published_models_on_all_inputs(study):
    run = load(study)
    data, task = read(run.model, run.study.task), run.study.task
    assert max(gap(data, run.model, task, part) for part in torch.split(task.sequences(), 4096)) < 1e-9


@pytest.mark.parametrize("study", ["addition-97-2l", "addition-113-3l"])
def test_a_model_in_single_precision_stays_in_it(study):
    run = load(study)
    data, task = read(run.model, run.study.task), run.study.task
    double = build(run.study.model, task, seed=0, dtype="float64")
    double.load_state_dict(run.model.state_dict())
    assert data["dtype"] == "float32"
    assert gap(data, double, task, task.sequences()[::101]) < 1e-9


@pytest.mark.parametrize("increment", [0, 1, 3])
def test_the_data_of_a_digit_task_give_its_answers(increment):
    task = ReverseIncrement(n_digits=3, modulus=5, increment=increment)
    data = read(scrambled(SPECS["one layer"], task), task)
    digits = task.sequences()[:, 1 : 1 + data["n_digits"]]
    answers = (digits[:, data["sources"]] + data["increment"]) % data["modulus"]
    assert torch.equal(answers, task.answers(task.sequences()))
    assert len(data["positions"]) == data["n_ctx"] == task.n_ctx
    assert data["tokens"] == list(task.token_names)


@pytest.mark.parametrize("plus_sign", [False, True])
def test_the_data_of_addition_say_where_everything_stands(plus_sign):
    task = ModularAddition(modulus=5, plus_sign=plus_sign, unused_tokens=1)
    data = read(scrambled(SPECS["one layer"], task), task)
    sequence = task.sequences_of(torch.tensor([[3, 4]]))[0].tolist()
    written = {data["a"]: 3, data["b"]: 4, **{int(at): token for at, token in data["signs"].items()}}
    assert [written[at] for at in range(data["n_ctx"] - 1)] == sequence[:-1]
    assert sequence[-1] == (3 + 4) % data["modulus"]


def test_a_course_has_the_models_of_its_rounds_in_single_precision():
    spec = SPECS["two layers"]
    models = [scrambled(spec, TASK, seed=seed) for seed in (1, 2)]
    course = Course((0, 7), torch.tensor([[3, 2, 1], [0, 0, 4]]), torch.stack([*map(flat_weights, models)]))
    data = read(models[1], TASK, course=course)
    assert (data["course"]["rounds"], data["course"]["wrong"]) == ([0, 7], [[3, 2, 1], [0, 0, 4]])
    tokens = TASK.inputs(TASK.sequences())
    for model, weights in zip(models, weights_in(data, data["course"]["weights"], "float32"), strict=True):
        with torch.no_grad():
            np.testing.assert_allclose(logits(data, weights, tokens.numpy()), model(tokens).numpy(), atol=1e-4)


def test_a_task_that_the_page_cannot_compute_is_refused():
    task = IncrementInPlace(n_digits=2)
    with pytest.raises(ValueError, match="task must be ReverseIncrement or ModularAddition, got IncrementInPlace"):
        live_data(scrambled(SPECS["one layer"], task), task, name="T", title="a test", study="none", seed=0)


def test_waves_are_written_row_by_row_in_single_precision() -> None:
    cos, sin, mean = torch.arange(6).reshape(2, 3) / 7, torch.arange(6).reshape(2, 3) - 2.5, torch.arange(3) / 3
    found = json.loads(json.dumps(wave_data((4, 1), [2.0, -1.5], cos.double(), sin, mean)))
    assert (found["frequencies"], found["heights"]) == ([4, 1], [2.0, -1.5])
    for name, values in {"cos": cos, "sin": sin, "mean": mean}.items():
        read_back = np.frombuffer(base64.b85decode(found[name]), dtype="<f4")
        np.testing.assert_array_equal(read_back, values.flatten().float().numpy())
