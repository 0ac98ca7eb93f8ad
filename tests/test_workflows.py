"""The workflows: no finding of the linter, every action pinned, no right that is not needed."""

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


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    assert zizmor, "zizmor is not installed"
    command = [zizmor, "--offline", "--no-progress", "--strict-collection", "--color=never", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return yaml.safe_load(path.read_text())["jobs"]


def rights(name: str) -> dict[str, dict[str, str]]:
    path = ROOT / f".github/workflows/{name}.yml"
    default = yaml.safe_load(path.read_text())["permissions"]
    return {job: described.get("permissions", default) for job, described in jobs(path).items()}


def test_the_linter_finds_nothing():
    done = linted(ROOT / ".github/workflows")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_would_find_something(tmp_path):
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    (folder / "ci.yml").write_text(text.replace("run: .ci/run", "run: echo ${{ github.head_ref }}"))
    done = linted(folder)
    assert done.returncode != 0
    assert "template-injection" in done.stdout


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
