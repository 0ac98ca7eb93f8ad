"""How a build ends that failed: one thing is said once, and the last lines say what it was and what to do.

What Sphinx and Jupyter Book would print around it, a hundred lines and more, is left out.
"""

import sys
from collections.abc import Iterable

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError, SphinxError
from sphinx.util.exceptions import save_traceback

from tinycircuits.sphinxext.rebuild.kernels import ChapterError

_LINES = 5
_LONGEST = 1000
"""Lines of a summary, and characters of a line."""


class ChaptersFailed(SphinxError):  # type: ignore[misc]
    """At least one chapter did not run to its end."""

    category = "Chapter failed"

    def __init__(self, failures: list[ChapterError]) -> None:
        super().__init__("\n".join(map(str, failures)))
        self.failures = failures


def summary(failures: Iterable[ChapterError]) -> list[str]:
    """At most five lines: each damaged file and the chapters that wait for it, each cell that failed."""
    failures = list(failures)
    waiting: dict[str, list[str]] = {}
    for failure in failures:
        if failure.stored:
            waiting.setdefault(failure.what, []).append(failure.chapter.removeprefix("chapter "))
    things: list[tuple[str, ...]] = [
        (what, f"    waits for it: {', '.join(sorted(chapters))}") for what, chapters in waiting.items()
    ]
    things += [(str(failure),) for failure in failures if not failure.stored]
    said: list[str] = []
    while things and len(said) + len(things[0]) + (len(things) > 1) < _LINES:
        said += things.pop(0)
    if things:
        said.append(
            f"and {len(things)} more; {'tinycircuits verify lists what is damaged' if waiting else 'see above'}"
        )
    return [*said, "mend this, then build again: a chapter that ran well does not run again"]


def end(lines: Iterable[str]) -> None:
    """Say this as the last words of a build that failed, and end it."""
    print("\n", file=sys.stderr)  # Sphinx may stand in the middle of a line
    for line in lines:
        print(line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ...", file=sys.stderr)
    raise SystemExit(1)


def say(app: Sphinx, error: Exception | None) -> None:
    """End a build that failed; one that only warned and may not ends here as well."""
    if isinstance(error, ChaptersFailed):
        for failure in (failure for failure in error.failures if failure.traceback and not failure.stored):
            print(f"\n\n{failure.chapter}:\n{failure.traceback}", file=sys.stderr)
        end(summary(error.failures))
    elif error is not None:
        end(_explained(app, error))
    elif app.keep_going and app._warncount:
        end([f"warnings above: {app._warncount}; a warning is an error here, mend it, then build again"])


def _explained(app: Sphinx, error: Exception) -> list[str]:
    cause = error.orig_exc if isinstance(error, ExtensionError) and error.orig_exc else error
    if isinstance(cause, SphinxError):
        return [f"{cause.category}: {cause}"]
    first = str(cause).strip().splitlines() or [""]
    return [f"{type(cause).__name__}: {first[0]}", f"the whole of it: {save_traceback(app, cause)}"]
