"""A drawing inside a page: the SVG of matplotlib without what no reader sees, in the page's own colours and type."""

import re

from tinycircuits.display.theme import ON_PAGE

_UNSEEN = re.compile(r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>|<defs>\s*</defs>", re.S)
_SIZE = re.compile(r' (?:width|height)="[0-9.]+pt"| xmlns(?::xlink)?="[^"]*"| version="1\.1"')
_ATTRIBUTE = re.compile(r'(?<= )([a-z-]+)="([^"]*)"')
_LONG = re.compile(r"-?\d+\.\d{2,}")
_USED = re.compile(r'href="#([^"]+)"|url\(#([^)]+)\)')


def inline(svg: str) -> str:
    """The ``svg`` element for a page: sized by its style sheet, in colours that follow the theme, much shorter.

    Coordinates are kept to a hundredth of a point. Only ids that something in the drawing refers to are kept, so that
    two drawings of a page have none in common as long as their salts differ.
    """
    drawing = _UNSEEN.sub("", svg[svg.index("<svg") :])
    used = {name for pair in _USED.findall(drawing) for name in pair}

    def attribute(found: re.Match[str]) -> str:
        name, value = found[1], found[2]
        if name == "href" or (name == "id" and value in used):
            return found[0]
        if name == "id":
            return ""
        words = " ".join(value.split())
        return f'{name}="{_LONG.sub(_short, words)}"'

    head, rest = drawing.split(">", 1)
    drawing = _ATTRIBUTE.sub(attribute, f"{_SIZE.sub('', head)}>{rest}")
    for colour, name in ON_PAGE.items():
        drawing = drawing.replace(colour, name)
    drawing = re.sub(r">\s+<", "><", drawing)
    return re.sub(r"\s+(?=/?>)", "", drawing).strip()


def _short(number: re.Match[str]) -> str:
    value = float(number[0])
    return f"{value:z.{2 if abs(value) >= 0.1 else 4}f}".rstrip("0").rstrip(".")
