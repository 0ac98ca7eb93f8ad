"""What a page needs to compute a stored model: its weights and, where they are given, those of every round."""

from typing import Any

from tinycircuits.models.live import live_data, wave_data
from tinycircuits.models.weights import Course
from tinycircuits.results.analyses import stored_fields
from tinycircuits.results.runs import run
from tinycircuits.results.sweeps import load_sweep


def live_model(name: str, course: Course | None = None) -> dict[str, Any]:
    """The published run of a study as ``models.live.live_data`` writes it, named after its article.

    With a ``course`` of its training. Raises as ``run`` and ``live_data`` do.
    """
    published = run(name)
    return live_data(
        published.model,
        published.study.task,
        name=published.study.article or name,
        title=published.study.title,
        study=name,
        seed=published.seed,
        course=course,
        python=[
            "from tinycircuits.results.runs import run",
            "",
            f"published = run({name!r}, {published.seed})",
            "model, task = published.model, published.study.task",
        ],
    )


def live_waves(name: str) -> dict[str, Any]:
    """The published run of a study of modular addition, with the waves of a + b in its logits, the strongest first.

    Raises as ``live_model`` and ``stored_fields`` do.
    """
    found = stored_fields("interference.sum_waves", run(name))
    parts = (found[each] for each in ("cos", "sin", "mean"))
    return live_model(name) | {"waves": wave_data(found["frequencies"], found["heights"].tolist(), *parts)}


def live_seed(sweep: str, seed: int, course: Course, *, name: str, title: str) -> dict[str, Any]:
    """One model of a sweep with its ``course``, under a name and a title of its own; raises as ``load_sweep`` does."""
    result = load_sweep(sweep, range(seed, seed + 1))
    return live_data(
        result.model(seed),
        result.sweep.task,
        name=name,
        title=title,
        study=sweep,
        seed=seed,
        course=course,
        python=[
            "from tinycircuits.results.sweeps import load_sweep",
            "",
            f"result = load_sweep({sweep!r}, range({seed}, {seed + 1}))",
            f"model, task = result.model({seed}), result.sweep.task",
        ],
    )
