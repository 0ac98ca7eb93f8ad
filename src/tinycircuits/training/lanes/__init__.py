"""Many tiny models of one shape in one program: their weights in one stack, their training in one loop."""

from tinycircuits.training.lanes.gradient import Gradient
from tinycircuits.training.lanes.layout import Layout, initial_weights, layout, model_of, with_weights
from tinycircuits.training.lanes.scores import LaneErrors, score, wrong_answers
from tinycircuits.training.lanes.training import CURVE_INPUTS, LaneCheckpoint, LaneHistory, train_lanes

__all__ = [
    "CURVE_INPUTS",
    "Gradient",
    "LaneCheckpoint",
    "LaneErrors",
    "LaneHistory",
    "Layout",
    "initial_weights",
    "layout",
    "model_of",
    "score",
    "train_lanes",
    "with_weights",
    "wrong_answers",
]
