"""Citations that show the work they cite when the pointer or the keyboard's focus rests on them.

The bibliography gives every citation a title; the theme's tooltips show it at once, also to the keyboard. Its entries
are made items of the list they stand in, which assistive technology expects.
"""

import re
from typing import Any

from sphinx.application import Sphinx

_CITATION = re.compile(r'(<a class="reference internal" href="[^"#]*#[^"]+")( title="[^"]+">[^<]*</a>\])')


def make_readable(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Turn the titles of citations into tooltips, and entries of the bibliography into list items."""
    if "body" in context:
        body = _CITATION.sub(r'\1 data-bs-toggle="tooltip"\2', context["body"])
        context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.connect("html-page-context", make_readable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
