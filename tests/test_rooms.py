"""The rooms stand in one order, said in three places; an edit of one analysis touches only the chapters that use it."""

import re
import tomllib
from pathlib import Path

import pytest

import tinycircuits
from tinycircuits.sphinxext.rebuild.inputs import Project, imported, parsed

ROOT = Path(__file__).parents[1]
USED_BY = {
    "attention": [
        "agree",
        "attention",
        "circuit",
        "intro",
        "known",
        "needed",
        "outside",
        "trust",
    ],  # some through other analyses as well
    "fourier": ["clock", "features", "grokking", "heads", "pizza", "waves", "workbench"],
    "ov": ["needed"],
}
"""For three analyses, of much and of little use, the chapters that import them, or an analysis that does."""


def flow(text: str) -> list[str]:
    """The rooms in the order in which data flow through them."""
    return re.search(r"`tasks -> [a-z >-]*book`", text)[0].strip("`").split(" -> ")


def layers() -> list[set[str]]:
    """The layers of the import contract, the lowest first."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    return [set(layer.split(" | ")) for layer in reversed(contract["layers"])]


def test_docstring_and_readme_say_the_same_flow():
    assert flow(tinycircuits.__doc__) == flow((ROOT / "README.md").read_text())


def test_the_flow_climbs_the_layers_of_the_contract_and_leaves_out_no_room_on_the_way():
    *rooms, _ = flow(tinycircuits.__doc__)
    floors = [next(floor for floor, layer in enumerate(layers()) if room in layer) for room in rooms]
    assert floors == sorted(floors)
    assert set(rooms) == set.union(*layers()[floors[0] : floors[-1] + 1])


@pytest.fixture(scope="module")
def project():
    return Project("tinycircuits", ROOT / "results", ROOT / "requirements.lock", "tinycircuits.results.store")


def runs(project: Project, chapter: Path) -> set[str]:
    """Every module that a chapter's cells run."""
    cells = re.findall(r"```\{code-cell\}[^\n]*\n(?::[^\n]*\n)*(.*?)```", chapter.read_text(), re.S)
    return project.closure(imported(parsed(cells)))


@pytest.mark.parametrize("analysis", USED_BY)
def test_an_edit_of_an_analysis_executes_the_chapters_that_use_it_and_no_other(project, analysis):
    chapters = sorted((ROOT / "book").glob("*.md"))
    touched = [each.stem for each in chapters if f"tinycircuits.interp.{analysis}" in runs(project, each)]
    assert touched == USED_BY[analysis]


def test_the_verdicts_of_the_ledger_do_not_hang_on_the_code_of_an_analysis(project):
    """They are judged by what is stored; what measured it is not run."""
    assert not {each for each in project.closure(["tinycircuits.claims.report"]) if ".interp." in each}


def test_every_analysis_has_a_test_file_of_its_name():
    analyses = {each.stem for each in (ROOT / "src/tinycircuits/interp").glob("[a-z]*.py")}
    assert analyses <= {each.stem.removeprefix("test_") for each in (ROOT / "tests/interp").glob("test_*.py")}
