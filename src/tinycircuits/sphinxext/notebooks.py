"""Every chapter as a notebook: executed, to download from its page; without outputs, for Colab and Binder to open.

The text of a chapter is MyST, of which a plain notebook shows roles and directives as they are typed. Here they become
ordinary Markdown: published numbers, numbers of figures and tables, citations, links, boxes, glossaries.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError

from tinycircuits.sphinxext.pages import minutes
from tinycircuits.sphinxext.pages.exercises import as_markdown
from tinycircuits.sphinxext.pages.figures import mirror, write
from tinycircuits.sphinxext.rebuild.chapters import cache_of, inputs_of, read
from tinycircuits.sphinxext.rebuild.ending import end

_ROLE = re.compile(r"\{(?P<role>[a-z:]+)\}`(?P<text>[^`]+)`")
_TITLED = re.compile(r"(?P<title>.+?)\s*<(?P<target>[^>]+)>", re.S)
_BOX = re.compile(r"^(?P<fence>:{3,})\{admonition\} (?P<title>.*?)\n(?P<body>.*?)^(?P=fence)$", re.S | re.M)
_CAPTION = re.compile(r"^```\{caption\} (?P<label>\S+)\n(?::alt:[^\n]*\n)?\n?(?P<body>.*?)^```$", re.S | re.M)
_GLOSSARY = re.compile(r"^(?P<fence>`{3,})\{glossary\}\n(?P<body>.*?)^(?P=fence)$", re.S | re.M)
_OPTION = re.compile(r"\A(:[\w-]+:.*\n)+", re.M)
_EQUATION_LABEL = re.compile(r"^\$\$ \((?P<label>[\w-]+)\)$", re.M)
_EXERCISES = re.compile(r"^```\{exercises\}\n```$", re.M)
_PREDICT = re.compile(r"^```\{predict\} [\w-]+\n(?::\w+:[^\n]*\n)*\n?(?P<body>.*?)^```$", re.S | re.M)
_GLUED = "application/papermill.record/text/plain"
_DRAWING = "image/svg+xml"

INSTALL = """\
# Fetches the book's package and its stored results, unless they are here already. Takes a few minutes.
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("tinycircuits") is None:
    clone = ["git", "clone", "--quiet", "--depth=1", "--branch={branch}"]
    subprocess.run([*clone, "{url}", "tinycircuits-book"], check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    wheels = "--extra-index-url=https://download.pytorch.org/whl/cpu"  # torch without CUDA
    subprocess.run([*pip, wheels, "./tinycircuits-book[book]"], check=True)
if os.path.isdir("tinycircuits-book/results"):
    os.environ.setdefault("TINYCIRCUITS_RESULTS", os.path.abspath("tinycircuits-book/results"))
"""
"""The first cell of a notebook, where the repository has an address."""

REQUIRE = """\
# Needs the package `tinycircuits` with its stored results: pip install --editable ".[book]" in the folder of the book.
import importlib.util

if importlib.util.find_spec("tinycircuits") is None:
    raise ModuleNotFoundError('run in the folder of the book: pip install --editable ".[book]"; then restart this')
"""
"""The same where it has none."""


def plain(text: str, resolve: Callable[[str, str], str | None]) -> str:
    """MyST ``text`` as ordinary Markdown; ``resolve(role, text)`` is what a role shows, ``None`` leaves it."""

    def shown(found: re.Match[str]) -> str:
        words = resolve(found["role"], found["text"])
        return found[0] if words is None else words

    def box(found: re.Match[str]) -> str:
        body = _OPTION.sub("", found["body"]).strip()
        return "\n".join(f"> {line}".rstrip() for line in (f"**{found['title']}**", "", *body.splitlines()))

    def entries(found: re.Match[str]) -> str:
        lines = _OPTION.sub("", found["body"]).strip().splitlines()
        return "\n".join(line.strip() if line[:1] in ("", " ") else f"**{line.split(' | ')[0]}**" for line in lines)

    def tagged(found: re.Match[str]) -> str:
        number = resolve("eq", found["label"])
        return f"\\tag{{{number.strip('()')}}}\n$$" if number else "$$"

    def caption(found: re.Match[str]) -> str:
        number = resolve("numref", found["label"])
        return f"*{number}.* {found['body'].strip()}" if number else found["body"].strip()

    def exercises(found: re.Match[str]) -> str:
        return resolve("exercises", "") or ""

    def asked(found: re.Match[str]) -> str:
        return f"**Before you read on.** {found['body'].strip()}"

    written = (
        (_EXERCISES, exercises),
        (_PREDICT, asked),
        (_CAPTION, caption),
        (_ROLE, shown),
        (_BOX, box),
        (_GLOSSARY, entries),
        (_EQUATION_LABEL, tagged),
    )
    for pattern, replacement in written:
        text = pattern.sub(replacement, text)
    return text


def glued(notebook: NotebookNode) -> dict[str, str]:
    """The numbers that an executed notebook publishes, as its prose shows them."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", []) if _GLUED in out.get("data", {})]
    return {out.metadata["scrapbook"]["name"]: out.data[_GLUED].strip("'\"") for out in outputs}


def installing(url: str, branch: str) -> NotebookNode:
    """The cell that sees to it that the package is there; it does nothing where it is."""
    source = INSTALL.replace("{url}", url).replace("{branch}", branch) if url else REQUIRE
    return nbformat.v4.new_code_cell(source, id="install", metadata={})


def readable(
    notebook: NotebookNode, resolve: Callable[[str, str], str | None], url: str = "", branch: str = "main"
) -> NotebookNode:
    """A copy whose text is ordinary Markdown and whose outputs are those that any notebook shows.

    It begins by installing the package from ``url``, or by asking for it where that is empty.
    """
    numbers = glued(notebook)

    def words(role: str, text: str) -> str | None:
        return numbers.get(text) if role == "glue:text" else resolve(role, text)

    copy = nbformat.v4.new_notebook()
    copy.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    copy.cells.append(installing(url, branch))
    for index, cell in enumerate(notebook.cells):
        fresh = {"id": f"cell-{index}", "metadata": {}}
        if cell.cell_type == "code":
            outputs = [shown for out in cell.outputs if (shown := _plain_output(out)) is not None]
            copy.cells.append(
                nbformat.v4.new_code_cell(cell.source, outputs=outputs, execution_count=cell.execution_count, **fresh)
            )
        else:
            copy.cells.append(nbformat.v4.new_markdown_cell(plain(cell.source, words), **fresh))
    return copy


def runnable(notebook: NotebookNode) -> NotebookNode:
    """A copy of a ``readable`` notebook without outputs."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    return copy


def github(url: str) -> str:
    """``owner/name`` of a repository's address; raises ``ConfigError`` for any other address."""
    parts = urlsplit(url.rstrip("/").removesuffix(".git"))
    name = parts.path.strip("/")
    if parts.scheme != "https" or parts.netloc != "github.com" or not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ConfigError(
            f"repository.url in _config.yml: https://github.com/OWNER/NAME or nothing expected, got {url!r}"
        )
    return name


def _plain_output(output: NotebookNode) -> NotebookNode | None:
    data = {kind: value for kind, value in output.get("data", {}).items() if not kind.startswith("application/")}
    if "data" in output and not data:
        return None
    kept = nbformat.from_dict(output)
    if "data" in output:
        if _DRAWING in data:
            data[_DRAWING] = " ".join(data[_DRAWING].split())  # a file of a notebook spends much on each line
        kept.update(data=data, metadata={})
    return kept


def _resolver(env: Any, docname: str) -> Callable[[str, str], str | None]:
    standard = env.get_domain("std")

    def equation(label: str) -> str | None:
        where = env.get_domain("math").equations.get(label)
        number = where and env.toc_fignumbers.get(where[0], {}).get("displaymath", {}).get(f"equation-{label}")
        return f"({'.'.join(map(str, number))})" if number else None

    def numbered(label: str) -> str | None:
        where, anchor, *_ = standard.anonlabels.get(label, ("", ""))
        for kind, word in (("figure", "Figure"), ("table", "Table")):
            if number := env.toc_fignumbers.get(where, {}).get(kind, {}).get(anchor):
                return f"{word} {'.'.join(map(str, number))}"
        return None

    def resolve(role: str, text: str) -> str | None:
        titled = _TITLED.fullmatch(text)
        target = titled["target"] if titled else text
        if role == "doc" and target in env.titles:
            return f"[{titled['title'] if titled else env.titles[target].astext()}]({target}.ipynb)"
        if role == "ref" and target in standard.labels:
            page, _, name = standard.labels[target]
            return f"[{titled['title'] if titled else name}]({page}.ipynb)"
        if role in {"numref", "eq"}:
            return numbered(target) if role == "numref" else equation(target)
        if role == "exercises":
            return as_markdown(docname)
        if role == "minutes":
            return minutes.total(env, minutes.named(text))
        if role == "term":
            return text
        return f"[{text}]" if role.startswith("cite") else None

    return resolve


def repository(app: Sphinx) -> tuple[str, str]:
    """The address of the repository, empty where it has none, and its branch."""
    options = app.config.html_theme_options
    return options.get("repository_url") or "", options.get("repository_branch") or "main"


def export(app: Sphinx, error: Exception | None) -> None:
    """Write the executed notebooks into the site and, if the repository has an address, those to launch beside it."""
    if error or app.builder.format != "html":
        return
    cache, (url, branch) = cache_of(app.env), repository(app)
    launchable = Path(app.outdir).parent / "notebooks"
    for docname in sorted(_written(app) & set(inputs_of(app.env))):
        _, notebook = cache.merge_match_into_notebook(read(app.env, docname))
        shown = readable(notebook, _resolver(app.env, docname), url, branch)
        write(Path(app.outdir, "notebooks", f"{docname}.ipynb"), as_bytes(shown))
        if url:
            write(launchable / f"{docname}.ipynb", as_bytes(runnable(shown)))
    if app.config.tinycircuits_notebooks and url:
        mirror(launchable, Path(app.srcdir, app.config.tinycircuits_notebooks))


def as_bytes(notebook: NotebookNode) -> bytes:
    """A notebook as it stands in its file."""
    text: str = nbformat.writes(notebook, version=nbformat.NO_CONVERT)
    return f"{text}\n".encode()


def check_address(app: Sphinx, config: Config) -> None:
    """End a build whose repository has an address that no button could open."""
    if url := repository(app)[0]:
        try:
            github(url)
        except ConfigError as error:
            end([str(error)])


def _written(app: Sphinx) -> set[str]:
    """The pages that this build has written."""
    if not hasattr(app, "tinycircuits_written"):
        app.tinycircuits_written = set()
    pages: set[str] = app.tinycircuits_written
    return pages


def add_buttons(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Offer the notebook and the print view of a chapter and, if the repository has an address, places to run it."""
    if doctree is None:
        return
    _written(app).add(pagename)
    chapter = pagename in inputs_of(app.env)
    downloads = [_button("Print or save this page as PDF", "Print", "fas fa-print", javascript="window.print()")]
    if chapter:
        file = context["pathto"](f"notebooks/{pagename}.ipynb", 1)
        downloads.insert(0, _button("Download the executed notebook", ".ipynb", "fas fa-code", url=file))
    groups = [_group("Download this page", "fas fa-download", "download-buttons", downloads)]
    url, branch = repository(app)
    if url:
        name = github(url)
        source = [_button("The book's repository", "Repository", "fab fa-github", url=url)]
        if chapter:
            colab = f"https://colab.research.google.com/github/{name}/blob/{branch}/notebooks/{pagename}.ipynb"
            binder = f"https://mybinder.org/v2/gh/{name}/{branch}?urlpath=lab/tree/notebooks/{pagename}.ipynb"
            source += [
                _button("Run this chapter on Google Colab", "Colab", "fas fa-rocket", url=colab),
                _button("Run this chapter on Binder", "Binder", "fas fa-rocket", url=binder),
            ]
        groups.insert(0, _group("Run this chapter", "fas fa-rocket", "launch-buttons", source))
    context["header_buttons"][:0] = groups


def _group(tooltip: str, icon: str, label: str, buttons: list[dict[str, str]]) -> dict[str, Any]:
    return {"type": "group", "tooltip": tooltip, "icon": icon, "label": label, "buttons": buttons}


def _button(tooltip: str, text: str, icon: str, **does: str) -> dict[str, str]:
    kind = "link" if "url" in does else "javascript"
    return {
        "type": kind,
        "tooltip": tooltip,
        "text": text,
        "icon": icon,
        "label": f"{text.strip('.').lower()}-button",
        **does,
    }


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build; ``tinycircuits_notebooks`` is the folder for launchable notebooks, relative to the book."""
    app.add_config_value("tinycircuits_notebooks", "../notebooks", "")
    app.connect("config-inited", check_address)
    app.connect("html-page-context", add_buttons, priority=502)
    app.connect("build-finished", export)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
