"""What a page needs to compute a stored model: its weights and, where they are given, those of every round."""

from typing import Any

from tinycircuits.models.live import live_data
from tinycircuits.models.weights import Course
from tinycircuits.results.runs import run


def live_model(name: str, course: Course | None = None) -> dict[str, Any]:
    """The published run of a study as ``models.live.live_data`` writes it, named after its article.

    With a ``course`` of its training. Raises as ``run`` and ``live_data`` do.
    """
    published = run(name)
    return live_data(
        published.model,
        published.study.task,
        name=published.study.article or name,
        study=name,
        seed=published.seed,
        course=course,
    )
