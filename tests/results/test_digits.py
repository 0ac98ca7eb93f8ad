"""What is measured on a model of reverse and increment: known answers of a circuit set by hand, and plain loops."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn.functional import cosine_similarity, normalize

from tests.circuits import SPECS, hand_built, parameters, scrambled
from tinycircuits.interp.agreement import fingerprint
from tinycircuits.interp.pairs import derangement
from tinycircuits.results.digits import PARTS, SETS, digit_profile
from tinycircuits.results.numbers import ALL, ORDERED, OWN, PUSH
from tinycircuits.results.runs import load
from tinycircuits.tasks import OrderedSplit, ReverseIncrement, ShuffledSplit

TASK = ReverseIncrement(n_digits=4)
SEQUENCES = TASK.sequences()
TOKENS, ANSWERS, SOURCE = TASK.inputs(SEQUENCES), TASK.answers(SEQUENCES), SEQUENCES[:, [4, 3, 2, 1]]
ROWS = [4, 5, 6, 7]
N = len(SEQUENCES)
N_TRAIN = 160
SPLIT = ShuffledSplit(n_train=N_TRAIN, seed=5).indices(N)
KINDS = ("zero_weights", "zero", "mean", "resample")


@pytest.fixture(scope="module")
def by_hand():
    """The profile of one layer set by hand: attention copies the digit and neuron k raises digit k."""
    return digit_profile(hand_built(TASK, mlp=True), TASK, SPLIT, ("errors", "attention", "ablation", "interchange"))


@pytest.fixture(scope="module")
def model():
    """Article C's first seed, which gets 165 of 1,024 digits wrong."""
    return load("reversal-4d-2l", 0).model


@pytest.fixture(scope="module")
def found(model):
    return digit_profile(model, TASK, SPLIT, [part for part in PARTS if part != "read-out"])


@pytest.fixture(scope="module")
def read(model):
    return digit_profile(model, TASK, SPLIT, ("read-out",))


@pytest.fixture(scope="module")
def cache(model):
    with torch.no_grad():
        return model.run_with_cache(TOKENS)[1]


def share(said, of=ANSWERS):
    return float((said == of).double().mean())


# The circuit set by hand.


def test_a_circuit_that_cannot_raise_three_is_wrong_on_each_set_by_as_much_as_it_holds_threes():
    model = hand_built(TASK, mlp=True)
    with torch.no_grad():
        column = parameters(model)["layers.0.mlp.fc_out.weight"][:, 3]
        column.copy_(column.roll(1))  # says 1 after a three
    found = digit_profile(model, TASK, SPLIT, ("errors",))
    threes = SOURCE == 3
    assert found["wrong.all"].tolist() == threes.sum(0).tolist() == [64] * 4
    held = threes[SPLIT.holdout].sum(0).tolist()
    assert found["wrong.holdout"].tolist() == found["wrong.holdout free-running"].tolist() == held
    assert len(set(held)) > 1
    ordered = digit_profile(model, TASK, OrderedSplit(n_train=192).indices(N), ("errors",))
    assert ordered["wrong.holdout"].tolist() == [16, 16, 16, 64]  # x_0 is a three throughout, and y_3 its answer


def test_what_is_left_without_a_part_is_the_share_of_threes_in_each_set(by_hand):
    """Without the copy or the MLP all logits are zero, which says 0: right after a three. The ordered holdout is the
    last 96 inputs: x_0 is a three in 64 of them, x_1 in 32, x_2 and x_3 in 24. The model's own is another."""
    assert [SETS[at] for at in (ALL, ORDERED, OWN, PUSH)] == [
        "all inputs",
        "ordered holdout",
        "own holdout",
        "random push",
    ]
    threes = (SOURCE == 3).double()
    expected = [0.25, (64 + 32 + 24 + 24) / (4 * 96), float(threes[SPLIT.holdout].mean())]
    assert len(set(expected)) == 3
    for part in ("L0 attn", "L0 mlp"):
        for kind in ("zero", "zero_weights"):
            assert by_hand[f"ablated.{part}.{kind}"][[ALL, ORDERED, OWN]].tolist() == pytest.approx(expected)
            assert 0.9 < by_hand[f"ablated.{part}.{kind}"][PUSH] <= 1  # 16 directions: nearly all miss the answer's
    other = ANSWERS[derangement(N, seed=0)]
    resampled = [
        float((other == ANSWERS)[at].double().mean()) for at in (slice(None), slice(N_TRAIN, None), SPLIT.holdout)
    ]
    assert by_hand["ablated.L0 mlp.resample"][[ALL, ORDERED, OWN]].tolist() == pytest.approx(resampled)


def test_every_row_of_the_circuit_reads_its_digit_and_nothing_else(by_hand):
    for name in ("weight", "largest", "top"):
        assert by_hand[f"attention.{name}"].tolist() == pytest.approx([1] * 4)
    for name in ("entropy", "BOS", "answers"):
        assert by_hand[f"attention.{name}"].tolist() == pytest.approx([0] * 4)
    assert by_hand["attention.labelled largest"].tolist() == [0] * 3


def test_in_the_circuit_either_part_carries_the_whole_answer(by_hand):
    assert by_hand["interchange.attn"].tolist() == by_hand["interchange.mlp"].tolist() == [1] * 4


def test_the_diagonal_of_the_circuit_is_bright_and_another_circuit_set_by_hand_makes_no_mistake():
    found = digit_profile(hand_built(TASK, mlp=True), TASK, SPLIT, ("diagonal", "set by hand", "last attention"))
    assert [float(found[f"diagonal.{which}"]) for which in ("largest", "mean")] == pytest.approx([1, 1])
    assert int(found["by hand.wrong"]) == 0
    assert [int(found[f"last attention.{kind}"]) for kind in ("zero", "zero_weights")] == [
        3 * N
    ] * 2  # as after a three


# A trained model that makes mistakes, and plain loops with the hooks of TransformerLens.


def test_the_model_is_followed_by_hand_and_not_without_its_mlps(model):
    found = digit_profile(model, TASK, SPLIT, ("followed",))
    assert float(found["by hand.gap"]) < 1e-9
    assert float(found["by hand.gap, no MLP"]) > 1


def test_the_diagonal_is_the_mean_weight_on_the_source_digits(model, cache):
    pattern = cache["pattern", 0].mean(1)
    weights = [
        [float(pattern[index, row, column]) for row, column in zip(ROWS, [4, 3, 2, 1], strict=True)]
        for index in range(N)
    ]
    found = digit_profile(model, TASK, SPLIT, ("diagonal",))
    means = np.mean(weights, axis=1)
    assert [float(found["diagonal.largest"]), float(found["diagonal.mean"])] == pytest.approx(
        [means.max(), means.mean()]
    )


def test_the_last_attention_is_removed_with_its_bias_and_without(model):
    wrong = {}
    for kind in ("zero", "zero_weights"):
        bias = model.blocks[1].attn.b_O.detach() if kind == "zero_weights" else 0.0
        with torch.no_grad():
            logits = model.run_with_hooks(
                TOKENS, fwd_hooks=[("blocks.1.hook_attn_out", lambda out, hook, b=bias: torch.zeros_like(out) + b)]
            )
        wrong[kind] = int((logits[:, ROWS].argmax(-1) != ANSWERS).sum())
    found = digit_profile(model, TASK, SPLIT, ("last attention",))
    assert {kind: int(found[f"last attention.{kind}"]) for kind in wrong} == wrong
    assert wrong["zero"] != wrong["zero_weights"]


def test_the_fingerprint_is_stored_number_by_number(model):
    found, whole = digit_profile(model, TASK, SPLIT, ("fingerprint",)), fingerprint(model, SEQUENCES, TASK, seed=0)
    assert {name.removeprefix("print.") for name in found} == {*vars(whole)} - {"parts"}
    for name, number in found.items():
        assert torch.equal(number, getattr(whole, name.removeprefix("print.")))


def test_errors_are_counted_one_input_at_a_time(model, found):
    wrong = torch.zeros(3, 4, dtype=torch.int64)
    held = set(SPLIT.holdout.tolist())
    with torch.no_grad():
        forced = model(TOKENS)[:, ROWS].argmax(-1)
        free = SEQUENCES[:, :5]
        for _ in range(4):
            free = torch.cat([free, model(free)[:, -1:].argmax(-1)], dim=1)
    for index in range(N):
        for answer in range(4):
            wrong[0, answer] += bool(forced[index, answer] != ANSWERS[index, answer])
            if index in held:
                wrong[1, answer] += bool(forced[index, answer] != ANSWERS[index, answer])
                wrong[2, answer] += bool(free[index, 5 + answer] != ANSWERS[index, answer])
    names = ("wrong.all", "wrong.holdout", "wrong.holdout free-running")
    assert [found[name].tolist() for name in names] == wrong.tolist()
    assert wrong[1].tolist() != wrong[2].tolist()


def test_attention_is_that_of_layer_0_at_the_predicting_rows(found, cache):
    pattern = cache["pattern", 0][:, 0]
    rows = pattern[:, ROWS]
    sources = torch.tensor([4, 3, 2, 1])
    at_source = torch.stack([rows[:, i, column] for i, column in enumerate(sources)], dim=1)
    expected = {
        "weight": at_source.mean(0),
        "largest": (rows.argmax(-1) == sources).double().mean(0),
        "top": rows.mean(0)[:, 1:5].amax(1),
        "entropy": torch.from_numpy(stats.entropy(rows.numpy(), base=2, axis=-1)).mean(0),
        "BOS": rows.mean(0)[:, 0],
        "answers": rows.mean(0)[:, 5:].sum(1),
        "labelled largest": (pattern[:, [5, 6, 7]].argmax(-1) == sources[:3]).double().mean(0),
    }
    for name, values in expected.items():
        torch.testing.assert_close(found[f"attention.{name}"].double(), values, atol=1e-9, rtol=1e-9, msg=name)
    assert not torch.equal(expected["labelled largest"], expected["largest"][:3])


def test_only_the_task_of_four_digits_has_labelled_rows(model):
    task = ReverseIncrement(n_digits=2)
    small = scrambled(SPECS["one layer"], task)
    names = digit_profile(small, task, OrderedSplit(n_train=12).indices(16), ("attention",))
    assert "attention.labelled largest" not in names
    assert "attention.largest" in names


def test_the_last_states_are_compared_with_the_vectors_of_the_digits(model, found, cache):
    after, before = (cache[f"blocks.1.hook_{place}"][:, ROWS, None] for place in ("resid_post", "resid_mid"))
    embedding, unembedding = model.W_E[:4].detach(), model.W_U.T[:4].detach()
    seen = {
        "nearest.W_E": (after, embedding),
        "nearest.W_U": (after, unembedding),
        "nearest.W_E before the MLP": (before, embedding),
    }
    expected = {name: share(cosine_similarity(*each, dim=-1).argmax(-1)) for name, each in seen.items()}
    assert len(set(expected.values())) == 3
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(value), name


def test_each_part_is_removed_in_four_ways_and_counted_on_each_set(model, found, cache):
    partners = derangement(N, seed=0)
    shape = (N, 8, model.cfg.d_model)
    drawn = normalize(torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64), dim=-1)

    def right(hook, change):
        with torch.no_grad():
            logits = model.run_with_hooks(TOKENS, fwd_hooks=[(hook, lambda out, hook: out + change)])
        return (logits[:, ROWS].argmax(-1) == ANSWERS).double()

    parts = {"L0 attn": (0, "attn", model.b_O), "L0 mlp": (0, "mlp", model.b_out), "L1 mlp": (1, "mlp", model.b_out)}
    for label, (layer, kind, biases) in parts.items():
        hook = f"blocks.{layer}.hook_{kind}_out"
        own = cache[hook]
        bias = biases[layer].detach().expand_as(own)
        replaced = (bias, torch.zeros_like(own), own.mean(0).expand_as(own), own[partners])
        for how, new in zip(KINDS, replaced, strict=True):
            change = new - own
            each = right(hook, change)
            pushed = right(hook, change.norm(dim=-1, keepdim=True) * drawn).mean()
            expected = [each.mean(), each[N_TRAIN:].mean(), each[SPLIT.holdout].mean(), pushed]
            assert found[f"ablated.{label}.{how}"].tolist() == pytest.approx(list(map(float, expected))), (label, how)
    assert not [name for name in found if name.startswith("ablated.L1 attn")]


def test_the_read_out_before_and_after_the_last_mlp_is_that_of_the_unembedding(model, read, cache):
    before, after = (cache[f"blocks.1.hook_{place}"][:, ROWS] for place in ("resid_mid", "resid_post"))
    with torch.no_grad():
        for ending, norm in (("", lambda state: state), (", LayerNorm", model.ln_final)):
            said = [(norm(state) @ model.W_U + model.b_U).argmax(-1) == ANSWERS for state in (before, after)]
            turned = (~said[0] & said[1]).double().mean(), (said[0] & ~said[1]).double().mean()
            expected = dict(
                zip(
                    ("lens.before", "lens.after", "turned.wrong_to_right", "turned.right_to_wrong"),
                    (*(each.double().mean() for each in said), *turned),
                    strict=True,
                )
            )
            for name, value in expected.items():
                assert float(read[name + ending]) == pytest.approx(float(value)), name + ending


def test_the_fitted_read_out_is_scikit_learns_of_the_state_before_the_last_mlp(read, cache):
    states = cache["blocks.1.hook_resid_mid"][:, ROWS]

    def line(states, labels):
        regression = LogisticRegression(C=100.0, max_iter=2000)
        return make_pipeline(StandardScaler(), regression).fit(states.flatten(0, 1).numpy(), labels.flatten().numpy())

    def share_read(rows):
        fitted = line(states[SPLIT.train][:, rows], ANSWERS[SPLIT.train][:, rows])
        said = fitted.predict(states[SPLIT.holdout][:, rows].flatten(0, 1).numpy())
        return np.mean(said == ANSWERS[SPLIT.holdout][:, rows].flatten().numpy())

    each, together = np.mean([share_read([row]) for row in range(4)]), share_read([0, 1, 2, 3])
    tolerance = 2 / (4 * N_TRAIN)  # the rows come in another order, so that the fit ends elsewhere in the last digits
    assert float(read["linear.each position"]) == pytest.approx(each, abs=tolerance)
    assert float(read["linear.all positions"]) == pytest.approx(together, abs=tolerance)
    assert abs(each - together) > 3 * tolerance
    for name in ("each position", "all positions"):
        assert read[f"linear.{name}, shuffled labels"] < min(each, together) - 3 * tolerance


def test_another_inputs_output_is_put_at_one_row_at_a_time(model, found, cache):
    partners, generator = derangement(N, seed=0), torch.Generator()
    theirs = ANSWERS[partners]
    for kind in ("attn", "mlp"):
        hook = f"blocks.0.hook_{kind}_out"
        move = (cache[hook][partners] - cache[hook])[:, ROWS]
        drawn = torch.randn(move.shape, generator=generator.manual_seed(0), dtype=torch.float64)
        pushed = move.norm(dim=-1, keepdim=True) * normalize(drawn, dim=-1)
        for name, change in ((f"interchange.{kind}", move), (f"interchange.{kind}, random push", pushed)):
            for answer, row in enumerate(ROWS):
                at_row = torch.zeros_like(cache[hook])
                at_row[:, row] = change[:, answer]
                with torch.no_grad():
                    logits = model.run_with_hooks(TOKENS, fwd_hooks=[(hook, lambda out, hook, c=at_row: out + c)])
                said = logits[:, row].argmax(-1)
                assert float(found[name][answer]) == pytest.approx(share(said, theirs[:, answer])), (name, answer)


def test_what_the_first_mlp_adds_is_compared_with_the_step_to_the_next_digit(model, found, cache):
    output = cache["blocks.0.hook_mlp_out"][:, ROWS]
    for name, vectors in (("W_E", model.W_E), ("W_U", model.W_U.T)):
        for digit in range(4):
            step = (vectors[(digit + 1) % 4] - vectors[digit]).detach()
            cosines = [float(cosine_similarity(each, step, dim=0)) for each in output[digit == SOURCE]]
            assert float(found[f"shift.{name}"][digit]) == pytest.approx(np.mean(cosines))


def test_a_profile_holds_what_it_is_asked_for_in_that_order(model):
    whole = digit_profile(model, TASK, SPLIT, ("errors", "shift"))
    assert list(whole) == ["wrong.all", "wrong.holdout", "wrong.holdout free-running", "shift.W_E", "shift.W_U"]
    assert PARTS[0] == "errors"
