"""The store: all or nothing when it writes, every byte checked when it reads."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tinycircuits.results import store as store_module
from tinycircuits.results.errors import CorruptResult, MissingResult, StoreError
from tinycircuits.results.store import Store, canonical, key

SPEC = {"type": "Run", "seed": 3}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


@pytest.fixture
def folder(store: Store) -> Path:
    return store.save("study", SPEC, {"loss": 0.1}, {"w": torch.arange(6.0).reshape(2, 3)}, {"date": "today"})


def test_what_was_saved_is_loaded(store, folder):
    stored = store.load("study", SPEC)
    assert stored.spec == SPEC
    assert stored.metrics == {"loss": 0.1}
    assert stored.provenance == {"date": "today"}
    torch.testing.assert_close(stored.tensors["w"], torch.arange(6.0).reshape(2, 3), rtol=0, atol=0)


def test_saving_twice_writes_the_same_bytes(store, folder):
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    store.save("study", SPEC, {"loss": 0.1}, {"w": torch.arange(6.0).reshape(2, 3)}, {"date": "today"})
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("name", ["spec.json", "metrics.json", "model.safetensors", "provenance.json"])
@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_any_flipped_bit_is_found_and_names_the_file(store, folder, name, place):
    file = folder / name
    content = bytearray(file.read_bytes())
    content[int(len(content) * place)] ^= 1
    file.write_bytes(content)
    with pytest.raises(CorruptResult) as error:
        store.load("study", SPEC)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize("name", ["spec.json", "metrics.json", "model.safetensors", "provenance.json"])
@pytest.mark.parametrize("damage", ["truncate", "delete", "empty"])
def test_a_truncated_or_missing_file_is_found(store, folder, name, damage):
    file = folder / name
    if damage == "delete":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-7] if damage == "truncate" else b"")
    with pytest.raises(CorruptResult, match=r"is damaged|is missing|cannot be read"):
        store.load("study", SPEC)


def test_a_result_under_a_foreign_key_is_refused(store, folder):
    folder.rename(folder.with_name("0" * 16))
    with pytest.raises(CorruptResult, match="does not belong to the key"):
        store.read(folder.with_name("0" * 16))


def test_a_missing_result_says_how_to_make_it_and_that_others_exist(store, folder):
    with pytest.raises(MissingResult, match="1 of other seeds or recipes"):
        store.load("study", {**SPEC, "seed": 4})


def test_a_full_disk_leaves_the_old_result_and_no_rubbish(store, folder, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left on device; nothing was changed"):
        store.save("study", SPEC, {"loss": 9.9}, {"w": torch.zeros(1)}, {})
    monkeypatch.undo()
    assert store.load("study", SPEC).metrics == {"loss": 0.1}
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_that_may_not_be_written_is_one_clear_error(store, monkeypatch):
    def refuse(*args: object, **kwargs: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tinycircuits.results.store.tempfile.mkdtemp", refuse)
    with pytest.raises(StoreError, match=r"cannot write .*Permission denied"):
        store.save("study", SPEC, {}, {"w": torch.zeros(1)}, {})


def test_a_writer_killed_half_way_leaves_nothing_that_loads(tmp_path):
    script = (
        "import os, torch\n"
        "from pathlib import Path\n"
        "from tinycircuits.results import store\n"
        "written = store._write_flushed\n"
        "def die(path, content):\n"
        "    written(path, content[: len(content) // 2])\n"
        "    os._exit(9)\n"
        "store._write_flushed = die\n"
        f"store.Store(Path({str(tmp_path)!r})).save('study', {SPEC!r}, {{}}, {{'w': torch.zeros(1)}}, {{}})\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    assert Store(tmp_path).folders("study") == []
    with pytest.raises(MissingResult):
        Store(tmp_path).load("study", SPEC)


def test_metrics_that_are_not_numbers_are_refused(store):
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.save("study", SPEC, {"loss": float("nan")}, {"w": torch.zeros(1)}, {})


def test_the_key_does_not_depend_on_the_order_of_fields():
    assert key({"a": 1, "b": 2}) == key({"b": 2, "a": 1})
    assert canonical({"b": 2, "a": 1}) == b'{"a":1,"b":2}'


def test_remove_and_size(store, folder):
    assert store.size("study", SPEC) == sum(file.stat().st_size for file in folder.iterdir()) > 0
    store.remove("study", SPEC)
    assert not store.holds("study", SPEC)
    assert store.size("study", SPEC) == 0


def killed_at(event: int, folder: Path) -> bool:
    """Replace the result of ``SPEC`` in a process that dies at this line event of the store; whether it did."""
    pid = os.fork()
    if pid == 0:
        left = iter(range(event, -1, -1))

        def trace(frame, kind, _):
            if frame.f_code.co_filename != store_module.__file__:
                return None
            if kind in ("line", "return") and next(left) == 0:
                os._exit(9)
            return trace

        sys.settrace(trace)
        Store(folder).save("study", SPEC, {"loss": 2.0}, {"w": torch.ones(1)}, {})
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9


def test_a_kill_at_any_instruction_leaves_the_old_or_the_new_and_nothing_else_after_the_next(tmp_path):
    """Fault injection at every step of replacing a result."""
    seen = set()
    for event in range(10_000):
        folder = tmp_path / str(event)
        store = Store(folder)
        store.save("study", SPEC, {"loss": 1.0}, {"w": torch.zeros(1)}, {})
        died = killed_at(event, folder)
        assert store.holds("study", SPEC)
        loss = store.load("study", SPEC).metrics["loss"]
        seen.add(loss)
        assert store.folders("study") == [store.folder("study", SPEC)]
        store.save("study", SPEC, {"loss": 3.0}, {"w": torch.zeros(1)}, {})
        assert store.load("study", SPEC).metrics["loss"] == 3.0
        assert [path.name for path in (folder / "study").iterdir()] == [key(SPEC)]
        shutil.rmtree(folder)
        if not died:
            break
    assert not died
    assert event > 60
    assert loss == 2.0
    assert seen == {1.0, 2.0}


def test_a_result_that_was_set_aside_is_found_by_whoever_looks_first(store, folder):
    aside = folder.with_name(f".{folder.name}.old")
    for look in (
        lambda: store.holds("study", SPEC),
        lambda: store.folders("study") == [folder],
        lambda: store.load("study", SPEC).metrics == {"loss": 0.1},
        lambda: store.size("study", SPEC) > 0,
    ):
        folder.rename(aside)
        assert look()
        assert not aside.exists()


def test_who_puts_the_old_one_back_in_the_last_moment_does_not_keep_the_new_one_out(store, folder, monkeypatch):
    """A reader that settles between the two renames of a writer."""
    rename, seen = Path.rename, []

    def interrupted(self, target):
        if Path(target) == folder and self.name.endswith(".new") and not seen:
            seen.append(store.load("study", SPEC).metrics["loss"])
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    store.save("study", SPEC, {"loss": 2.0}, {"w": torch.ones(1)}, {})
    assert seen == [0.1]
    assert store.load("study", SPEC).metrics["loss"] == 2.0
    assert [path.name for path in folder.parent.iterdir()] == [key(SPEC)]
