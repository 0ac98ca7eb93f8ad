"""Where torch's kernels run: on which device, and on how many threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def resolve_device(device: str) -> torch.device:
    """The torch device for ``cpu``, ``cuda`` or ``auto``; raises ``ValueError`` for one that is unusable here."""
    if device not in ("cpu", "cuda", "auto"):
        raise ValueError(f"device must be cpu, cuda or auto, got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda is not usable here: torch sees no CUDA device; use cpu or auto")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch's CPU kernels on one thread.

    Tiny products gain nothing from a second one, and the number of threads changes the order of summation: a
    difference in the last bit that a few hundred steps of training amplify into another model.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
