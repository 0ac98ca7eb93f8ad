"""The tasks: which sequences there are, what is to be predicted, and how they are split."""

from tinycircuits.tasks.base import Task
from tinycircuits.tasks.digits import DigitTask
from tinycircuits.tasks.modular_addition import ModularAddition
from tinycircuits.tasks.reverse_increment import ReverseIncrement
from tinycircuits.tasks.splits import OrderedSplit, SampledSplit, ShuffledSplit, Split, SplitIndices
from tinycircuits.tasks.variants import IncrementInPlace, ReverseAddNeighbour, ShuffledAnswers, ShuffledSums

__all__ = [
    "DigitTask",
    "IncrementInPlace",
    "ModularAddition",
    "OrderedSplit",
    "ReverseAddNeighbour",
    "ReverseIncrement",
    "SampledSplit",
    "ShuffledAnswers",
    "ShuffledSplit",
    "ShuffledSums",
    "Split",
    "SplitIndices",
    "Task",
]
