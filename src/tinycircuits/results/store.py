"""The store: results as small checked folders. The only module that opens result files; it knows no other room.

A result is ``<root>/<study>/<key>/`` with ``spec.json``, ``metrics.json``, ``model.safetensors`` and
``provenance.json``, which holds their SHA-256 sums and its own. The key is a hash of the spec.
"""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from tinycircuits.results.errors import CorruptResult, MissingResult, StoreError

Json = dict[str, Any]

SPEC, METRICS, MODEL, PROVENANCE = "spec.json", "metrics.json", "model.safetensors", "provenance.json"


@dataclass(frozen=True)
class Stored:
    """One result as it lies in the store. ``provenance`` says when, where and with what it was made."""

    spec: Json
    metrics: Json
    tensors: dict[str, Tensor]
    provenance: Json


def canonical(value: Any) -> bytes:
    """``value`` as JSON with sorted keys and no spaces; raises ``ValueError`` for NaN and infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def key(spec: Json) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the canonical spec."""
    return _sum(canonical(spec))[:16]


class Store:
    """The results below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, study: str, spec: Json) -> Path:
        """Where the result of ``spec`` lies, or would lie."""
        folder = self.root / study / key(spec)
        _settle(folder)
        return folder

    def folders(self, study: str) -> list[Path]:
        """The folders of all stored results of a study, in order of their keys."""
        for aside in (self.root / study).glob(f".{'[0-9a-f]' * 16}.old"):
            _settle(aside.with_name(aside.name[1:-4]))
        return sorted(path for path in (self.root / study).glob("[0-9a-f]" * 16) if path.is_dir())

    def holds(self, study: str, spec: Json) -> bool:
        """Whether there is a folder for ``spec``; says nothing about its health."""
        return self.folder(study, spec).is_dir()

    def save(self, study: str, spec: Json, metrics: Json, tensors: dict[str, Tensor], run: Json) -> Path:
        """Write one result and return its folder; an older one under the same key is replaced.

        All or nothing: the files are written and flushed beside their place and moved there in one step.
        Raises ``StoreError`` when the disk is full or the folder may not be written.
        """
        files = {SPEC: _pretty(spec), METRICS: _pretty(metrics), MODEL: save(tensors)}
        provenance = {"run": run, "sha256": {name: _sum(content) for name, content in files.items()}}
        files[PROVENANCE] = _pretty({**provenance, "seal": _sum(canonical(provenance))})
        folder = self.folder(study, spec)
        try:
            _write_folder(folder, files)
        except OSError as error:
            raise StoreError(f"cannot write {folder}: {error.strerror or error}; nothing was changed") from error
        return folder

    def load(self, study: str, spec: Json) -> Stored:
        """Read and check the result of ``spec``.

        Raises ``MissingResult`` when there is none, ``CorruptResult`` when a file is damaged.
        """
        folder = self.folder(study, spec)
        if not folder.is_dir():
            others = len(self.folders(study))
            hint = f" ({others} of other seeds or recipes are there)" if others else ""
            raise MissingResult(f"no result {folder}{hint}")
        stored = self.read(folder)
        if stored.spec != json.loads(canonical(spec)):
            raise CorruptResult(f"{folder / SPEC} describes another run")
        return stored

    def read(self, folder: Path) -> Stored:
        """Read and check whatever result lies in ``folder``; raises ``CorruptResult`` as ``load`` does."""
        try:
            provenance = json.loads(_bytes(folder / PROVENANCE))
            seal = provenance.pop("seal")
            if seal != _sum(canonical(provenance)):
                raise CorruptResult(f"{folder / PROVENANCE} is damaged: its own checksum does not match")
            contents = {name: _bytes(folder / name) for name in (SPEC, METRICS, MODEL)}
            for name, content in contents.items():
                if _sum(content) != provenance["sha256"][name]:
                    raise CorruptResult(f"{folder / name} is damaged: its checksum does not match")
            spec = json.loads(contents[SPEC])
            if key(spec) != folder.name:
                raise CorruptResult(f"{folder / SPEC} does not belong to the key {folder.name}")
            return Stored(spec, json.loads(contents[METRICS]), load(contents[MODEL]), provenance["run"])
        except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
            raise CorruptResult(f"{folder} cannot be read ({error})") from error

    def remove(self, study: str, spec: Json) -> None:
        """Delete the result of ``spec``; nothing happens when there is none."""
        shutil.rmtree(self.folder(study, spec), ignore_errors=True)

    def size(self, study: str, spec: Json) -> int:
        """Bytes of the stored result of ``spec``, 0 when there is none."""
        return sum(file.stat().st_size for file in self.folder(study, spec).glob("*"))

    @contextmanager
    def locked(self, study: str, spec: Json) -> Iterator[None]:
        """Hold the lock of ``spec``: a second process waits here until the first is done."""
        folder = self.root / study
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / f".{key(spec)}.lock")
            lock.acquire()
        except OSError as error:
            raise StoreError(f"cannot write {folder}: {error.strerror or error}") from error
        try:
            yield
        finally:
            lock.release()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CorruptResult(f"{path} is missing") from None
    except OSError as error:
        raise CorruptResult(f"{path} cannot be read: {error.strerror}") from error


def _pretty(value: Json) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write_folder(folder: Path, files: dict[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{folder.name}.*.new"):
        shutil.rmtree(left, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".new", dir=folder.parent))
    try:
        for name, content in files.items():
            _write_flushed(fresh / name, content)
        fresh.chmod(0o755)
        _flush(fresh)
        _put_in_place(fresh, folder)
        _flush(folder.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _put_in_place(fresh: Path, folder: Path) -> None:
    """Move ``fresh`` to ``folder``. What lay there is set aside until then, where ``_settle`` finds it after a kill."""
    while True:
        _settle(folder)
        if folder.exists():
            folder.rename(_aside(folder))
        try:
            fresh.rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:  # nobody has put the old one back meanwhile
            return _settle(folder)


def _settle(folder: Path) -> None:
    """End what a kill broke off: the result that was set aside goes back if nothing took its place, else away."""
    aside = _aside(folder)
    if not aside.is_dir():
        return
    with suppress(OSError):
        if folder.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.rename(folder)


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _write_flushed(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
