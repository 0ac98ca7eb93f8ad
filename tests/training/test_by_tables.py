"""Logits from tables: those of the module, with their gradients, and a training that ends where the plain one does."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.circuits import scrambled
from tinycircuits.models.build import ModelSpec, build, without_hooks
from tinycircuits.models.weights import flat_weights
from tinycircuits.tasks import ModularAddition, ReverseIncrement, ShuffledSplit
from tinycircuits.training.by_tables import answer_logits
from tinycircuits.training.loop import train
from tinycircuits.training.recipe import IndependentBatches, TrainSpec

MODEL = ModelSpec(n_layers=1, d_model=6, n_heads=2, d_head=3, d_mlp=8, layer_norm=False)
TASKS = [ModularAddition(modulus=5, plus_sign=plus, unused_tokens=2) for plus in (False, True)]


def module_of(spec, task):
    return without_hooks(scrambled(spec, task), spec, task)


@pytest.mark.parametrize("task", TASKS, ids=["a b =", "a + b ="])
@pytest.mark.parametrize("changed", [{}, {"d_mlp": None}, {"act_fn": "gelu"}], ids=["relu", "no mlp", "gelu"])
def test_logits_and_gradients_are_those_of_the_module(task, changed):
    module = module_of(MODEL.model_copy(update=changed), task)
    batch = task.sequences()[torch.tensor([3, 24, 3, 11, 0])]
    ours, plain = answer_logits(module, task, batch), module(task.inputs(batch))[:, task.predicting_rows]
    torch.testing.assert_close(ours, plain)
    gradients = []
    for logits in (ours, plain):
        module.zero_grad()
        cross_entropy(logits.mT, task.answers(batch)).backward()
        gradients.append({name: each.grad for name, each in module.named_parameters() if each.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name])


def test_a_gradient_is_that_of_finite_differences():
    (task, _), step = TASKS, 1e-5
    module = module_of(MODEL, task)
    batch = task.sequences()[::3]

    def loss():
        return cross_entropy(answer_logits(module, task, batch).mT, task.answers(batch))

    for weight in (module.tok_embed.weight, module.layers[0].attn.q.weight, module.layers[0].attn.k.weight):
        (gradient,) = torch.autograd.grad(loss(), [weight])
        with torch.no_grad():
            for at in ((0, 0), (2, 1)):
                sides = []
                for sign in (1, -2):
                    weight[at] += sign * step
                    sides.append(float(loss()))
                weight[at] += step
                assert (sides[0] - sides[1]) / (2 * step) == pytest.approx(float(gradient[at]), abs=1e-8)


def test_a_training_ends_where_that_of_the_module_ends():
    (task, _) = TASKS
    spec = TrainSpec(
        split=ShuffledSplit(n_train=12, seed=0),
        batches=IndependentBatches(steps=30, batch_size=12, round_steps=10),
        lr=1e-2,
    )
    ends = [
        flat_weights(train(task, MODEL, spec.model_copy(update={"forward": way}), seed=1)[0])
        for way in ("module", "tables")
    ]
    assert not torch.equal(ends[0], flat_weights(build(MODEL, task, seed=1, dtype="float64")))
    torch.testing.assert_close(ends[0], ends[1])


def test_what_cannot_be_taken_from_tables_is_refused():
    (task, _) = TASKS
    digits = ReverseIncrement(n_digits=2)
    with pytest.raises(ValueError, match="must be a ModularAddition, got ReverseIncrement"):
        answer_logits(module_of(MODEL, digits), digits, digits.sequences())
    for changed, said in (({"n_layers": 2}, "got 2 layers"), ({"layer_norm": True}, "no LayerNorm")):
        with pytest.raises(ValueError, match=said):
            answer_logits(module_of(MODEL.model_copy(update=changed), task), task, task.sequences())
