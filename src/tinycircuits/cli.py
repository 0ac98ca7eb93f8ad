"""The command line, `list | train | sweep | fit | claims | retrain | prove | check | ...`: it parses and calls."""

import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.exceptions import TyperException

from tinycircuits.results.errors import StoreError

app = typer.Typer(
    help="Tiny transformers, trained from written-down recipes and stored as small checked files.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130
"""The exit code after a Ctrl-C."""
LONGEST_WORD = 300

Name = Annotated[str, typer.Argument(help="Name of a study; `tinycircuits list` shows them.")]
Names = Annotated[list[str] | None, typer.Argument(help="Names that `tinycircuits list` shows; all when left out.")]
ChosenNames = Annotated[list[str], typer.Argument(help="Names that `tinycircuits list` shows, of any kind.")]
Seed = Annotated[int | None, typer.Option(help="Seed to train; the published one when left out.")]
DeviceName = Annotated[str, typer.Option(help="cpu, cuda or auto.")]
FitName = Annotated[str, typer.Argument(help="Name of a fit; a wrong one lists them.")]
FitSeed = Annotated[int | None, typer.Option(help="Seed to fit; all that the book uses when left out.")]
UntilSolved = Annotated[bool, typer.Option(help="Train seeds 0, 1, 2, ... until one makes no mistake on any input.")]
SweepName = Annotated[str, typer.Argument(help="Name of a sweep; `tinycircuits list` shows them.")]
Seeds = Annotated[str | None, typer.Option(help="Seeds such as 0..999; those of the table when left out.")]
SomeSeeds = Annotated[str | None, typer.Option("--seeds", help="Seeds such as 7 or 0..249; all stored when left out.")]
BackendName = Annotated[Literal["local", "dask"], typer.Option(help="Train here, or on the workers of a Dask cluster.")]
Scheduler = Annotated[str | None, typer.Option(help="Address of the Dask scheduler, such as tcp://host:8786.")]
Whole = Annotated[bool, typer.Option(help="Evaluate every model again; hours, as it trains those that are not kept.")]


@app.command(name="list")
def list_all(names: Names = None) -> None:
    """Show what is stored: studies with the errors of their published models, sweeps, fits and profiles."""
    from tinycircuits import reports

    typer.echo(reports.overview(names or None))


@app.command()
def train(name: Name, *, seed: Seed = None, device: DeviceName = "cpu", until_solved: UntilSolved = False) -> None:
    """Train a study and store the result; goes on from the last checkpoint after a Ctrl-C or a kill."""
    from tinycircuits.results import runs

    if until_solved and seed is not None:
        raise ValueError("--seed and --until-solved exclude each other: one trains this seed, the other 0, 1, 2, ...")
    for each in itertools.count() if until_solved else [seed]:
        result = runs.run(name, each, device=device, progress=True)
        typer.echo(f"{name} seed {result.seed}: {runs.summary(result)}")
        if result.errors().wrong_digits == 0:
            break


@app.command()
def sweep(
    name: SweepName,
    *,
    seeds: Seeds = None,
    backend: BackendName = "local",
    scheduler: Scheduler = None,
    device: DeviceName = "cpu",
) -> None:
    """Train many seeds at once and store them in blocks; goes on from the last checkpoint after a Ctrl-C or a kill."""
    from tinycircuits.reports import seed_range
    from tinycircuits.results import sweeps

    if scheduler is not None and backend != "dask":
        raise ValueError("--scheduler needs --backend dask")
    wanted = seed_range(seeds) if seeds is not None else None
    result = sweeps.run_sweep(name, wanted, device=device, backend=backend, scheduler=scheduler, progress=True)
    typer.echo(f"{name}: {sweeps.summary(result)}")


@app.command()
def fit(name: FitName, *, seed: FitSeed = None) -> None:
    """Fit an autoencoder or a read-out on a stored run and store the result."""
    from tinycircuits.results import fits
    from tinycircuits.results.tables.fits import fit_named

    for each in fit_named(name).seeds if seed is None else [seed]:
        typer.echo(f"{name} seed {each}: {fits.summary(fits.fit(name, each, progress=True))}")


ClaimId = Annotated[str | None, typer.Option("--id", help="One claim with its evidence; a wrong id lists them all.")]
AsJson = Annotated[bool, typer.Option("--json", help="The findings as JSON.")]
Check = Annotated[bool, typer.Option("--check", help="Exit 1 if a stored verdict no longer follows from the results.")]
Measure = Annotated[bool, typer.Option("--measure", help="First measure what is not stored; goes on where it stopped.")]


@app.command()
def claims(*, name: ClaimId = None, as_json: AsJson = False, check: Check = False, measure: Measure = False) -> None:
    """Show every statement with its verdict, or one with its evidence; nothing is trained without --measure."""
    if check and as_json:
        raise ValueError("--check and --json exclude each other")
    if measure:
        from tinycircuits.results import door, profiling

        for each in (one for row in profiling.rows() for one in row.committed):
            door.get(each, progress=True)
    from tinycircuits.claims import ledger, report

    if check:
        lines = ledger.contradicted(None if name is None else [name])
        typer.echo("\n".join(lines) or "every stored verdict follows from the results")
        raise typer.Exit(1 if lines else 0)
    if as_json:
        typer.echo(report.as_json(name))
    else:
        typer.echo(report.table() if name is None else report.entry(name))


@app.command()
def retrain(names: ChosenNames, *, seeds: SomeSeeds = None, device: DeviceName = "cpu") -> None:
    """Make stored results anew, of any kind, replace them, and print the changed numbers as a Markdown table."""
    from tinycircuits import reports

    wanted = reports.seed_range(seeds) if seeds is not None else None
    typer.echo(reports.remade(names, wanted, device=device, progress=sys.stderr.isatty()))


@app.command()
def verify(names: Names = None, *, whole: Whole = False) -> None:
    """Check the sums of all stored results, evaluate them or a sample of them again, and compare."""
    from tinycircuits import reports

    lines, sound = reports.verification(names or None, whole=whole, progress=sys.stderr.isatty())
    typer.echo("\n".join(lines))
    if not sound:
        raise typer.Exit(1)


ProvedName = Annotated[str, typer.Argument(help="Name of a study or sweep of a one-layer model of digits.")]
ProvedSeed = Annotated[int | None, typer.Option("--seed", help="Seed; the published one, or 0, when left out.")]
AtLeast = Annotated[float, typer.Option("--margin", help="Prove that the right logit wins by more than this.")]
Counted = Annotated[bool, typer.Option("--count", help="Go on after the first wrong answer, and count them all.")]
Weights = Annotated[str | None, typer.Option(help="Safetensors file of another model of the same task, any size.")]
Save = Annotated[str | None, typer.Option(help="Keep the proof in this file.")]


@app.command()
def prove(
    name: ProvedName,
    *,
    seed: ProvedSeed = None,
    margin: AtLeast = 0.0,
    count: Counted = False,
    weights: Weights = None,
    save: Save = None,
) -> None:
    """Prove that a one-layer model is right on every input, or show where it is wrong; exit 0 proved, 1 not, 3 open."""
    from tinycircuits import reports

    said, code = reports.proved(
        name,
        seed,
        margin=margin,
        count=count,
        weights=None if weights is None else Path(weights),
        save=None if save is None else Path(save),
        progress=sys.stderr.isatty(),
    )
    typer.echo(said)
    raise typer.Exit(code)


OnMachine = Annotated[list[str] | None, typer.Option("--machine", help="real, float64 or float32; all when left out.")]


@app.command()
def certify(
    name: Name,
    *,
    seed: ProvedSeed = None,
    machine: OnMachine = None,
    save: Annotated[str | None, typer.Option(help="Keep the certificate in this file.")] = None,
) -> None:
    """Certify every answer for every machine and order of summation; exit 0 if all are right, 1 wrong, 3 undecided."""
    from tinycircuits import reports

    told, code = reports.certified(
        name,
        seed,
        machines=machine or [],
        save=None if save is None else Path(save),
        progress=sys.stderr.isatty(),
    )
    typer.echo(told)
    raise typer.Exit(code)


@app.command()
def check_proof(file: Annotated[str, typer.Argument(help="What `prove` or `certify` has saved.")]) -> None:
    """Check a proof or certificate by itself: one line with the sums of the weights and of the file, or exit 1."""
    from tinycircuits.proof.checker import Refused
    from tinycircuits.reports import checked_proof

    try:
        typer.echo(checked_proof(Path(file)))
    except Refused as refused:
        typer.echo(str(refused))
        raise typer.Exit(1) from None


ExerciseName = Annotated[str | None, typer.Argument(help="One exercise, told; a wrong name lists them.")]
Hints = Annotated[int, typer.Option("--hints", help="How many of its hints to show.", min=0)]
State = Annotated[str | None, typer.Option("--state", help="File of what is done; $TINYCIRCUITS_DONE, or done.json.")]
Clear = Annotated[bool, typer.Option("--clear", help="Forget what is done.")]
Again = Annotated[bool, typer.Option("--again", help="Check every answer in the file anew; exit 1 if one is refused.")]
Limit = Annotated[float, typer.Option("--seconds", help="Time for an answer and its check.", min=1, max=3600)]


@app.command()
def exercises(
    name: ExerciseName = None,
    *,
    hints: Hints = 0,
    state: State = None,
    clear: Clear = False,
    again: Again = False,
    seconds: Limit = 60,
) -> None:
    """Show all exercises with what is done, or one with its hints."""
    import tempfile

    from tinycircuits.exercises import done, report

    file = done.place(state)
    if clear:
        typer.echo(f"{'cleared' if done.clear(file) else 'nothing is kept in'} {file}")
    elif again:
        with tempfile.TemporaryDirectory() as folder:
            lines, right = report.again(file, Path(folder), seconds)
        typer.echo("\n".join(lines) or f"nothing is solved in {file}")
        raise typer.Exit(0 if right else 1)
    else:
        typer.echo(report.overview(file) if name is None else report.told(name, hints))


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="An exercise; `tinycircuits exercises` shows them.")],
    answer: Annotated[str, typer.Argument(metavar="FILE", help="A file of Python with your answer.")],
    *,
    state: State = None,
    seconds: Limit = 60,
) -> None:
    """Check an answer to an exercise, in a process of its own; exit 0 right, 1 not, and say why."""
    from tinycircuits.exercises import done, report

    said, right = report.checked(name, Path(answer), done.place(state), seconds)
    typer.echo(said)
    raise typer.Exit(0 if right else 1)


Undo = Annotated[bool, typer.Option("--undo", help="Take out what this command has written, if it is unchanged.")]


@app.command()
def new_task(
    name: Annotated[str, typer.Argument(help="Lower-case words joined by hyphens: shifted-copy.")],
    *,
    undo: Undo = False,
) -> None:
    """Write a new task with its study, chapter and test into this checkout; they run at once, then make them yours."""
    from tinycircuits import scaffold

    *fresh, exports, studies, contents = scaffold.undo(name) if undo else scaffold.new_task(name)
    typer.echo("\n".join(f"{'removed ' if undo else 'wrote   '} {path}" for path in fresh))
    typer.echo("\n".join(f"changed  {path}" for path in (exports, studies, contents)))
    if not undo:
        typer.echo(f"next: tinycircuits train {name}, then pytest {fresh[2]}, then make book")
        typer.echo(f"undo: tinycircuits new-task {name} --undo")


class Stopped(BaseException):
    """Ctrl-C; its notes say what is kept."""


def main() -> None:
    """Run the command line; a user's mistake or a damaged file becomes one line and exit code 2."""
    signal.signal(signal.SIGINT, _stop)
    try:
        code = app(args=sys.argv[1:] or ["--help"], standalone_mode=False)
    except TyperException as error:
        code = _complain(f"{error.format_message()} (see `tinycircuits --help`)")
    except (StoreError, ValueError) as error:
        code = _complain(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Stopped as stop:
        notes = getattr(stop, "__notes__", ["stopped"])
        typer.echo("".join(f"\ntinycircuits: {line}" for line in notes), err=True)
        code = INTERRUPTED
    sys.exit(code)


def _stop(*_: object) -> None:
    raise Stopped


def _complain(message: str) -> int:
    """Say what is wrong in one line, in which no word is as long as a page."""
    words = (word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 3]}..." for word in message.split())
    typer.echo("tinycircuits: " + " ".join(words), err=True)
    return 2


if __name__ == "__main__":
    main()
