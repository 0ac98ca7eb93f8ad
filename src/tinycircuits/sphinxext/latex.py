"""The print edition: the same typeface as the page, on A4."""

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

from tinycircuits.display.theme import FONTS
from tinycircuits.sphinxext.figures import write

_PREAMBLE = r"""
\setmainfont{TinySans}[Path=./, Extension=.ttf, UprightFont=*-Regular, BoldFont=*-Bold, ItalicFont=*-Italic,
  BoldItalicFont=*-Italic, BoldItalicFeatures={FakeBold=1.5}]
\setsansfont{TinySans}[Path=./, Extension=.ttf, UprightFont=*-Regular, BoldFont=*-Bold, ItalicFont=*-Italic,
  BoldItalicFont=*-Italic, BoldItalicFeatures={FakeBold=1.5}]
% Captions of parts bring their own numeral, if they have one.
\renewcommand{\partname}{}
\renewcommand{\thepart}{}
"""


def prefer(app: Sphinx, config: Config) -> None:
    """Set the fonts, before the configured preamble."""
    config.latex_elements = {**config.latex_elements, "fontpkg": _PREAMBLE}


def copy_fonts(app: Sphinx) -> None:
    """Put the fonts where TeX runs."""
    if app.builder.format == "latex":
        for path in sorted(FONTS.glob("*.ttf")):
            write(Path(app.outdir, path.name), path.read_bytes())


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build, after the extension that sets up the document class."""
    app.connect("config-inited", prefer, priority=900)
    app.connect("builder-inited", copy_fonts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
