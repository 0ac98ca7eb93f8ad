"""A model that a reader operates: its place in a chapter, and the files that bring its weights."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from tinycircuits.display.figure import FIGURE_MIME, Figure

_LARGE = 500_000
"""Bytes of a file of which a reader is told before it is loaded."""
PARTS = ("embed", "attn", "mlp", "logits", "map", "globe", "course")
"""What a page can show of a model."""
CERTIFICATE = "certificate"
"""What a page can do instead: certify every answer of the model, of one layer, below its still face."""
WAVES = "waves"
"""What a page can show instead: one sum on the waves of a model that `live_waves` gives."""
NO_FOLDER = 'data-at=""'
"""Where a page face takes the folder of its models."""


@dataclass(frozen=True, eq=False)
class Live:
    """A model that a reader operates in the page; ``still`` is what stands there before, and in print.

    ``models`` are what ``live_data`` gives, the first one shown at first. ``parts`` are the parts of the page to show,
    of ``PARTS``: all of them if there are none, and then at once instead of on demand. ``state`` is what to begin with,
    as the page writes it into its address. The one part ``CERTIFICATE`` is a button that certifies the first model, the
    one part ``WAVES`` is the waves of a sum, whose ``state`` is ``a=5&b=8&n=3``.

    Raises ``ValueError`` for no model, two of one name, or an unknown part.
    """

    still: Figure
    models: Sequence[dict[str, Any]] = field(repr=False)
    parts: tuple[str, ...] = ()
    state: str = ""

    def __post_init__(self) -> None:
        names = [model["name"] for model in self.models]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"models: one or more with different names expected, got {names}")
        if self.parts not in ((CERTIFICATE,), (WAVES,)) and (unknown := set(self.parts) - set(PARTS)):
            raise ValueError(f"parts: some of {', '.join(PARTS)} expected, got {', '.join(sorted(unknown))}")

    def html(self) -> str:
        """The page face: the still face, and what the script needs to put the model in its place."""
        given = {
            "models": json.dumps(self._titles()),
            "show": " ".join(self.parts),
            "state": self.state,
            "version": self._version(),
        }
        described = "".join(f' data-{key}="{escape(value)}"' for key, value in given.items() if value)
        return f'<div class="tc-live" {NO_FOLDER}{described}><div class="tcl-still">{self.still.html()}</div></div>'

    def _titles(self) -> dict[str, str]:
        """What a reader chooses from, by name; that a file is large is said."""
        sizes = {name: len(text) for name, text in self.files().items()}
        found = {}
        for model in self.models:
            size = sizes[f"model-{model['name']}.js"]
            found[model["name"]] = model["title"] + (f", {size / 1e6:.1f} MB" if size > _LARGE else "")
        return found

    def files(self) -> dict[str, str]:
        """The scripts that bring the models, by file name."""
        return {
            f"model-{model['name']}.js": f"tinyModel({json.dumps(model, separators=(',', ':'))})\n"
            for model in self.models
        }

    def _version(self) -> str:
        return hashlib.sha256("".join(self.files().values()).encode()).hexdigest()[:8]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle, described = self.still._repr_mimebundle_()
        bundle[FIGURE_MIME] |= {"html": self.html(), "files": self.files()}
        return bundle, described
