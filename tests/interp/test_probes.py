import subprocess
import sys

import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from tests.circuits import SPECS, hand_built, scrambled
from tinycircuits.interp.activations import activations, stages
from tinycircuits.interp.probes import fit_probe, readout_map
from tinycircuits.interp.readouts import READOUTS, lda_readouts, ridge_readouts
from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import ModularAddition, OrderedSplit, ReverseIncrement, ShuffledSplit

TASK = ReverseIncrement(n_digits=4)
SEQUENCES = TASK.sequences()
SPLIT = ShuffledSplit(n_train=200, seed=0).indices(256)


@pytest.mark.parametrize("per_row", [True, False])
def test_a_probe_finds_the_digit_that_the_hand_built_attention_copied_and_not_before(per_row):
    model = hand_built(TASK, mlp=True)
    after = fit_probe(model, SEQUENCES, TASK, SPLIT, stage="L0 resid_mid", seed=0, per_row=per_row)
    assert after.correct.tolist() == [56] * 4
    assert after.accuracy == after.fit_correct / after.n_fit_rows == 1
    assert after.shuffled_accuracy < 0.45
    before = fit_probe(model, SEQUENCES, TASK, SPLIT, stage="embed", seed=0, per_row=per_row)
    assert before.correct[0] == (56 if per_row else before.correct[0])  # y_0 is predicted where x_3 stands
    assert before.correct[1:].max() < 28


def test_fewer_rows_are_drawn_when_asked_and_the_result_says_so():
    model = scrambled(SPECS["two layers"], TASK)
    probe = fit_probe(model, SEQUENCES, TASK, SPLIT, stage="L1 resid_post", seed=0, n_fit_rows=100)
    assert (probe.n_fit_rows, probe.n_holdout) == (100, 56)
    every = fit_probe(model, SEQUENCES, TASK, SPLIT, stage="L1 resid_post", seed=0)
    assert every.n_fit_rows == 200 * 4


def test_the_same_seed_fits_the_same_probe():
    model = scrambled(SPECS["one layer"], TASK)
    first, again = (fit_probe(model, SEQUENCES, TASK, SPLIT, stage="embed", seed=1, n_fit_rows=90) for _ in range(2))
    assert torch.equal(first.correct, again.correct)
    assert torch.equal(first.shuffled_correct, again.shuffled_correct)


def test_chance_is_the_share_of_the_most_frequent_answer():
    split = OrderedSplit(n_train=192).indices(256)  # holds out the sequences with x_0 = 3, so that y_3 is always 0
    probe = fit_probe(scrambled(SPECS["one layer"], TASK), SEQUENCES, TASK, split, stage="embed", seed=0)
    assert probe.chance == (64 + 3 * 16) / 256


def test_an_unknown_stage_and_too_few_rows_are_refused():
    model = scrambled(SPECS["one layer"], TASK)
    with pytest.raises(ValueError, match="stage must be one of embed, L0 resid_mid, L0 resid_post, got 'L1 resid_mid'"):
        fit_probe(model, SEQUENCES, TASK, SPLIT, stage="L1 resid_mid", seed=0)
    with pytest.raises(ValueError, match="n_fit_rows must be at least 20, got 3"):
        fit_probe(model, SEQUENCES, TASK, SPLIT, stage="embed", seed=0, n_fit_rows=3)


def test_the_package_imports_neither_transformer_lens_nor_scikit_learn_until_it_is_asked_to():
    code = (
        "import sys, tinycircuits, tinycircuits.tasks; assert 'transformer_lens' not in sys.modules;"
        "import tinycircuits.interp; assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


ADDITION = ModularAddition(modulus=11, plus_sign=True)
PAIRS = ADDITION.sequences()
TARGETS = {"a + b": ADDITION.answers(PAIRS)[:, 0], "a": PAIRS[:, 0], "b": PAIRS[:, 2]}
WIDE = ModelSpec(n_layers=2, d_model=16, n_heads=2, d_head=8, d_mlp=32)
every_readout = pytest.mark.parametrize("by", READOUTS)


def clouds(seed=0):
    """Noisy points of seven classes on a circle and of three at random, in eight dimensions."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.stack([torch.randint(0, 7, (600,), generator=generator), torch.arange(600) % 3])
    angle = 2 * torch.pi * labels[0] / 7
    states = 0.3 * torch.randn(600, 8, generator=generator)
    states[:, :3] += torch.stack([angle.cos(), angle.sin(), labels[1].float()], dim=1)
    return states, labels


@every_readout
def test_a_read_out_of_one_hot_states_is_perfect(by):
    labels = torch.arange(113).repeat(5)
    states = torch.eye(113)[labels]
    guess = READOUTS[by](states[:452], labels[None, :452], states[452:])
    assert torch.equal(guess[0], labels[452:])


def test_lda_equals_scikit_learn():
    states, labels = clouds()
    for shrinkage in (1e-3, 0.3):
        guess = lda_readouts(states[:400], labels[:, :400], states[400:], shrinkage=shrinkage)
        for ours, each in zip(guess, labels, strict=True):
            theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(states[:400], each[:400])
            assert torch.equal(ours, torch.from_numpy(theirs.predict(states[400:])))


def test_ridge_equals_scikit_learn():
    states, labels = clouds()
    scaler = StandardScaler().fit(states[:400])
    guess = ridge_readouts(states[:400], labels[:, :400], states[400:], penalty=5.0)
    for ours, each in zip(guess, labels, strict=True):
        ridge = Ridge(alpha=5.0).fit(scaler.transform(states[:400]), torch.eye(int(each.max()) + 1)[each[:400]])
        theirs = ridge.predict(scaler.transform(states[400:])).argmax(1)
        assert torch.equal(ours, torch.from_numpy(theirs))


def test_classes_on_a_line_are_masked_for_ridge_and_read_by_lda():
    labels = torch.arange(900) % 9
    states = labels[:, None] + 0.05 * torch.randn(900, 1, generator=torch.Generator().manual_seed(0))
    share = {by: float((READOUTS[by](states, labels[None], states)[0] == labels).float().mean()) for by in READOUTS}
    assert share["lda"] > 0.99
    assert share["ridge"] < 0.5


@every_readout
def test_the_map_finds_a_number_where_its_token_stands_and_nowhere_before(by):
    found = readout_map(scrambled(WIDE, ADDITION), PAIRS, ADDITION, TARGETS, seeds=range(3), by=by)
    assert found.correct.shape == found.shuffled_correct.shape == (3, 3, 5, 4)
    assert (found.n_fit, found.n_holdout) == (96, 25)
    assert found.chance == pytest.approx(1 / 11)
    assert found.at("a", "embed", "a").tolist() == found.at("b", "embed", "b").tolist() == [1, 1, 1]
    assert (found.accuracy("b")[:, :, :2] <= 0.2).all()  # a position never sees later ones
    for target in TARGETS:  # at "=" the embedding is one and the same vector for all inputs
        assert (found.at(target, "embed", "=") <= 0.2).all()
    assert found.accuracy("a", shuffled=True).mean() < 0.2


def test_one_place_of_the_map_is_the_read_out_of_its_states():
    model = scrambled(WIDE, ADDITION)
    found = readout_map(model, PAIRS, ADDITION, TARGETS, seeds=[4], positions=["="])
    order = torch.randperm(121, generator=torch.Generator().manual_seed(4))
    fitted, held = order[:96], order[96:]
    for stage in stages(model):
        states = activations(model, ADDITION.inputs(PAIRS), [stage.hook])[stage.hook][:, 3]
        for name, labels in TARGETS.items():
            guess = lda_readouts(states[fitted], labels[None, fitted], states[held])[0]
            right = int((guess == labels[held]).sum())
            assert float(found.at(name, stage.label, "=")[0]) == pytest.approx(right / 25)


def test_what_the_map_does_not_hold_is_refused():
    model = scrambled(WIDE, ADDITION)
    found = readout_map(model, PAIRS, ADDITION, TARGETS, seeds=[0], positions=["="])
    for call, message in (
        (lambda: found.accuracy("c"), r"target must be one of a \+ b, a, b, got 'c'"),
        (lambda: found.at("a", "L9", "="), "stage must be one of embed, .*, got 'L9'"),
        (lambda: found.at("a", "embed", "b"), "position must be one of =, got 'b'"),
        (lambda: readout_map(model, PAIRS, ADDITION, TARGETS, seeds=[]), "seeds must be some"),
        (lambda: readout_map(model, PAIRS, ADDITION, TARGETS, seeds=[0], fit_share=1.0), "got 1 seeds and 1.0"),
        (
            lambda: readout_map(model, PAIRS, ADDITION, TARGETS, seeds=[0], positions=["c"]),
            r"positions must be of a, \+, b, =, got 'c'",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_the_read_out_is_fitted_on_a_random_part_and_not_on_the_first_inputs():
    """In their fixed order the first 25 sequences all begin with the same two digits: nothing to tell apart there."""
    split = OrderedSplit(n_train=200).indices(256)
    model = hand_built(TASK, mlp=True)
    options = {"stage": "L0 resid_mid", "seed": 0, "n_fit_rows": 100, "per_row": True}
    found = fit_probe(model, SEQUENCES, TASK, split, **options)
    assert found.correct.tolist() == [56] * 4
    assert found.shuffled_correct.sum() < 0.6 * found.correct.sum()


def unequal(seed=0):
    """Two classes that overlap, one nine times as frequent, away from the origin."""
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand(500, generator=generator) < 0.1).long()
    return torch.randn(500, 3, generator=generator) + labels[:, None] + 5, labels


@every_readout
def test_a_rare_class_is_guessed_rarely_as_scikit_learn_does(by):
    states, labels = unequal()
    fitted, held = states[:300], states[300:380] + 0.5  # held-out states lie elsewhere on average
    guess = READOUTS[by](fitted, labels[None, :300], held)[0]
    if by == "lda":
        theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=1e-3).fit(fitted, labels[:300]).predict(held)
    else:
        scaler = StandardScaler().fit(fitted)
        ridge = Ridge(alpha=1.0).fit(scaler.transform(fitted), torch.eye(2)[labels[:300]])
        theirs = ridge.predict(scaler.transform(held)).argmax(1)
    assert torch.equal(guess, torch.from_numpy(theirs))
    assert guess.double().mean() < 0.4
