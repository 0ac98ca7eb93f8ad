"""The live model's modules become one script that a page opened as a file can run."""

import re
from pathlib import Path

import pytest

from tinycircuits.sphinxext.pages import judging, live


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An engine of two modules and a page of one."""
    monkeypatch.setattr(live, "SCRIPT", tmp_path)
    (tmp_path / "sum.js").write_text("/** Adds. */\nexport const sum = (a, b) => a + b;\n")
    (tmp_path / "serve.js").write_text(
        'import { sum } from "./sum.js";\n\nexport function serve(scope) {\n  scope.said = sum(1, 2);\n}\n'
    )
    (tmp_path / "main.js").write_text(
        'import { sum } from "./sum.js";\nconst three = /** @type {any} */ (sum(1, 2));\n'
    )
    return tmp_path


def test_a_module_stands_after_those_that_it_imports() -> None:
    order = live.modules(live.PAGE)
    assert order.index("model.js") < order.index("forward.js") < order.index("count.js") < order.index("main.js")
    assert len(order) == len(set(order))


def test_every_module_is_in_a_script() -> None:
    used = {*live.modules(live.ENGINE), *live.modules(live.PAGE), *live.modules(judging.ENTRY)}
    assert used == {path.name for path in live.SCRIPT.glob("*.js")}


def test_the_engine_is_a_function_and_nothing_is_left_of_modules(folder: Path) -> None:
    assert live.bundle() == (
        '(() => {\n"use strict";\nconst ENGINE = () => {\nconst sum = (a, b) => a + b;\n\n'
        "function serve(scope) {\n  scope.said = sum(1, 2);\n}\nreturn { sum, serve };\n};\n"
        "const { sum, serve } = ENGINE();\nconst three = (sum(1, 2));\n})();\n"
    )


def test_a_name_that_two_modules_declare_is_refused(folder: Path) -> None:
    (folder / "main.js").write_text("const sum = 3;\n")
    with pytest.raises(ValueError, match="declared by two modules of the live model: sum"):
        live.bundle()


def test_what_the_bundle_does_not_understand_is_refused(folder: Path) -> None:
    (folder / "main.js").write_text("export default 3;\n")
    with pytest.raises(ValueError, match=r"main\.js: not understood by the bundle: export default 3;"):
        live.bundle()


def test_comments_go_and_what_stands_between_them_stays(folder: Path) -> None:
    (folder / "main.js").write_text("/** @type {any} */ (window).one = 1;\n/**\n * Two.\n */\nconst two = 2;\n")
    assert "(window).one = 1;\nconst two = 2;\n" in live.bundle()


def test_no_module_asks_the_network_or_runs_text() -> None:
    text = live.bundle()
    assert not re.search(r"\bfetch\(|XMLHttpRequest|\beval\(|new Function|https?:", text)


def test_a_script_of_one_entry_is_joined_like_the_engine(folder: Path) -> None:
    assert live.script("main.js") == (
        '(() => {\n"use strict";\nconst sum = (a, b) => a + b;\nconst three = (sum(1, 2));\n})();\n'
    )
    (folder / "main.js").write_text('import { sum } from "./sum.js";\nconst sum = 3;\n')
    with pytest.raises(ValueError, match=r"declared by two modules of main\.js: sum"):
        live.script("main.js")
