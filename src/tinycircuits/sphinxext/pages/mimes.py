"""Figures and tables in chapters: from the execution's output to numbered, referencable document nodes."""

import base64
import hashlib
import re
from typing import Any, ClassVar

from docutils import nodes
from myst_nb.core.render import MimeData, NbElementRenderer
from sphinx import addnodes

from tinycircuits.display.entries import ENTRIES_MIME, FILES_MIME, MARKS
from tinycircuits.display.figure import FIGURE_MIME, NO_SCRIPT
from tinycircuits.display.table import TABLE_MIME
from tinycircuits.display.workbench import NO_FOLDER
from tinycircuits.sphinxext.pages import entries
from tinycircuits.sphinxext.pages.figures import kept, write

_LINE, _GAP, _SHORT, _CHARACTER = 103, 3.3, 18, 1.53
"""A line of a printed table in characters, the space between columns, the longest short cell, and millimetres each."""
_BOLD = 1.1
"""How much wider a heading's letters are."""
_PIECE = re.compile(r"(?:`[^`]*`|[^` ])+")
"""What is never broken: a word, or a name in code with what touches it."""
_RAGGED = 4
"""Characters that a broken line leaves empty, about."""
_MARKED = re.compile(r"(`[^`]*`|\$[^$]*\$)")
_NAMED = re.compile(r"(?<![\w{/.-])(W_(?:E|pos|Q|K|V|O|in|out|U)|[xy]_[0-9])(?![\w}])")
_PAGE = 52
"""Lines of a table that a printed page holds; a longer one is broken between rows."""


class FigurePlugin:
    """Shows a ``display.Figure``: the page face in HTML, the vector print face in LaTeX."""

    mime_priority_overrides: ClassVar = [("*", FIGURE_MIME, 1)]

    @staticmethod
    def handle_mime(renderer: NbElementRenderer, data: MimeData, inline: bool) -> list[nodes.Element] | None:
        """The figure's nodes; nothing for its plain fallback; ``None`` for what is no figure of ours."""
        if name := _fallback_of(data):
            if data.mime_type == "image/svg+xml":
                _keep(renderer, f"{name}.svg", data.string)
            return []
        if inline or data.mime_type != FIGURE_MIME:
            return None
        shown: dict[str, Any] = data.content
        _keep(renderer, f"{shown['name']}.csv", shown["csv"])
        figure = nodes.figure("", _page_face(renderer, shown), _print_face(renderer, shown), align="center")
        return [_named(renderer, figure, f"fig-{shown['name']}", data.line)]


class TablePlugin:
    """Shows a ``display.Table`` as a table."""

    mime_priority_overrides: ClassVar = [("*", TABLE_MIME, 1)]

    @staticmethod
    def handle_mime(renderer: NbElementRenderer, data: MimeData, inline: bool) -> list[nodes.Element] | None:
        """The table's nodes; ``None`` for what is no table of ours."""
        if inline or data.mime_type != TABLE_MIME:
            return None
        shown: dict[str, Any] = data.content
        _keep(renderer, f"{shown['name']}.csv", shown["csv"])
        numeric = shown["numeric"]
        group = nodes.tgroup("", cols=len(numeric))
        group += [nodes.colspec(colwidth=1) for _ in numeric]
        group += nodes.thead("", _row(renderer, shown["columns"], numeric, data.line))
        group += nodes.tbody("", *[_row(renderer, cells, numeric, data.line) for cells in shown["rows"]])
        classes = ["tc-table", *(f"tc-filter-{shown['columns'].index(name)}" for name in shown["filters"])]
        if shown["levels"]:
            classes.append(f"tc-tree-{'-'.join(map(str, shown['levels']))}")
        if printed_lines(shown["rows"]) > _PAGE:
            classes.append("longtable")
        table = _named(renderer, nodes.table("", group, classes=classes), f"tbl-{shown['name']}", data.line)
        columns = addnodes.tabular_col_spec(spec=column_spec(shown["columns"], shown["rows"], numeric))
        return [columns, table]


class EntriesPlugin:
    """Shows ``display.Entries`` as entries with a label each, and ``display.Files`` as links."""

    mime_priority_overrides: ClassVar = [("*", ENTRIES_MIME, 1), ("*", FILES_MIME, 1)]

    @staticmethod
    def handle_mime(renderer: NbElementRenderer, data: MimeData, inline: bool) -> list[nodes.Element] | None:
        """The nodes of entries or files; ``None`` for anything else."""
        if inline or data.mime_type not in (ENTRIES_MIME, FILES_MIME):
            return None
        shown: dict[str, Any] = data.content
        if data.mime_type == FILES_MIME:
            env = renderer.renderer.sphinx_env
            return entries.files_nodes(shown, entries.kept(env, env.docname), env.docname)

        def parsed(text: str) -> list[nodes.Node]:
            return _inline(renderer, text, data.line)

        short = shown["titles_in_print"]
        return [
            _named(renderer, entries.entry_node(each, parsed, MARKS, title_in_print=short), each["name"], data.line)
            for each in shown["entries"]
        ]


def printed_lines(rows: list[list[str]]) -> float:
    """About how many lines the rows take in print: one each, and what their text fills."""
    return len(rows) + sum(_shown_length(cell) for row in rows for cell in row) / _LINE


def column_spec(columns: list[str], rows: list[list[str]], numeric: list[bool]) -> str:
    """LaTeX columns: as wide as their cells where all fit beside each other, else broken at a fair width.

    Short cells are broken only where nothing else helps; headings are, between words.
    """
    bodies = [[_shown_length(row[i]) for row in rows] for i in range(len(columns))]
    headings = [[_BOLD * _shown_length(word) for word in name.split()] for name in columns]
    natural = [max(*body, sum(words) + len(words) - 1) for body, words in zip(bodies, headings, strict=True)]
    if sum(natural) + _GAP * len(columns) <= _LINE:
        return "".join("r" if right else "l" for right in numeric)
    least = [max([*words, *(n for n in body if n <= _SHORT)]) for body, words in zip(bodies, headings, strict=True)]
    if sum(least) + _GAP * len(columns) > _LINE:  # then short cells are broken as well, between words
        pieces = [[_shown_length(word) for row in rows for word in _PIECE.findall(row[i])] for i in range(len(columns))]
        least = [max([*words, *each]) for each, words in zip(pieces, headings, strict=True)]
    widths = _fewest_lines(least, _LINE - _GAP * len(columns), bodies)
    scale = min(1.0, (_LINE - _GAP * len(columns)) / sum(widths)) * _CHARACTER
    sides = [r"\raggedleft" if right else r"\raggedright" for right in numeric]
    return "".join(
        rf">{{{side}\arraybackslash}}p{{{scale * width:.2f}mm}}" for side, width in zip(sides, widths, strict=True)
    )


def _fewest_lines(least: list[float], room: float, bodies: list[list[int]]) -> list[float]:
    """Widths of columns, at least ``least`` and together at most ``room``, under which rows take few lines.

    Room is given away where a character saves most, until none saves any; what is left goes to the widest cells.
    """
    widths, before = list(least), _lines(least, bodies)
    while steps := [
        ((before - _lines([*widths[:i], to, *widths[i + 1 :]], bodies)) / (to - widths[i]), i, to)
        for i, body in enumerate(bodies)
        for to in {float(-(-length // lines)) + _RAGGED * (lines > 1) for length in body for lines in (1, 2, 3)}
        if widths[i] < to <= widths[i] + room - sum(widths)
    ]:
        saved, i, to = max(steps)
        if saved <= 0:
            break
        widths[i], before = to, before - saved * (to - widths[i])
    wishes = [max(0.0, max(body) - width) for body, width in zip(bodies, widths, strict=True)]
    share = min(1.0, max(room - sum(widths), 0.0) / max(sum(wishes), 1.0))
    return [width + share * wish for width, wish in zip(widths, wishes, strict=True)]


def _lines(widths: list[float], bodies: list[list[int]]) -> float:
    """Lines of all rows; each cell counts a little too, so that two high cells of a row may shrink in turn."""
    rows = [
        [
            1 if length <= width else -(-length // max(width - _RAGGED, 1))
            for length, width in zip(row, widths, strict=True)
        ]
        for row in zip(*bodies, strict=True)
    ]
    return float(sum(max(row) + 0.1 * sum(row) for row in rows))


def _shown_length(text: str) -> int:
    """Characters of a cell as it is shown, addresses of worded links left out; a formula or a name in code is wider."""
    plain = re.sub(r"[*`$\\]|\{ref\}|(?<=\w) <[^>]*>|(?<=[^\[]\])\([^)]*\)|[\[\]]", "", text)
    return len(plain) + (len(plain) // 6 if "`" in text else 0)


def _fallback_of(data: MimeData) -> str:
    """The name of the figure for which this stands in a notebook outside the book, or nothing."""
    described = data.output_metadata.get(data.mime_type)
    return str(described.get("fallback_of", "")) if isinstance(described, dict) else ""


def _keep(renderer: NbElementRenderer, file: str, text: str) -> None:
    """Keep a file of a figure for the end of the build."""
    env = renderer.renderer.sphinx_env
    write(kept(env, env.docname) / file, text.encode())


def _inline(renderer: NbElementRenderer, text: str, line: int | None) -> list[nodes.Node]:
    """``text`` parsed as inline MyST; what has a name with a subscript, such as ``W_out``, is set so."""
    parts = _MARKED.split(text)
    parts[::2] = [_NAMED.sub(_formula, part) for part in parts[::2]]
    text = "".join(parts)
    parent = nodes.Element()
    parser = renderer.renderer
    with parser.current_node_context(parent):
        parser.nested_render_text(text, line or 0, inline=True)
    return list(parent.children)


def _formula(found: re.Match[str]) -> str:
    letter, _, below = found[1].partition("_")
    return f"${letter}_{{{below}}}$"


def _named(renderer: NbElementRenderer, node: Any, name: str, line: int | None) -> Any:
    """``node`` with a label that ``{numref}`` finds."""
    document = renderer.renderer.document
    node.source, node.line = document["source"], line
    node["names"].append(name)
    document.note_explicit_target(node, node)
    return node


def _page_face(renderer: NbElementRenderer, shown: dict[str, Any]) -> nodes.raw:
    docname = renderer.renderer.sphinx_env.docname
    file = f"{'../' * docname.count('/')}figures/{docname}/{shown['name']}"
    link = f'<p class="tc-data"><a href="{file}.csv" download>data</a></p>'
    page = shown["html"].replace(NO_FOLDER, f'data-at="{file.rpartition("/")[0]}/"')
    for name, text in shown.get("files", {}).items():
        _keep(renderer, name, text)
    if shown["live"]:
        version = hashlib.sha256(shown["live"].encode()).hexdigest()[:8]
        _keep(renderer, f"{shown['name']}.js", shown["live"])
        page = page.replace(NO_SCRIPT, f'data-live="{file}.js?v={version}"', 1)
    return nodes.raw("", page + link, format="html")


def _print_face(renderer: NbElementRenderer, shown: dict[str, Any]) -> nodes.Node:
    pdf = base64.b64decode(shown["pdf"])
    file = f"{shown['name']}-{hashlib.sha256(pdf).hexdigest()[:12]}.pdf"
    uri = renderer.write_file(["print", file], pdf, overwrite=False, exists_ok=True)
    return addnodes.only("", nodes.image(uri=uri), expr="latex")


def _row(renderer: NbElementRenderer, cells: list[str], numeric: list[bool], line: int | None) -> nodes.row:
    row = nodes.row()
    for cell, right in zip(cells, numeric, strict=True):
        words = nodes.Text(cell) if right and _plain(cell) else None
        inside = [words] if words else _inline(renderer, cell, line)
        row += nodes.entry("", nodes.paragraph("", "", *inside), classes=["text-right"] if right else [])
    return row


def _plain(cell: str) -> bool:
    return not any(sign in cell for sign in "*_`${[<\\")
