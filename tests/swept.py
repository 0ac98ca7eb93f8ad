"""A stored sweep whose mistakes are written down."""

import torch

from tinycircuits.models.build import ModelSpec
from tinycircuits.results.sweeps import SweepResult
from tinycircuits.results.tables.sweeps import Sweep
from tinycircuits.tasks import OrderedSplit, ReverseIncrement
from tinycircuits.training.lanes.training import CURVE_INPUTS, LaneHistory
from tinycircuits.training.recipe import IndependentBatches, TrainSpec

SWEEP = Sweep(
    name="by hand",
    title="six digits, for tests",
    task=ReverseIncrement(n_digits=6),
    model=ModelSpec(n_layers=1, d_model=4, n_heads=1, d_head=2, d_mlp=4),
    train=TrainSpec(
        split=OrderedSplit(n_train=3000), batches=IndependentBatches(steps=12, batch_size=4, round_steps=4), lr=1e-2
    ),
    n_seeds=4,
    lanes=2,
)
HELD = 4**6 - 3000


def swept(**counts):
    """Four models whose mistakes are written down."""
    sequences = {"train_wrong_sequences": [0, 1, 0, 2], "holdout_wrong_sequences": [0, 0, 3, 1]} | counts
    digits = {
        "train_wrong_digits": [[0] * 6, [1] + [0] * 5, [0] * 6, [2] * 6],
        "holdout_wrong_digits": [[0] * 6, [0] * 6, [3] + [0] * 5, [1] * 6],
    }
    history = LaneHistory(
        torch.tensor([0, 12]),
        *(torch.zeros(4, 2) for _ in range(2)),
        torch.tensor([[6 * CURVE_INPUTS, 0], [0, 1], [0, 0], [600, 0]]),
        torch.tensor([[6 * HELD, 0], [0, 0], [0, 3], [60, 0]]),
    )
    tensors = {name: torch.tensor(values) for name, values in (sequences | digits).items()}
    losses = {f"{part}_loss": torch.zeros(4).double() for part in ("train", "holdout")}
    return SweepResult(SWEEP, torch.arange(4), torch.zeros(4, 1), **tensors, **losses, history=history)
