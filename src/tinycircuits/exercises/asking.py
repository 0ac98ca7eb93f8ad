"""How a check asks an answer: what a reader's code raises or returns is never an error of ours."""

import contextlib
import io
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinycircuits.exercises.kinds import Wrong

Floats = NDArray[np.float64]
_LONGEST = 160
"""Characters of a foreign message or value that are shown."""


class TimeUp(BaseException):
    """The time of a check is over; no ``except Exception`` of a reader's code holds it up."""


def function(given: Any, name: str) -> Callable[..., Any]:
    """``given``, if it can be called; raises ``Wrong``."""
    if not callable(given):
        raise Wrong(f"{name} must be a function, got {brief(given)}")
    found: Callable[..., Any] = given
    return found


def ask(given: Callable[..., Any], *arguments: Any, of: str = "") -> Any:
    """What a reader's function returns for copies of ``arguments``; ``of`` says the input in a message.

    Its prints are dropped. Raises ``Wrong`` for ``None`` and for whatever the function raises.
    """
    said = of or ", ".join(brief(each) for each in arguments)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            found = given(*deepcopy(arguments))
    except (KeyboardInterrupt, TimeUp):
        raise
    except BaseException as error:  # also SystemExit: an answer does not end the check
        raise Wrong(f"your function raises {type(error).__name__} for {said}: {brief(str(error))}") from None
    if found is None:
        raise Wrong(f"your function returns nothing (None) for {said}")
    return found


def array(given: Any, shape: tuple[int | None, ...], what: str) -> Floats:
    """``given`` as finite numbers of that shape, ``None`` standing for any length; raises ``Wrong``."""
    try:
        if hasattr(given, "detach"):  # a tensor, of whatever library
            given = given.detach().cpu().numpy()
        values = np.array(given, dtype=np.float64)
    except Exception:
        raise Wrong(f"{what} must be numbers, got {brief(given)}") from None
    wanted = tuple("any" if size is None else size for size in shape)
    if values.ndim != len(shape) or any(
        size is not None and size != has for size, has in zip(shape, values.shape, strict=True)
    ):
        raise Wrong(f"{what} must have the shape {_shape(wanted)}, got {_shape(values.shape)}")
    if not np.isfinite(values).all():
        raise Wrong(f"{what} must be finite, got a number that is not (nan or inf)")
    return values


def number(given: Any, what: str) -> float:
    """``given`` as one finite number; raises ``Wrong``. A truth value or a text is none."""
    if isinstance(given, bool | np.bool_ | str):
        raise Wrong(f"{what} must be a number, got {brief(given)}")
    return float(array(given, (), what))


def whole(given: Any, what: str) -> int:
    """``given`` as a whole number; raises ``Wrong``."""
    found = number(given, what)
    if found != round(found):
        raise Wrong(f"{what} must be a whole number, got {found:g}")
    return round(found)


def wholes(given: Any, length: int, what: str) -> list[int]:
    """``given`` as a list of so many whole numbers; raises ``Wrong``."""
    values = array(given, (None,), what)
    if len(values) != length:
        raise Wrong(f"{what} must be {length} numbers, got {len(values)}")
    if (values != values.round()).any():
        raise Wrong(f"{what} must be whole numbers, got {brief(given)}")
    return [int(value) for value in values]


def frequencies(given: Any, most: int, highest: int) -> list[int]:
    """``given`` as at most ``most`` different frequencies from 1 to ``highest``; raises ``Wrong``."""
    if not isinstance(given, list | tuple | set | frozenset | np.ndarray):
        raise Wrong("frequencies must be a list of whole numbers")
    listed = list(given)
    if not 1 <= len(listed) <= most:
        raise Wrong(f"frequencies must be 1 .. {most} numbers, got {len(listed)}")
    found = wholes(listed, len(listed), "frequencies")
    if not all(1 <= k <= highest for k in found):
        raise Wrong(f"a frequency must lie in 1 .. {highest}, got {found}")
    if len(set(found)) < len(found):
        raise Wrong("the same frequency twice is one wave, louder: choose different ones")
    return found


def names(given: Any, known: tuple[str, ...], what: str) -> tuple[str, ...]:
    """``given`` as different names out of ``known``, in the order of ``known``; raises ``Wrong``."""
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list | tuple | set | frozenset) or not all(isinstance(each, str) for each in given):
        raise Wrong(f"{what} must be a list of names, got {brief(given)}")
    if unknown := [each for each in given if each not in known]:
        raise Wrong(f"{what}: there is no {brief(unknown[0])}; there are {', '.join(known)}")
    return tuple(each for each in known if each in given)


def tables(given: Any, known: Mapping[str, tuple[int, ...]], what: str) -> dict[str, Floats]:
    """``given`` as arrays by name, names and shapes out of ``known``; raises ``Wrong``."""
    if not isinstance(given, Mapping) or not given:
        raise Wrong(f"{what} must be a dictionary from names to arrays, got {brief(given)}")
    if unknown := [each for each in given if each not in known]:
        raise Wrong(f"{what}: there is no {brief(unknown[0])}; there are {', '.join(known)}")
    return {str(name): array(value, known[name], f"{what}[{name!r}]") for name, value in given.items()}


def brief(value: Any) -> str:
    """A value as it is typed, cut short."""
    try:
        said = value if isinstance(value, str) else repr(value)
    except Exception:
        said = f"a {type(value).__name__}"
    said = " ".join(said.split())
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 3]}..."


def _shape(sizes: tuple[Any, ...]) -> str:
    return " x ".join(map(str, sizes)) or "of a single number"
