import math

import pytest

from physai_inverse.reproduction.laws.polynomials import (
    ACTIVATIONS,
    CLAIMED,
    FORMS,
    LAWS,
    POWERS,
    Arm,
    best,
    outcome,
)


def losses(**share: float) -> dict[Arm, list[float]]:
    """Losses of five seeds, plain ones 1 and the others by form."""
    return {
        (activation, power, form): [share.get(form, 1.0)] * 5
        for activation in ACTIVATIONS
        for power in POWERS
        for form in FORMS
    }


def test_forms_that_fit_better_hold() -> None:
    found = outcome(losses(gated=0.1, squared=0.01))
    assert found.holds
    assert len(found.checks) == len(CLAIMED) * len(ACTIVATIONS)


@pytest.mark.parametrize("form", ["gated", "squared"])
def test_a_form_that_fits_no_better_than_plain_fails(form: str) -> None:
    assert not outcome(losses(**{"gated": 0.1, "squared": 0.1, form: 1.0})).holds


def test_one_seed_of_five_may_lose_and_two_may_not() -> None:
    found = losses(gated=0.1, squared=0.1)
    found["relu", 3, "squared"][0] = 2.0
    assert outcome(found).holds
    found["relu", 3, "squared"][1] = 2.0
    assert not outcome(found).holds


def test_what_is_not_claimed_is_told() -> None:
    found = outcome({**losses(gated=0.1, squared=0.1), ("relu", 4, "squared"): [2.0, 2.0, 0.1, 2.0, 2.0]})
    assert found.holds
    assert "squared relu, x^4: 1" in found.note


def test_every_form_is_judged_at_its_best_rate_and_a_divergence_is_the_worst() -> None:
    assert best({0.1: [0.2, 9.0, 8.0], 1.0: [0.5, 0.6, math.nan]}) == [0.5, 0.6, math.inf]
    assert best({0.1: [math.nan, math.nan, 0.1], 1.0: [5.0, 5.0, 5.0]}) == [5.0, 5.0, 5.0]


def test_the_forms_have_equally_many_parameters_at_their_widths() -> None:
    counts = {form: (5 if form == "gated" else 3) * width + 1 for form, width in FORMS.items()}
    assert set(counts.values()) == {151}


def test_the_law_is_listed_with_its_number_and_task() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(44, "polynomial")]
