import pytest

from physai_inverse.observations import Curve, Metric
from physai_inverse.reproduction.laws.bigrams import DIMENSIONS, LAWS, low_rank, walk


def one(perplexity: float, negative: float = 2.0) -> dict[str, Metric]:
    return {
        "perplexity": perplexity,
        "negative_eigenvalues": negative,
        "perplexity_curve": Curve((0.0, 1.0, 3000.0), (10.0, 9.0, perplexity)),
    }


WALK: dict[str, list[dict[str, Metric]]] = {
    "plane": [one(3.03), one(3.04), one(4.0)],
    "few": [one(2.0), one(2.001, 3), one(2.0)],
    "many": [one(2.001), one(2.002), one(2.13, 1)],
    "without": [one(4.31, 0)],
}


def test_walks_as_published_hold_and_say_what_got_stuck() -> None:
    found = walk(WALK)
    assert found.holds
    assert "5 of 6 were solved" in found.note
    assert "2.13 with 1" in found.note
    assert [line.y[-1] for line in found.picture.lines] == [3.04, 2.0, 2.002, 4.31, 2.0]
    assert all(min(line.x) > 0 for line in found.picture.lines)


@pytest.mark.parametrize(
    ("kind", "results", "wrong"),
    [
        ("plane", [one(3.5)] * 3, ["median perplexity, 2 dimensions, 10 tokens"]),
        ("plane", [one(2.2), one(3.03), one(3.03)], ["least perplexity, 2 dimensions, 10 tokens"]),
        ("few", [one(2.13, 1)] * 3, ["median perplexity, 4 dimensions, 10 tokens"]),
        ("many", [one(2.13, 1)] * 3, ["median perplexity, 4 dimensions, 100 tokens"]),
        ("few", [one(2.0, 1)] * 3, ["fewest negative eigenvalues of a solution"]),
        ("few", [one(2.0, 4)] * 3, ["most negative eigenvalues of a solution"]),
        ("without", [one(3.9)], ["least perplexity without the matrix, 8 dimensions"]),
    ],
)
def test_each_number_of_a_walk_is_held(kind: str, results: list[dict[str, Metric]], wrong: list[str]) -> None:
    found = walk({**WALK, kind: results})
    assert [check.what for check in found.checks if not check.holds] == wrong


def test_where_nothing_is_solved_no_eigenvalues_are_counted() -> None:
    found = walk({**WALK, "few": [one(2.5)], "many": [one(2.5)]})
    assert [check.holds for check in found.checks[2:6]] == [False] * 4


MANY, FEW = [1.0 / dimension**2 for dimension in DIMENSIONS[:-1]] + [1e-6], [0.1, 0.02, 0.0]


@pytest.mark.parametrize(
    ("many", "few", "wrong"),
    [
        (MANY, FEW, []),
        ([*MANY[:-1], 2e-3], FEW, ["gap at the rank, rank 20, 100 tokens, in nats"]),
        (MANY, [0.1, 2e-4, 0.0], ["gap one dimension below the rank, rank 3, 10 tokens, in nats"]),
        (MANY, [0.01, 0.02, 0.0], ["least fall of the gap from one dimension to the next, rank 3, 10 tokens"]),
    ],
)
def test_a_gap_vanishes_at_the_rank_and_not_before(many: list[float], few: list[float], wrong: list[str]) -> None:
    found = low_rank(many, few)
    assert [check.what for check in found.checks if not check.holds] == wrong
    assert "-2.00, -2.00" in found.note


def test_the_laws_are_listed_with_their_tasks() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(25, "circle_walk"), (28, "low_rank_bigram")]
