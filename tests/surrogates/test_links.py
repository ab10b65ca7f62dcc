import numpy as np
import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.surrogates.laws.links import fit_link

TRUTHS = {
    "exponential": lambda loss: 0.86 - 2.2 * np.exp(-0.7 * loss),
    "logistic": lambda loss: 0.25 + 0.6 / (1 + np.exp(4.0 * (loss - 3.2))),
}


@pytest.mark.parametrize("name", list(TRUTHS))
def test_the_form_that_made_the_numbers_is_found_and_extrapolates(name: str) -> None:
    loss = np.linspace(2.6, 4.5, 20)
    link = fit_link(loss, TRUTHS[name](loss))
    assert max(link.shares, key=lambda one: link.shares[one]) == name
    np.testing.assert_allclose(link([2.3]), TRUTHS[name](np.array([2.3])), atol=0.02)


def test_an_uncertain_first_metric_makes_the_second_uncertain() -> None:
    loss = np.linspace(2.6, 4.5, 20)
    link = fit_link(loss, TRUTHS["exponential"](loss))
    _, sure = link.moments([2.5])
    _, unsure = link.moments([2.5], [0.1])
    slope = 0.7 * 2.2 * np.exp(-0.7 * 2.5)
    assert unsure[0] == pytest.approx(np.hypot(sure[0], 0.1 * slope), rel=0.1)


def test_nine_tenths_of_extrapolated_values_lie_inside_their_interval() -> None:
    inside = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        loss = np.sort(random.uniform(2.2, 5.0, 20))
        error = TRUTHS["exponential"](loss) + 0.005 * random.standard_normal(20)
        link = fit_link(loss[6:], error[6:])
        mean, deviation = link.moments(loss[:6])
        inside.append(np.mean(np.abs(error[:6] - mean) < 1.645 * deviation))
    assert float(np.mean(inside)) >= 0.8


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [([1.0, 2.0], [1.0, 2.0], "at least 4"), ([1.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0], "must vary")],
)
def test_what_no_link_can_be_fitted_to_is_refused(first: list[float], second: list[float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        fit_link(first, second)
