"""Plants known mistakes in a copy of the source, one at a time, and counts those that the tests beside them notice.

Not mutmut or cosmic-ray: they swap operators and constants. Here are the mistakes of people who measure, and each says
what it is: a state read a layer too late, a fit on held-out inputs, a control that is the thing itself.
"""

import argparse
import gc
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
COPIED, LEFT_OUT = ("src", "tests"), ("checkpoints", "build", "dist")
HEAVY = (
    "beartype",
    "hypothesis",
    "pandas",
    "pytest",
    "scipy.stats",
    "sklearn.linear_model",
    "transformer_lens.model_bridge",
)
"""Imported once, in the process from which those of the tests are forked: it takes longer than most tests."""
LEAST = 0.95
"""Share of the mistakes that must be noticed."""
SECONDS = 300.0
"""After which the tests of one mistake are stopped."""
ELSEWHERE, BROKEN = 99, 98
"""Exit statuses beside pytest's own: another source would be imported; pytest itself failed."""

Verdict = Literal["caught", "survived", "invalid"]
Tests = tuple[str, ...]


@dataclass(frozen=True)
class Mutant:
    """One mistake: what stands in ``file`` and what replaces it, what is wrong with that, and who should notice."""

    room: str
    file: str
    old: str
    new: str
    says: str
    tests: Tests

    @property
    def package(self) -> str:
        """The package that ``file`` is part of."""
        return Path(self.file).parts[1]

    def planted(self, text: str) -> str:
        """The source with the mistake; raises ``ValueError`` when it does not apply, or cannot run."""
        if (found := text.count(self.old)) != 1 or self.new == self.old:
            raise ValueError(f"old must occur once and differ from new; it occurs {found} times")
        changed = text.replace(self.old, self.new)
        try:
            compile(changed, self.file, "exec")
        except SyntaxError as error:
            raise ValueError(f"new does not compile: {error}") from None
        return changed


@dataclass(frozen=True)
class Outcome:
    """What became of a mistake, and the test that noticed it or the reason why nothing can be said."""

    mutant: Mutant
    verdict: Verdict
    why: str
    seconds: float


def mutants(root: Path = ROOT) -> list[Mutant]:
    """Every mistake that is listed, room by room."""
    found = []
    for path in sorted((root / "tools" / "mutants").glob("*.toml")):
        for entry in tomllib.loads(path.read_text())["mutant"]:
            found.append(Mutant(room=path.stem, **{**entry, "tests": tuple(entry["tests"])}))
    return found


def chosen(every: Sequence[Mutant], only: Sequence[str]) -> list[Mutant]:
    """Those of the rooms that ``only`` names, or with one of its words in file or description; all if it is empty."""
    rooms = {mutant.room for mutant in every}
    return [m for m in every if not only or any(_meant(m, word, rooms) for word in only)]


def _meant(mutant: Mutant, word: str, rooms: set[str]) -> bool:
    return word == mutant.room if word in rooms else word in mutant.file or word in mutant.says


def outcomes(
    selected: Sequence[Mutant],
    root: Path = ROOT,
    *,
    jobs: int = 1,
    seconds: float = SECONDS,
    heavy: Sequence[str] = HEAVY,
) -> Iterator[Outcome]:
    """Yield what becomes of each mistake, as it becomes known; ``root`` itself is only read."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(jobs) as pool:
        bench = _Bench(root, Path(folder), jobs, heavy)
        sound: set[Tests] = set()
        for room in dict.fromkeys(mutant.room for mutant in selected):
            sound |= _sound([mutant for mutant in selected if mutant.room == room], bench, seconds)
        started = [pool.submit(_outcome, mutant, mutant.tests in sound, bench, seconds) for mutant in selected]
        for each in as_completed(started):
            yield each.result()


def _sound(selected: Sequence[Mutant], bench: "_Bench", seconds: float) -> set[Tests]:
    """The sets of tests that pass where nothing is changed; all of a room are tried at once first."""
    sets = {mutant.tests for mutant in selected}
    together = tuple(sorted({test for each in sets for test in each}))
    package = selected[0].package
    if bench.run(package, together, len(sets) * seconds)[0] == 0:
        return sets
    return {each for each in sets if bench.run(package, each, seconds)[0] == 0}


def _outcome(mutant: Mutant, sound: bool, bench: "_Bench", seconds: float) -> Outcome:
    started = time.monotonic()
    if not sound:
        return Outcome(mutant, "invalid", f"fails without the mistake: {' '.join(mutant.tests)}", 0)
    try:
        status, said = bench.run(mutant.package, mutant.tests, seconds, mutant)
    except (ValueError, OSError) as error:
        return Outcome(mutant, "invalid", str(error), 0)
    failed = next((line.split("::")[-1] for line in said.splitlines() if line.startswith("FAILED")), "")
    verdicts: dict[int | None, tuple[Verdict, str]] = {0: ("survived", ""), 1: ("caught", failed.partition(" - ")[0])}
    verdict, why = verdicts.get(status, ("invalid", f"the tests ended with status {status}: {said[-300:]}"))
    return Outcome(mutant, verdict, why, time.monotonic() - started)


class _Bench:
    """Copies of the source, one for each job, on which tests are run in processes of their own."""

    def __init__(self, root: Path, folder: Path, jobs: int, heavy: Sequence[str]) -> None:
        self.root, self.folder, self.planted = root, folder, count(1)
        self.forks = multiprocessing.get_context("forkserver")
        self.forks.set_forkserver_preload(list(heavy))
        self.copies: SimpleQueue[Path] = SimpleQueue()
        for job in range(jobs):
            _copy(root, folder / f"copy-{job}")
            self.copies.put(folder / f"copy-{job}")

    def run(self, package: str, tests: Tests, seconds: float, mutant: Mutant | None = None) -> tuple[int | None, str]:
        """The exit status of the tests and what they said, with the mistake or without.

        Raises ``ValueError`` when the mistake does not apply and ``OSError`` when its file is not there.
        """
        copy = self.copies.get()
        try:
            if mutant is not None:
                self._plant(copy, mutant)
            (said := self.folder / f"{copy.name}.txt").unlink(missing_ok=True)
            process = self.forks.Process(target=_run, args=(copy, package, tests, said), daemon=True)
            process.start()
            process.join(seconds)
            if process.is_alive():
                _kill(process)
            return process.exitcode, said.read_text() if said.exists() else ""
        finally:
            if mutant is not None and (self.root / mutant.file).exists():
                shutil.copy2(self.root / mutant.file, copy / mutant.file)
            self.copies.put(copy)

    def _plant(self, copy: Path, mutant: Mutant) -> None:
        """Each mistake has a date of its own: what Python has compiled is recognised by date and size."""
        file, date = copy / mutant.file, next(self.planted)
        file.write_text(mutant.planted(file.read_text()))
        os.utime(file, (date, date))


def _copy(root: Path, copy: Path) -> None:
    """Source and tests as files of their own; what else they read as links."""
    copy.mkdir(parents=True)
    for path in root.iterdir():
        if path.name in COPIED:
            shutil.copytree(path, copy / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.name not in LEFT_OUT and not path.name.startswith("."):
            (copy / path.name).symlink_to(path)


def _kill(process: "multiprocessing.process.BaseProcess") -> None:
    """End it with all that it has started; it may not yet lead a group of its own."""
    with suppress(ProcessLookupError):
        if process.pid:  # 0 would be our own group
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def _run(copy: Path, package: str, tests: Tests, said: Path) -> None:
    """Run the tests and end with pytest's status, or with ``ELSEWHERE`` if they would import another source."""
    os.setsid()
    gc.freeze()
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(copy)
    source, compiled = str(copy / "src"), str(copy.parent / "compiled")
    sys.path.insert(0, source)
    sys.dont_write_bytecode, sys.pycache_prefix = False, compiled
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ |= {"PYTHONPATH": source, "PYTHONPYCACHEPREFIX": compiled}
    os.environ |= {"TINYCIRCUITS_FROZEN": "1", "OMP_NUM_THREADS": "1"}
    spec = find_spec(package)
    if spec is None or not str(spec.origin).startswith(source):
        sys.exit(ELSEWHERE)
    try:
        sys.exit(_pytest(tests))
    except Exception as error:  # multiprocessing would end with the status of a test that failed
        print(repr(error))
        sys.exit(BROKEN)


def _pytest(tests: Tests) -> int:
    import pytest

    # what is imported before the fork is not pytest's to rewrite
    quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return pytest.main(["-x", "-q", "-p", "no:cacheprovider", *quiet, *tests])


def table(found: Iterable[Outcome]) -> str:
    """Counts by room and in all, and below them the mistakes that nobody noticed and those that say nothing."""
    found = sorted(found, key=lambda each: each.mutant.room)
    lines = [f"{'room':12}{'caught':>8}{'survived':>10}{'invalid':>9}{'share':>8}"]
    for room in [*dict.fromkeys(each.mutant.room for each in found), "all"]:
        verdicts = [each.verdict for each in found if room in (each.mutant.room, "all")]
        caught, survived, invalid = (verdicts.count(name) for name in ("caught", "survived", "invalid"))
        share = f"{100 * caught / (caught + survived):.0f} %" if caught + survived else "-"
        lines.append(f"{room:12}{caught:8}{survived:10}{invalid:9}{share:>8}")
    for each in found:
        if each.verdict != "caught":
            lines.append(f"{each.verdict}: {each.mutant.file}: {each.mutant.says} {each.why}".rstrip())
    return "\n".join(lines)


def passed(found: Sequence[Outcome]) -> bool:
    """Whether every mistake says something and enough of them are noticed."""
    caught = sum(each.verdict == "caught" for each in found)
    return bool(found) and all(each.verdict != "invalid" for each in found) and caught >= LEAST * len(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen mistakes; 0 when at least ``LEAST`` of them are noticed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("only", nargs="*", help="rooms, or words in the file or the description; all if left out")
    parser.add_argument("--jobs", type=int, default=1, help="mistakes that are tried at the same time")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="after which the tests of one are stopped")
    options = parser.parse_args(arguments)
    selected = chosen(mutants(), options.only)
    if not selected:
        parser.error(f"only must name a room or a word of a mistake, got {' '.join(options.only)}")
    found: list[Outcome] = []
    for each in outcomes(selected, jobs=options.jobs, seconds=options.seconds):
        found.append(each)
        head = f"[{len(found)}/{len(selected)}] {each.verdict:8} {each.seconds:5.1f} s  {each.mutant.room}"
        print(f"{head}: {each.mutant.says} {f'({each.why})' if each.why else ''}".rstrip(), flush=True)
    print(table(found))
    return 0 if passed(found) else 1


if __name__ == "__main__":
    sys.exit(main())
