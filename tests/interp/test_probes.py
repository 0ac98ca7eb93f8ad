import subprocess
import sys

import pytest
import torch

from tests.circuits import SPECS, hand_built, scrambled
from tinycircuits.interp.probes import fit_probe
from tinycircuits.interp.readouts import READOUTS
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


def test_the_read_out_is_fitted_on_a_random_part_and_not_on_the_first_inputs():
    """In their fixed order the first 25 sequences all begin with the same two digits: nothing to tell apart there."""
    split = OrderedSplit(n_train=200).indices(256)
    model = hand_built(TASK, mlp=True)
    options = {"stage": "L0 resid_mid", "seed": 0, "n_fit_rows": 100, "per_row": True}
    found = fit_probe(model, SEQUENCES, TASK, split, **options)
    assert found.correct.tolist() == [56] * 4
    assert found.shuffled_correct.sum() < 0.6 * found.correct.sum()
