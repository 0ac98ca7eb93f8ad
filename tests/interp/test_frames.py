import pytest
import torch

from tests.circuits import SPECS, scrambled
from tinycircuits.interp.ablation import ablation_table
from tinycircuits.interp.activations import Component
from tinycircuits.interp.attention import attention_pattern, attention_summary, named_blocks, named_patterns
from tinycircuits.interp.attribution import logit_attribution
from tinycircuits.interp.averaged import averaged_output
from tinycircuits.interp.content import weight_by_digit
from tinycircuits.interp.frames import answers, digits, frame, input_names, sources
from tinycircuits.interp.logits import cosine_to_digits, logit_lens, sample_readout
from tinycircuits.interp.mlp import digit_contributions, neuron_activity
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
SEQUENCES = TASK.sequences()
MODEL = scrambled(SPECS["one layer"], TASK)


def test_a_frame_has_the_numbers_the_names_and_the_titles_in_their_places():
    found = frame(torch.tensor([[1.0, 2], [3, 4], [5, 6]]), ("answer", answers(3)), ("digit", digits(2)))
    assert (found.index.name, found.columns.name) == ("answer", "digit")
    assert found.loc["y_2", "x_0"] == 5
    assert found.loc["y_0", "x_1"] == 2


@pytest.mark.parametrize(("n", "word"), [((2, 2), "rows: 3 names"), ((3, 1), "columns: 2 names")])
def test_a_frame_wants_a_name_for_every_row_and_column(n, word):
    with pytest.raises(ValueError, match=word):
        frame(torch.zeros(3, 2), ("answer", answers(n[0])), ("digit", digits(n[1])))


def test_the_names_are_those_of_the_task():
    assert ("BOS", *digits(3), *answers(3)) == TASK.position_names
    assert sources(3) == [TASK.position_names[column] for column in TASK.source_columns]
    assert input_names(TASK, TASK.sequences_of(torch.tensor([[3, 0, 2]]))) == ["x = 3 0 2"]


def test_attention_is_named_by_what_is_predicted_and_what_is_read():
    pattern = attention_pattern(MODEL, TASK.inputs(SEQUENCES), layer=0)
    mean = attention_summary(MODEL, SEQUENCES, TASK, layer=0)
    whole, block = named_patterns(pattern, SEQUENCES, TASK), named_blocks(pattern, SEQUENCES, TASK)
    # y_1 is predicted where y_0 stands, in row 4.
    assert whole["x = 0 2 1"].loc["y_0", "x_1"] == block["x = 0 2 1"].loc["y_1", "x_1"] == pattern[9, 4, 2]
    assert mean.frame().loc["y_2", "y_1"] == pattern[:, 5, 5].mean()
    assert list(mean.frame().columns) == list(TASK.position_names[:-1])
    rows = mean.by_answer().set_index("answer")
    assert rows.source.tolist() == ["x_2", "x_1", "x_0"]
    for answer, source in rows.source.items():
        assert rows.loc[answer, "weight on source"] == mean.frame().loc[answer, source]
    assert rows[["on BOS", "on all x", "on y"]].sum(axis=1).tolist() == pytest.approx([1] * 3)


def test_the_last_labelled_row_has_no_numbers():
    below = attention_summary(MODEL, SEQUENCES, TASK, layer=0, rows="labelled")
    assert below.frame().loc["y_2"].isna().all()
    above = attention_summary(MODEL, SEQUENCES, TASK, layer=0).frame()
    assert below.frame().loc["y_0"].tolist() == above.loc["y_1"].tolist()


def test_read_outs_are_named():
    lens = logit_lens(MODEL, SEQUENCES, TASK, layer_norm=True)
    assert lens.frame().loc["L0 resid_mid", "y_1"] == lens.accuracy[1, 1]
    sample = sample_readout(MODEL, SEQUENCES[5], TASK, stage="embed", layer_norm=True)
    assert sample.frame(TASK.token_names).loc["y_2", "BOS"] == sample.probabilities[2, 4]
    cosines = cosine_to_digits(MODEL, SEQUENCES, TASK, stage="L0 resid_post")
    assert cosines.frame().loc[3, 1] == cosines.mean_cosine[3, 1]
    steps = digit_contributions(MODEL, SEQUENCES, TASK, layer=0)
    assert steps.frame().loc[2, "W_U"] == steps.mean_cosine_W_U[2]


def test_what_position_and_digit_explain_of_the_neurons_equals_a_plain_loop():
    activity = neuron_activity(MODEL, SEQUENCES, TASK, layer=0)
    assert activity.frame().loc["y_1", "n3"] == activity.share_by_answer[1, 3]
    n_neurons = activity.active.shape[-1]
    states = torch.zeros(3, len(SEQUENCES), n_neurons, dtype=torch.float64)
    cache = MODEL.run_with_cache(TASK.inputs(SEQUENCES))[1]
    for i, row in enumerate(TASK.predicting_rows):
        states[i] = (cache["blocks.0.mlp.hook_pre"][:, row] > 0).double()
    counts = states.sum(1)
    assert activity.fixed_by_answer == sum(count in (0, 64) for count in counts.flatten().tolist())
    variance = states.flatten(0, 1).var(0, unbiased=False).sum()
    between = states.mean(1).var(0, unbiased=False).sum()
    assert activity.explained_by_answer == pytest.approx(float(between / variance))
    source = SEQUENCES[:, list(TASK.source_columns)].T
    by_digit = torch.stack([states[source == value].mean(0) for value in range(4)])
    assert activity.explained_by_digit == pytest.approx(float(by_digit.var(0, unbiased=False).sum() / variance))


def test_ablations_are_named_by_answer_and_say_what_becomes_of_the_bias():
    table = ablation_table(MODEL, SEQUENCES, TASK, seed=0, draws=0)
    mlp = table.by_answer()["L0 mlp"]
    assert list(mlp.index) == ["zero, bias stays", "zero, bias too", "mean", "resample"]
    assert list(mlp.index) == list(table.rows().kind[:4])
    assert mlp.loc["mean", "y_2"] == table.get(Component(0, "mlp"), "mean").accuracy_by_answer()[2]


def test_content_and_means_are_named():
    pattern = attention_pattern(MODEL, TASK.inputs(SEQUENCES), layer=0)
    looks = weight_by_digit(pattern, SEQUENCES, TASK)
    assert looks.frame().loc["y_2", "x_0"] == looks.source_share[2]
    assert looks.source_frame().loc["y_1", 3] == looks.mean_by_digit[1, 1, 3]
    assert looks.other_share[2] == max(looks.share[2, 1:])
    averaged = averaged_output(MODEL, SEQUENCES, TASK, Component(0, "attn"), seed=0)
    rows = averaged.rows().set_index("answer")
    assert rows["same source digit"].tolist() == averaged.by_source.tolist()
    assert rows["groups drawn by lot"].tolist() == averaged.shuffled.tolist()


def test_attribution_is_named_and_leaves_out_the_biases():
    parts = logit_attribution(MODEL, SEQUENCES, TASK)
    assert list(parts.margins().index) == list(parts.labels[:-1])
    assert parts.margins().loc["L0 attn", "y_2"] == parts.margin[parts.labels.index("L0 attn"), 2]
    spoken = parts.speaks("L0 attn")
    assert spoken.sum().abs().max() < 1e-9
    direct = parts.by_token[parts.labels.index("L0 attn")]
    assert spoken.loc[1, 0] - spoken.loc[2, 0] == pytest.approx(float(direct[1, 0] - direct[2, 0]))
    with pytest.raises(ValueError, match="part must be one of embed"):
        parts.speaks("L7 attn")
