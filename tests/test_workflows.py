"""The workflows: no finding of the linters, every action pinned, no right that is not needed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PINNED = re.compile(r"(\$/.*|[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+)")


LINTERS = {
    "zizmor": ("--offline", "--no-progress", "--strict-collection", "--color=never"),
    "jactionlint": ("--profile=correctness", "--shellcheck=", "--pyflakes=", "--no-color"),
}
"""What is dangerous, and what the platform would not run. jactionlint makes the checks of actionlint, which itself
(version 1.7.12) knows no path that begins with ``$/``, and whose package fetches its program from elsewhere."""


def linted(name: str, root: Path) -> subprocess.CompletedProcess[str]:
    linter = shutil.which(name, path=str(Path(sys.executable).parent))
    assert linter, f"{name} is not installed"
    files = map(str, sorted((root / ".github/workflows").glob("*.yml")))
    return subprocess.run([linter, *LINTERS[name], *files], cwd=root, capture_output=True, text=True, check=False)


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return yaml.safe_load(path.read_text())["jobs"]


def rights(name: str) -> dict[str, dict[str, str]]:
    path = ROOT / f".github/workflows/{name}.yml"
    default = yaml.safe_load(path.read_text())["permissions"]
    return {job: described.get("permissions", default) for job, described in jobs(path).items()}


@pytest.mark.parametrize("name", LINTERS)
def test_the_linter_finds_nothing(name):
    done = linted(name, ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "found"),
    [
        ("zizmor", "ci.yml", "run: .ci/run", "run: echo ${{ github.head_ref }}", "template-injection"),
        ("zizmor", "pages.yml", "uses: $/", "uses: ./", "self-repository"),
        ("jactionlint", "pages.yml", "uses: $/", "uses: @/", "uses"),
        ("jactionlint", "pages.yml", "uses: $/.github/workflows/ci.yml", "uses: $/.github/workflows/no.yml", "no.yml"),
        ("jactionlint", "pages.yml", "needs: check", "needs: checks", "checks"),
        ("jactionlint", "ci.yml", "runs-on: ubuntu-24.04", "runs_on: ubuntu-24.04", "runs_on"),
        ("jactionlint", "ci.yml", "workflow_call:", "workflow_calls:", "workflow_calls"),
        ("jactionlint", "retrain.yml", "${{ inputs.studies }}", "${{ inputs.study }}", "study"),
        ("jactionlint", "ci.yml", "contents: read", "contents: reads", "reads"),
        ("jactionlint", "retrain.yml", "${{ github.run_id }}", "${{ github.run_idd }}", "run_idd"),
    ],
)
def test_the_linter_would_find_something(tmp_path, name, file, old, new, found):
    (tmp_path / ".git").mkdir()  # the root of a repository: without one nobody knows where $/ leads
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    path = tmp_path / ".github/workflows" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    done = linted(name, tmp_path)
    assert done.returncode != 0
    assert found in done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_to_a_commit_and_says_its_version(path):
    used = re.findall(r"uses: (.*)", path.read_text())
    assert used
    assert [action for action in used if not PINNED.fullmatch(action)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_job_ends(path):
    endless = [name for name, job in jobs(path).items() if "uses" not in job and "timeout-minutes" not in job]
    assert endless == []


def test_no_job_has_more_rights_than_it_needs():
    assert rights("ci") == {"check": {"contents": "read"}}
    assert rights("pages") == {
        "check": {"contents": "read"},
        "pages": {"pages": "write", "id-token": "write"},
        "pdf": {"contents": "write"},
    }
    assert rights("retrain") == {
        "train": {"contents": "read"},
        "propose": {"contents": "write", "pull-requests": "write"},
    }


def test_what_is_published_is_what_was_tested():
    publish = jobs(ROOT / ".github/workflows/pages.yml")
    assert publish["check"]["uses"] == "$/.github/workflows/ci.yml"
    for name in ("pages", "pdf"):
        assert publish[name]["needs"] == "check"
        assert "actions/download-artifact" in publish[name]["steps"][0]["uses"]
        commands = " ".join(step.get("run", "") for step in publish[name]["steps"])
        assert not re.search(r"\bmake\b|jupyter-book|\.ci/run", commands)


def test_the_machine_with_the_gpu_only_runs_on_demand():
    text = (ROOT / ".github/workflows/retrain.yml").read_text()
    assert list(yaml.safe_load(text)[True]) == ["workflow_dispatch"]  # YAML 1.1 reads the key "on" as true
    assert "self-hosted" in jobs(ROOT / ".github/workflows/retrain.yml")["train"]["runs-on"]
