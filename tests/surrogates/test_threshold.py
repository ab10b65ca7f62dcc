"""A metric that is reached and smooth, or not reached at all."""

import numpy as np
import pytest

from physai_inverse.surrogates import Mixture
from physai_inverse.surrogates.failure import fit_success
from physai_inverse.surrogates.metric import CENTRE
from physai_inverse.surrogates.mixed import MixedModel
from physai_inverse.surrogates.threshold import FittedThreshold
from tests.surrogates.problems import cube, dataset

SPACE = cube(2)
BOUND = 100.0


def cliff(num: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Smooth values of about one to ten, and a part of the square where the bound is not reached."""
    random = np.random.default_rng(seed)
    units = SPACE.snap(random.random((num, 2)))
    values = np.exp(1.0 + np.sin(3.0 * units[:, 0]) + 0.02 * random.standard_normal(num))
    hidden = units[:, 1] > 0.6
    return units, np.where(hidden, BOUND, values), hidden.astype(int)


@pytest.fixture(scope="module")
def model() -> MixedModel:
    units, values, side = cliff(80, seed=0)
    found = Mixture().fit(dataset(SPACE, units, values, censored=side), seed=0).model("y")
    assert isinstance(found, MixedModel)
    return found


def test_a_cliff_gives_the_threshold_nearly_all_weight(model: MixedModel) -> None:
    assert model.members["threshold"] > 0.7


def test_values_before_the_cliff_are_not_drawn_towards_the_bound(model: MixedModel) -> None:
    units, values, side = cliff(200, seed=1)
    before = (side == 0) & (units[:, 1] < 0.5)
    median = model.predict(units).quantiles[0.5]
    assert np.abs(np.log(median[before] / values[before])).mean() < 0.1
    assert np.mean(median[units[:, 1] > 0.7] > BOUND) > 0.95


def test_where_the_metric_goes_on_across_the_bound_the_process_keeps_its_weight() -> None:
    random = np.random.default_rng(2)
    units = SPACE.snap(random.random((80, 2)))
    values = np.exp(5.0 * units[:, 0] + units[:, 1] + 0.02 * random.standard_normal(80))
    side = (values > BOUND).astype(int)
    data = dataset(SPACE, units, np.minimum(values, BOUND), censored=side)
    members = Mixture().fit(data, seed=0).model("y").members
    assert members["process"] > members["threshold"]


def test_without_bounds_or_with_bounds_of_their_own_there_is_no_threshold() -> None:
    units, values, side = cliff(80, seed=0)
    spread = np.where(side == 1, BOUND * (1.0 + np.arange(80) / 80), values)
    for given, hidden in ((values, np.zeros(80, dtype=int)), (spread, side)):
        model = Mixture().fit(dataset(SPACE, units, given, censored=hidden), seed=0).model("y")
        assert "threshold" not in model.members


def test_labels_at_their_evidence_know_a_bent_cliff_better_than_labels_by_regression() -> None:
    random = np.random.default_rng(4)
    units, new = SPACE.snap(random.random((120, 2))), SPACE.snap(random.random((400, 2)))
    hidden, truth = (part[:, 0] > 0.55 + 0.4 * np.sin(3.0 * part[:, 1]) for part in (units, new))
    values = np.where(hidden, BOUND, np.exp(units[:, 1]))
    model = Mixture().fit(dataset(SPACE, units, values, censored=hidden.astype(int)), seed=0).model("y")
    assert isinstance(model, MixedModel)
    fitted = next(one.fitted for one in model.candidates if one.member == "threshold")
    assert isinstance(fitted, FittedThreshold)
    features = model.task.features
    stays = fitted.labels.holds(features.encode(new) - CENTRE)
    plain = fit_success(features, units, hidden, seed=0).probability(new)
    ours, theirs = (-np.log(np.where(truth, 1.0 - chance, chance)).mean() for chance in (stays, plain))
    assert ours < 0.8 * theirs
