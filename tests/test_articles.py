"""What is quoted from the articles, and the rule by which their statements are judged."""

import pytest

from tinycircuits.articles import ARTICLES
from tinycircuits.claims.judge import verdict


@pytest.mark.parametrize(
    ("met", "of", "expected"),
    [
        (10, 10, "holds"),
        (9, 10, "holds"),
        (4, 5, "holds for some seeds"),
        (1, 10, "holds for some seeds"),
        (1, 11, "does not hold"),
        (0, 5, "does not hold"),
    ],
)
def test_a_statement_needs_nine_tenths_of_the_seeds_to_hold_and_one_tenth_to_hold_for_some(met, of, expected):
    assert verdict([True] * met + [False] * (of - met)) == expected


def test_a_statement_without_a_seed_has_no_verdict():
    with pytest.raises(ValueError, match="at least one seed"):
        verdict([])


def test_the_five_articles_are_named():
    assert list(ARTICLES) == list("ABCDE")
    assert [article.cite for article in ARTICLES.values()] == [f"article-{key.lower()}" for key in ARTICLES]
