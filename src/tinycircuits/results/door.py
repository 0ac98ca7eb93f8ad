"""The one door to what is stored: an entry is loaded, or made and stored. Nothing else writes results.

With ``TINYCIRCUITS_FROZEN=1`` nothing is made. A second process that wants the same entry waits for the first. What is
broken off goes on from its last checkpoint. What is missing or damaged is an error that names the command to run.
"""

import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from tinycircuits.results.checkout import REPOSITORY
from tinycircuits.results.errors import CorruptResult, MissingResult, StoreError
from tinycircuits.results.provenance import provenance
from tinycircuits.results.store import Json, Store, Stored
from tinycircuits.specs import Spec
from tinycircuits.training.device import resolve_device

SECONDS_BETWEEN_CHECKPOINTS = 2.0
"""How old a checkpoint grows before the next one is written: so much is lost by a kill."""


@dataclass(frozen=True)
class Place:
    """Where one result lies: below ``results/<folder>``, under the key of its ``spec``.

    ``name`` and ``seeds`` are what the command line calls it; ``seeds`` is empty where there are none.
    """

    folder: str
    spec: Spec
    name: str
    seeds: range
    command: str
    """The shell command that makes it where it is missing."""

    @property
    def label(self) -> str:
        """``seeds-c-ordered seeds 0..249``."""
        many = "s" if len(self.seeds) > 1 else ""
        return f"{self.name} seed{many} {span_of(self.seeds)}" if self.seeds else self.name

    @property
    def remedy(self) -> str:
        """The shell command that makes it anew, whatever lies there."""
        return retraining(self.name, self.seeds)

    @property
    def path(self) -> Path:
        """The folder of the result, there or not."""
        return results().folder(self.folder, self.spec.described())

    @property
    def held(self) -> bool:
        """Whether there is something at the place; says nothing about its health."""
        return results().holds(self.folder, self.spec.described())

    @property
    def size(self) -> int:
        """Bytes stored there."""
        return results().size(self.folder, self.spec.described())

    @property
    def rounds_done(self) -> int | None:
        """The round after which an unfinished making was saved last, or ``None``."""
        found = _checkpoint_of(self)
        return None if found is None else int(found.metrics["round"])


@dataclass(frozen=True)
class Made:
    """What a maker returns."""

    metrics: Json
    tensors: dict[str, Tensor]


@dataclass(frozen=True)
class Entry(Place):
    """A place, with how its result is made, checked and said in one line."""

    make: Callable[["Work"], Made]
    check: Callable[[Stored, bool], list[str]]
    """Evaluates the result anew, the whole of it or what takes seconds; a line for each number that differs."""
    says: Callable[[Stored], str]
    sampled: str = ""
    """What to add where the whole was not evaluated."""


@dataclass
class Work:
    """What a maker is given: the device, whether to draw bars, and a place for checkpoints."""

    entry: Entry
    device: str
    progress: bool

    def __post_init__(self) -> None:
        self._began = self._written = time.monotonic()
        self._before = 0.0
        self._due: tuple[int, Json, dict[str, Tensor]] | None = None
        self.kept: int | None = None  # the round of the checkpoint that lies in the store

    @property
    def bar(self) -> str | None:
        """The label of the progress bar, ``None`` where none is wanted."""
        return self.entry.label if self.progress else None

    @property
    def seconds(self) -> float:
        """Time spent, with that of the parts before a break."""
        return self._before + time.monotonic() - self._began

    def latest(self) -> Stored | None:
        """The last checkpoint of a making that was broken off; its metrics hold the ``round``."""
        found = _checkpoint_of(self.entry)
        if found:
            self._before, self.kept = found.metrics["seconds"], found.metrics["round"]
        return found

    def keep(self, done: int, metrics: Json, tensors: dict[str, Tensor]) -> None:
        """Offer a checkpoint after round ``done``; it is written if the last one is old enough, or at a break."""
        self._due = (done, metrics, tensors)
        if time.monotonic() - self._written >= SECONDS_BETWEEN_CHECKPOINTS:
            self.flush()

    def flush(self) -> None:
        """Write the checkpoint that was offered last."""
        if self._due is not None:
            done, metrics, tensors = self._due
            about = {**metrics, "round": done, "seconds": self.seconds}
            checkpoints().save(self.entry.folder, _checkpoint(self.entry), about, tensors, {})
            self._written, self._due, self.kept = time.monotonic(), None, done


def results() -> Store:
    """The store of finished results: ``$TINYCIRCUITS_RESULTS``, or ``results/`` of the repository."""
    return Store(Path(os.environ.get("TINYCIRCUITS_RESULTS") or REPOSITORY / "results"))


def checkpoints() -> Store:
    """The store of what is unfinished: ``$TINYCIRCUITS_CHECKPOINTS``, or ``checkpoints/`` of the repository."""
    return Store(Path(os.environ.get("TINYCIRCUITS_CHECKPOINTS") or REPOSITORY / "checkpoints"))


def frozen() -> bool:
    """Whether nothing may be made."""
    return os.environ.get("TINYCIRCUITS_FROZEN") == "1"


def load(place: Place) -> Stored:
    """What is stored at a place; never makes it.

    Raises ``MissingResult`` and ``CorruptResult``; both name the command that mends it.
    """
    try:
        return results().load(place.folder, place.spec.described())
    except MissingResult as error:
        raise MissingResult(f"{error}; make it with: {place.command}") from None
    except CorruptResult as error:
        raise CorruptResult(f"{error}; make it anew with: {place.remedy}") from None


def get(entry: Entry, *, device: str = "cpu", progress: bool = False) -> Stored:
    """What is stored, after making it where it is missing and nothing is frozen.

    Raises as ``load`` does (what is damaged is never made anew in silence), ``StoreError`` when it cannot be written
    and ``ValueError`` for an unusable device.
    """
    resolve_device(device)
    if not entry.held and not frozen():
        with _work(entry, device, progress) as work:
            if not entry.held:
                _make(work)
    return load(entry)


def remake(entry: Entry, *, device: str = "cpu", progress: bool = False) -> Stored:
    """Make an entry anew, in the place of what is stored, which stays until the new one is whole.

    Raises ``StoreError`` when nothing may be made or it cannot be written and ``ValueError`` for an unusable device.
    """
    if frozen():
        raise StoreError(f"nothing is made while TINYCIRCUITS_FROZEN=1 is set; without it: {entry.remedy}")
    resolve_device(device)
    with _work(entry, device, progress) as work:
        _make(work)
    return load(entry)


def put(entry: Entry, made: Made, run: Json) -> None:
    """Store what was made elsewhere, with its provenance; raises ``StoreError`` when it cannot be written."""
    results().save(entry.folder, entry.spec.described(), made.metrics, made.tensors, run)
    checkpoints().remove(entry.folder, _checkpoint(entry))


def verified(entry: Entry, *, whole: bool = False) -> str:
    """One line on one stored result: its sums, and what comes out when it, or a sample, is evaluated anew."""
    try:
        stored = load(entry)
    except StoreError as error:
        return f"{'DAMAGED' if entry.held else 'MISSING'} {entry.label}: {error}"
    if differences := entry.check(stored, whole):
        return f"DIFFERS {entry.path}: {', '.join(differences)}"
    return f"ok      {entry.label}: {entry.says(stored)}{'' if whole else entry.sampled}"


def retraining(name: str, seeds: range) -> str:
    """The shell command that makes the entry of a row anew that holds these seeds."""
    return f"tinycircuits retrain {shlex.quote(name)}{f' --seeds {span_of(seeds)}' if seeds else ''}"


def span_of(seeds: range) -> str:
    """``0..249``, ``7``, or ``-`` where there are none."""
    return f"{seeds[0]}..{seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}" if seeds else "-"


@contextmanager
def _work(entry: Entry, device: str, progress: bool) -> Iterator[Work]:
    """Hold the entry's lock. At a break the checkpoint that was offered last is written, and a note says so."""
    with checkpoints().locked(entry.folder, entry.spec.described()):
        work = Work(entry, device, progress)
        try:
            yield work
        except BaseException as stop:
            with suppress(StoreError):
                work.flush()
            if work.kept is not None:
                stop.add_note(f"{entry.label} is kept up to round {work.kept}; the same command goes on from there")
            raise


def _make(work: Work) -> None:
    made = work.entry.make(work)
    put(work.entry, made, provenance(work.device, work.seconds))


def _checkpoint(place: Place) -> Json:
    return {"type": "Checkpoint", "run": place.spec.described()}


def _checkpoint_of(place: Place) -> Stored | None:
    """The checkpoint of a place, if there is one; raises ``CorruptResult`` that names what removes a damaged one."""
    unfinished, about = checkpoints(), _checkpoint(place)
    if not unfinished.holds(place.folder, about):
        return None
    try:
        return unfinished.load(place.folder, about)
    except CorruptResult as error:
        folder = unfinished.folder(place.folder, about)
        raise CorruptResult(f"{error}; begin anew with: rm -r {shlex.quote(str(folder))} && {place.command}") from None
