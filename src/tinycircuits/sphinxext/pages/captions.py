"""The directive ``caption``: the words of a figure or table, in the chapter's prose under the cell that draws it.

    ```{caption} fig-attention-mean
    :alt: Heat map of eight rows by sixteen columns; source weights from {glue:text}`low` to {glue:text}`high`.

    **No row reads its source alone.** Mean attention over all {glue:text}`inputs` inputs.
    ```

The first sentence, in bold, is the finding. A figure has an alternative text; a table, which is text, has none. With
``:folded: The same in the other model`` the page shows that line, and the figure or table when a reader opens it.
"""

from html import escape
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from tinycircuits.display.figure import NO_ALT
from tinycircuits.sphinxext.pages.folding import FOLDED

_LOG = logging.getLogger(__name__)


class Caption(SphinxDirective):  # type: ignore[misc]
    """Puts its content into the figure or table that its argument names, which stands above it in the chapter."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar = {"alt": directives.unchanged_required, "folded": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Nothing of its own; raises the directive's error when the words and what they are for do not fit."""
        name = self.arguments[0]
        captioned = self._captioned(name)
        if "folded" in self.options:
            captioned[FOLDED] = self.options["folded"]
        paragraphs = self.parse_content_to_nodes()
        if len(paragraphs) != 1 or not isinstance(paragraphs[0], nodes.paragraph):
            raise self.error(f"caption {name}: exactly one paragraph expected")
        words = [word for word in paragraphs[0] if word != ""]  # MyST puts empty text before a mark
        if not isinstance(words[0], nodes.strong):
            raise self.error(f"caption {name}: it begins with the finding, in bold, got {words[0]!r}")
        if isinstance(captioned, nodes.table):
            if "alt" in self.options:
                raise self.error(f"caption {name}: a table is read as it stands, it takes no alternative text")
            captioned.insert(0, nodes.title("", "", *words))
            return []
        if "alt" not in self.options:
            raise self.error(f"caption {name}: a figure needs an alternative text, the option `alt`")
        _say(captioned, nodes.inline("", "", *self.parse_inline(self.options["alt"])[0]).astext())
        captioned += nodes.caption("", "", *words)
        return []

    def _captioned(self, name: str) -> Any:
        document = self.state.document
        found = document.ids.get(document.nameids.get(name))
        if not isinstance(found, (nodes.figure, nodes.table)):
            raise self.error(f"caption {name}: no cell above draws a figure or table of this name")
        if _is_captioned(found):
            raise self.error(f"caption {name}: it has a caption already")
        return found


def _is_captioned(node: nodes.Element) -> bool:
    return any(isinstance(child, (nodes.caption, nodes.title)) for child in node)


def _say(figure: nodes.Element, alt: str) -> None:
    """Give both faces of ``figure`` their alternative text."""
    for face in figure.findall(nodes.raw):
        face.children[:] = [nodes.Text(face.astext().replace(NO_ALT, f'aria-label="{escape(alt)}"', 1))]
    for image in figure.findall(nodes.image):
        image["alt"] = alt


def complain(app: Sphinx, document: nodes.document) -> None:
    """Warn of every figure and table of ours that has no caption."""
    for node in document.findall(lambda node: isinstance(node, (nodes.figure, nodes.table))):
        ours = [name for name in node["names"] if name.startswith(("fig-", "tbl-"))]
        if ours and not _is_captioned(node):
            _LOG.warning("%s has no caption: write the directive `caption` under its cell", ours[0], location=node)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("caption", Caption)
    app.connect("doctree-read", complain)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
