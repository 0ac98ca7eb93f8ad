"""The site's search: prose, captions and cells of tables, section by section; no code and no printed output.

A page's sections are kept in the build folder while it is written, so that they are there as well when it is not
written again. At the end of the build they become one script, which also a page opened as a file may load.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from tinycircuits.sphinxext.pages.figures import write

INDEX = "search-sections.js"
_LEFT_OUT = (
    nodes.literal_block, nodes.doctest_block, nodes.raw, nodes.comment, nodes.image, nodes.math_block,
    nodes.system_message, addnodes.toctree, addnodes.index,
)  # fmt: skip
_APART = (nodes.TextElement, nodes.Structural, nodes.Body)
"""Between these and their neighbours is at least a space."""


@dataclass
class Section:
    """A place that a result of the search leads to: its anchor, its heading with the number, and its words."""

    anchor: str
    heading: str
    words: list[str] = field(default_factory=list)

    def row(self) -> list[str]:
        """What the index holds: anchor, heading, text."""
        return [self.anchor, self.heading, " ".join("".join(self.words).split())]


def sections(doctree: nodes.document, numbers: dict[str, tuple[int, ...]]) -> list[Section]:
    """The sections of a page in order; ``numbers`` are those of its headings by ``#id``, the page's own by nothing.

    A text belongs to the innermost section around it, or to the entry of a list of entries.
    """
    return _Walk(numbers).of(doctree)


class _Walk:
    def __init__(self, numbers: dict[str, tuple[int, ...]]) -> None:
        self.numbers = numbers
        self.found: list[Section] = []

    def of(self, doctree: nodes.document) -> list[Section]:
        self._inside(doctree, Section("", ""))
        return self.found

    def _inside(self, node: nodes.Node, section: Section) -> None:
        if isinstance(node, (nodes.Text, nodes.math)):
            section.words.append(spoken(node.astext()) if isinstance(node, nodes.math) else node.astext())
            return
        if isinstance(node, _LEFT_OUT) or "cell_input" in getattr(node, "attributes", {}).get("classes", ()):
            return
        if (title := _heading(node)) is not None:
            section = self._begun(node, title)
        for child in node.children:
            if child is not title:
                self._inside(child, section)
        if isinstance(node, _APART):
            section.words.append(" ")

    def _begun(self, node: nodes.Element, title: nodes.Node) -> Section:
        anchor = "" if not self.found else f"#{node['ids'][0]}"
        number = self.numbers.get(anchor, ())
        parts = [title] if isinstance(title, nodes.title) else title.children
        heading = " · ".join(words for each in parts if (words := " ".join(each.astext().split())))
        self.found.append(Section(anchor, f"{'.'.join(map(str, number))}. {heading}" if number else heading))
        return self.found[-1]


def spoken(formula: str) -> str:
    """A short formula as one types it: ``x_{7-i}`` is ``x_7-i``, ``W_\\text{in}`` is ``W_in``."""
    return re.sub(r"\\(?:text|mathrm|mathbf|operatorname)\b|[{}\\]", "", formula)


def _heading(node: nodes.Node) -> nodes.Node | None:
    """The title of a section, or the summary of an entry."""
    if isinstance(node, nodes.section):
        return next((child for child in node.children if isinstance(child, nodes.title)), None)
    if isinstance(node, nodes.Element) and "tc-entry" in node.get("classes", ()) and node["ids"]:
        return node.children[0]
    return None


def _kept(env: Any, docname: str) -> Path:
    return Path(env.mystnb_config.output_folder, "search", f"{docname}.json")


def keep(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Keep the sections of a page that is written; a page whose front matter says ``nosearch`` has none."""
    if doctree is None or app.builder.format != "html":
        return
    wanted = "nosearch" not in app.env.metadata.get(pagename, {})
    found = sections(doctree, app.env.toc_secnumbers.get(pagename, {})) if wanted else []
    write(_kept(app.env, pagename), json.dumps([each.row() for each in found], ensure_ascii=False).encode())


def _pages(app: Sphinx) -> Iterator[tuple[str, str, list[list[str]]]]:
    """File, title and sections of every page, in the book's order."""
    for docname in (name for name in app.env.external_site_map if name in app.env.found_docs):
        path = _kept(app.env, docname)
        rows = json.loads(path.read_bytes()) if path.exists() else []
        if rows:
            yield app.builder.get_target_uri(docname), rows[0][1], rows


def write_index(app: Sphinx, error: Exception | None) -> None:
    """Write the index of all pages, in place of Sphinx's own."""
    if error or app.builder.format != "html":
        return
    index = json.dumps(list(_pages(app)), ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    write(Path(app.outdir, "_static", INDEX), f"window.tinycircuitsPages = {index};\n".encode())
    Path(app.outdir, "searchindex.js").unlink(missing_ok=True)


def replace_search(app: Sphinx) -> None:
    """Make no index of Sphinx's: it knows whole pages only, code among them, and no numbers."""
    if app.builder.format == "html":
        app.builder.search = False


def search_page(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The page that shows what was found."""
    yield "search", {"title": "Search", "search_index": INDEX}, "search.html"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.connect("builder-inited", replace_search)
    app.connect("html-collect-pages", search_page)
    app.connect("html-page-context", keep)
    app.connect("build-finished", write_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
