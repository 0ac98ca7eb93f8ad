"""The house is what the README says it is."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def tracked() -> set[str]:
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True).stdout
    return set(listed.splitlines())


def test_the_tree_in_the_readme_is_the_real_one():
    tree = re.search(r"## The house.*?```\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert tree, "README.md has no section 'The house' with a tree"
    folder, named = "", set()
    for line in tree[1].splitlines():
        for name in re.match(r"\s*(\S+(?:, \S+)*)", line)[1].split(", "):
            if line.startswith(" "):
                named.add(folder + name.rstrip("/"))
            else:
                named.add(name.rstrip("/"))
                folder = name if name.endswith("/") else folder
    real = {path.split("/")[0] for path in tracked()} - {".gitignore"}
    rooms = {f"src/tinycircuits/{path.split('/')[2]}" for path in tracked() if path.startswith("src/tinycircuits/")}
    rooms -= {f"src/tinycircuits/{name}" for name in ("__init__.py", "py.typed")}
    assert named == real | rooms


def test_importing_the_package_does_not_import_the_heavy_libraries():
    code = "import sys, tinycircuits, tinycircuits.tasks; print('transformer_lens' in sys.modules)"
    done = subprocess.run(["python", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_no_file_is_a_pickle():
    assert not [path for path in tracked() if path.endswith((".pt", ".pth", ".pkl", ".pickle", ".npy", ".npz"))]
