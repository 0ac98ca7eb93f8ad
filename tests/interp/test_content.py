import math

import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LinearRegression

from tests.circuits import SPECS, hand_built, scrambled
from tinycircuits.interp.attention import attention_pattern
from tinycircuits.interp.content import read_weights, weight_by_digit
from tinycircuits.tasks import ReverseIncrement, ShuffledSplit, SplitIndices

TASK = ReverseIncrement(n_digits=3)
SEQUENCES = TASK.sequences()
DIGITS = SEQUENCES[:, 1:4]
ROWS = tuple(zip(TASK.predicting_rows, TASK.source_columns, strict=True))


def looking(weights):
    """Patterns whose rows put ``weights`` [batch answer] on their source column and the rest on BOS."""
    pattern = torch.zeros(len(SEQUENCES), 6, 6, dtype=torch.float64)
    pattern[:, :, 0] = 1
    for i, (row, column) in enumerate(ROWS):
        pattern[:, row, column] = weights[:, i]
        pattern[:, row, 0] = 1 - weights[:, i]
    return pattern


def random_pattern():
    return attention_pattern(scrambled(SPECS["one layer"], TASK), TASK.inputs(SEQUENCES), layer=0)


def test_a_weight_that_follows_the_source_digit_is_explained_by_it_and_by_no_other():
    found = weight_by_digit(looking(0.1 + 0.2 * DIGITS.flip(1)), SEQUENCES, TASK)
    assert found.n_inputs == 64
    torch.testing.assert_close(found.share, torch.eye(3, dtype=torch.float64).flip(1))
    torch.testing.assert_close(found.source_share, torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(found.source_mean, torch.tensor([[0.1, 0.3, 0.5, 0.7]] * 3, dtype=torch.float64))
    torch.testing.assert_close(found.mean, torch.full((3,), 0.4, dtype=torch.float64))
    torch.testing.assert_close(found.variance, torch.full((3,), 0.05, dtype=torch.float64))


def test_a_weight_that_follows_another_digit_is_not_explained_by_the_source():
    found = weight_by_digit(looking(0.1 + 0.2 * DIGITS.roll(1, 1).flip(1)), SEQUENCES, TASK)
    torch.testing.assert_close(found.source_share, torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(found.share.sum(1), torch.ones(3, dtype=torch.float64))


def test_a_weight_that_needs_two_digits_is_explained_by_neither_alone():
    parity = (DIGITS[:, :1] + DIGITS[:, 1:2]) % 2
    found = weight_by_digit(looking(parity.expand(-1, 3) * 0.5), SEQUENCES, TASK)
    torch.testing.assert_close(found.share, torch.zeros(3, 3, dtype=torch.float64))


@pytest.mark.parametrize("mlp", [True, False])
def test_a_head_that_looks_by_place_alone_has_no_variance_to_explain(mlp):
    pattern = attention_pattern(hand_built(TASK, mlp=mlp), TASK.inputs(SEQUENCES), layer=0)
    found = weight_by_digit(pattern, SEQUENCES, TASK)
    assert found.mean_by_digit.unique().tolist() == [1]
    assert found.share.isnan().all()
    split = ShuffledSplit(n_train=48, seed=0).indices(64)
    read = read_weights(pattern, SEQUENCES, TASK, split, seed=0)
    assert torch.equal(read.correct, read.correct[:1].expand(3, -1))  # one guess for all inputs, in every row
    assert (read.source_accuracy <= 0.5).all()


def test_shares_equal_a_plain_loop_and_the_regression_on_indicators():
    pattern = random_pattern()
    found = weight_by_digit(pattern, SEQUENCES, TASK)
    for i, (row, column) in enumerate(ROWS):
        weight = pattern[:, row, column].tolist()
        mean = math.fsum(weight) / 64
        variance = math.fsum((w - mean) ** 2 for w in weight) / 64
        assert found.variance[i].item() == pytest.approx(variance)
        for j in range(3):
            groups = [[w for w, x in zip(weight, DIGITS[:, j].tolist(), strict=True) if x == v] for v in range(4)]
            between = math.fsum(len(g) * (math.fsum(g) / len(g) - mean) ** 2 for g in groups) / 64
            assert found.share[i, j].item() == pytest.approx(between / variance)
            indicators = torch.nn.functional.one_hot(DIGITS[:, j], 4).double()
            r2 = LinearRegression().fit(indicators, weight).score(indicators, weight)
            assert found.share[i, j].item() == pytest.approx(r2)


def test_a_digit_that_never_occurs_has_no_mean_and_explains_nothing():
    at = DIGITS[:, 0] < 3
    found = weight_by_digit(random_pattern()[at], SEQUENCES[at], TASK)
    assert found.mean_by_digit[:, 0, 3].isnan().all()
    assert not found.mean_by_digit[:, 1:].isnan().any()
    assert bool((found.share >= 0).all() and (found.share <= 1).all())


def test_the_read_out_of_a_row_is_scikit_learns_and_sees_nothing_but_that_row():
    pattern = random_pattern()
    split = ShuffledSplit(n_train=48, seed=1).indices(64)
    found = read_weights(pattern, SEQUENCES, TASK, split, seed=5, shuffles=2)
    assert (found.n_fit, found.n_holdout) == (48, 16)
    assert found.shuffled_correct.shape == (2, 3, 3)
    generator = torch.Generator().manual_seed(5)
    orders = [split.train, *(split.train[torch.randperm(48, generator=generator)] for _ in range(2))]
    for i, (row, _) in enumerate(ROWS):
        for j in range(3):
            for counts, order in zip((found.correct, *found.shuffled_correct), orders, strict=True):
                lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=1e-3)
                guess = lda.fit(pattern[split.train, row], DIGITS[order, j]).predict(pattern[split.holdout, row])
                assert int(counts[i, j]) == int((torch.from_numpy(guess) == DIGITS[split.holdout, j]).sum())
    expected = found.shuffled_correct.double().mean(0) / 16
    torch.testing.assert_close(found.shuffled_accuracy, expected)
    assert found.source_accuracy.tolist() == [found.correct[i, 2 - i].item() / 16 for i in range(3)]


def test_a_digit_that_decides_the_row_is_read_from_it_and_shuffled_labels_are_not():
    weights = torch.tensor([0.1, 0.8, 0.3, 0.9], dtype=torch.float64)[DIGITS.flip(1)]
    everything = SplitIndices(train=torch.arange(64), holdout=torch.arange(64))
    found = read_weights(looking(weights), SEQUENCES, TASK, everything, seed=0, shuffles=50)
    assert (found.source_accuracy > 0.7).all()  # three cuts on a line; only values in order can all be told apart
    assert found.shuffled_accuracy.max() < 0.5
    assert found.correct[0, 0] == 16  # the first answer's row knows nothing of the first digit


def test_no_inputs_and_a_negative_number_of_shuffles_are_refused():
    pattern = random_pattern()
    split = ShuffledSplit(n_train=48, seed=0).indices(64)
    with pytest.raises(ValueError, match="sequences must hold at least one sequence, got 0"):
        weight_by_digit(pattern[:0], SEQUENCES[:0], TASK)
    with pytest.raises(ValueError, match="sequences must hold at least one sequence, got 0"):
        read_weights(pattern[:0], SEQUENCES[:0], TASK, split, seed=0)
    with pytest.raises(ValueError, match="shuffles must be 0 or more, got -1"):
        read_weights(pattern, SEQUENCES, TASK, split, seed=0, shuffles=-1)
