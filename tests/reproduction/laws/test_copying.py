import pytest

from physai_inverse.errors import TrialFailed
from physai_inverse.observations import Curve, Metric
from physai_inverse.reproduction.laws.copying import CONTEXTS, LAWS, guess, places, without
from physai_inverse.reproduction.trainings import middle, train


def one(perplexity: float, current: float = 0.1, target: float = 0.5) -> dict[str, Metric]:
    return {
        "perplexity": perplexity,
        "attention_to_current": current,
        "attention_to_target": target,
        "perplexity_curve": Curve((0.0, 1.0, 2000.0), (30.0, 29.0, perplexity)),
    }


def test_the_guess_is_the_published_one() -> None:
    assert [guess(context) for context in (2, 3, 4, 6)] == [0, 15, 20, 24]


@pytest.mark.parametrize(
    ("factor", "attention", "holds"), [(1.1, 0.1, True), (1.14, 0.1, False), (0.85, 0.1, False), (1.0, 0.4, False)]
)
def test_a_copy_without_places_holds_near_the_guess_when_it_looks_away_from_itself(
    factor: float, attention: float, holds: bool
) -> None:
    narrow = {
        context: [one(guess(context) * scale, attention) for scale in (factor, factor, 1.4)]
        for context in CONTEXTS
    }
    found = without(narrow, {context: one(context) for context in CONTEXTS})
    assert found.holds is holds
    assert "3.0, 4.0, 6.0" in found.note
    assert len(found.picture.lines[0].x) == 9


@pytest.mark.parametrize(
    ("given", "missing", "wrong"),
    [
        (one(1.01, target=0.99), one(20.7), []),
        (one(1.2, target=0.99), one(20.7), ["median perplexity with positions"]),
        (one(1.01, target=0.8), one(20.7), ["median attention to the previous token with positions"]),
        (
            one(1.01, target=0.99),
            one(2.5),
            ["least perplexity without positions over that of the best guess, C - 1"],
        ),
    ],
)
def test_places_must_solve_the_copy_and_nothing_else_may(
    given: dict[str, Metric], missing: dict[str, Metric], wrong: list[str]
) -> None:
    found = places([given] * 3, [missing] * 2)
    assert [check.what for check in found.checks if not check.holds] == wrong


def test_the_middle_of_trainings_is_their_median() -> None:
    assert middle([one(1.0), one(9.0), one(2.0)], "perplexity") == 2


def test_a_training_that_fails_is_not_passed_over() -> None:
    configs = [{"context": 3, "dimension": 2}, {"context": 3, "no_such": 2}]
    with pytest.raises(TrialFailed, match=r"(?s)configuration 1 .*no parameter `no_such`"):
        train("copy_attention", {"steps": 1, "judged": 8, "device": "cpu"}, configs, [0, 0])


def test_the_laws_are_listed_with_their_task() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(26, "copy_attention"), (27, "copy_attention")]
