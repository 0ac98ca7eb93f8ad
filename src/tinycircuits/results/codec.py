"""Frozen results as JSON and named tensors, and back. No pickle: only dataclasses of this package are made again."""

import importlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

PACKAGE = "tinycircuits."
_SMALL = (torch.uint8, torch.int16, torch.int32)


def encoded(value: Any) -> tuple[Any, dict[str, Tensor]]:
    """``value`` as JSON, and the tensors in it by the place where they stand.

    Truth values are packed eight to a byte and whole numbers take the fewest bytes that hold them. Raises
    ``TypeError`` for anything but dataclasses of this package, tensors, mappings, sequences and plain values.
    """
    tensors: dict[str, Tensor] = {}
    return _encoded(value, "result", tensors), tensors


def decoded(said: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The value that was ``encoded``; raises ``ValueError`` for a class that is not a dataclass of this package."""
    if isinstance(said, list):
        return tuple(decoded(item, tensors) for item in said)
    if not isinstance(said, dict):
        return said
    if "tensor" in said:
        return _unpacked(tensors[said["tensor"]], getattr(torch, said["dtype"]), said["shape"])
    if "mapping" in said:
        return {decoded(key, tensors): decoded(item, tensors) for key, item in said["mapping"]}
    named = {name: decoded(item, tensors) for name, item in said["fields"].items()}
    return _class(said["class"])(**named)


def plain(said: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The value that was ``encoded`` without the code of its classes: each is a dictionary of its fields."""
    if isinstance(said, list):
        return tuple(plain(item, tensors) for item in said)
    if not isinstance(said, dict) or "tensor" in said:
        return decoded(said, tensors)
    if "mapping" in said:
        return {decoded(key, tensors): plain(item, tensors) for key, item in said["mapping"]}
    return {name: plain(item, tensors) for name, item in said["fields"].items()}


def _encoded(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[path] = _packed(value)
        return {"tensor": path, "dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape)}
    if is_dataclass(value) and type(value).__module__.startswith(PACKAGE):
        named = {f.name: _encoded(getattr(value, f.name), f"{path}.{f.name}", tensors) for f in fields(value)}
        return {"class": f"{type(value).__module__}:{type(value).__qualname__}", "fields": named}
    if isinstance(value, Mapping):
        pairs = ((_encoded(key, "", {}), key, item) for key, item in value.items())
        return {"mapping": [[said, _encoded(item, f"{path}[{key}]", tensors)] for said, key, item in pairs]}
    if isinstance(value, list | tuple):
        return [_encoded(item, f"{path}[{index}]", tensors) for index, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{path} must be a frozen result, a tensor or plain, got {type(value).__name__}")


def _packed(value: Tensor) -> Tensor:
    if value.dtype == torch.bool:
        flat = torch.nn.functional.pad(value.flatten().to(torch.uint8), (0, -value.numel() % 8)).reshape(-1, 8)
        return (flat << torch.arange(8, dtype=torch.uint8)).sum(1, dtype=torch.uint8)
    if value.dtype == torch.int64 and value.numel():
        low, high = int(value.min()), int(value.max())
        small = [kind for kind in _SMALL if torch.iinfo(kind).min <= low and high <= torch.iinfo(kind).max]
        return value.to(small[0] if small else torch.int64).contiguous()
    return value.contiguous()


def _unpacked(stored: Tensor, dtype: torch.dtype, shape: list[int]) -> Tensor:
    if dtype == torch.bool:
        bits = (stored[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1
        return bits.flatten()[: torch.Size(shape).numel()].reshape(shape).bool()
    return stored.to(dtype)


def _class(name: str) -> Any:
    module, _, qualified = name.partition(":")
    found = getattr(importlib.import_module(module), qualified, None) if module.startswith(PACKAGE) else None
    if not is_dataclass(found):
        raise ValueError(f"{name} is no dataclass of this package")
    return found
