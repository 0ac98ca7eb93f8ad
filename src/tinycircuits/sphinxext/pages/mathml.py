"""Formulas as MathML, which browsers draw themselves: no script, no request, the same in every theme."""

import re
from functools import lru_cache
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

_LOG = logging.getLogger(__name__)
_SIGNS = re.compile(r"[,.;:!?)]+")
_UNKNOWN = re.compile(r"<m[io]>\\([A-Za-z]+)</m[io]>")
_NAMED = re.compile(r"<mo>([A-Za-z]{2,})</mo>(?=<mo)")
_BEFORE = re.compile(r"(</(?:m[in]|msu[bp]|msubsup|mfrac|mrow)>|&#x00029;</mo>)(?=<mi>[A-Za-z]{2,}</mi>)")
_AFTER = re.compile(r"(<mi>[A-Za-z]{2,}</mi>)(?=<m(?!o|space))")
_THIN = r'\1<mspace width="0.167em" />'


@lru_cache(maxsize=4096)
def markup(latex: str, display: str) -> str:
    """The MathML of a formula, ``display`` being ``"inline"`` or ``"block"``.

    Raises ``ValueError`` naming the command that is not understood.
    """
    try:
        out = str(convert(latex.strip(), display=display))
    except Exception as error:  # the converter has some forty error classes without a common base
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if found := _UNKNOWN.search(out):
        raise ValueError(f"unknown command \\{found[1]}")
    return _spaced(out)


def _spaced(out: str) -> str:
    """The MathML with the thin spaces that TeX sets around the name of a function, as in ``cos x cos y``.

    A name before a bracket is no sign between two terms, so that it keeps no distance from the bracket.
    """
    named = _NAMED.sub(r"<mi>\1</mi>", out)
    return _AFTER.sub(_THIN, _BEFORE.sub(_THIN, named))


def _converted(node: nodes.Element, display: str) -> str:
    try:
        return markup(node.astext(), display)
    except ValueError as error:
        _LOG.warning("formula %r: %s", node.astext(), error, location=node)
        return f"<code>{nodes.Text(node.astext())}</code>"


def visit_inline(translator: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(f'<span class="math">{_converted(node, "inline")}</span>')
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.math_block) -> None:
    """Write a formula on lines of its own, with its number if it has one."""
    anchor = f' id="{node["ids"][0]}"' if node["ids"] else ""
    translator.body.append(f'<div class="math tc-equation"{anchor}>{_converted(node, "block")}')
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append("</div>")
    raise nodes.SkipNode


class Unbroken(SphinxPostTransform):  # type: ignore[misc]
    """Keeps a sign such as a comma in one line with the formula before it; a browser would break between them."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Put formula and sign into one piece."""
        for formula in list(self.document.findall(nodes.math)):
            group, after = formula.parent, formula.parent.index(formula) + 1
            text = group[after] if after < len(group) else None
            if isinstance(text, nodes.Text) and (found := _SIGNS.match(text.astext())):
                group[after] = nodes.Text(text.astext()[found.end() :])
                piece = nodes.inline("", "", classes=["tc-unbroken"])
                formula.replace_self(piece)
                piece += [formula, nodes.Text(found[0])]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer as ``html_math_renderer: mathml``."""
    app.add_post_transform(Unbroken)
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
