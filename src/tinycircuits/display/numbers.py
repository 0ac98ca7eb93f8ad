"""Numbers for prose: formatted once, published under a name, written in a chapter as a glue role."""

from collections.abc import Callable, Iterable, Mapping
from numbers import Integral
from typing import Any

import pandas as pd


class Prose(str):
    """Text that a chapter's prose shows exactly as it is."""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": str(self)}


def publish(form: Callable[[Any], str] | None = None, /, **values: Any) -> None:
    """Make each value available to the chapter's prose as ``{glue:text}`name```.

    Text stays as it is, whole numbers are written with ``count``, every other number with ``form``. Raises
    ``TypeError`` naming the value when it is neither text nor a whole number and there is no ``form``.
    """
    from myst_nb import glue  # only the extra `book` installs it

    for name, value in values.items():
        if isinstance(value, str | Integral) and not isinstance(value, bool):
            shown = value if isinstance(value, str) else count(int(value))
        elif form is None or isinstance(value, bool):
            raise TypeError(f"{name}: text or a whole number expected, got {value!r}; format it first")
        else:
            shown = form(value.item() if getattr(value, "ndim", None) == 0 else value)
        glue(name, Prose(shown), display=False)


def count(number: int) -> str:
    """A whole number with thousands separated: ``65,536``."""
    return f"{number:,}"


def share(fraction: float, digits: int = 1) -> str:
    """A fraction as per cent: ``17.7 %``, with a space that does not break."""
    shown = f"{100 * fraction:z.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return f"{shown}\N{NO-BREAK SPACE}%"


def fixed(value: float, digits: int = 2) -> str:
    """A number with ``digits`` decimals, never a negative zero: ``0.51``."""
    return f"{value:z.{digits}f}".replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """A number with its sign and two decimals: ``+0.31``."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def of(part: int, whole: int) -> str:
    """``part`` of ``whole`` as counts: ``0 of 65,536``."""
    return f"{count(part)} of {count(whole)}"


def number(value: float, digits: int = 3) -> str:
    """``value`` with ``digits`` significant digits, or all of a longer whole part: ``0.0213``, ``11,174``."""
    return f"{value:{',.0f' if abs(value) >= 10**digits else f'.{digits}g'}}".replace("-", "\N{MINUS SIGN}")


def span(values: Iterable[float], form: Callable[[float], str] = share) -> str:
    """The lowest and the highest of ``values``: ``1.0 % to 2.5 %``, or one of them when both read the same."""
    found = [float(value) for value in values]
    low, high = form(min(found)), form(max(found))
    return low if low == high else f"{low} to {high}"


def listed(
    values: "Mapping[str, Any] | pd.Series[Any]", form: Callable[[Any], str] = share, between: str = ", "
) -> str:
    """Every value behind its name: ``L0 attn 64.0 %, L0 mlp 82.1 %``."""
    return between.join(f"{name} {form(value)}" for name, value in values.items())
