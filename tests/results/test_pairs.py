"""What is measured on a model of modular addition: known answers of a circuit set by hand, and plain loops."""

import math
from itertools import product
from statistics import median_low

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import f1_score
from torch.nn.functional import cross_entropy, normalize

from tests.circuits import adder, answering, parameters, scrambled
from tinycircuits.interp.ablation import REMOVALS
from tinycircuits.interp.operands import corrupted_pairs
from tinycircuits.interp.pairs import derangement
from tinycircuits.interp.readout_map import readout_map
from tinycircuits.models.build import ModelSpec
from tinycircuits.models.dictionary import SparseAutoencoder
from tinycircuits.results import pairs
from tinycircuits.results.pairs import PROBE_SEEDS, latent_profile, pair_profile
from tinycircuits.results.summaries.readouts import READ, stored_readouts
from tinycircuits.tasks import ModularAddition, ShuffledSplit, SplitIndices

P = 7
TASK = ModularAddition(modulus=P, plus_sign=True)
SEQUENCES = TASK.sequences()
TOKENS = TASK.inputs(SEQUENCES)
A, B, SUM = SEQUENCES[:, 0], SEQUENCES[:, 2], SEQUENCES[:, 4]
SPLIT = ShuffledSplit(n_train=30, seed=0).indices(P * P)
SPEC = ModelSpec(n_layers=2, d_model=32, n_heads=2, d_head=4, d_mlp=12, act_fn="gelu")
COMPONENTS = [f"blocks.{layer}.hook_{kind}_out" for layer in (0, 1) for kind in ("attn", "mlp")]
HEADS = [(layer, head) for layer in (0, 1) for head in (0, 1)]
PARTS = ("errors", "attention", "read-outs", "probe", "patching", "row patching", "ablation")
STAGES = ["blocks.0.hook_resid_pre"] + [
    f"blocks.{layer}.hook_{place}" for layer in (0, 1) for place in ("resid_mid", "resid_post")
]


@pytest.fixture(scope="module")
def by_hand():
    """The profile of a circuit in which a comes through layer 0's attention, b through its MLP and layer 1."""
    return pair_profile(adder(TASK), TASK, SPLIT, PARTS)


@pytest.fixture(scope="module")
def partly_right():
    """A model of random features that gets many pairs right, and its profile."""
    model = answering(SPEC, TASK)
    return model, pair_profile(model, TASK, SPLIT, PARTS)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


# The circuit set by hand.


def test_the_circuit_makes_no_mistake_and_a_broken_pair_is_counted_where_it_belongs(by_hand):
    assert by_hand["wrong.all"].tolist() == by_hand["wrong.holdout"].tolist() == [0]
    model = adder(TASK)
    with torch.no_grad():
        for a, b in ((3, 4), (5, 5), (0, 6)):
            column = parameters(model)["layers.1.mlp.fc_out.weight"][:, a * P + b]
            column.copy_(column.roll(1))
    for held, wrong in (([3 * P + 4], 1), ([4 * P + 3], 0), ([3 * P + 4, 0, 6], 2), ([40], 1)):
        split = SplitIndices(torch.tensor([1]), torch.tensor(held))
        found = pair_profile(model, TASK, split, ("errors",))
        assert {name: int(count) for name, count in found.items()} == {"wrong.all": 3, "wrong.holdout": wrong}


def test_attention_is_that_of_the_row_of_equals(by_hand):
    on_a, on_b = (sum(sigmoid(0.3 * x) for x in range(P)) / P for _ in "ab")
    expected = [[[on_a, 0, 0, 1 - on_a], [1, 0, 0, 0]], [[0, 0, 1, 0], [0, 0, on_b, 1 - on_b]]]
    torch.testing.assert_close(by_hand["attention.mean"], torch.tensor(expected, dtype=torch.float64))
    bits = float(np.mean([stats.entropy([sigmoid(0.3 * x), 1 - sigmoid(0.3 * x)], base=2) for x in range(P)]))
    expected = torch.tensor([[bits, 0], [0, bits]], dtype=torch.float64)
    torch.testing.assert_close(by_hand["attention.entropy"], expected, atol=1e-9, rtol=1e-9)


def test_layer_0_follows_a_and_layer_1_follows_b(by_hand):
    expected = torch.tensor([[1.0, 0, 0, 0, 0], [0, 1, 0, 0, 0]], dtype=torch.float64)
    torch.testing.assert_close(by_hand["attention.follows"], expected, atol=1e-9, rtol=0)


def test_each_number_is_read_from_where_the_circuit_has_put_it(by_hand):
    """Where a and b stand they can be read all along; "=" gets a from L0's attention, b from L1's, at last the sum."""
    full = torch.ones(5, dtype=torch.float64)
    for name, position, stages in (("a", 0, range(5)), ("b", 2, range(5)), ("a", 3, range(1, 5)), ("b", 3, (3, 4))):
        read = by_hand[f"read-out.{name}"][:, :, position]
        for stage in range(5):
            assert torch.equal(read[:, stage], full) == (stage in stages), (name, position, stage)
    sums = by_hand["read-out.a + b"]
    assert torch.equal(sums[:, 4, 3], full)
    assert sums[:, :4].max() < 0.5
    assert sums[..., :3].max() < 0.5
    for name in READ:
        assert by_hand[f"read-out.{name}, shuffled"].mean() < 0.25


def test_b_comes_through_the_first_mlp_and_all_of_layer_1_and_at_equals_through_layer_1_alone(by_hand):
    for metric in ("loss", "logit difference"):
        expected = torch.tensor([0.0, 1, 1, 1], dtype=torch.float64)
        torch.testing.assert_close(by_hand[f"patching.{metric}"], expected, atol=1e-12, rtol=0)
        assert by_hand[f"patching.{metric}, random push"][1:].max() < 0.9
    expected = torch.tensor([0.0, 0, 1, 1], dtype=torch.float64)
    torch.testing.assert_close(by_hand["patching.loss at ="], expected, atol=1e-12, rtol=0)


def test_what_the_circuit_keeps_without_a_part_is_known(by_hand):
    """Without a number no neuron fires and the model says 0; with another input's it says that input's sum."""
    other = derangement(P * P, seed=0)
    zero, resample = (list(REMOVALS).index(kind) for kind in ("zero", "resample"))
    says_0 = 1 / P
    same_a, same_b, same_sum = (float((x[other] == x).double().mean()) for x in (A, B, SUM))
    assert len({same_a, same_b, same_sum, says_0}) == 4
    parts = by_hand["ablation.components"]
    assert parts[:, zero].tolist() == pytest.approx([says_0] * 4)
    assert parts[:, resample].tolist() == pytest.approx([same_a, same_b, same_b, same_sum])
    heads = by_hand["ablation.heads"]
    assert heads[:, zero].tolist() == pytest.approx([1, says_0, says_0, 1])
    assert heads[:, resample].tolist() == pytest.approx([1, same_a, same_b, 1])
    assert by_hand["ablation.heads, random push"][[0, 3]].tolist() == [[1.0] * 3] * 2  # these heads write nothing


def test_without_a_plus_sign_the_operands_stand_elsewhere_and_the_circuit_is_the_same(by_hand):
    task = ModularAddition(modulus=P, plus_sign=False)
    found = pair_profile(adder(task), task, SPLIT, ("errors", "attention", "patching", "row patching"))
    assert int(found["wrong.all"]) == 0
    torch.testing.assert_close(found["attention.mean"], by_hand["attention.mean"][..., [0, 2, 3]])
    for name in ("patching.loss", "patching.loss at ="):
        torch.testing.assert_close(found[name], by_hand[name], atol=1e-12, rtol=0)


# A model of random features, and plain loops with the hooks of TransformerLens.


def logits_with(model, tokens, hooks):
    with torch.no_grad():
        return model.run_with_hooks(tokens, fwd_hooks=hooks)[:, -1]


def cache_of(model, tokens):
    with torch.no_grad():
        return model.run_with_cache(tokens)[1]


def test_the_errors_are_counted_one_pair_at_a_time(partly_right):
    model, found = partly_right
    held, wrong, wrong_held = set(SPLIT.holdout.tolist()), 0, 0
    said = logits_with(model, TOKENS, []).argmax(1).tolist()
    for a in range(P):
        for b in range(P):
            missed = said[a * P + b] != (a + b) % P
            wrong += missed
            wrong_held += missed and a * P + b in held
    assert (int(found["wrong.all"]), int(found["wrong.holdout"])) == (wrong, wrong_held)
    assert 0 < wrong_held < wrong < P * P


def test_the_three_sums_are_those_of_article_d_in_their_order():
    task = ModularAddition(modulus=97, plus_sign=False)
    model = scrambled(ModelSpec(n_layers=2, d_model=4, n_heads=2, d_head=2, d_mlp=4), task)
    found = pair_profile(model, task, ShuffledSplit(n_train=9_000, seed=0).indices(97**2), ("attention",))
    cache = cache_of(model, torch.tensor([[a, b, task.equals] for a, b in ((5, 8), (90, 90), (50, 0))]))
    rows = torch.stack([cache["pattern", layer][:, :, 2] for layer in range(2)], dim=1)
    apart = [
        sum(abs(float(x - y)) for x, y in zip(row.flatten(), found["attention.mean"].flatten(), strict=True)) / 12
        for row in rows
    ]
    assert found["attention.examples"].tolist() == pytest.approx(apart)
    assert len({round(each, 3) for each in apart}) == 3


def test_attention_is_the_mean_of_the_patterns_and_their_entropy_that_of_scipy(partly_right):
    model, found = partly_right
    cache = cache_of(model, TOKENS)
    for layer in range(2):
        pattern = cache["pattern", layer][:, :, -1]
        torch.testing.assert_close(found["attention.mean"][layer], pattern.mean(0))
        bits = stats.entropy(pattern.numpy(), base=2, axis=-1).mean(0)
        np.testing.assert_allclose(found["attention.entropy"][layer].numpy(), bits)
        square = pattern.reshape(P, P, 2, 4)
        centred = square - square.mean((0, 1))
        for place, axis in ((0, 1), (1, 0)):  # the mean over b is a function of a
            share = float(centred.mean(axis).square().sum() * P / centred.square().sum())
            assert float(found["attention.follows"][layer, place]) == pytest.approx(share)


def test_a_read_out_is_scikit_learns_fitted_on_four_fifths_of_all_pairs(partly_right):
    model, found = partly_right
    cache, n = cache_of(model, TOKENS), int(0.8 * P * P)
    generator = torch.Generator().manual_seed(3)
    order = torch.randperm(P * P, generator=generator)
    fitted, held = order[:n], order[n:]
    shuffled = fitted[torch.randperm(n, generator=generator)]
    for (name, labels), stage, position in product(zip(READ, (SUM, A, B), strict=True), range(5), (1, 3)):
        states = cache[STAGES[stage]][:, position].numpy()
        if np.ptp(states, axis=0).max() < 1e-9:
            continue  # one and the same state for all inputs: nothing to fit
        for ending, taught in (("", fitted), (", shuffled", shuffled)):
            line = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=1e-3).fit(states[fitted], labels[taught])
            share = float(np.mean(line.predict(states[held]) == labels[held].numpy()))
            ours = float(found[f"read-out.{name}{ending}"][3, stage, position])
            assert ours == pytest.approx(share), (name, stage, position, ending)


def test_article_es_probe_reads_the_circuits_sum_after_layer_1_alone(by_hand):
    """Two hundred steps on four fifths of the pairs, after the embedding and after each layer."""
    embed, first, last = by_hand["probe.a + b"].tolist()
    assert last == 1
    assert max(embed, first) < 0.5
    assert by_hand["probe.a + b, shuffled"].max() < 0.5


def test_article_es_probe_is_torchs_linear_map_after_two_hundred_steps_of_adam(partly_right):
    model, found = partly_right
    cache, n = cache_of(model, TOKENS), int(0.8 * P * P)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(P * P, generator=generator)
    fitted, held = order[:n], order[n:]
    shuffled = SUM[fitted][torch.randperm(n, generator=generator)]
    for ending, labels in (("", SUM[fitted]), (", shuffled", shuffled)):
        for place, hook in enumerate(STAGES[::2]):
            torch.manual_seed(0)
            line = torch.nn.Linear(SPEC.d_model, P, dtype=torch.float64)
            adam = torch.optim.Adam(line.parameters(), lr=1e-2)
            states = cache[hook][:, -1]
            for _ in range(200):
                adam.zero_grad()
                cross_entropy(line(states[fitted]), labels).backward()
                adam.step()
            share = float((line(states[held]).argmax(1) == SUM[held]).double().mean())
            assert float(found[f"probe.a + b{ending}"][place]) == pytest.approx(share), (place, ending)


def test_the_sum_alone_is_the_same_read_out_at_equals(partly_right):
    model, found = partly_right
    alone = pair_profile(model, TASK, SPLIT, ("sum",))
    assert set(alone) == {"read-out.a + b", "read-out.a + b, shuffled"}
    for name, numbers in alone.items():
        assert torch.equal(numbers, found[name][..., -1:])
    assert alone["read-out.a + b"].shape == (len(PROBE_SEEDS), 5, 1)


def test_stored_read_outs_are_the_counts_of_all_models_one_after_another(by_hand, partly_right):
    model, second = partly_right
    stacked = {name: torch.stack([by_hand[name], second[name]]) for name in second if name.startswith("read-out")}
    found = stored_readouts(stacked, model, TASK)
    anew = readout_map(model, SEQUENCES, TASK, {"a + b": SUM, "a": A, "b": B}, seeds=range(5))
    assert torch.equal(found.correct[5:], anew.correct)
    assert torch.equal(found.shuffled_correct[5:], anew.shuffled_correct)
    assert torch.equal(found.accuracy("b")[:5], by_hand["read-out.b"])
    for name in ("stages", "positions", "targets", "n_fit", "n_holdout", "chance"):
        assert getattr(found, name) == getattr(anew, name), name


def test_clean_outputs_are_put_into_the_run_with_another_b(partly_right):
    """And the same push as far in a random direction, by a plain loop."""
    model, found = partly_right
    other = corrupted_pairs(TASK, operand="b", seed=0)
    assert torch.equal(other[:, 0], A)
    cache, base = cache_of(model, TOKENS), cache_of(model, TASK.inputs(other))
    wrong = TASK.answers(other)[:, 0]

    def metrics(logits):
        at = torch.arange(len(logits))
        return float(cross_entropy(logits, SUM)), float((logits[at, SUM] - logits[at, wrong]).mean())

    def share(logits):
        ends = metrics(logits_with(model, TASK.inputs(other), [])), metrics(logits_with(model, TOKENS, []))
        return [(x - low) / (high - low) for x, low, high in zip(metrics(logits), *ends, strict=True)]

    generator = torch.Generator().manual_seed(0)
    for place, hook in enumerate(COMPONENTS):
        move = cache[hook] - base[hook]
        drawn = normalize(torch.randn(move.shape, generator=generator, dtype=torch.float64), dim=-1)
        at_equals = torch.zeros_like(move)
        at_equals[:, -1] = move[:, -1]
        changes = (move, move.norm(dim=-1, keepdim=True) * drawn, at_equals)
        (loss, difference), pushed, narrow = (
            share(logits_with(model, TASK.inputs(other), [(hook, lambda out, hook, c=change: out + c)]))
            for change in changes
        )
        assert float(found["patching.loss"][place]) == pytest.approx(loss)
        assert float(found["patching.logit difference"][place]) == pytest.approx(difference)
        assert float(found["patching.loss at ="][place]) == pytest.approx(narrow[0])
        assert float(found["patching.loss, random push"][place]) == pytest.approx(pushed[0])
        assert float(found["patching.logit difference, random push"][place]) == pytest.approx(pushed[1])


def test_each_part_is_removed_in_three_ways_by_a_plain_loop(partly_right):
    model, found = partly_right
    cache, partners = cache_of(model, TOKENS), derangement(P * P, seed=0)
    shape = (P * P, TOKENS.shape[1], SPEC.d_model)
    drawn = normalize(
        torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64), dim=-1
    )  # one direction for each input and position, shared by all parts

    def right(hook, change):
        said = logits_with(model, TOKENS, [(hook, lambda out, hook: out + change)]).argmax(1)
        return float((said == SUM).double().mean())

    written = {("components", place): (hook, cache[hook]) for place, hook in enumerate(COMPONENTS)}
    for place, (layer, head) in enumerate(HEADS):
        z = cache[f"blocks.{layer}.attn.hook_z"][:, :, head]
        written["heads", place] = (f"blocks.{layer}.hook_attn_out", z @ model.W_O[layer, head].detach())
    for (kind, place), (hook, own) in written.items():
        for at, new in enumerate((torch.zeros_like(own), own.mean(0).expand_as(own), own[partners])):
            change = new - own
            push = change.norm(dim=-1, keepdim=True) * drawn
            assert float(found[f"ablation.{kind}"][place, at]) == pytest.approx(right(hook, change))
            assert float(found[f"ablation.{kind}, random push"][place, at]) == pytest.approx(right(hook, push))


# Dictionaries.


@pytest.mark.parametrize("width", [9, 10])
def test_latents_are_judged_by_the_f1_of_the_live_ones(width):
    """F1 in counts, which is scikit-learn's; half of the latents, or one fewer, lie below the median."""
    generator = torch.Generator().manual_seed(0)
    sums = torch.arange(5).repeat(40)
    states = torch.eye(5)[sums] + 0.4 * torch.randn(200, 5, generator=generator)
    W = torch.randn(5, width, generator=generator)
    W[:, 0] = 0
    W[:, 1:6] = 3 * torch.eye(5) - 1
    dictionary = SparseAutoencoder(W, torch.full((width,), -0.4), W.T.clone(), torch.zeros(5))
    found = latent_profile(dictionary, states, sums, modulus=5)
    active = torch.relu(states @ W - 0.4).numpy()
    live = [column for column in active.T if column.max() > 0]
    assert int(found["latents.live"]) == len(live) == width - 1

    def best(fires):
        return max(2 * fires[sums == r].sum() / (fires.sum() + 40) for r in range(5))

    def tuned(column):
        places = [round(40 * times) for times in (0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4)]  # a residue has 40 inputs
        return max(best(column > threshold) for threshold in (0, *np.sort(column)[::-1][places]))

    assert best(live[0] > 0) == pytest.approx(max(f1_score(sums == r, live[0] > 0) for r in range(5)))
    for name, f1 in (("above zero", [best(each > 0) for each in live]), ("best threshold", list(map(tuned, live)))):
        assert float(found[f"latents.F1, {name}"]) == pytest.approx(median_low(f1))
        assert float(found[f"latents.residues, {name}"]) == pytest.approx(np.mean(np.array(f1) >= 0.8))
    assert 0 < found["latents.residues, above zero"] < found["latents.residues, best threshold"] < 1


def test_logits_that_are_one_wave_lie_in_one_frequency_and_the_signs_do_not_count(monkeypatch):
    p = 11
    grid = torch.arange(p)
    clock = torch.cos(2 * torch.pi * 3 * (grid[:, None, None] + grid[None, :, None] - grid) / p)
    beyond = torch.full((p, p, 2), 50.0)  # the logits of "+" and "="
    monkeypatch.setattr(pairs, "pair_logits", lambda model, task: torch.cat([clock, beyond], dim=-1).double())
    task = ModularAddition(modulus=p, plus_sign=True)
    (waves,) = pair_profile(scrambled(SPEC, task, seed=0), task, SPLIT, ("waves",)).values()
    assert waves.tolist() == pytest.approx([0, 0, 1, 0, 0])
