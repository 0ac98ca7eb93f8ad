"""What fits are fitted and measured on: held-out rows are held out, controls are controls."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from tests.circuits import scrambled
from tinycircuits.interp.activations import activations, stages
from tinycircuits.models.build import ModelSpec, build
from tinycircuits.models.dictionary import SparseAutoencoder
from tinycircuits.results import fits
from tinycircuits.results.door import Work
from tinycircuits.results.tables.fits import EVERY_STAGE, FITS, Fit
from tinycircuits.tasks import ModularAddition
from tinycircuits.training.dictionaries import ProbeSpec, SaeSpec, fit_probe, fit_sae

TASK = ModularAddition(modulus=11, plus_sign=True)
SEQUENCES = TASK.sequences()
ANSWERS = TASK.answers(SEQUENCES)[:, 0]
SPEC = ModelSpec(n_layers=1, d_model=6, n_heads=1, d_head=2, d_mlp=4)
RECIPE = ProbeSpec(steps=3, lr=1e-2, fit_share=0.75)
N_FIT = 90


@pytest.fixture(scope="module")
def model():
    return scrambled(SPEC, TASK)


@pytest.fixture
def house(model, monkeypatch):
    """One study whose trained model is made by hand."""
    study = SimpleNamespace(task=TASK, model=SPEC, train=SimpleNamespace(dtype="float64"))
    monkeypatch.setattr(fits, "load", lambda name: SimpleNamespace(study=study, model=model))


def states_of(model, hook):
    return activations(model, TASK.inputs(SEQUENCES), [hook])[hook][:, TASK.predicting_rows[0]]


class Memory(nn.Module):
    """A read-out that says the label of the most similar state that it was fitted on."""

    def __init__(self, states, labels):
        super().__init__()
        self.states, self.labels = states, labels

    def forward(self, states):
        return nn.functional.one_hot(self.labels[torch.cdist(states, self.states).argmin(1)], TASK.modulus).double()


@pytest.fixture
def seen(house, monkeypatch):
    """What each read-out was fitted on, in turn: states, labels, seed."""
    calls = []

    def remembering(states, labels, spec, *, classes, seed):
        calls.append((states, labels, seed))
        assert (spec, classes) == (RECIPE, 11)
        return Memory(states, labels)

    monkeypatch.setattr(fits, "fit_probe", remembering)
    return calls


def rows_in(some, every):
    """For each row of ``some`` the row of ``every`` that it is; no two rows of ``every`` are alike."""
    distance = (some[:, None] - every).abs().amax(2)
    assert distance.amin(1).max() == 0, "a state that none of the inputs has"
    return distance.argmin(1)


def test_read_outs_are_fitted_on_the_fitted_part_alone_with_controls_that_are_controls(seen, model):
    metrics = fits._probe_metrics("any", RECIPE, 4)
    assert (metrics["n_fit"], metrics["n_holdout"]) == (N_FIT, 121 - N_FIT)
    untrained = build(SPEC, TASK, seed=4, dtype="float64")
    last = stages(model)[-1]
    (states, labels, seed), (again, shuffled, _), (start, true, _) = seen[-3:]
    fitted = rows_in(states, states_of(model, last.hook))
    assert len(fitted) == len(fitted.unique()) == N_FIT
    assert torch.equal(labels, ANSWERS[fitted])
    assert not torch.equal(fitted.sort().values, torch.arange(N_FIT)), "the first inputs are no random part"
    assert torch.equal(again, states)
    assert torch.equal(shuffled.sort().values, labels.sort().values)
    assert int((shuffled == labels).sum()) < N_FIT / 4, "one in eleven agrees by chance"
    assert torch.equal(start, states_of(untrained, last.hook)[fitted])
    assert torch.equal(true, labels)
    assert seed == 4


def test_counts_are_those_of_the_part_and_of_the_control_that_they_name(seen, model):
    metrics = fits._probe_metrics("any", RECIPE, 4)
    untrained = build(SPEC, TASK, seed=4, dtype="float64")
    held = torch.ones(121, dtype=torch.bool)
    held[rows_in(seen[-1][0], states_of(untrained, stages(model)[-1].hook))] = False
    for k, stage in enumerate(stages(model)[1:], start=1):
        own, blind, start = seen[3 * k : 3 * k + 3]
        found = metrics["stages"][stage.label]

        def right(call, of, which, stage=stage):
            said = Memory(*call[:2])(states_of(of, stage.hook)).argmax(1)
            return int((said == ANSWERS)[which].sum())

        assert found["fitted"] == right(own, model, ~held) == N_FIT
        assert found["held out"] == right(own, model, held) < 121 - N_FIT
        assert found["shuffled labels"] == right(blind, model, held)
        assert found["untrained model"] == right(start, untrained, held)
    assert len({found["held out"], found["shuffled labels"], found["untrained model"]}) > 1


def test_another_seed_draws_another_part_and_another_untrained_model(seen):
    for seed in (0, 1):
        fits._probe_metrics("any", RECIPE, seed)
    first, second = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    assert not torch.equal(first[-3][0], second[-3][0])
    for seed, call in ((0, first[-1]), (1, second[-1])):
        untrained = build(SPEC, TASK, seed=seed, dtype="float64")
        rows_in(call[0], states_of(untrained, stages(untrained)[-1].hook))


def test_an_autoencoder_is_fitted_on_what_its_part_writes_at_the_answers_row(house, model):
    chosen = Fit("any", "any", "for tests", "L0 mlp", SaeSpec(width=2, l1=0, lr=1, epochs=1, batch_size=1))
    states, sums = fits.fitted_on(chosen)
    with torch.no_grad():
        mid = model.run_with_cache(TASK.inputs(SEQUENCES))[1]["blocks.0.hook_resid_mid"][:, 3]
        pre = model.blocks[0].ln2(mid[:, None])[:, 0] @ model.W_in[0] + model.b_in[0]
        torch.testing.assert_close(states, pre.relu() @ model.W_out[0] + model.b_out[0])
    assert torch.equal(sums, SEQUENCES[:, [0, 2]].sum(1) % 11)


def test_a_read_out_is_that_of_plain_adam_step_by_step():
    states = torch.randn(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.arange(40) % 4
    spec = ProbeSpec(steps=5, lr=0.1, fit_share=0.5)
    for seed in (0, 3):
        torch.manual_seed(seed)
        plain = nn.Linear(3, 4, dtype=torch.float64)
        optimizer = torch.optim.Adam(plain.parameters(), lr=0.1, foreach=False)
        for _ in range(5):
            optimizer.zero_grad()
            cross_entropy(plain(states), labels).backward()
            optimizer.step()
        found = fit_probe(states, labels, spec, classes=4, seed=seed)
        torch.testing.assert_close(found.weight, plain.weight)
        torch.testing.assert_close(found.bias, plain.bias)


@pytest.mark.parametrize("decay", ["constant", "cosine"])
def test_an_autoencoder_is_that_of_plain_adam_over_shuffled_batches(decay):
    """25 states in batches of ten and a short one, each epoch in another order; the rate falls along a cosine."""
    states = torch.randn(25, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    spec = SaeSpec(width=6, l1=0.3, lr=0.05, epochs=3, batch_size=10, decay=decay)
    found, losses = fit_sae(states, spec, seed=2)
    generator = torch.Generator().manual_seed(2)
    W_dec = normalize(torch.randn(6, 4, generator=generator, dtype=torch.float64), dim=1)
    weights = [W_dec.T.clone(), torch.zeros(6).double(), W_dec.clone(), states.mean(0)]
    parameters = [weight.requires_grad_() for weight in weights]
    optimizer = torch.optim.Adam(parameters, lr=0.05, foreach=False)
    step, expected, orders = 0, [], []
    for _ in range(3):
        orders.append(torch.randperm(25, generator=generator))
        total = 0.0
        for at in (orders[-1][:10], orders[-1][10:20], orders[-1][20:]):
            if decay == "cosine":
                optimizer.param_groups[0]["lr"] = 0.05 * (1 + math.cos(math.pi * step / 9)) / 2
            dictionary = SparseAutoencoder(*parameters)
            z = dictionary.encode(states[at])
            each = (states[at] - dictionary.decode(z)).square().sum(1) + 0.3 * z.abs().sum(1)
            optimizer.zero_grad()
            each.mean().backward()
            optimizer.step()
            with torch.no_grad():
                parameters[2].copy_(normalize(parameters[2], dim=1))
            total += float(each.detach().sum())
            step += 1
        expected.append(total / 25)
    assert len({tuple(order.tolist()) for order in orders}) == 3
    assert losses == pytest.approx(expected)
    for name, weight in zip(("W_enc", "b_enc", "W_dec", "b_dec"), parameters, strict=True):
        torch.testing.assert_close(found.tensors[name], weight.detach())


def test_every_stage_is_the_site_of_a_read_out(house, monkeypatch):
    chosen = Fit("any", "any", "for tests", EVERY_STAGE, RECIPE)
    made = fits._make(chosen, 0, Work(fits.entry(FITS["addition-97-2l-probe-article"], 0), "cpu", False))
    assert made.tensors == {}
    assert list(made.metrics["stages"]) == ["embed", "L0 resid_mid", "L0 resid_post"]
