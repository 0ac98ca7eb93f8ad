"""The checkout that this code runs from: where it lies, and which commit it is."""

import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def git_commit() -> str:
    """The commit that this code is, 12 digits, with ``-dirty`` when files differ from it; ``unknown`` without git."""
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
