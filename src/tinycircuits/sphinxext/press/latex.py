"""The print edition: the book, or the chapters of a hand-in, as one LaTeX document with the numbers of the pages."""

import io
import os
from pathlib import Path
from typing import Any

from docutils import nodes
from fontTools.ttLib import TTFont
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.latex import LaTeXBuilder
from sphinx.builders.latex.nodes import math_reference
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import new_document
from sphinx.util.nodes import inline_all_toctrees
from sphinxcontrib.bibtex.nodes import bibliography

from tinycircuits.sphinxext.pages.assets import FONTS, STATIC
from tinycircuits.sphinxext.pages.figures import kept, write
from tinycircuits.sphinxext.press.answers import answers, chapter_of
from tinycircuits.sphinxext.press.code import asked, without_code
from tinycircuits.sphinxext.press.edition import OTHER_HYPHENS, cover, edition, escaped, front_matter, title_page
from tinycircuits.sphinxext.press.layout import afloat, closing, in_columns, latex, listed, together, words_in_columns
from tinycircuits.sphinxext.press.selection import contents

ONLY = "BOOK_ONLY"
"""The environment variable with the file names of the chapters to print, one a line; all without it."""

HAND_IN = "hand-in"
"""Name of a document that is not the published one, the whole and unsigned book: that file is never overwritten."""

_HERE = Path(__file__).parent
_LEFT_OUT = "left-out:"

_ELEMENTS = {
    "papersize": "a4paper",
    "pointsize": "10pt",
    "extraclassoptions": "openany,oneside",
    "figure_align": "htbp",
    "fncychap": "",
    "fontpkg": "",
    "fvset": "",
    "makeindex": "",
    "printindex": "",
    "geometry": r"\usepackage[hmargin=23mm, top=23mm, bottom=20mm, headheight=14pt, headsep=6mm, "
    r"footskip=7mm]{geometry}",
    "preamble": r"\usepackage{tinybook}",
    "sphinxsetup": "verbatimwithframe=false, verbatimhintsturnover=false, VerbatimColor={HTML}{F6F6F9}, "
    r"verbatimsep=2mm, verbatimvisiblespace={}, verbatimcontinued={\tinycontinued}, "
    "TitleColor={HTML}{3B2A75}, InnerLinkColor={HTML}{1F4E79}, OuterLinkColor={HTML}{1F4E79}, "
    r"HeaderFamily=\sffamily\bfseries, TableRowColorOdd={HTML}{F6F6F9}, TableRowColorHeader={HTML}{E9E7F1}, "
    "div.note_border-TeXcolor={HTML}{8D6FD6}, div.note_border-left-width=2.5pt, div.note_border-top-width=0pt, "
    "div.note_border-right-width=0pt, div.note_border-bottom-width=0pt, div.note_background-TeXcolor={HTML}{F5F3FB}, "
    "div.note_title-background-TeXcolor={HTML}{F5F3FB}, div.note_title-foreground-TeXcolor={HTML}{3B2A75}, "
    "div.note_padding=8pt, iconpackage=none",
}


class PrintBuilder(LaTeXBuilder):  # type: ignore[misc]
    """Puts the chosen chapters together, each with the number that it has in the whole book."""

    document_data: list[tuple[Any, ...]]

    def init(self) -> None:
        """Set the title page and, for a hand-in, the name of the document."""
        super().init()
        whole = {chapter.docname for chapter in contents(Path(self.srcdir)).chapters}
        self.chosen = {name for name in os.environ.get(ONLY, "").split("\n") if name} or whole
        self.is_whole = self.chosen == whole
        self.all_code = asked(os.environ)
        self.answers = answers(os.environ)
        options = self.config.html_theme_options
        self.edition = edition(address=self.config.html_baseurl or options.get("repository_url", ""))

    def init_document_data(self) -> None:
        """Name the document, write its title page and what precedes the first chapter."""
        super().init_document_data()
        docname, target, title, author, *rest = self.document_data[0]
        if self.edition.hand_in or self.all_code or self.answers or not self.is_whole:
            target = f"{HAND_IN}.tex"
        self.document_data = [(docname, target, title, author, *rest)]
        self.context["maketitle"] = title_page(self.edition, title, author, self._cover())
        self.context["tableofcontents"] = front_matter(self.config.tinycircuits_abstract if self.is_whole else "")

    def _cover(self) -> str:
        if not self.config.tinycircuits_cover:
            return ""
        docname, _, name = self.config.tinycircuits_cover.rpartition("/")
        return cover(kept(self.env, docname) / f"{name}.csv")

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        """The address of a chapter: in the document, on the site, or a mark that it has none."""
        if docname not in self.docnames and docname in self.env.found_docs:
            site = self.config.html_baseurl.rstrip("/")
            return f"{site}/{docname}.html" if site else f"{_LEFT_OUT}{docname}"
        return str(super().get_target_uri(docname, typ))

    def assemble_doctree(self, indexfile: str, toctree_only: bool, appendices: list[str]) -> nodes.document:
        """The document: the introduction without a number, then the parts; the bibliography is always in it."""
        self.docnames: set[str] = set()
        book = new_document("print edition")
        title = nodes.title("", self.config.project)
        book += nodes.section("", title)  # the writer takes the first title for the document's and does not print it
        if indexfile in self.chosen:
            intro = self._chapter(indexfile, without_toctrees=True)
            book += [latex(r"\setcounter{secnumdepth}{-1}"), intro, latex(r"\setcounter{secnumdepth}{1}")]
        for toctree in self.env.get_doctree(indexfile).findall(addnodes.toctree):
            chapters = [name for name in toctree["includefiles"] if name in self.chosen or self._has_bibliography(name)]
            if chapters and toctree.get("caption"):
                book += latex(rf"\tinypart{{{escaped(toctree['caption'])}}}")
            for name in chapters:
                if number := self.env.toc_secnumbers.get(name, {}).get(""):
                    book += latex(rf"\setcounter{{chapter}}{{{number[0] - 1}}}")
                if self._has_bibliography(name):  # its list ends the document, and must start on a page
                    book += [*self._own_answers(indexfile), latex(r"\clearpage")]
                book += self._chapter(name)
        listed(book)
        self.env.resolve_references(book, indexfile, self)
        return book

    def _own_answers(self, docname: str) -> list[nodes.Node]:
        """The reader's answers to the exercises, a chapter without a number; nothing where none are asked for."""
        if not self.answers:
            return []
        file = addnodes.start_of_file(docname=docname)
        file += chapter_of(self.answers)
        return [latex(r"\setcounter{secnumdepth}{-1}"), file, latex(r"\setcounter{secnumdepth}{1}")]

    def _chapter(self, docname: str, *, without_toctrees: bool = False) -> addnodes.start_of_file:
        tree = self.env.get_doctree(docname).deepcopy()
        if without_toctrees:
            for toctree in list(tree.findall(addnodes.toctree)):
                toctree.parent.parent.remove(toctree.parent)
        if not self.all_code:
            without_code(tree)
        together(tree)
        afloat(tree)
        closing(tree)
        in_columns(tree)
        words_in_columns(tree)
        tree = inline_all_toctrees(self, self.docnames, docname, tree, str, [docname])
        self.docnames.add(docname)
        file = addnodes.start_of_file(docname=docname)
        file += tree.children
        for section in file.findall(nodes.section):
            section.setdefault("docname", docname)
        return file

    def _has_bibliography(self, docname: str) -> bool:
        return any(True for _ in self.env.get_doctree(docname).findall(bibliography))


class LeftOut(SphinxPostTransform):  # type: ignore[misc]
    """Turns references to chapters that are not in the document into their words, or into links to the site."""

    default_priority = 20  # after references are resolved, before addresses become footnotes
    builders = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Replace the references."""
        for node in list(self.document.findall(math_reference)):
            if node["docname"] not in self.app.builder.docnames:
                node.replace_self(nodes.Text(f"({self._equation(node)})"))
        for node in list(self.document.findall(nodes.reference)):
            uri = node.get("refuri", "")
            if uri.startswith(_LEFT_OUT):
                node.replace_self(nodes.inline("", "", *node.children))
            elif "://" in uri and isinstance(node.parent.parent, nodes.citation):
                node.children = []
                node += nodes.Text(uri)  # a work's address in full, instead of in a footnote
            elif isinstance(node, addnodes.number_reference) and "://" in uri:
                node.replace_self(nodes.reference("", node.astext(), refuri=uri, internal=False))

    def _equation(self, node: math_reference) -> str:
        known = self.env.toc_fignumbers.get(node["docname"], {}).get("displaymath", {})
        number = known.get(nodes.make_id(f"equation-{node['target']}"))
        if number:
            return ".".join(map(str, number))
        return str(self.env.get_domain("math").get_equation_number_for(node["target"]))


def configure(app: Sphinx, config: Config) -> None:
    """Replace the look that the book's theme brings by our own."""
    config.latex_theme = "manual"
    config.latex_use_xindy = False
    config.latex_show_urls = "footnote"
    config.latex_elements = {**config.latex_elements, **_ELEMENTS}


def copy_files(app: Sphinx) -> None:
    """Put fonts and style where TeX runs."""
    if app.builder.format == "latex":
        files = [*FONTS.glob("*.ttf"), *(_HERE / "print").glob("*.ttf"), STATIC / "TinyMath.otf"]
        for path in files:
            write(Path(app.outdir, path.name), one_hyphen(path))
        write(Path(app.outdir, "tinybook.sty"), (_HERE / "print/tinybook.sty").read_bytes())


def one_hyphen(path: Path) -> bytes:
    """A font in which the hyphen's glyph is the hyphen and no other character.

    TeX names a glyph in the PDF by the last of its characters: code copied from a page had hyphens that do not break.
    """
    font = TTFont(path, recalcTimestamp=False)
    for table in font["cmap"].tables:
        for character in OTHER_HYPHENS:
            table.cmap.pop(character, None)
    content = io.BytesIO()
    font.save(content)
    return content.getvalue()


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build.

    ``tinycircuits_cover`` names the heat map on the title page, as ``chapter/figure``; ``tinycircuits_abstract`` is the
    paragraph before the contents, plain text.
    """
    app.add_config_value("tinycircuits_cover", "", "")
    app.add_config_value("tinycircuits_abstract", "", "")
    app.add_builder(PrintBuilder, override=True)
    app.add_post_transform(LeftOut)
    app.connect("config-inited", configure, priority=900)
    app.connect("builder-inited", copy_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
