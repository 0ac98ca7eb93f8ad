"""What a head writes, with LayerNorm too: the definition as a loop over digits, positions and answers."""

import pytest
import torch

from tests.circuits import scrambled
from tinycircuits.interp.ov import digit_writing, shift
from tinycircuits.models.build import ModelSpec
from tinycircuits.tasks import ReverseIncrement

TASK = ReverseIncrement(n_digits=3)


@torch.no_grad()
@pytest.mark.parametrize("layer_norm", [True, False])
@pytest.mark.parametrize("head", [0, 1])
def test_the_writing_is_its_definition_in_a_loop(layer_norm, head):
    spec = ModelSpec(n_layers=2, d_model=6, n_heads=2, d_head=3, d_mlp=None, layer_norm=layer_norm)
    model = scrambled(spec, TASK)
    table = torch.zeros(4, 4, dtype=torch.float64)
    for digit in range(4):
        states = torch.stack([model.W_E[digit] + model.W_pos[position] for position in (1, 2, 3)])
        read = torch.stack([model.blocks[0].ln1(state[None, None])[0, 0] if layer_norm else state for state in states])
        written = (read @ model.W_V[0, head] @ model.W_O[0, head]).mean(0)
        if layer_norm:
            written = (written - written.mean()) * model.ln_final.weight
        table[digit] = written @ model.W_U[:, :4]
    expected = table - table.mean(0) - table.mean(1, keepdim=True) + table.mean()
    torch.testing.assert_close(digit_writing(model, TASK, head=head), expected)


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_a_shift_is_read_along_the_answers_of_a_digit(step):
    matrix = torch.eye(4).roll(step, 1)
    assert shift(matrix) == step
    matrix[1] = torch.eye(4)[(1 + step + 1) % 4]
    assert shift(matrix) is None
