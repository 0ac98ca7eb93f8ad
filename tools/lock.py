"""Writes requirements.lock: what pyproject.toml resolves to, without torch's CUDA libraries."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
HEADER = """\
# The whole environment in exact versions, for Python 3.11 and newer on Linux and macOS. Remade with `make lock`.
#
# The libraries that torch's CUDA build brings along (nvidia-*, cuda-*, triton) are left out: which build of torch is
# installed is the choice of the package index, and a CPU build does not need them. A CUDA build asks for its own.
# Hashes are left out for the same reason: one version of torch has other files in every index.
"""
LEFT_OUT = re.compile(r"nvidia-|cuda-|triton|.*(sys_platform == '(emscripten|win32)'|implementation_name == 'pypy')$")


def main() -> int:
    """Resolve, filter and write; return uv's exit status."""
    command = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "pyproject.toml"]
    command += ["--extra", "book", "--extra", "test", "--no-emit-index-url", "--no-header", "--no-annotate", "--quiet"]
    found = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if found.returncode == 0:
        lines = [line for line in found.stdout.splitlines() if line and not LEFT_OUT.match(line)]
        LOCK.write_text(HEADER + "\n".join(lines) + "\n")
    return found.returncode


if __name__ == "__main__":
    sys.exit(main())
