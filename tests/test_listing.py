"""The complete listing of the book runs by itself, without the package."""

import re
import subprocess
import sys
from pathlib import Path

CHAPTER = Path(__file__).parents[1] / "book" / "listing.md"


def test_the_listing_runs_in_an_empty_folder_without_the_package(tmp_path):
    code, _ = re.findall(r"^```\{code-cell\}[^\n]*\n(?::[^\n]*\n)*(.*?)^```", CHAPTER.read_text(), re.S | re.M)
    assert "tinycircuits" not in code
    (tmp_path / "listing.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-I", "listing.py"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300
    )
    first, last = re.findall(r"step +\d+: +(\d+) of 800", done.stdout)[:: len(re.findall("step ", done.stdout)) - 1]
    assert int(last) < int(first) / 4
    assert re.search(r"all 256 sequences: \d+ of 1024 digits wrong", done.stdout)
    assert done.stdout.count("zeroed:") == 4
