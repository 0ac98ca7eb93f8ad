"""A book of two chapters over a toy package, built with the real configuration in a folder of its own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.builder import TIMEOUT, builder

ROOT = Path(__file__).resolve().parents[1]
BUILD = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"

TOC = {"format": "jb-book", "root": "intro", "chapters": [{"file": "one"}, {"file": "two"}]}

PACKAGE = {
    "__init__.py": "",
    "alpha.py": "from toy.beta import FACTOR\n\nONE = 1 * FACTOR\n",
    "beta.py": "FACTOR = 111\n",
    "gamma.py": "def right(study):\n    from toy.store import load\n\n    return load(study)['right']\n",
    "store.py": (
        "import json\nfrom pathlib import Path\n\n\n"
        "def load(study):\n"
        "    file = Path(__file__).parents[2] / 'results' / study / 'key' / 'metrics.json'\n"
        "    return json.loads(file.read_text())\n"
    ),
}

CHAPTER = """---
file_format: mystnb
---

# What is {name}?

The value is {{glue:text}}`value-{name}`, see {{numref}}`fig-{name}-values` and {{numref}}`tbl-{name}-table`.

$$
y = \\frac{{x}}{{2}}
$$ (eq-{name})

Equation {{eq}}`eq-{name}` is short.

```{{code-cell}} ipython3
:tags: [shown]
import pandas as pd
from tinycircuits.display import Table, heatmap, publish
{load}
publish(**{{"value-{name}": value}})
```

```{{code-cell}} ipython3
heatmap(
    [[0.125, 0.375]], x_labels=["x_0", "x_1"], y_labels=["y_0"], x_title="read", y_title="from", unit="share",
    name="{name}-values",
)
```

```{{caption}} fig-{name}-values
:alt: The value of {name} is "{{glue:text}}`value-{name}`".

**Shares of *{name}* & $y_0$:** {{glue:text}}`value-{name}` < 1,000.
```

```{{code-cell}} ipython3
Table(pd.DataFrame({{"part": ["`W_E`"], "count": [value]}}), "{name}-table")
```

```{{caption}} tbl-{name}-table
**Counts of {name}:** {{glue:text}}`value-{name}`.
```
"""

INTRO = """# What is this book?

Words, see {doc}`one`.

The short path takes {minutes}`one, two`.
"""

LOADS = {"one": "from toy.alpha import ONE as value", "two": 'from toy.gamma import right\nvalue = right("toy-study")'}


@dataclass(frozen=True)
class Build:
    """How a build went."""

    status: int
    log: str

    @property
    def executed(self) -> set[str]:
        """Names of the chapters that were executed."""
        return set(re.findall(r"^executed (\S+) in", self.log, re.M))


class StagedBook:
    """The book's folder, and builds of it."""

    def __init__(self, root: Path, toc: dict[str, Any] = TOC) -> None:
        self.root = root
        config = yaml.safe_load((ROOT / "book/_config.yml").read_text())
        config["sphinx"]["config"] |= {
            "tinycircuits_package": "toy",
            "tinycircuits_loader": "toy.store",
            "tinycircuits_readers": {},
            "tinycircuits_preload": [],
            "tinycircuits_cover": "one/one-values",
        }
        self.write("book/_config.yml", yaml.safe_dump(config))
        self.write("book/_toc.yml", yaml.safe_dump(toc))
        self.write(
            "book/intro.md",
            "# What is this book?\n\nWords, see {doc}`one`.\n\nThe short path takes {minutes}`one, two`.\n",
        )
        self.write("book/references.bib", "")
        self.write("requirements.lock", "toy==1\n")
        self.write("results/toy-study/key/metrics.json", '{"right": 2222}')
        for name, text in PACKAGE.items():
            self.write(f"src/toy/{name}", text)
        for name, load in LOADS.items():
            self.write(f"book/{name}.md", CHAPTER.format(name=name, load=load))
        for folder in ("_templates",):
            if (ROOT / "book" / folder).exists():
                shutil.copytree(ROOT / "book" / folder, root / "book" / folder)

    def write(self, path: str, text: str) -> None:
        """Write a file of the book."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def read(self, path: str) -> str:
        """Return a file of the book."""
        return (self.root / path).read_text()

    def page(self, name: str) -> str:
        """Return the HTML of a page."""
        return self.read(f"book/_build/html/{name}.html")

    @contextmanager
    def changed(self, path: str, old: str, new: str) -> Iterator[None]:
        """Replace text in a file inside this block."""
        before = self.read(path)
        assert old in before
        self.write(path, before.replace(old, new))
        try:
            yield
        finally:
            self.write(path, before)

    def build(self, *options: str) -> Build:
        """Build the book from the root of the repository: the first time with the command, as a user does."""
        path = os.pathsep.join([str(self.root / "src"), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        arguments = ["build", "book", "-W", "-n", "--keep-going", *options]
        env = os.environ | {"PYTHONPATH": path, "NO_COLOR": "1"}
        if not (self.root / "book/_build").exists():
            command = [sys.executable, "-c", BUILD, *arguments]
            done = subprocess.run(
                command, cwd=self.root, env=env, capture_output=True, text=True, timeout=TIMEOUT, check=False
            )
            return Build(done.returncode, done.stdout + done.stderr)
        log = self.root / "build.log"
        status = builder().build(arguments, self.root, env, log)
        return Build(status, log.read_text())
