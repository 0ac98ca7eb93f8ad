"""``jupyter-book``, as make runs it: what that would answer with a traceback is looked at first and said in a line.

Run as ``python -m tinycircuits.sphinxext.command build BOOK``.
"""

import sys
from pathlib import Path

import yaml
from sphinx_external_toc.parsing import MalformedError, parse_toc_yaml

TOC, CONFIG = "_toc.yml", "_config.yml"


def unreadable(book: Path) -> str:
    """In one line why the contents or the settings of the book in this folder cannot be read, or nothing."""
    for name, read in ((TOC, parse_toc_yaml), (CONFIG, _settings)):
        try:
            read(book / name)
        except (OSError, UnicodeDecodeError) as error:
            return f"{book / name} cannot be read: {getattr(error, 'strerror', '') or error}"
        except (yaml.YAMLError, MalformedError, TypeError, AttributeError) as error:
            return f"{book / name} cannot be read: {' '.join(str(error).split())}"
    site = parse_toc_yaml(book / TOC)
    gone = [str(name) for name in site if not any((book / name).parent.glob(f"{Path(name).name}*"))]
    if site.root.docname in gone:
        return f"{book} holds no chapters ({site.root.docname}.md is not there); the folder that does: make book"
    return f"{book / TOC} names {', '.join(gone)}: no such file in {book}" if gone else ""


def _settings(path: Path) -> None:
    if not isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict):
        raise TypeError("settings expected")


def main(arguments: list[str]) -> int:
    """Build the book as ``jupyter-book`` does."""
    if said := unreadable(Path(arguments[1])):
        print(said, file=sys.stderr)
        return 2
    from jupyter_book.cli.main import main as jupyter_book

    try:
        return int(jupyter_book(arguments) or 0)
    except RuntimeError:  # says in a box and a traceback that there was an error, which stands above
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
