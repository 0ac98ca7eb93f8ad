"""Scripts, styles and fonts from this machine only; plotly is there for a reader who explores a figure."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import tinycircuits
from tinycircuits.sphinxext.pages.figures import write

STATIC = Path(__file__).parent / "static"
FONTS = Path(tinycircuits.__file__).parent / "display" / "fonts"
"""Named here as well, because an unchanged build would spend a quarter of its time on importing ``display``."""
_COMMENTS = re.compile(rb"/\*.*?\*/\s*", re.S)
"""Of a style: they are for us, and a reader would load them."""
_UNREAD = ("*.map", "scripts/fontawesome.js")
"""What the theme brings and no page loads, a seventh of the site: source maps, a script for icons that a font draws."""


def copy(app: Sphinx) -> None:
    """Copy what the pages load into the site."""
    from myst_nb.sphinx_ext import add_global_html_resources  # slow, and the command of the press imports this module

    if app.builder.format != "html":
        return
    target = Path(app.outdir, "_static")
    write(target / "plotly.min.js", files("plotly").joinpath("package_data/plotly.min.js").read_bytes())
    for path in sorted(STATIC.iterdir()):
        if path.suffix != ".otf":  # of print
            data = path.read_bytes()
            write(target / path.name, _COMMENTS.sub(b"", data) if path.suffix == ".css" else data)
    for path in sorted(FONTS.glob("*.ttf")):
        write(target / path.name, path.read_bytes())
    # MyST-NB copies its style when the pages are written, so that those of a first build would not know its checksum.
    add_global_html_resources(app, None)


def prune(app: Sphinx, exception: Exception | None) -> None:
    """Take out of the site what no page loads."""
    if app.builder.format != "html" or exception is not None:
        return
    for pattern in _UNREAD:
        for path in Path(app.outdir, "_static").rglob(pattern):
            path.unlink()


def per_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Drop what no page of this book uses."""
    context["script_files"][:] = [file for file in context["script_files"] if "thebe" not in str(file)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.connect("builder-inited", copy)
    app.connect("build-finished", prune)
    app.connect("html-page-context", per_page)
    app.add_css_file("tinycircuits.css", priority=900)
    app.add_css_file("site.css", priority=901)
    app.add_js_file("tinycircuits.js", loading_method="defer", priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
