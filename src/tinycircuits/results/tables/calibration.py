"""The calibration: which planted models are scored, by which methods."""

from tinycircuits.models.planted import PATTERNS, SITES, TASK
from tinycircuits.specs import Spec
from tinycircuits.tasks import ReverseIncrement

NAME = "calibration"
"""Of the one entry, and its folder."""
METHODS = (
    "zero ablation",
    "mean ablation",
    "resample ablation",
    "attribution patching",
    "integrated gradients",
    "greedy pruning",
    "Shapley value",
    "probe",
    "brightness",
)
"""In the order in which they are computed."""


class CalibrationSpec(Spec):
    """All that the calibration depends on: the planted models, the methods, the seed of partners and halves.

    ``recipe`` is raised by hand whenever a change of models or methods changes a number.
    """

    task: ReverseIncrement
    patterns: tuple[str, ...]
    sites: tuple[str, ...]
    bases: tuple[int, ...]
    methods: tuple[str, ...]
    partners: int = 0
    recipe: int = 1


CALIBRATIONS = {NAME: CalibrationSpec(task=TASK, patterns=PATTERNS, sites=SITES, bases=(0, 1), methods=METHODS)}
"""The one row."""
