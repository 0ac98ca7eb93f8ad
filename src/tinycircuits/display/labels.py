"""The same label for all faces: ``x_0`` becomes a letter with a subscript, all other text is taken literally."""

import re
from html import escape
from itertools import zip_longest

_NUMBERED = re.compile(r"([A-Za-z]{1,2})_([0-9]+)")
_NAMED = re.compile(r"([A-Za-z]{1,2})_([A-Za-z]+)")
_INSIDE = re.compile(r"(?<![\w\\])([A-Za-z])_([0-9]+)(?![\w])")
_VERBATIM = re.compile(r"(`[^`]*`|\$[^$]*\$|\{[^}]*\}|\[[^\]]*\]\([^)]*\))")
_WEIGHTS = re.compile(r"(?<![\w\\])W_(E|pos|Q|K|V|O|in|out|U)(?![\w])")
# Numbered subscripts are signs of the typeface: setting each as a formula made print figures several times slower.
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def subscripts(text: str) -> str:
    """``text`` with the numbered letters in it, such as ``x_0``, written with subscripts; code and formulas stay."""
    parts = _VERBATIM.split(text)
    written = [_INSIDE.sub(lambda found: found[1] + found[2].translate(_SUBSCRIPTS), part) for part in parts[::2]]
    return "".join(map("".join, zip_longest(written, parts[1::2], fillvalue="")))


def page(label: str) -> str:
    """``label`` as plotly's markup."""
    if found := _NUMBERED.fullmatch(label):
        return found[1] + found[2].translate(_SUBSCRIPTS)
    found = _NAMED.fullmatch(label)
    if found:
        return f"{found[1]}<sub>{found[2]}</sub>"
    return _WEIGHTS.sub(r"W<sub>\1</sub>", escape(subscripts(label), quote=False))


def print_(label: str) -> str:
    """``label`` as matplotlib's markup."""
    if found := _NUMBERED.fullmatch(label):
        return found[1] + found[2].translate(_SUBSCRIPTS)
    found = _NAMED.fullmatch(label)
    if found:
        return rf"$\mathrm{{{found[1]}}}_{{\mathrm{{{found[2]}}}}}$"
    return _WEIGHTS.sub(r"$\\mathrm{W}_{\\mathrm{\1}}$", subscripts(label).replace("$", r"\$"))
