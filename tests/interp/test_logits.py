import pytest
import torch
from jaxtyping import TypeCheckError
from transformer_lens.tools.analysis import direct_logit_attribution
from transformer_lens.tools.analysis import logit_lens as logit_lens_of_transformer_lens

from tests.circuits import SPECS, hand_built, scrambled
from tinycircuits.interp.activations import Component, activations, components, stages
from tinycircuits.interp.attribution import logit_attribution, logit_contributions
from tinycircuits.interp.forward import logits_after, project
from tinycircuits.interp.logits import cosine_to_digits, logit_lens, sample_readout
from tinycircuits.interp.mlp import digit_contributions, mlp_outputs, neuron_activity
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)
SEQUENCES = TASK.sequences()
TOKENS = TASK.inputs(SEQUENCES)
ANSWERS = TASK.answers(SEQUENCES)
ROWS = list(TASK.predicting_rows)
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


@torch.no_grad()
def answer_logits(model):
    return model(TOKENS)[:, ROWS]


@every_spec
def test_the_read_out_of_the_last_stage_is_the_models_own(spec):
    model = scrambled(spec, TASK)
    last = stages(model)[-1].hook
    resid = activations(model, TOKENS, [last], rows=ROWS)[last]
    torch.testing.assert_close(project(model, resid, layer_norm=True), answer_logits(model))


@every_spec
def test_the_rest_of_the_pass_from_any_component_gives_the_models_own_logits(spec):
    model = scrambled(spec, TASK)
    for component in components(model):
        kept = activations(
            model,
            TOKENS,
            [component.input_hook, component.hook]
            if spec.d_mlp
            else [f"blocks.{component.layer}.hook_resid_pre", component.hook],
        )
        resid = sum(kept.values())
        torch.testing.assert_close(logits_after(model, resid, component, rows=ROWS), answer_logits(model))


@every_spec
def test_contributions_sum_to_the_logits(spec):
    model = scrambled(spec, TASK)
    found = logit_contributions(model, TOKENS, rows=ROWS)
    assert found.labels == ("embed", "pos_embed", *(c.label for c in components(model)), "bias")
    torch.testing.assert_close(found.values.sum(0), answer_logits(model))


def test_contributions_agree_with_direct_logit_attribution_of_transformer_lens():
    model = scrambled(SPECS["two layers"], TASK)
    ours = logit_contributions(model, TOKENS, rows=ROWS).values
    model.enable_compatibility_mode()
    every = torch.arange(64)
    for i, row in enumerate(ROWS):
        right, rival = ANSWERS[:, i], (ANSWERS[:, i] + 1) % TASK.modulus
        theirs = direct_logit_attribution(model, TOKENS, answer_tokens=right, incorrect_tokens=rival, pos=row)
        assert theirs.labels == ["embed", "pos_embed", "0_attn_out", "0_mlp_out", "1_attn_out", "1_mlp_out"]
        difference = ours[:-1, every, i, right] - ours[:-1, every, i, rival]
        # folding the LayerNorm moves TransformerLens' own logits by about 1e-6
        torch.testing.assert_close(difference, theirs.attribution.detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("layer_norm", [True, False])
def test_lens_agrees_with_logit_lens_of_transformer_lens(layer_norm):
    model = scrambled(SPECS["two layers"], TASK)
    ours = logit_lens(model, SEQUENCES, TASK, layer_norm=layer_norm)
    with torch.no_grad():
        theirs = logit_lens_of_transformer_lens(model, TOKENS, incl_mid=True, apply_ln=layer_norm, positions=ROWS)
    assert theirs.labels == ["0_pre", "0_mid", "1_pre", "1_mid", "final_post"]
    predicted = theirs.values.argmax(-1)
    assert torch.equal(ours.correct, (predicted == ANSWERS).sum(1))
    assert torch.equal(ours.predicted, torch.nn.functional.one_hot(predicted, TASK.d_vocab).sum(1))


@every_spec
def test_lens_counts_every_input_once(spec):
    lens = logit_lens(scrambled(spec, TASK), SEQUENCES, TASK, layer_norm=True)
    assert (lens.predicted.sum(-1) == 64).all()
    for before, turn, after in zip(lens.correct, lens.turns, lens.correct[1:], strict=False):
        assert torch.equal(turn.right_to_right + turn.right_to_wrong, before)
        assert torch.equal(turn.right_to_right + turn.wrong_to_right, after)
        assert sum(turn.totals.values()) == 64 * 3


def test_lens_sees_the_hand_built_mlp_turn_the_answers_right():
    lens = logit_lens(hand_built(TASK, mlp=True), SEQUENCES, TASK, layer_norm=False)
    assert lens.stages == ("embed", "L0 resid_mid", "L0 resid_post")
    assert lens.correct.tolist() == [[16] * 3, [16] * 3, [64] * 3]  # all logits zero: the arg-max says 0
    assert lens.at("L0 resid_post") == 1
    assert lens.turns[1].totals == {
        "wrong_to_right": 144,
        "right_to_wrong": 0,
        "right_to_right": 48,
        "wrong_to_wrong": 0,
    }


def test_attention_alone_raises_the_digits_in_the_other_hand_built_circuit():
    lens = logit_lens(hand_built(TASK, mlp=False), SEQUENCES, TASK, layer_norm=False)
    assert lens.stages == ("embed", "L0 resid_post")
    assert lens.correct.tolist() == [[16] * 3, [64] * 3]


@pytest.mark.parametrize("task", [ReverseIncrement(n_digits=2, modulus=7, increment=3), ReverseIncrement(n_digits=5)])
@pytest.mark.parametrize("mlp", [True, False])
@torch.no_grad()
def test_the_hand_built_circuits_make_no_mistake(task, mlp):
    sequences = task.sequences()
    logits = hand_built(task, mlp=mlp)(task.inputs(sequences))[:, list(task.predicting_rows)]
    assert int((logits.argmax(-1) != task.answers(sequences)).sum()) == 0


@pytest.mark.parametrize("layer_norm", [True, False])
def test_a_samples_read_out_is_the_lens_of_one_input(layer_norm):
    model = scrambled(SPECS["two layers"], TASK)
    sample = sample_readout(model, SEQUENCES[37], TASK, stage="L0 resid_mid", layer_norm=layer_norm)
    lens = logit_lens(model, SEQUENCES[37:38], TASK, layer_norm=layer_norm)
    torch.testing.assert_close(sample.probabilities.sum(-1), torch.ones(3, dtype=torch.float64))
    assert torch.equal(sample.answers, ANSWERS[37])
    assert torch.equal((sample.predicted == sample.answers).long(), lens.correct[1])


@pytest.mark.parametrize("to", ["W_E", "W_U"])
def test_cosines_equal_a_plain_loop(to):
    model = scrambled(SPECS["two layers"], TASK)
    found = cosine_to_digits(model, SEQUENCES, TASK, stage="L1 resid_mid", to=to, layer_norm=True)
    hook = "blocks.1.hook_resid_mid"
    with torch.no_grad():
        state = model.ln_final(activations(model, TOKENS, [hook])[hook])[:, ROWS]
        vectors = model.W_E if to == "W_E" else model.W_U.T
    nearest, sums = [0, 0, 0], torch.zeros(4, 4)
    for b in range(64):
        for i in range(3):
            cosines = [torch.cosine_similarity(state[b, i], vectors[digit], dim=0).item() for digit in range(4)]
            nearest[i] += cosines.index(max(cosines)) == ANSWERS[b, i]
            sums[ANSWERS[b, i]] += torch.tensor(cosines)
    assert found.tokens == (0, 1, 2, 3)
    assert found.nearest_correct.tolist() == nearest
    assert found.share == pytest.approx(sum(nearest) / 192)
    assert found.cases.tolist() == [48] * 4
    torch.testing.assert_close(found.mean_cosine.float(), sums / 48)


def test_the_hand_built_answer_lies_along_the_unembedding_and_not_along_the_embedding():
    model = hand_built(TASK, mlp=False)
    unembedding = cosine_to_digits(model, SEQUENCES, TASK, stage="L0 resid_post", to="W_U")
    assert unembedding.share == 1
    torch.testing.assert_close(unembedding.mean_cosine, torch.eye(4, dtype=torch.float64) / 3**0.5)


def test_margins_are_those_of_the_contributions_and_favour_the_hand_built_attention():
    model = scrambled(SPECS["two layers"], TASK)
    found = logit_attribution(model, SEQUENCES, TASK)
    values = logit_contributions(model, TOKENS, rows=ROWS).values
    right = torch.stack([values[:, b, i, ANSWERS[b, i]] for b in range(64) for i in range(3)]).reshape(64, 3, -1)
    others = (values.sum(-1).permute(1, 2, 0) - right) / 4
    torch.testing.assert_close(found.margin, (right - others).mean(0).T)
    torch.testing.assert_close(found.by_token[:, 2], values[:, ANSWERS == 2].mean(1))
    by_hand = logit_attribution(hand_built(TASK, mlp=False), SEQUENCES, TASK)
    assert by_hand.labels == ("embed", "pos_embed", "L0 attn", "bias")
    assert by_hand.margin.tolist() == [[0] * 3, [0] * 3, [1] * 3, [0] * 3]


def test_the_hand_built_mlp_has_one_neuron_for_each_digit_and_writes_the_next():
    model = hand_built(TASK, mlp=True)
    found = digit_contributions(model, SEQUENCES, TASK, layer=0)
    assert found.cases.tolist() == [48] * 4
    half = torch.full((4,), 2**-0.5, dtype=torch.float64)
    torch.testing.assert_close(found.cosine_W_U, half)
    torch.testing.assert_close(found.mean_cosine_W_U, half)
    assert found.cosine_W_E.tolist() == found.mean_cosine_W_E.tolist() == [0] * 4
    assert torch.equal(found.mean_output @ model.W_U[:, :4], torch.eye(4, dtype=torch.float64).roll(1, 1))
    activity = neuron_activity(model, SEQUENCES, TASK, layer=0)
    assert activity.share.tolist() == [0.25] * 4
    assert torch.equal(activity.share_by_digit, torch.eye(4, dtype=torch.float64))
    assert activity.cases.tolist() == [[16] * 4] * 3
    assert activity.share_by_answer.tolist() == [[0.25] * 4] * 3


def test_mlp_outputs_are_its_weights_applied_to_the_normalised_stream():
    model = scrambled(SPECS["two layers"], TASK)
    hook = "blocks.1.hook_resid_mid"
    with torch.no_grad():
        state = model.blocks[1].ln2(activations(model, TOKENS, [hook])[hook])
        expected = (state @ model.W_in[1] + model.b_in[1]).relu() @ model.W_out[1] + model.b_out[1]
    torch.testing.assert_close(mlp_outputs(model, TOKENS, layer=1), expected)
    torch.testing.assert_close(mlp_outputs(model, TOKENS, layer=1, rows=ROWS), expected[:, ROWS])


def test_activity_and_contributions_equal_a_plain_loop():
    model = scrambled(SPECS["one layer"], TASK)
    activity = neuron_activity(model, SEQUENCES, TASK, layer=0)
    found = digit_contributions(model, SEQUENCES, TASK, layer=0)
    outputs = mlp_outputs(model, TOKENS, layer=0, rows=ROWS)
    post = activations(model, TOKENS, ["blocks.0.mlp.hook_post"], rows=ROWS)["blocks.0.mlp.hook_post"]
    for k in range(4):
        rows = [(b, i) for b in range(64) for i in range(3) if SEQUENCES[b, 3 - i] == k]
        torch.testing.assert_close(found.mean_output[k], torch.stack([outputs[row] for row in rows]).mean(0))
        step = (model.W_E[(k + 1) % 4] - model.W_E[k]).detach()
        cosines = [torch.cosine_similarity(outputs[row], step, dim=0) for row in rows]
        torch.testing.assert_close(found.mean_cosine_W_E[k], torch.stack(cosines).mean())
        assert torch.equal(activity.active.sum(0)[k], sum((post[row] > 0).long() for row in rows))


def test_what_does_not_exist_is_refused():
    model, bare = scrambled(SPECS["two layers"], TASK), scrambled(SPECS["attention only"], TASK)
    with pytest.raises(ValueError, match=r"stage must be one of embed, L0 resid_mid, .*, got 'L2 resid_mid'"):
        cosine_to_digits(model, SEQUENCES, TASK, stage="L2 resid_mid")
    with pytest.raises(ValueError, match="stage must be one of embed, L0 resid_post"):
        sample_readout(bare, SEQUENCES[0], TASK, stage="L0 resid_mid", layer_norm=True)
    with pytest.raises(ValueError, match="layer must have an MLP"):
        neuron_activity(bare, SEQUENCES, TASK, layer=0)
    with pytest.raises(ValueError, match="component must be one of L0 attn, L1 attn, got 'L0 mlp'"):
        logits_after(bare, torch.zeros(1, 6, 8, dtype=torch.float64), Component(0, "mlp"), rows=ROWS)
    with pytest.raises(ValueError, match="rows must name at least one position"):
        logit_contributions(model, TOKENS, rows=[])
    for analysis in (logit_attribution, lambda *a: logit_lens(*a, layer_norm=True)):
        with pytest.raises(ValueError, match="sequences must hold at least one sequence"):
            analysis(model, SEQUENCES[:0], TASK)


def test_a_wrong_shape_is_caught_while_the_tests_run():
    model = scrambled(SPECS["two layers"], TASK)
    with pytest.raises(TypeCheckError):
        logits_after(model, torch.zeros(6, 4), Component(0, "mlp"), rows=ROWS)


def test_cosines_of_some_answers_are_counted_under_their_own_tokens():
    """Among sequences whose answers lack 0, the first answer token is 1, and its index is 0."""
    some = SEQUENCES[(ANSWERS != 0).all(1) & (ANSWERS[:, 0] != 1)]
    model = hand_built(TASK, mlp=False)
    found = cosine_to_digits(model, some, TASK, stage="L0 resid_post", to="W_U")
    assert found.tokens == (1, 2, 3)
    assert found.share == 1
    cases = [int((TASK.answers(some) == token).sum()) for token in (1, 2, 3)]
    assert found.cases.tolist() == cases
    assert len(set(cases)) > 1, "unequal cases tell the two axes apart"
    torch.testing.assert_close(found.mean_cosine, torch.eye(3, dtype=torch.float64) / 3**0.5)


def test_mean_cosines_are_divided_by_the_cases_of_the_true_token():
    model, some = scrambled(SPECS["two layers"], TASK), SEQUENCES[:21]
    found = cosine_to_digits(model, some, TASK, stage="L0 resid_post")
    hook = "blocks.0.hook_resid_post"
    state = activations(model, TASK.inputs(some), [hook], rows=ROWS)[hook]
    answers = TASK.answers(some)
    for i, true in enumerate(found.tokens):
        mine = torch.cosine_similarity(state[answers == true][:, None], model.W_E[list(found.tokens)].detach(), dim=-1)
        torch.testing.assert_close(found.mean_cosine[i], mine.mean(0))
