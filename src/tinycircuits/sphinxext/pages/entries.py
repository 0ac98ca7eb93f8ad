"""Entries on the page: folded, with sign and colour of the verdict, numbers, code, a link and a line to cite.

In print they are paragraphs. What a browser looks for inside a folded entry opens it.
"""

import shutil
from collections.abc import Callable
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from tinycircuits.sphinxext.pages.figures import mirror, write
from tinycircuits.sphinxext.pages.metadata import address

WORKBENCH = "workbench.html"
"""The page of the live model."""
Inline = Callable[[str], list[nodes.Node]]
"""Parses a line of MyST."""


class folded(nodes.container):  # type: ignore[misc]  # noqa: N801  # nodes are named so, and writers find them by name
    """An entry; a writer that knows no entries writes its parts."""


class folded_summary(nodes.paragraph):  # type: ignore[misc]  # noqa: N801
    """What a folded entry shows."""


class folded_code(nodes.container):  # type: ignore[misc]  # noqa: N801
    """Code that an entry shows on demand."""


def entry_node(shown: dict[str, Any], inline: Inline, marks: dict[str, str], *, title_in_print: bool = False) -> folded:
    """The nodes of one entry, described as ``display.Entry`` does; ``marks`` are the signs of verdicts.

    Print shows its title and verdict only, if ``title_in_print``.
    """
    summary = folded_summary("", "", nodes.inline("", "", *inline(shown["title"])))
    if verdict := shown["verdict"]:
        sign = nodes.inline("", verdict, classes=["tc-verdict", f"tc-{marks[verdict]}"])
        printed = [nodes.Text(": "), nodes.strong("", verdict)]
        summary += [addnodes.only("", *printed, expr="latex"), addnodes.only("", sign, expr="html")]
    parts: list[nodes.Node] = [_paragraph(text, inline) for text in shown["paragraphs"]]
    if evidence := shown["evidence"]:
        parts.append(addnodes.only("", _paragraph(evidence["printed"], inline), expr="latex"))
        table = _table(evidence["rows"], inline)
        table["classes"].append("tc-numbers")
        page = [_paragraph(evidence["lead"], inline), table]
        parts.append(addnodes.only("", *page, expr="html"))
    parts += [_paragraph(text, inline) for text in shown["closing"]]
    if state := shown["live"]:
        link = nodes.reference("", "Try to break it yourself", refuri=f"{WORKBENCH}#{state}")
        parts.append(addnodes.only("", nodes.paragraph("", "", link), expr="html"))
    if code := shown["code"]:
        parts.append(addnodes.only("", _code(**code), expr="html"))
    if title_in_print:
        parts = [addnodes.only("", *parts, expr="html")]
    return folded("", summary, *parts, classes=["tc-entry"], cite=shown["cite"])


def _paragraph(text: str, inline: Inline) -> nodes.paragraph:
    return nodes.paragraph("", "", *inline(text))


def _code(file: str, line: int, text: str) -> folded_code:
    block = nodes.literal_block(text, text, language="python")
    return folded_code("", block, file=file, line=line, classes=["tc-rule"])


def _table(rows: list[list[str]], inline: Inline) -> nodes.table:
    head, *body = rows
    group = nodes.tgroup("", cols=len(head))
    group += [nodes.colspec(colwidth=1) for _ in head]
    group += nodes.thead("", _row(head, inline))
    group += nodes.tbody("", *[_row(cells, inline) for cells in body])
    return nodes.table("", group, classes=["tc-table"])


def _row(cells: list[str], inline: Inline) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *inline(cell))) for cell in cells))


def _plain(text: str) -> list[nodes.Node]:
    return [nodes.Text(text)]


def files_nodes(shown: dict[str, Any], folder: Path, docname: str) -> list[nodes.Node]:
    """Links to files, which are kept in ``folder`` for the end of the build; folded, what their columns hold.

    Nothing for files that are not shown.
    """
    links = []
    for name, text in shown["files"].items():
        write(folder / name, text.encode())
        target = escape(f"{'../' * docname.count('/')}data/{name}")
        links.append(f'<a href="{target}" download>{escape(name)}</a> ({max(len(text.encode()) // 1000, 1)} kB)')
    if not shown["shown"]:
        return []
    found: list[nodes.Node] = [nodes.raw("", f'<p class="tc-files">{", ".join(links)}</p>', format="html")]
    if columns := shown["columns"]:
        opened = nodes.raw("", '<details class="tc-rule"><summary>what the columns hold</summary>', format="html")
        table = addnodes.only(
            "", _table([["column", "what it holds"], *map(list, columns.items())], _plain), expr="html"
        )
        found += [opened, table, nodes.raw("", "</details>", format="html")]
    return found


def kept(env: Any, docname: str) -> Path:
    """The folder of the build that keeps the files which a page offers."""
    return Path(env.mystnb_config.output_folder, "data", docname)


def forget(app: Sphinx, env: Any, docname: str) -> None:
    """Drop the kept files of a chapter that is read anew or gone."""
    shutil.rmtree(kept(env, docname), ignore_errors=True)


def copy_files(app: Sphinx, error: Exception | None) -> None:
    """Copy the files that pages offer into the site's folder ``data``."""
    if error or app.builder.format != "html":
        return
    gathered = kept(app.env, "")
    together = gathered.with_name("data-together")
    shutil.rmtree(together, ignore_errors=True)
    for path in sorted(gathered.glob("*/*")):
        write(together / path.name, path.read_bytes())
    mirror(together, Path(app.outdir, "data"))


def visit_entry(translator: Any, node: folded) -> None:
    """Begin a folded entry."""
    translator.body.append(translator.starttag(node, "details", ""))


def depart_entry(translator: Any, node: folded) -> None:
    """End an entry with its link and the line to cite it."""
    if node["cite"] and node["ids"]:
        builder = translator.builder
        page, anchor = builder.get_target_uri(builder.current_docname), node["ids"][0]
        title = builder.env.titles[builder.current_docname].astext()
        book = f"{builder.config.project}, version {version('tinycircuits')}, “{title}”, "
        place = f'<span class="tc-place">{escape(address(builder.app) + page)}#{anchor}</span>'
        translator.body.append(
            f'<p class="tc-cite"><a href="#{anchor}">permanent link</a> '
            f'<button type="button" class="pst-js-only">cite this number</button> '
            f"<q>{escape(node['cite'])}. {escape(book)}{place}</q></p>"
        )
    translator.body.append("</div></details>\n")


def visit_summary(translator: Any, node: folded_summary) -> None:
    """Begin what a folded entry shows."""
    translator.body.append("<summary>")


def depart_summary(translator: Any, node: folded_summary) -> None:
    """End it, and begin what is folded."""
    translator.body.append('</summary><div class="tc-entry-body">')


def visit_code(translator: Any, node: folded_code) -> None:
    """Begin folded code with a link to it, if the repository has an address."""
    where = f"{node['file']}, line {node['line']}"
    options = translator.builder.config.html_theme_options
    if url := (options.get("repository_url") or "").rstrip("/"):
        branch = options.get("repository_branch") or "main"
        where = f'<a href="{escape(url)}/blob/{escape(branch)}/{node["file"]}#L{node["line"]}">{where}</a>'
    translator.body.append(f'<details class="tc-rule"><summary>the rule as code</summary><p>{where}</p>')


def depart_code(translator: Any, node: folded_code) -> None:
    """End folded code."""
    translator.body.append("</details>\n")


class VerdictCells(SphinxPostTransform):  # type: ignore[misc]
    """Gives cells of tables that hold a verdict its sign and colour."""

    default_priority = 700
    builders = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Mark the cells; a page without entries has no verdicts."""
        if not any(True for _ in self.document.findall(folded)):
            return
        from tinycircuits.display.entries import MARKS

        for cell in self.document.findall(nodes.entry):
            if mark := MARKS.get(cell.astext()):
                cell["classes"] += ["tc-verdict", f"tc-{mark}"]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the nodes and connect to the build."""
    app.add_node(folded, html=(visit_entry, depart_entry))
    app.add_node(folded_summary, html=(visit_summary, depart_summary))
    app.add_node(folded_code, html=(visit_code, depart_code))
    app.add_post_transform(VerdictCells)
    app.connect("env-purge-doc", forget)
    app.connect("build-finished", copy_files)
    app.add_js_file("ledger.js", loading_method="defer", priority=901)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
