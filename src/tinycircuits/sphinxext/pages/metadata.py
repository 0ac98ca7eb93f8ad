"""What a page says of itself to browsers, search engines and those who pass it on, and the site in files of its own.

What needs the site's address (``html.baseurl`` in ``_config.yml``) is left out while that is empty.
"""

import csv
import re
from collections.abc import Iterator
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from tinycircuits.sphinxext.pages.figures import kept, write

CARD = "card.png"
"""The picture of a page that is passed on, in ``_static``."""
_LONGEST = 200
"""Characters of a description; more is cut off where it is shown."""
_LABEL = re.compile(r"\A(Question|Claim)\.\s*")
_VIEWPORT = re.compile(r'\s*<meta[^>]*name="viewport"[^>]*>')


def description(doctree: nodes.document) -> str:
    """What a page is about in at most 200 characters: its question and claim, or its first paragraph.

    It ends with a whole sentence, unless the first one alone is longer.
    """
    box = next((each for each in doctree.findall(nodes.admonition) if _words(each.children[0]) in _BOXES), None)
    if box:
        said = [_words(each) for each in box.findall(nodes.paragraph)]
        text = " ".join(_LABEL.sub("", each) for each in said if _LABEL.match(each))
    else:
        text = next((_words(each) for each in doctree.findall(nodes.paragraph) if not each["classes"]), "")
    return shortened(text)


_BOXES = {"Question, claim, test", "Question and claim", "Question"}


def shortened(text: str, longest: int = _LONGEST) -> str:
    """The first sentences that fit into ``longest`` characters, or else as many words as fit."""
    if len(text) <= longest:
        return text
    ends = [found.end() for found in re.finditer(r"[.?!](?=\s)", text[: longest + 1])]
    return text[: ends[-1]] if ends else f"{text[: longest - 3].rsplit(' ', 1)[0]} ..."


def _words(node: nodes.Node) -> str:
    return " ".join(node.astext().split())


def tags(properties: dict[str, str]) -> str:
    """The tags of a page's head; those of Open Graph have a colon in their name."""
    return "".join(
        f'\n    <meta {"property" if ":" in name else "name"}="{name}" content="{escape(value)}" />'
        for name, value in properties.items()
    )


def describe(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Give a page its icon, and a chapter its description; say once how wide a page is."""
    context["favicon_url"] = context["pathto"]("_static/favicon.svg", 1)
    context["metatags"] = _VIEWPORT.sub("", context.get("metatags", ""))
    if doctree is None:
        return
    about = description(doctree)
    known = {"description": about} if about else {}
    known |= {"og:type": "article", "og:site_name": app.config.project, "og:title": _words(app.env.titles[pagename])}
    known |= {"og:description": about} if about else {}
    if site := address(app):
        known |= {"og:url": f"{site}{pagename}.html", "og:image": f"{site}_static/{CARD}"}
        known |= {"og:image:alt": "Two heat maps of attention: one flattering input, and the mean over all inputs"}
        known |= {"twitter:card": "summary_large_image"}
    context["metatags"] += tags(known)


def address(app: Sphinx) -> str:
    """The address of the site with a slash at its end, or nothing."""
    return f"{app.config.html_baseurl.rstrip('/')}/" if app.config.html_baseurl else ""


def missing_page(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The page for an address that leads nowhere, which a server shows at any depth."""
    yield "404", {"site": address(app), "start": app.config.root_doc}, "404.html"


def write_files(app: Sphinx, error: Exception | None) -> None:
    """Write what belongs to the address of the site: its map and the picture of its pages."""
    if error or app.builder.format != "html":
        return
    site = address(app)
    if not site:
        for file in ("sitemap.xml", f"_static/{CARD}"):
            Path(app.outdir, file).unlink(missing_ok=True)
        return
    write(Path(app.outdir, "sitemap.xml"), sitemap(site, [*app.env.external_site_map]).encode())
    docname, _, name = app.config.tinycircuits_cover.rpartition("/")
    if docname:
        write(Path(app.outdir, "_static", CARD), card(kept(app.env, docname) / f"{name}.csv", app.config.project))


def sitemap(site: str, docnames: list[str]) -> str:
    """The map of the site for search engines."""
    places = "".join(f"<url><loc>{escape(site + name)}.html</loc></url>\n" for name in docnames)
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="{space}">\n{places}</urlset>\n'


def card(numbers: Path, title: str) -> bytes:
    """A PNG of 1200 x 630 pixels: the panels of a heat map from its CSV file under the title of the book."""
    import pandas as pd
    from matplotlib.figure import Figure

    from tinycircuits.display.theme import INK, colour_map, print_style

    with numbers.open(encoding="utf-8", newline="") as file:
        table = pd.DataFrame(list(csv.reader(file))[1:])
    *panel, down, across, share = table.columns
    groups = [rows for _, rows in table.groupby(panel, sort=False)] if panel else [table]
    with print_style():
        figure = Figure(figsize=(12, 6.3), dpi=100, layout="constrained")
        figure.suptitle(title, fontsize=32, fontweight="bold", color=INK)
        for place, rows in enumerate(groups, start=1):
            matrix = rows.assign(share=rows[share].astype(float)).pivot(index=down, columns=across, values="share")
            matrix = matrix.loc[rows[down].unique(), rows[across].unique()]
            axes = figure.add_subplot(1, len(groups), place)
            axes.imshow(matrix.to_numpy(), cmap=colour_map("share"), vmin=0, vmax=1)
            axes.set_title(rows[panel[0]].iloc[0] if panel else "", fontsize=22, color=INK)
            axes.axis("off")
        content = BytesIO()
        figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.connect("html-collect-pages", missing_page)
    app.connect("html-page-context", describe, priority=800)
    app.connect("build-finished", write_files, priority=600)  # after the figures are copied
    return {"parallel_read_safe": True, "parallel_write_safe": True}
