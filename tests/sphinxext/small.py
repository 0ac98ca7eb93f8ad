"""Builds a small site in the process of the tests, and leaves nothing of it behind in the process."""

from pathlib import Path

from sphinx.testing.util import SphinxTestApp


def built(source: Path, builder: str = "html", *, fresh: bool = False) -> tuple[Path, str]:
    """The folder of what was built, and the warnings; ``fresh`` forgets what an earlier build has read."""
    # Without suffixes of its own a site's extensions write theirs into Sphinx's default, for all later sites.
    suffixes = {".rst": "restructuredtext"}
    app = SphinxTestApp(builder, srcdir=source, freshenv=fresh, confoverrides={"source_suffix": suffixes})
    try:
        app.build()
    finally:
        app.cleanup()
    return Path(app.outdir), app.warning.getvalue()
