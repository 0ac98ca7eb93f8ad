"""Training: the loop does what the recipe says, and can be broken and resumed."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tinycircuits.models.build import ModelSpec, build
from tinycircuits.models.errors import count, free_running, share_interval, teacher_forced
from tinycircuits.tasks import OrderedSplit, ReverseIncrement, SampledSplit, ShuffledSplit
from tinycircuits.training.device import resolve_device
from tinycircuits.training.loop import train
from tinycircuits.training.recipe import (
    DrawnBatches,
    EpochBatches,
    IndependentBatches,
    TrainSpec,
    _start_of_argsort,
    generator_of,
)

TASK = ReverseIncrement(n_digits=2)
MODEL = ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4)
EPOCHS = TrainSpec(
    split=ShuffledSplit(n_train=12, seed=0),
    batches=EpochBatches(epochs=4, batch_size=5),
    lr=1e-2,
    warmup_steps=3,
    decay="cosine",
    clip_norm=0.5,
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
recipes = pytest.mark.parametrize("spec", [EPOCHS, STEPS, DRAWS], ids=["epochs", "steps", "draws"])


def plain_loop(spec, batches, seed):
    """The recipe in the plainest way: the bridge itself, the unfused optimizer, losses of each answer one by one."""
    model = build(MODEL, TASK, seed=seed, dtype="float64")
    sequences = TASK.sequences()
    if spec is not DRAWS:
        sequences = sequences[spec.split.indices(16).train]
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=spec.lr, betas=spec.betas, weight_decay=spec.weight_decay, foreach=False
    )
    for step, batch in enumerate(batches):
        optimizer.param_groups[0]["lr"] = spec.lr_at(step, len(batches))
        logits = model(sequences[batch, :-1])
        losses = [
            -logits[row, 2 + i].log_softmax(-1)[sequences[b, 3 + i]] for row, b in enumerate(batch) for i in range(2)
        ]
        optimizer.zero_grad()
        (sum(losses) / len(losses)).backward()
        if spec.clip_norm:
            torch.nn.utils.clip_grad_norm_(model.parameters(), spec.clip_norm)
        optimizer.step()
    return model


@recipes
def test_training_equals_the_plain_loop(spec, monkeypatch):
    drawn = []
    kind = type(spec.batches)
    draw = kind.draw
    monkeypatch.setattr(kind, "draw", lambda *args: drawn.append(draw(*args)) or drawn[-1])
    model, history = train(TASK, MODEL, spec, seed=7)
    batches = [batch[0] for round_ in drawn for batch in round_]
    assert len(batches) == spec.batches.n_steps(12) == history[-1].step
    for fast, plain in zip(model.parameters(), plain_loop(spec, batches, seed=7).parameters(), strict=True):
        # The gradient of b_K is zero but for rounding, which Adam divides by its own size: hence not 1e-15.
        torch.testing.assert_close(fast, plain, rtol=1e-7, atol=1e-8)


@recipes
def test_a_run_resumed_after_any_round_equals_an_unbroken_one(spec):
    kept = []
    model, history = train(TASK, MODEL, spec, seed=1, on_round=kept.append)
    assert len(kept) == spec.batches.n_rounds == len(history) - 1
    for checkpoint in kept:
        again, history_again = train(TASK, MODEL, spec, seed=1, resume=checkpoint)
        assert history_again == history
        for one, two in zip(model.parameters(), again.parameters(), strict=True):
            assert torch.equal(one, two)


def test_what_is_too_large_to_list_is_trained_and_measured_on_the_same_samples_throughout(monkeypatch):
    task = ReverseIncrement(n_digits=16)
    monkeypatch.setattr(ReverseIncrement, "sequences", lambda _: pytest.fail("all sequences are asked for"))
    model, history = train(task, MODEL, DRAWS, seed=0)
    split = DRAWS.split.indices(task.n_sequences)
    for part, index in (("train", split.train), ("holdout", split.holdout)):
        scores = teacher_forced(model, task, task.sequences_at(index))
        assert getattr(history[-1], f"{part}_loss") == pytest.approx(scores.mean_loss(), rel=1e-9)
        assert getattr(history[-1], f"{part}_wrong_digits") == scores.errors().wrong_digits
    assert history[-1].train_loss < history[0].train_loss


def test_drawn_batches_reach_all_inputs_and_no_others():
    batches = DrawnBatches(steps=200, batch_size=16, round_steps=200).draw(4**16, generators(0, 1))
    drawn = torch.stack(batches)
    assert drawn.shape == (200, 2, 16)
    assert 0 <= int(drawn.min()) < 0.01 * 4**16
    assert 0.99 * 4**16 < int(drawn.max()) < 4**16
    assert len(drawn.unique()) == drawn.numel()
    assert abs(float(drawn.double().mean()) / 4**16 - 0.5) < 0.02


@pytest.mark.parametrize(
    "change", [{"split": DRAWS.split}, {"batches": DRAWS.batches}], ids=["samples alone", "draws alone"]
)
def test_drawn_batches_go_with_samples_and_nothing_else(change):
    with pytest.raises(ValueError, match="SampledSplit exactly where the batches are DrawnBatches"):
        TrainSpec(**{"split": STEPS.split, "batches": STEPS.batches, "lr": 1e-2} | change)


def test_the_seed_decides_the_outcome():
    first, second, other = (train(TASK, MODEL, STEPS, seed=seed)[1] for seed in (0, 0, 1))
    assert first == second
    assert first != other


def generators(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_an_epoch_visits_every_training_sequence_once():
    batches = EPOCHS.batches.draw(12, generators(0))
    assert [batch.shape for batch in batches] == [(1, 5), (1, 5), (1, 2)]
    assert torch.cat(batches, dim=1).sort().values.tolist() == [list(range(12))]


def test_an_independent_batch_repeats_no_sequence():
    batches = STEPS.batches.draw(12, generators(0))
    assert [len(set(batch[0].tolist())) for batch in batches] == [5, 5, 5, 5]


@pytest.mark.parametrize("recipe", [EPOCHS, STEPS, DRAWS], ids=["epochs", "steps", "draws"])
def test_batches_drawn_for_many_seeds_are_those_that_each_seed_draws_alone(recipe):
    together = recipe.batches.draw(12, generators(3, 0, 7))
    for lane, seed in enumerate((3, 0, 7)):
        alone = recipe.batches.draw(12, generators(seed))
        assert all(torch.equal(step[lane], only[0]) for step, only in zip(together, alone, strict=True))


def test_independent_batches_are_the_start_of_a_random_order():
    recipe = IndependentBatches(steps=100, batch_size=16, round_steps=100)
    batches = torch.stack(recipe.draw(200, generators(*range(40))), dim=1)
    orders = [torch.rand(100, 200, generator=generator).argsort(dim=1) for generator in generators(*range(40))]
    assert torch.equal(batches, torch.stack(orders)[:, :, :16])


@given(seed=st.integers(0, 999), n=st.integers(2, 300), share=st.floats(0, 1), values=st.integers(1, 300))
def test_equal_random_numbers_are_ordered_as_argsort_orders_them(seed, n, share, values):
    numbers = torch.randint(values, (2, 5, n), generator=generators(seed)[0]) / values
    count = max(1, round(share * n))
    assert torch.equal(_start_of_argsort(numbers, count), numbers.argsort(dim=2)[:, :, :count])


@given(step=st.integers(0, 99), warmup=st.integers(0, 50))
def test_the_learning_rate_rises_then_falls_and_stays_in_range(step, warmup):
    spec = EPOCHS.model_copy(update={"warmup_steps": warmup})
    rate = spec.lr_at(step, 100)
    assert 0 < rate <= spec.lr
    rising = step < warmup
    assert (spec.lr_at(step + 1, 100) >= rate) if rising else (spec.lr_at(step + 1, 100) <= rate)
    assert spec.lr_at(100, 100) == pytest.approx(0)


@torch.no_grad()
def test_the_loss_is_the_mean_surprise_of_the_answers():
    model, sequences = build(MODEL, TASK, seed=0, dtype="float64"), TASK.sequences()
    with torch.no_grad():
        model.unembed.weight.zero_()
    scores = teacher_forced(model, TASK, sequences)
    assert scores.mean_loss() == pytest.approx(math.log(TASK.d_vocab), abs=1e-12)


@torch.no_grad()
def test_losses_below_single_precision_are_told_apart():
    sequences = TASK.sequences()

    def sure(gap):
        def logits(tokens):
            answers = TASK.answers(sequences)
            out = torch.zeros(len(tokens), 4, 5)
            out[:, 2:].scatter_(2, answers[:, :, None], gap)
            return out

        return teacher_forced(logits, TASK, sequences).mean_loss()

    assert torch.tensor(4 * math.exp(-30)) + 1 == 1, "single precision would round this loss to zero"
    assert 0 < sure(31.0) < sure(30.0) < 1e-12
    assert sure(30.0) == pytest.approx(4 * math.exp(-30), rel=1e-3)


@torch.no_grad()
def test_one_wrong_digit_can_spoil_the_next_when_running_freely():
    """A model that copies the last token plus one: with the true prefix it errs elsewhere than on its own."""
    sequences = TASK.sequences()

    def step_up(tokens):
        return torch.nn.functional.one_hot((tokens + 1) % 4, 5).double()

    forced, free = teacher_forced(step_up, TASK, sequences).errors(), count(free_running(step_up, TASK, sequences))
    plain_forced = plain_free = 0
    for x0, x1 in ((int(s[1]), int(s[2])) for s in sequences):
        y0, y1 = (x1 + 1) % 4, (x0 + 1) % 4
        guess = (x1 + 1) % 4
        plain_forced += (guess != y0) + ((y0 + 1) % 4 != y1)
        plain_free += (guess != y0) + ((guess + 1) % 4 != y1)
    assert (forced.wrong_digits, free.wrong_digits) == (plain_forced, plain_free)
    assert forced.n_digits == 32
    assert forced.accuracy == 1 - forced.wrong_digits / 32


@pytest.mark.parametrize(("device", "said"), [("gpu", "cpu, cuda or auto"), ("cuda", "not usable here")])
def test_an_unusable_device_is_refused_before_any_work(device, said, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=said):
        train(TASK, MODEL, STEPS, seed=0, device=device)


def test_auto_takes_the_cpu_where_there_is_no_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"


def test_the_interval_of_a_share_holds_it_and_is_exact_at_the_ends():
    assert share_interval(0, 20)[0] == 0
    assert share_interval(0, 20)[1] == pytest.approx(1 - 0.025 ** (1 / 20))
    assert share_interval(20, 20) == pytest.approx((0.025 ** (1 / 20), 1))
    low, high = share_interval(30, 100)
    assert low < 0.3 < high
    with pytest.raises(ValueError, match="k"):
        share_interval(3, 2)


@recipes
def test_an_unwatched_run_ends_with_the_same_weights_and_numbers(spec):
    watched, course = train(TASK, MODEL, spec, seed=3)
    alone, ends = train(TASK, MODEL, spec, seed=3, watched=False)
    assert all(torch.equal(a, b) for a, b in zip(watched.parameters(), alone.parameters(), strict=True))
    assert ends == (course[0], course[-1])
    with pytest.raises(ValueError, match="watched must be true where checkpoints are kept"):
        train(TASK, MODEL, spec, seed=3, watched=False, on_round=print)


def test_other_betas_of_the_recipe_reach_the_optimizer(monkeypatch):
    spec = STEPS.model_copy(update={"betas": (0.5, 0.6), "weight_decay": 0.5})
    drawn = []
    draw = IndependentBatches.draw
    monkeypatch.setattr(IndependentBatches, "draw", lambda *args: drawn.append(draw(*args)) or drawn[-1])
    model, _ = train(TASK, MODEL, spec, seed=2)
    plain = plain_loop(spec, [batch[0] for round_ in drawn for batch in round_], seed=2)
    for fast, slow in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-7, atol=1e-7)


def test_every_seed_and_round_has_batches_of_its_own():
    states = {(seed, index): generator_of(seed, index).initial_seed() for seed in range(8) for index in range(8)}
    assert len(set(states.values())) == 64


@recipes
def test_the_history_is_what_each_part_of_the_split_gives(spec):
    kept = []
    model, history = train(TASK, MODEL, spec, seed=3, on_round=kept.append)
    parts = spec.split.indices(16)
    for part, index in (("train", parts.train), ("holdout", parts.holdout)):
        scores = teacher_forced(model, TASK, TASK.sequences()[index])
        assert getattr(history[-1], f"{part}_loss") == pytest.approx(scores.mean_loss(), rel=1e-9)
        assert getattr(history[-1], f"{part}_wrong_digits") == scores.errors().wrong_digits
        assert getattr(history[-1], f"{part}_wrong_sequences") == scores.errors().wrong_sequences
    assert history[-1].train_wrong_digits > history[-1].train_wrong_sequences, "the two counts are told apart"


def test_the_warm_up_begins_with_a_step_and_the_cosine_where_it_ends():
    rates = [EPOCHS.lr_at(step, 11) for step in range(12)]
    assert rates[:4] == pytest.approx([1e-2 / 3, 2e-2 / 3, 1e-2, 1e-2])
    assert rates[7] == pytest.approx(0.5e-2), "half-way between the third step and the eleventh"
    assert rates[11] == pytest.approx(0)
