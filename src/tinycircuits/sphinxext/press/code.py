"""What print shows of a cell: its outputs, and its code where it is tagged ``shown`` or ``CODE=1`` asks for all."""

from collections.abc import Mapping

from docutils import nodes

from tinycircuits.sphinxext.pages.folding import folded
from tinycircuits.sphinxext.press.edition import PREFIX
from tinycircuits.sphinxext.press.layout import CHECK, latex


def asked(environment: Mapping[str, str]) -> bool:
    """Whether ``CODE=1`` asks for the code of every cell; raises ``ValueError`` for anything but 1, 0 and nothing."""
    value = environment.get(f"{PREFIX}CODE", "").strip()
    if value not in {"", "0", "1"}:
        raise ValueError(f"CODE: 1 prints the code of every cell, 0 or nothing only what is shown; got {value!r}")
    return value == "1"


def without_code(tree: nodes.document) -> None:
    """Take out the code that a page folds.

    A cell that shows nothing else goes whole, and so does a section that held nothing else, or words about it only, as
    the check of a chapter does; its number stays free.
    """
    for source in folded(tree):
        cell = source.parent
        section = cell.parent
        cell.remove(source)
        if not cell.children:
            section.remove(cell)
        if isinstance(section, nodes.section) and _is_empty(section):
            section.replace_self(latex(r"\stepcounter{section}"))


def _is_empty(section: nodes.section) -> bool:
    title, *rest = section.children
    return not rest or (title.astext() == CHECK and all(isinstance(child, nodes.paragraph) for child in rest))
