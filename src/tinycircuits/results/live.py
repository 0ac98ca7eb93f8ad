"""What a page needs to compute a stored model: its weights and, where they are kept, those of every round."""

from functools import cache
from typing import Any

from tinycircuits.models.live import live_data
from tinycircuits.results.courses import load_course
from tinycircuits.results.runs import run


@cache
def live_model(name: str, *, course: bool = False) -> dict[str, Any]:
    """The published run of a study as ``models.live.live_data`` writes it, named after its article.

    With ``course`` the weights after each round of its training as well. Raises as ``run`` and ``load_course`` do.
    """
    published = run(name)
    kept = load_course(name, published.seed) if course else None
    return live_data(
        published.model,
        published.study.task,
        name=published.study.article or name,
        study=name,
        seed=published.seed,
        course=kept,
    )
