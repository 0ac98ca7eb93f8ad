"""The circuit set by hand keeps its parts of the stream apart."""

import pytest
import torch

from tinycircuits.models.by_hand import hand_built, slots
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)


@torch.no_grad()
@pytest.mark.parametrize("mlp", [False, True])
def test_each_slot_holds_the_one_that_its_name_says(mlp):
    model, parts = hand_built(TASK, mlp=mlp), slots(TASK)
    sequences = TASK.sequences()
    _, cache = model.run_with_cache(TASK.inputs(sequences))
    row, source = TASK.predicting_rows[1], TASK.source_columns[1]
    final = cache["resid_post", 0][:, row].split([len(names) for names in parts.values()], dim=-1)
    token, position, copied, answer = (each.argmax(-1) for each in final)
    assert torch.equal(token, sequences[:, row])
    assert (position == row).all()
    assert torch.equal(answer, TASK.answers(sequences)[:, 1])
    assert final[2].any() == mlp
    if mlp:
        assert torch.equal(copied, sequences[:, source])
    assert list(parts["position"]) == list(TASK.position_names)
