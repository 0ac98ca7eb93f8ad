import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tinycircuits.tasks import (
    IncrementInPlace,
    ModularAddition,
    OrderedSplit,
    ReverseAddNeighbour,
    ReverseIncrement,
    SampledSplit,
    ShuffledAnswers,
    ShuffledSplit,
    ShuffledSums,
)

tasks = st.builds(
    ReverseIncrement,
    n_digits=st.integers(1, 12),
    modulus=st.integers(2, 64),
    increment=st.integers(0, 70),
)
small_tasks = st.builds(
    ReverseIncrement, n_digits=st.integers(1, 4), modulus=st.integers(2, 5), increment=st.integers(0, 6)
)


additions = st.builds(ModularAddition, modulus=st.integers(2, 1024), plus_sign=st.booleans())
small_additions = st.builds(ModularAddition, modulus=st.integers(2, 12), plus_sign=st.booleans())
every_small_task = small_tasks | small_additions


@st.composite
def task_and_digits(draw):
    task = draw(tasks)
    digit = st.integers(0, task.modulus - 1)
    rows = draw(st.lists(st.lists(digit, min_size=task.n_digits, max_size=task.n_digits), min_size=1, max_size=5))
    return task, torch.tensor(rows)


@given(task_and_digits())
def test_answers_are_the_digits_backwards_each_raised(case):
    task, digits = case
    expected = [[(d + task.increment) % task.modulus for d in reversed(row)] for row in digits.tolist()]
    assert task.solve(digits).tolist() == expected


@given(task_and_digits())
def test_sequences_are_bos_then_digits_then_answers(case):
    task, digits = case
    sequences = task.sequences_of(digits)
    assert sequences.shape == (len(digits), task.n_ctx)
    assert (sequences[:, 0] == task.bos).all()
    assert torch.equal(sequences[:, 1 : task.n_digits + 1], digits)
    assert torch.equal(task.answers(sequences), task.solve(digits))


@given(task_and_digits())
def test_each_answer_is_its_source_column_raised_and_follows_its_predicting_row(case):
    task, digits = case
    sequences = task.sequences_of(digits)
    source = sequences[:, list(task.source_columns)]
    assert torch.equal((source + task.increment) % task.modulus, task.answers(sequences))
    following = [row + 1 for row in task.predicting_rows]
    assert torch.equal(sequences[:, following], task.answers(sequences))
    assert task.inputs(sequences).shape[1] == task.n_ctx - 1 == task.predicting_rows[-1] + 1


@given(small_tasks)
def test_sequences_lists_every_input_once_in_the_order_of_itertools_product(task):
    expected = list(itertools.product(range(task.modulus), repeat=task.n_digits))
    assert [tuple(row) for row in task.sequences()[:, 1 : task.n_digits + 1].tolist()] == expected


@given(every_small_task, st.data())
def test_the_sequence_at_a_place_is_that_of_the_list(task, data):
    listed = task.sequences()
    assert task.n_sequences == len(listed)
    index = torch.tensor(data.draw(st.lists(st.integers(0, len(listed) - 1), min_size=1, max_size=5)))
    assert torch.equal(task.sequences_at(index), listed[index])


def test_sequences_of_sixteen_digits_are_made_without_the_list():
    task = ReverseIncrement(n_digits=16)
    assert task.n_sequences == 4**16
    last, first = task.sequences_at(torch.tensor([4**16 - 1, 1]))
    assert last.tolist() == [4, *[3] * 16, *[0] * 16]
    assert first.tolist() == [4, *[0] * 15, 1, 2, *[1] * 15]


@given(every_small_task)
def test_every_token_and_position_has_a_name(task):
    assert len(task.token_names) == len(set(task.token_names)) == task.d_vocab
    assert len(task.position_names) == len(set(task.position_names)) == task.n_ctx


@given(every_small_task)
def test_sequences_are_all_different_and_stay_in_the_vocabulary(task):
    sequences = task.sequences()
    assert sequences.shape[1] == task.n_ctx
    assert len(sequences.unique(dim=0)) == len(sequences)
    assert set(sequences.flatten().tolist()) == set(range(task.d_vocab))


@given(every_small_task)
def test_inputs_and_answers_are_the_sequence_and_the_answer_follows_its_row(task):
    sequences = task.sequences()
    assert torch.equal(task.inputs(sequences), sequences[:, :-1])
    assert torch.equal(task.answers(sequences), sequences[:, [row + 1 for row in task.predicting_rows]])
    assert len(task.predicting_rows) == task.n_answers


@given(small_tasks)
def test_the_first_answer_depends_on_the_last_digit(task):
    assert task.position_names[task.source_columns[0]] == f"x_{task.n_digits - 1}"


def test_the_worked_example_of_the_articles():
    task = ReverseIncrement(n_digits=8)
    assert task.solve(torch.tensor([[0, 1, 2, 3, 2, 0, 3, 1]])).tolist() == [[2, 0, 1, 3, 0, 3, 2, 1]]


def test_eight_digits_modulo_four_give_65536_sequences_of_17_tokens():
    assert ReverseIncrement(n_digits=8).sequences().shape == (65_536, 17)


@given(additions, st.data())
def test_a_sum_is_what_a_clock_shows_after_a_and_b_steps(task, data):
    a, b = (data.draw(st.integers(0, task.modulus - 1)) for _ in "ab")
    hours = itertools.cycle(range(task.modulus))
    shown = next(itertools.islice(hours, a + b, None))
    (sequence,) = task.sequences_of(torch.tensor([[a, b]])).tolist()
    written = [task.token_names[token] for token in sequence]
    assert written == [str(a), *(["+"] if task.plus_sign else []), str(b), "=", str(shown)]


@given(additions)
def test_the_answer_is_read_at_the_equals_sign(task):
    tokens = task.inputs(task.sequences_of(torch.tensor([[0, 1]])))
    (row,) = task.predicting_rows
    assert tokens[0, row] == task.equals
    assert tokens[0, list(task.operand_columns)].tolist() == [0, 1]
    assert (task.plus in tokens[0].tolist()) == task.plus_sign


@given(small_additions, st.data())
def test_the_pair_a_b_has_index_a_times_modulus_plus_b(task, data):
    a, b = (data.draw(st.integers(0, task.modulus - 1)) for _ in "ab")
    assert torch.equal(task.sequences()[a * task.modulus + b], task.sequences_of(torch.tensor([[a, b]]))[0])


def test_tokens_that_no_sequence_has_come_after_the_signs():
    plain = ModularAddition(modulus=7, plus_sign=False)
    wide = ModularAddition(modulus=7, plus_sign=False, unused_tokens=2)
    assert (wide.d_vocab, wide.equals) == (plain.d_vocab + 2, plain.equals)
    assert wide.token_names == (*plain.token_names, "unused 1", "unused 2")
    assert torch.equal(wide.sequences(), plain.sequences())
    assert wide.described() != plain.described() == {"type": "ModularAddition", "modulus": 7, "plus_sign": False}


@pytest.mark.parametrize(
    ("modulus", "plus_sign", "shape", "d_vocab"), [(113, True, (12_769, 5), 115), (97, False, (9_409, 4), 98)]
)
def test_the_sizes_of_the_articles_on_modular_addition(modulus, plus_sign, shape, d_vocab):
    task = ModularAddition(modulus=modulus, plus_sign=plus_sign)
    assert (tuple(task.sequences().shape), task.d_vocab) == (shape, d_vocab)


@pytest.mark.parametrize(
    ("pair", "said"), [([113, 0], r"^a must lie in 0\.\.112, got 113$"), ([0, -1], r"^b must lie in 0\.\.112, got -1$")]
)
def test_a_number_that_is_not_on_the_clock_is_refused(pair, said):
    with pytest.raises(ValueError, match=said):
        ModularAddition(modulus=113, plus_sign=True).sequences_of(torch.tensor([[1, 2], pair]))


@pytest.mark.parametrize("modulus", [1, 0, -5])
def test_a_modulus_below_two_is_refused_in_one_line(modulus):
    said = rf"^ModularAddition: modulus: Input should be greater than or equal to 2, got {modulus}$"
    with pytest.raises(ValueError, match=said):
        ModularAddition(modulus=modulus, plus_sign=True)


@given(st.integers(2, 500), st.data())
def test_splits_are_disjoint_and_cover_everything(n, data):
    n_train = data.draw(st.integers(1, n - 1))
    for split in (OrderedSplit(n_train=n_train), ShuffledSplit(n_train=n_train, seed=data.draw(st.integers(0, 9)))):
        indices = split.indices(n)
        assert len(indices.train) == n_train
        assert sorted(torch.cat([indices.train, indices.holdout]).tolist()) == list(range(n))


def test_the_ordered_holdout_of_60000_holds_only_sequences_that_begin_with_3_and_then_2_or_3():
    holdout = OrderedSplit(n_train=60_000).indices(65_536).holdout
    digits = ReverseIncrement(n_digits=8).sequences()[holdout, 1:9]
    assert len(holdout) == 5_536
    assert digits[:, 0].unique().tolist() == [3]
    assert digits[:, 1].unique().tolist() == [2, 3]


def test_the_ordered_holdout_of_200_holds_only_sequences_that_begin_with_3():
    holdout = OrderedSplit(n_train=200).indices(256).holdout
    assert ReverseIncrement(n_digits=4).sequences()[holdout, 1].unique().tolist() == [3]


def test_a_sampled_split_is_two_different_samples_from_everywhere_the_same_for_the_same_seed():
    spec = SampledSplit(n_train=2_000, n_holdout=1_000, seed=3)
    split, again = spec.indices(4**16), spec.indices(4**16)
    assert (len(split.train), len(split.holdout)) == (2_000, 1_000)
    assert torch.equal(split.train, again.train)
    assert torch.equal(split.holdout, again.holdout)
    assert len({*split.train.tolist(), *split.holdout.tolist()}) == 3_000
    assert not torch.equal(split.train, spec.model_copy(update={"seed": 4}).indices(4**16).train)
    for part in (split.train, split.holdout):
        assert 0 <= int(part.min()) < 0.02 * 4**16
        assert 0.98 * 4**16 < int(part.max()) < 4**16


def test_a_shuffled_split_depends_on_its_seed_only_and_leaves_the_global_generator_alone():
    state = torch.get_rng_state()
    split = ShuffledSplit(n_train=50, seed=3)
    assert torch.equal(split.indices(100).holdout, split.indices(100).holdout)
    assert not torch.equal(split.indices(100).holdout, ShuffledSplit(n_train=50, seed=4).indices(100).holdout)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("split", [OrderedSplit(n_train=10), ShuffledSplit(n_train=10, seed=0)])
def test_a_split_that_holds_nothing_out_is_refused(split):
    with pytest.raises(ValueError, match="n_train must be below the number of sequences"):
        split.indices(10)


@pytest.mark.parametrize("digits", [[[0, 4]], [[-1, 0]]])
def test_a_digit_out_of_range_is_refused(digits):
    with pytest.raises(ValueError, match=r"digits must lie in 0\.\.3"):
        ReverseIncrement(n_digits=2).solve(torch.tensor(digits))


def test_digits_of_another_length_are_refused():
    with pytest.raises(ValueError, match="digits must have length 2, got 3"):
        ReverseIncrement(n_digits=2).sequences_of(torch.tensor([[0, 1, 2]]))


@pytest.mark.parametrize("field", [{"n_digits": 0}, {"n_digits": 2, "modulus": 1}, {"n_digits": 2, "increment": -1}])
def test_a_task_that_makes_no_sense_is_refused(field):
    with pytest.raises(ValueError, match=r"^ReverseIncrement: \w+: .* greater than or equal to"):
        ReverseIncrement(**field)


@given(task_and_digits())
def test_increment_in_place_leaves_out_the_reversal_only(case):
    task, digits = case
    in_place = IncrementInPlace(n_digits=task.n_digits, modulus=task.modulus, increment=task.increment)
    assert torch.equal(in_place.solve(digits), task.solve(digits).flip(-1))


@given(task_and_digits())
def test_reverse_add_neighbour_adds_two_neighbours_and_reverses(case):
    task, digits = case
    n, modulus = task.n_digits, task.modulus
    expected = [[(row[j] + row[(j + 1) % n]) % modulus for j in reversed(range(n))] for row in digits.tolist()]
    assert ReverseAddNeighbour(n_digits=n, modulus=modulus).solve(digits).tolist() == expected


@given(modulus=st.integers(1, 8).map(lambda half: 2 * half), shift=st.integers(0, 15))
def test_no_sum_of_one_score_for_each_digit_can_add_them(modulus, shift):
    """With two digits 0 or m/2, twice the answer is s and twice s + m/2; all four scores together favour neither."""
    half = modulus // 2
    table = {(a, b): (a + b) % modulus for a in (0, half) for b in (0, half)}
    assert table[0, 0] == table[half, half] != table[0, half] == table[half, 0]
    generator = torch.Generator().manual_seed(shift)
    f, g = torch.randn(2, modulus, modulus, generator=generator)  # f[digit, answer], g[digit, answer]
    margins = [(f[a] + g[b])[answer] - (f[a] + g[b])[(answer + half) % modulus] for (a, b), answer in table.items()]
    assert float(sum(margins)) == pytest.approx(0, abs=1e-4), "so at least one margin is not positive"


def test_shuffled_answers_are_the_answers_of_the_task_itself_at_other_inputs():
    shuffled, plain = ShuffledAnswers(n_digits=4, seed=0), ReverseIncrement(n_digits=4)
    answers = [task.answers(task.sequences()).tolist() for task in (shuffled, plain)]
    assert sorted(answers[0]) == sorted(answers[1])
    assert sum(map(list.__eq__, *answers)) <= 5
    some = shuffled.sequences()[7:9]
    assert shuffled.solve(some[:, 1:5]).tolist() == shuffled.answers(some).tolist()


@pytest.mark.parametrize("plus_sign", [True, False])
def test_shuffled_sums_are_the_sums_of_other_pairs(plus_sign):
    shuffled = ShuffledSums(modulus=31, plus_sign=plus_sign, seed=0)
    plain = ModularAddition(modulus=31, plus_sign=plus_sign)
    answers = [task.answers(task.sequences())[:, 0] for task in (shuffled, plain)]
    assert torch.equal(*(each.sort().values for each in answers))
    assert int((answers[0] == answers[1]).sum()) < 3 * 31, "one in 31 agrees by chance"
    pairs = shuffled.sequences()[40:44][:, list(shuffled.operand_columns)]
    assert torch.equal(shuffled.solve(pairs)[:, 0], answers[0][40:44])
    with pytest.raises(ValueError, match=r"b must lie in 0\.\.30, got 31"):
        shuffled.solve(torch.tensor([[0, 31]]))


def test_no_sum_of_two_scores_adds_modulo_four():
    """At most three quarters of the pairs: the most that whole-number programming finds for scores in -10 .. 10."""
    from scipy.optimize import LinearConstraint, milp

    def most_pairs(answer):
        rows = []
        for a, b, other in itertools.product(range(4), repeat=3):
            if other != answer(a, b):
                row = np.zeros(48)  # 16 scores for each digit, then one switch for each pair
                for digit, offset in ((a, 0), (b, 16)):
                    row[offset + 4 * digit + answer(a, b)] += 1
                    row[offset + 4 * digit + other] -= 1
                row[32 + 4 * a + b] = -41  # a pair that is given up needs no margin
                rows.append(row)
        wanted = np.r_[np.zeros(32), -np.ones(16)]
        bounds = (np.r_[-10 * np.ones(32), np.zeros(16)], np.r_[10 * np.ones(32), np.ones(16)])
        found = milp(
            wanted,
            constraints=LinearConstraint(np.array(rows), -40),
            bounds=bounds,
            integrality=np.r_[np.zeros(32), np.ones(16)],
        )
        return round(-found.fun)

    assert most_pairs(lambda a, b: (a + 1) % 4) == 16
    assert most_pairs(lambda a, b: (a + b) % 4) == 12
