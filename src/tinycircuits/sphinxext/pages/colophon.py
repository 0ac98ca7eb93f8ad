"""The last line of every page, and how to cite the book, both from ``CITATION.cff``."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tinycircuits.sphinxext.pages.metadata import address

CITATION = "CITATION.cff"
PAGE = "cite"
"""The page that says how to cite the book, under which licence it is and how to print it, where there is one."""


def citation(cff: dict[str, Any], year: str, address: str) -> dict[str, str]:
    """The work as a line and as an entry for BibTeX, by name; ``address`` may be empty."""
    authors = [each.get("name") or f"{each['given-names']} {each['family-names']}" for each in cff["authors"]]
    place = f", {address}" if address else ""
    fields = {
        "title": f"{{{cff['title']}}}",
        "author": " and ".join(f"{{{author}}}" for author in authors),
        "year": year,
        "version": cff["version"],
        **({"url": address} if address else {}),
    }
    body = ",\n".join(f"  {name:<7} = {{{value}}}" for name, value in fields.items())
    return {
        "line": f"{', '.join(authors)}: {cff['title']}. Version {cff['version']}, {year}{place}",
        "bibtex": f"@misc{{tinycircuits,\n{body}\n}}",
    }


class Citation(SphinxDirective):  # type: ignore[misc]
    """How to cite the book: ``line`` for a text, ``bibtex`` for a bibliography."""

    required_arguments = 1
    final_argument_whitespace = False

    def run(self) -> list[nodes.Node]:
        """The citation, to copy; raises an error that lists the known forms for any other argument."""
        path = Path(self.env.srcdir).parent / CITATION
        self.env.note_dependency(str(path))
        cff = yaml.safe_load(path.read_text(encoding="utf-8"))
        forms = citation(cff, str(self.config.copyright), address(self.env.app))
        name = self.arguments[0]
        if name not in forms:
            raise self.error(f"citation must be one of {', '.join(forms)}, got {name!r}")
        return [nodes.literal_block(forms[name], forms[name], language="text", classes=["tc-wrapped"])]


def per_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """What the last line of a page shows."""
    page = context["pathto"](PAGE).removesuffix("#") if PAGE in app.env.found_docs else None  # "#" is the page itself
    links = [] if page is None else [("MIT licence", f"{page}#licence"), ("how to cite, print and reuse", page or "#")]
    context["colophon"] = {"version": version("tinycircuits"), "links": links}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive ``citation`` and connect to the build."""
    app.add_directive("citation", Citation)
    app.connect("html-page-context", per_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
