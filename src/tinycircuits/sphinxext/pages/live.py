"""The live model's script: modules for whoever reads them, one file for a page, which may be opened without a server.

A page that was opened as a file may load neither modules nor workers from files. So the modules are joined into one
script. The engine (all that computes) becomes a function: the page calls it, and a worker is made of its text.
"""

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from tinycircuits.sphinxext.pages.figures import write

SCRIPT = Path(__file__).parent / "script"
ENGINE, PAGE = "serve.js", "main.js"
MARK = "tc-live"
"""The class of a place for a live model."""

_IMPORT = re.compile(r'^import\s+\{[^}]*\}\s+from\s+"\./(?P<file>[\w.-]+)";\n', re.M)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|let|class)\b)", re.M)
_EXPORTED = re.compile(r"^export (?:async )?(?:function|const|let|class) (\w+)", re.M)
_DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.M)
_COMMENT = re.compile(r"^[ \t]*/\*\*(?:(?!\*/).)*\*/[ \t]*\n|/\*\* @type \{[^*]*\} \*/ ?", re.M | re.S)


def modules(entry: str) -> list[str]:
    """The names of the modules that ``entry`` needs and its own, each after those that it imports."""
    order: list[str] = []

    def visit(name: str) -> None:
        for needed in _IMPORT.finditer((SCRIPT / name).read_text()):
            if needed["file"] not in order:
                visit(needed["file"])
        if name not in order:
            order.append(name)

    visit(entry)
    return order


def bundle() -> str:
    """The script of a page; raises ``ValueError`` where two modules declare one name or one is not joined whole."""
    engine = modules(ENGINE)
    page = [name for name in modules(PAGE) if name not in engine]
    texts = {name: (SCRIPT / name).read_text() for name in (*engine, *page)}
    exported = [name for file in engine for name in _EXPORTED.findall(texts[file])]
    declared = [name for file in page for name in _DECLARED.findall(texts[file])]
    for names in ([name for file in engine for name in _DECLARED.findall(texts[file])], [*declared, *exported]):
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"declared by two modules of the live model: {', '.join(sorted(twice))}")
    joined = {file: _joined(file, text) for file, text in texts.items()}
    all_of_it = ", ".join(exported)
    return (
        '(() => {\n"use strict";\nconst ENGINE = () => {\n'
        + "".join(joined[file] for file in engine)
        + f"return {{ {all_of_it} }};\n}};\nconst {{ {all_of_it} }} = ENGINE();\n"
        + "".join(_flat(joined[file]) for file in page)
        + "})();\n"
    )


def script(entry: str) -> str:
    """The modules that ``entry`` needs as one script of a page; raises as ``bundle`` does."""
    texts = {name: (SCRIPT / name).read_text() for name in modules(entry)}
    declared = [name for text in texts.values() for name in _DECLARED.findall(text)]
    if twice := {name for name in declared if declared.count(name) > 1}:
        raise ValueError(f"declared by two modules of {entry}: {', '.join(sorted(twice))}")
    joined = "".join(_flat(_joined(file, text)) for file, text in texts.items())
    return f'(() => {{\n"use strict";\n{joined}}})();\n'


def _joined(file: str, text: str) -> str:
    """A module as a part of the script: without imports, exports and the comments that stand before a line."""
    plain = _COMMENT.sub("", _EXPORT.sub("", _IMPORT.sub("", text)))
    if left := re.search(r"^(?:import|export)\b.*", plain, re.M):
        raise ValueError(f"{file}: not understood by the bundle: {left[0]}")
    return plain


def _flat(text: str) -> str:
    """A part of the script without indentation, a fifteenth of it; as it is where a text has several lines."""
    within_lines = all(line.count("`") % 2 == 0 for line in text.splitlines())
    return re.sub(r"^(?: +|\n)", "", text, flags=re.M) if within_lines else text


def copy(app: Sphinx) -> None:
    """Write the script into the site."""
    if app.builder.format == "html":
        write(Path(app.outdir, "_static", "live.js"), bundle().encode())


def per_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Load the script where there is something for it to do."""
    if f'class="{MARK}' in context.get("body", ""):
        app.add_js_file("live.js", loading_method="defer", priority=910)
        app.add_css_file("live.css", priority=902)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.connect("builder-inited", copy)
    app.connect("html-page-context", per_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
