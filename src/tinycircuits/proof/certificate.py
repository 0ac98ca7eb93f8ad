"""A proof as bytes: the weights, the rule, the boxes and the numbers that close them. ``checker`` reads it."""

import hashlib

import numpy as np
from safetensors.numpy import save

from tinycircuits.proof.search import Verdict

FORMAT = 1


def certificate(verdict: Verdict, weights: bytes) -> bytes:
    """The safetensors file of a proof about the model whose safetensors file ``weights`` is.

    It holds that file whole, and under ``seal`` the SHA-256 of all else. Raises ``ValueError`` for a verdict that is no
    proof.
    """
    if verdict.word != "proved":
        raise ValueError(f"verdict must be proved, got {verdict.word}")
    arrays = {
        "format": np.array([FORMAT]),
        "weights": np.frombuffer(weights, dtype=np.uint8),
        "source": np.array(verdict.rule.source),
        "answer": verdict.rule.answer,
        "mu": np.array([verdict.mu]),
        "row": verdict.right.row,
        "allowed": verdict.right.allowed.astype(np.uint8),
        "hints": verdict.hints,
    }
    kept = {name: np.ascontiguousarray(each) for name, each in arrays.items()}
    data: bytes = save({**kept, "seal": np.frombuffer(bytes.fromhex(sealed(kept)), dtype=np.uint8)})
    return data


def sealed(arrays: dict[str, np.ndarray]) -> str:
    """The SHA-256 of arrays, in order of their names, each with name, type and shape."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        total.update(f"{name} {arrays[name].dtype} {arrays[name].shape}\n".encode() + arrays[name].tobytes())
    return total.hexdigest()
