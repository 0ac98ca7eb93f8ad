"""The house is what the README says it is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tinycircuits.claims.ledger import of_articles
from tinycircuits.claims.report import tally
from tinycircuits.results.runs import load, smaller_seeds
from tinycircuits.results.tables.studies import STUDIES

ROOT = Path(__file__).parents[1]


def tracked() -> set[str]:
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True).stdout
    return set(listed.splitlines())


def test_the_tree_in_the_readme_is_the_real_one():
    tree = re.search(r"## The house.*?```\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert tree, "README.md has no section 'The house' with a tree"
    folder, named = "", set()
    for line in tree[1].splitlines():
        for name in re.match(r"\s*([^\s,]+(?:, [^\s,]+)*)", line)[1].split(", "):
            if line.startswith(" "):
                named.add(folder + name.rstrip("/"))
            elif name == "src/tinycircuits/":
                folder = name
            else:
                named.add(name.rstrip("/"))
    real = {path.split("/")[0] for path in tracked()} - {".gitignore"}
    rooms = {f"src/tinycircuits/{path.split('/')[2]}" for path in tracked() if path.startswith("src/tinycircuits/")}
    rooms -= {f"src/tinycircuits/{name}" for name in ("__init__.py", "py.typed")}
    assert named == real | rooms


def test_importing_the_package_does_not_import_the_heavy_libraries():
    code = "import sys, tinycircuits, tinycircuits.tasks; print('transformer_lens' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_no_file_is_a_pickle():
    assert not [path for path in tracked() if path.endswith((".pt", ".pth", ".pkl", ".pickle", ".npy", ".npz"))]


def test_the_table_of_results_in_the_readme_follows_from_the_store():
    text = (ROOT / "README.md").read_text()
    for name, study in ((name, study) for name, study in STUDIES.items() if study.article):
        published, smaller = load(name), smaller_seeds(name)
        failed = sum(run.errors().wrong_digits > 0 for run in smaller)
        errors = published.errors()
        row = f"{errors.n_sequences:,} | {errors.wrong_digits} of {errors.n_digits:,} | {failed} of {len(smaller)} |"
        assert re.search(rf"\| `{name}` \| {study.article}, [^|]* \| {re.escape(row)}", text), row


@pytest.mark.xdist_group("ledger")
def test_the_verdicts_in_the_readme_follow_from_the_ledger():
    text = (ROOT / "README.md").read_text()
    balance = tally(of_articles())
    assert f"Of {sum(balance.values())} statements" in text
    named = ("hold", "hold for some seeds", "do not hold", "not testable as stated")
    for words, number in zip(named, balance.values(), strict=True):
        assert f"| {words} | {number} |" in text
