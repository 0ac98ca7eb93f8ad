"""Lanes: each model of a stack computes, and learns, what it would alone."""

import os
import subprocess
import sys

import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.circuits import parameters
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.models.errors import teacher_forced
from tinycircuits.tasks import OrderedSplit, ReverseIncrement, SampledSplit, ShuffledSplit
from tinycircuits.training.lanes.forward import answer_logits, tables
from tinycircuits.training.lanes.gradient import Gradient
from tinycircuits.training.lanes.layout import initial_weights, layout, model_of
from tinycircuits.training.lanes.scores import score, wrong_answers
from tinycircuits.training.lanes.training import train_lanes
from tinycircuits.training.loop import train
from tinycircuits.training.recipe import DrawnBatches, EpochBatches, IndependentBatches, TrainSpec

TASK = ReverseIncrement(n_digits=2)
SHAPES = {
    "two layers": ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=4),
    "one layer": ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=4, d_mlp=16),
    "two heads, gelu": ModelSpec(n_layers=2, d_model=6, n_heads=2, d_head=3, d_mlp=5, act_fn="gelu"),
    "attention only": ModelSpec(n_layers=1, d_model=8, n_heads=1, d_head=4, d_mlp=None),
    "no LayerNorm": ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=2, d_mlp=8, layer_norm=False),
    "attention only, no LayerNorm": ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=4, d_mlp=None, layer_norm=False),
    "MLP only": ModelSpec(n_layers=2, d_model=4, n_heads=1, d_head=1, d_mlp=16, attention=False),
    "tied": ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=4, d_mlp=8, tied=True),
    "tied, attention only": ModelSpec(n_layers=1, d_model=8, n_heads=1, d_head=4, d_mlp=None, tied=True),
}
shapes = pytest.mark.parametrize("spec", SHAPES.values(), ids=SHAPES)
EPOCHS = TrainSpec(
    split=ShuffledSplit(n_train=12, seed=0),
    batches=EpochBatches(epochs=4, batch_size=5),
    lr=1e-2,
    warmup_steps=3,
    decay="cosine",
    clip_norm=0.5,
    weight_decay=0.1,
)
STEPS = TrainSpec(
    split=OrderedSplit(n_train=12), batches=IndependentBatches(steps=12, batch_size=5, round_steps=4), lr=1e-2
)
DRAWS = STEPS.model_copy(
    update={
        "split": SampledSplit(n_train=6, n_holdout=7, seed=0),
        "batches": DrawnBatches(steps=12, batch_size=5, round_steps=4),
    }
)
recipes = pytest.mark.parametrize("recipe", [EPOCHS, STEPS, DRAWS], ids=["epochs", "steps", "draws"])
SINGLE = STEPS.model_copy(update={"dtype": "float32"})


def scattered(spec, seeds=(0, 1, 2)):
    """A stack none of whose parameters is zero or one."""
    generator = torch.Generator().manual_seed(0)
    weights = initial_weights(spec, TASK, seeds, "float64")
    return weights + 0.5 * torch.randn(weights.shape, generator=generator, dtype=torch.float64)


def single_flat(model, spec):
    return layout(spec, TASK).pack(parameters(model))


@shapes
def test_every_lane_starts_with_the_weights_that_its_seed_builds(spec):
    stack = initial_weights(spec, TASK, [3, 0, 11], "float64")
    for row, seed in zip(stack, [3, 0, 11], strict=True):
        assert torch.equal(row, single_flat(build(spec, TASK, seed=seed, dtype="float64"), spec))


@shapes
@torch.no_grad()
def test_the_logits_of_a_stack_are_those_of_each_transformerlens_model(spec):
    stack, tokens = scattered(spec), TASK.inputs(TASK.sequences())
    read = tokens.T.double().expand(len(stack), -1, -1)
    constants = tables(TASK, dtype=torch.float64, device=torch.device("cpu"))
    logits = answer_logits(spec, layout(spec, TASK).unpack(stack), read, constants, TASK.n_answers)
    for lane, weights in enumerate(stack):
        alone = model_of(spec, TASK, weights, dtype="float64")(tokens)[:, TASK.predicting_rows]
        torch.testing.assert_close(logits[lane].permute(2, 0, 1), alone, rtol=0, atol=1e-12)


def test_stacked_weights_survive_the_state_dict_of_transformerlens():
    spec = SHAPES["two layers"]
    model = model_of(spec, TASK, scattered(spec)[1], dtype="float64")
    again = build(spec, TASK, seed=99, dtype="float64")
    again.load_state_dict(model.state_dict())
    tokens = TASK.inputs(TASK.sequences())
    with torch.no_grad():
        assert torch.equal(again(tokens), model(tokens))


@shapes
def test_the_gradient_of_a_lane_is_that_of_its_model_alone(spec):
    stack = scattered(spec).requires_grad_()
    generator = torch.Generator().manual_seed(1)
    batches = [TASK.sequences()[torch.randperm(16, generator=generator)[:5]] for _ in stack]
    gradient = Gradient(TASK, spec, dtype=torch.float64, device=torch.device("cpu"), compiled=False)
    padded = torch.nn.functional.pad(torch.stack(batches).double().mT, (0, 2))
    share = torch.tensor([0.2] * 5 + [0.0] * 2, dtype=torch.float64)
    together = gradient(stack, padded, share)
    assert together.is_contiguous()
    for lane, batch in enumerate(batches):
        model = model_of(spec, TASK, stack[lane].detach(), dtype="float64")
        logits = model(TASK.inputs(batch))[:, TASK.predicting_rows]
        cross_entropy(logits.mT, TASK.answers(batch)).backward()
        alone = {name: p.grad if p.grad is not None else torch.zeros_like(p) for name, p in parameters(model).items()}
        torch.testing.assert_close(together[lane], layout(spec, TASK).pack(alone), rtol=1e-9, atol=1e-12)


def unstable(spec, task=TASK):
    """Entries whose gradient is zero but for rounding, which Adam divides by its own size: the biases of the keys.

    Every query's scores move together with them, so the softmax does not change. Nothing that the model says does.
    """
    return torch.cat(
        [
            torch.full((size,), name.endswith("attn.k.bias"))
            for name, size in zip(layout(spec, task).shapes, layout(spec, task).sizes, strict=True)
        ]
    )


@shapes
@recipes
def test_one_step_and_a_whole_run_equal_the_one_model_path(spec, recipe):
    one_step = IndependentBatches(steps=1, batch_size=5, round_steps=1)
    for length in (recipe.model_copy(update={"batches": one_step, "warmup_steps": 0}), recipe):
        weights, history = train_lanes(TASK, spec, length, seeds=[5, 2], compiled=False)
        for lane, seed in enumerate((5, 2)):
            model, rounds = train(TASK, spec, length, seed=seed)
            matters = ~unstable(spec)
            expected = single_flat(model, spec)
            torch.testing.assert_close(weights[lane][matters], expected[matters], rtol=1e-6, atol=1e-7)
            for column in ("train_loss", "holdout_loss"):
                alone = torch.tensor([getattr(entry, column) for entry in rounds], dtype=torch.float64)
                torch.testing.assert_close(getattr(history, column)[lane], alone, rtol=1e-6, atol=1e-9)
            assert history.train_wrong_digits[lane].tolist() == [entry.train_wrong_digits for entry in rounds]
            assert history.step.tolist() == [entry.step for entry in rounds]


def test_a_lane_does_not_depend_on_its_neighbours():
    spec = SHAPES["two layers"]
    together, _ = train_lanes(TASK, spec, EPOCHS, seeds=[0, 1, 2, 3], compiled=False)
    others, _ = train_lanes(TASK, spec, EPOCHS, seeds=[9, 1, 7, 3], compiled=False)
    assert torch.equal(together[[1, 3]], others[[1, 3]])
    assert not torch.equal(together[0], others[0])
    alone, _ = train_lanes(TASK, spec, EPOCHS, seeds=[3], compiled=False)
    torch.testing.assert_close(alone[0], together[3], rtol=1e-6, atol=1e-7)


def test_a_lane_that_diverges_leaves_the_others_alone():
    spec = SHAPES["two layers"]
    stack = scattered(spec)
    broken = stack.clone()
    broken[1] = float("nan")
    gradient = Gradient(TASK, spec, dtype=torch.float64, device=torch.device("cpu"), compiled=False)
    batch, share = TASK.sequences()[:5].T.double().expand(3, -1, -1), torch.full((5,), 0.2, dtype=torch.float64)
    whole, partly = (gradient(each.requires_grad_(), batch, share) for each in (stack, broken))
    assert torch.equal(whole[[0, 2]], partly[[0, 2]])
    assert partly[1].isnan().any()


def test_training_goes_on_from_any_checkpoint_to_the_same_end():
    kept = []
    weights, history = train_lanes(
        TASK, SHAPES["one layer"], EPOCHS, seeds=[4, 6], compiled=False, on_round=kept.append
    )
    assert [checkpoint.rounds for checkpoint in kept] == [1, 2, 3, 4]
    for checkpoint in kept:
        again, course = train_lanes(TASK, SHAPES["one layer"], EPOCHS, seeds=[4, 6], compiled=False, resume=checkpoint)
        assert torch.equal(again, weights)
        assert torch.equal(course.train_loss, history.train_loss)


@shapes
def test_scores_are_those_of_the_one_model_path(spec):
    stack, sequences = scattered(spec), TASK.sequences()
    errors, wrong = score(spec, TASK, stack, sequences), wrong_answers(spec, TASK, stack, sequences)
    for lane, weights in enumerate(stack):
        alone = teacher_forced(model_of(spec, TASK, weights, dtype="float64"), TASK, sequences)
        assert torch.equal(wrong[lane].long(), alone.wrong)
        assert errors.wrong_digits[lane].tolist() == alone.wrong.sum(0).tolist()
        assert int(errors.wrong_sequences[lane]) == alone.errors().wrong_sequences
        assert float(errors.loss[lane]) == pytest.approx(alone.mean_loss(), rel=1e-12)


def test_a_long_set_of_sequences_is_scored_in_parts_to_the_same_numbers(monkeypatch):
    spec, sequences = SHAPES["one layer"], TASK.sequences()
    whole = wrong_answers(spec, TASK, scattered(spec), sequences)
    monkeypatch.setattr("tinycircuits.training.lanes.forward.CHUNK", 9)
    assert torch.equal(wrong_answers(spec, TASK, scattered(spec), sequences), whole)


def test_training_keeps_to_one_thread_and_gives_back_those_that_were_there():
    seen, before = set(), torch.get_num_threads()

    def note(checkpoint):
        seen.add(torch.get_num_threads())

    torch.set_num_threads(2)
    try:
        train_lanes(TASK, SHAPES["one layer"], STEPS, seeds=[0], compiled=False, on_round=note)
        assert (seen, torch.get_num_threads()) == ({1}, 2)
    finally:
        torch.set_num_threads(before)


def test_no_seeds_are_refused():
    with pytest.raises(ValueError, match="seeds: at least one"):
        train_lanes(TASK, SHAPES["one layer"], STEPS, seeds=[])


def test_without_a_compiler_training_goes_on_uncompiled_and_says_so_in_one_line(tmp_path):
    code = (
        "from tests.training.test_lanes import *\n"
        "weights, _ = train_lanes(TASK, SHAPES['one layer'], STEPS, seeds=[0])\n"
        "plain, _ = train_lanes(TASK, SHAPES['one layer'], STEPS, seeds=[0], compiled=False)\n"
        "assert torch.equal(weights, plain)\n"
    )
    environment = {**os.environ, "CXX": str(tmp_path / "none"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stderr.count("\n") == 1, done.stderr
    assert "not compiled" in done.stderr


def compiled_equals_plain(name: str) -> None:
    """Compiled training gives the uncompiled weights to rounding, the same bits from one thread and from two, and to
    rounding beside other neighbours.
    """
    spec = SHAPES[name]
    matters = ~unstable(spec)
    plain, _ = train_lanes(TASK, spec, EPOCHS, seeds=range(8), compiled=False)
    compiled, _ = train_lanes(TASK, spec, EPOCHS, seeds=range(8))
    torch.testing.assert_close(compiled[:, matters], plain[:, matters], rtol=1e-6, atol=1e-9)
    torch.set_num_threads(3 - torch.get_num_threads())
    again, _ = train_lanes(TASK, spec, EPOCHS, seeds=range(8))
    assert torch.equal(again, compiled)
    shifted, _ = train_lanes(TASK, spec, EPOCHS, seeds=range(4, 12))
    torch.testing.assert_close(shifted[:4, matters], compiled[4:, matters], rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_compiled_training_equals_the_uncompiled_one_from_one_thread_and_from_two():
    """In a process of its own: the compiler cannot read through the shape checks that the tests switch on."""
    code = "from tests.training.test_lanes import compiled_equals_plain\n"
    code += "for name in ('two layers', 'tied, attention only'):\n    compiled_equals_plain(name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_training_equals_that_on_the_cpu():
    spec = SHAPES["two layers"]
    here, _ = train_lanes(TASK, spec, EPOCHS, seeds=range(3), compiled=False)
    there, _ = train_lanes(TASK, spec, EPOCHS, seeds=range(3), device="cuda")
    matters = ~unstable(spec)
    torch.testing.assert_close(there[:, matters], here[:, matters], rtol=1e-5, atol=1e-6)
