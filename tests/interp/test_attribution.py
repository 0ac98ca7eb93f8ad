"""Logits as a sum over parts: margins and means by token as loops, in a task whose answers are not equally frequent."""

import pytest
import torch

from tests.circuits import SPECS, scrambled
from tinycircuits.interp.attribution import logit_attribution, logit_contributions
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=2, modulus=5)
SOME = TASK.sequences()[:13]  # so that answers occur unequally often


@torch.no_grad()
@pytest.mark.parametrize("shape", ["two layers", "no LayerNorm", "attention only"])
def test_margins_and_means_by_token_are_those_of_a_loop(shape):
    model = scrambled(SPECS[shape], TASK)
    rows, answers = list(TASK.predicting_rows), TASK.answers(SOME)
    values = logit_contributions(model, TASK.inputs(SOME), rows=rows).values
    torch.testing.assert_close(values.sum(0), model(TASK.inputs(SOME))[:, rows])
    found = logit_attribution(model, SOME, TASK)
    assert found.n_inputs == 13
    assert found.tokens == (0, 1, 2, 3, 4)
    for part in range(len(found.labels)):
        for i in range(2):
            margins = []
            for b in range(13):
                logits, right = values[part, b, i].tolist(), int(answers[b, i])
                rivals = [x for token, x in enumerate(logits) if token != right]
                margins.append(logits[right] - sum(rivals) / len(rivals))
            assert float(found.margin[part, i]) == pytest.approx(sum(margins) / 13)
        for token in range(5):
            cases = [(b, i) for b in range(13) for i in range(2) if int(answers[b, i]) == token]
            mean = torch.stack([values[part, b, i] for b, i in cases]).mean(0)
            torch.testing.assert_close(found.by_token[part, token], mean)
