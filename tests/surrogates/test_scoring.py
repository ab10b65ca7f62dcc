"""Scores of held-out values: closed forms of the normal distribution."""

import numpy as np
import pytest

from physai_inverse.forward import Dataset
from physai_inverse.normal import ndtr
from physai_inverse.observations import Observation
from physai_inverse.space import Float, Space
from physai_inverse.surrogates import GaussianProcess
from physai_inverse.surrogates.scoring import quadrature, ranked_probability


def test_the_ranked_probability_of_a_normal_is_its_closed_form() -> None:
    from scipy.special import ndtri

    levels, _ = quadrature()
    offsets = np.array([-2.0, 0.0, 0.7])
    quantiles = np.broadcast_to(ndtri(levels), (3, len(levels)))
    density = np.exp(-0.5 * offsets**2) / np.sqrt(2 * np.pi)
    # Gneiting & Raftery 2007, equation 21 with mean 0 and standard deviation 1
    expected = offsets * (2 * ndtr(offsets) - 1) + 2 * density - 1 / np.sqrt(np.pi)
    assert ranked_probability(quantiles, offsets) == pytest.approx(expected, abs=2e-3)


def test_held_out_values_name_their_rows_and_their_ranks_are_even() -> None:
    space = Space(x=Float(0.0, 1.0))
    noise = np.random.default_rng(0).normal(size=60)
    seen = [
        Observation({"x": place / 59}, {} if place == 3 else {"y": float(np.sin(place / 8) + 0.1 * noise[place])})
        for place in range(60)
    ]
    scores = GaussianProcess().fit(Dataset.from_observations(space, seen), seed=0).model("y").held_out()
    assert scores.places.tolist() == [place for place in range(60) if place != 3]
    assert np.abs(np.sort(scores.ranks) - np.linspace(0, 1, 59)).max() < 0.15
    assert 0.03 < scores.crps < 0.09  # that of the noise by itself is 0.1 / sqrt(pi) = 0.056


def test_the_density_of_a_model_integrates_to_one_and_agrees_with_its_quantiles() -> None:
    space = Space(x=Float(0.0, 1.0))
    seen = [Observation({"x": place / 19}, {"y": float(np.exp(place / 5))}) for place in range(20)]
    model = GaussianProcess().fit(Dataset.from_observations(space, seen), seed=0).model("y")
    unit = np.array([[0.5]])
    low, high = model.quantiles(unit, (1e-6, 1 - 1e-6))[0]
    values = np.linspace(low, high, 4001)
    density = np.exp(model.log_density(np.repeat(unit, len(values), axis=0), values))
    below = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(values))])
    assert below[-1] == pytest.approx(1.0, abs=1e-3)
    assert np.interp(model.quantiles(unit, (0.25,))[0, 0], values, below) == pytest.approx(0.25, abs=1e-3)
