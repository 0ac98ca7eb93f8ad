"""``make pdf``: checks what was asked for, builds the LaTeX of the print edition, runs TeX and reads its log.

Run as ``python -m tinycircuits.sphinxext.press.typeset BOOK``. Hand-in fields and selections come through the
environment (``BOOK_STUDENT``, ``BOOK_COURSE``, ``BOOK_TUTOR``, ``BOOK_PARTS``, ``BOOK_CHAPTERS``, ``BOOK_CODE``,
``BOOK_EXERCISES``): no shell reads them.
"""

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import yaml

from tinycircuits.results.checkout import set_date
from tinycircuits.sphinxext.press.answers import answers
from tinycircuits.sphinxext.press.code import asked
from tinycircuits.sphinxext.press.edition import PREFIX, hand_in
from tinycircuits.sphinxext.press.latex import HAND_IN, ONLY
from tinycircuits.sphinxext.press.selection import contents, selected

TOOLS = ("latexmk", "xelatex")
_LATEXMK = ["latexmk", "-norc", "-xelatex", "-interaction=nonstopmode", "-halt-on-error", "-file-line-error", "-silent"]
_DEBIAN = "texlive-xetex texlive-latex-recommended texlive-latex-extra texlive-fonts-recommended latexmk"
_FEDORA = "texlive-collection-xetex texlive-collection-latexextra texlive-collection-fontsrecommended latexmk"
_ARCH = "texlive-xetex texlive-latexextra texlive-fontsrecommended texlive-binextra"
_LINUX = {
    "debian": f"sudo apt-get install {_DEBIAN}",
    "ubuntu": f"sudo apt-get install {_DEBIAN}",
    "fedora": f"sudo dnf install {_FEDORA}",
    "rhel": f"sudo dnf install {_FEDORA}",
    "arch": f"sudo pacman -S {_ARCH}",
    "suse": "sudo zypper install texlive-scheme-medium texlive-collection-latexextra texlive-latexmk",
}
_OTHERS = {
    "Darwin": "brew install --cask mactex",
    "Windows": "winget install MiKTeX.MiKTeX StrawberryPerl.StrawberryPerl",
}
_ANY = "TeX Live with xelatex and latexmk, see https://tug.org/texlive"


class CannotTypeset(Exception):
    """The book cannot be printed; the message is one line that says why and what helps."""


def remedy(system: str, os_release: str = "") -> str:
    """What installs TeX on ``system``, named as ``platform.system()`` does; ``os_release`` says which Linux."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    families = " ".join(shlex.split(fields.get("ID", "") + " " + fields.get("ID_LIKE", ""))).split()
    known = [command for family in families for name, command in _LINUX.items() if name in family]
    return _OTHERS.get(system) or (known[0] if known else _ANY)


def absent_tools() -> list[str]:
    """Those of latexmk and xelatex that are not there."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def require_tex() -> None:
    """Raise ``CannotTypeset`` unless latexmk and xelatex are there."""
    if absent := absent_tools():
        release = Path("/etc/os-release")
        known = release.read_text(encoding="utf-8") if release.exists() else ""
        raise CannotTypeset(
            f"TeX is missing ({', '.join(absent)}); install it with: {remedy(platform.system(), known)}"
        )


def chosen(book: Path, environment: Mapping[str, str]) -> list[str]:
    """The chapters to print; raises ``ValueError`` for an unknown one and for a field that cannot be printed."""
    hand_in(environment)
    asked(environment)
    answers(environment)
    return selected(contents(book), environment.get(f"{PREFIX}PARTS", ""), environment.get(f"{PREFIX}CHAPTERS", ""))


def complaints(log: str) -> list[str]:
    """What makes a TeX run a failure although TeX ended well: glyphs that were lost, references to nothing."""
    text = log.replace("\n", "")  # TeX breaks its lines at 79 characters
    lost = re.findall(r"Missing character: There is no (.*?) in font \"?\[?(.*?)(?:\]|/OT|\"|!)", text)
    found = [f"no glyph for {_character(char)} in {font}" for char, font in dict.fromkeys(lost)]
    found += [f"unresolved {kind.lower()} {name}" for kind, name in _UNDEFINED.findall(text)]
    return list(dict.fromkeys(found))


_UNDEFINED = re.compile(r"(Reference|Citation) `(.*?)' on page \S+ undefined")


def _character(described: str) -> str:
    """A character as a person reads it; the log says ``李 (U+674E)`` or, in older TeX, ``李`` alone."""
    shown = described.split(" ")[0]
    return f"{shown!r} (U+{ord(shown):04X})" if len(shown) == 1 else described


def failure(log: str, source: str = "", said: str = "") -> str:
    """The first error of a TeX run in one line, with the chapter of the ``source`` that it stands in.

    What the programs ``said`` helps where the log of TeX has no error.
    """
    absent = re.search(r"File `([^']*)' not found", log)
    if absent:
        return f"TeX lacks {absent[1]}; the packages that the book needs: {_DEBIAN} (names of Debian's)"
    error = re.search(r"^(?:\S+?:(?P<line>\d+): |! )(?P<what>.*)$", log, re.M)
    if not error:
        last = said.strip().splitlines()[-1:] or ["its log says why"]
        return f"TeX stopped: {last[0]}"
    shown = re.search(r"^l\.(\d+) ?(.*)$", log[error.end() :], re.M)
    line = int(error["line"] or (shown[1] if shown else 0))
    at = f" at {shown[2].strip()[-_SHOWN:]!r}" if shown and shown[2].strip() else ""
    return f"TeX stopped{_chapter(source, line)}: {error['what'][:_SHOWN]}{at}"


_SHOWN = 200
"""Characters of an error that are shown."""


def _chapter(source: str, line: int) -> str:
    """In which chapter a line of the LaTeX source is."""
    begun = re.findall(r"\\label\{\\detokenize\{([^{}]+)::doc\}\}", "\n".join(source.splitlines()[:line]))
    return f" in chapter {begun[-1]}.md" if begun else ""


def typeset(folder: Path, name: str) -> Path:
    """Run TeX in ``folder`` as often as it needs; return the PDF. Raises ``CannotTypeset``, and leaves no PDF then."""
    pdf, file, source = (folder / f"{name}.{suffix}" for suffix in ("pdf", "log", "tex"))
    command, unbroken = [*_LATEXMK, source.name], {"max_print_line": "10000"}  # else messages are cut at 79 characters
    done = subprocess.run(
        command, cwd=folder, env=os.environ | unbroken, capture_output=True, text=True, errors="replace", check=False
    )
    log = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
    if done.returncode:
        pdf.unlink(missing_ok=True)
        written = source.read_text(encoding="utf-8") if source.exists() else ""
        raise CannotTypeset(f"{failure(log, written, done.stdout + done.stderr)}; see {file}")
    if found := complaints(log):
        pdf.unlink(missing_ok=True)
        raise CannotTypeset(f"{'; '.join(found)}; see {file}")
    return pdf


def build(book: Path, docnames: list[str], options: list[str]) -> None:
    """Write the LaTeX of the chapters; raises ``CannotTypeset`` when the build fails, its messages standing above."""
    run = "tinycircuits.sphinxext.command"
    command = [sys.executable, "-m", run, "build", str(book), "--builder", "latex", *options]
    if subprocess.run(command, env=os.environ | {ONLY: "\n".join(docnames)}).returncode:
        raise CannotTypeset("the book was not built, see above")


def print_edition(book: Path, options: list[str]) -> Path:
    """Build and typeset the book, or the part of it that the environment asks for; return the PDF."""
    require_tex()
    docnames = chosen(book, os.environ)
    set_date()
    whole = docnames == [chapter.docname for chapter in contents(book).chapters]
    published = whole and not any((hand_in(os.environ), asked(os.environ), answers(os.environ)))
    settings = yaml.safe_load((book / "_config.yml").read_text(encoding="utf-8"))
    name = Path(settings["latex"]["latex_documents"]["targetname"]).stem if published else HAND_IN
    folder = book / "_build" / "latex"
    (folder / f"{name}.pdf").unlink(missing_ok=True)  # what fails leaves no older one that looks new
    build(book, docnames, options)
    return typeset(folder, name)


def main(arguments: list[str]) -> int:
    """Print the book in the folder that the first argument names; the others go to the builder."""
    started = time.monotonic()
    try:
        pdf = print_edition(Path(arguments[0]), arguments[1:])
    except (CannotTypeset, ValueError) as error:
        print(f"make pdf: {error}", file=sys.stderr)
        return 2
    print(f"open {pdf.resolve()} (made in {time.monotonic() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
