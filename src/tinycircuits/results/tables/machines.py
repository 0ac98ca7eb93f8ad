"""The machines set by hand that add on a clock, as the tables have them."""

from tinycircuits.models.clockwork import ClockworkSpec
from tinycircuits.tasks import ModularAddition

FREQUENCIES = (1, 11, 15, 25, 27)
"""Of all sets of five that hold 1, which is to say up to renaming the numbers, the one whose pizza has the largest
smallest margin modulo 59."""


def hand_set(spread: float, *, noise: float = 0.0, seed: int = 0) -> ClockworkSpec:
    """A machine modulo 59, as Zhong et al. 2023 have it."""
    task = ModularAddition(modulus=59, plus_sign=False)
    return ClockworkSpec(task=task, frequencies=FREQUENCIES, spread=spread, noise=noise, seed=seed)


MACHINES = {"clock": hand_set(1.0), "pizza": hand_set(0.0)}
"""The two poles."""
D_MODEL = 44
"""Width of their residual stream."""
