"""Provenance: when, where and with what a result was made."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from tinycircuits.results.checkout import git_commit
from tinycircuits.training.device import resolve_device


def provenance(device: str, seconds: float) -> dict[str, Any]:
    """When, where, with what and in how many seconds a result was made on ``device``."""
    where = resolve_device(device)
    return {
        "commit": git_commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": torch.cuda.get_device_name(where) if where.type == "cuda" else processor(),
        "seconds": round(seconds, 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformer_lens": version("transformer-lens"),
    }


def made_here(run: dict[str, Any]) -> bool:
    """Whether a result of this provenance was made on a processor like this machine's.

    Elsewhere sums are rounded otherwise, which training amplifies: a model that is not kept comes out as another.
    """
    return bool(run["device"] == processor())


def processor() -> str:
    """Name of this machine's processor, with the instruction set that torch uses on it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name} ({torch.backends.cpu.get_cpu_capability()})"
