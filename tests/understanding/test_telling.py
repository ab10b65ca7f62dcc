"""Held-out gains and test statistics against what they stand for, computed the long way."""

import numpy as np
import pytest

from physai_inverse.understanding.splits import best_split
from physai_inverse.understanding.telling import RATIOS, Field, corrected, correlation_of, normal_scores


def field(num: int = 25, seed: int = 0) -> tuple[Field, np.ndarray]:
    rng = np.random.default_rng(seed)
    points, observed = rng.random((num, 2)), rng.standard_normal((num, 1))
    distances = np.linalg.norm(points[:, None] - points, axis=2) / 0.4
    target = normal_scores(np.sin(5 * points[:, 0]) + observed[:, 0] + 0.2 * rng.standard_normal(num))
    return Field(correlation_of(distances), target), observed


def test_held_out_errors_are_those_of_leaving_each_training_out() -> None:
    whole, observed = field()
    found = whole._held_out(np.column_stack([np.ones(len(whole)), observed])[:, :, None])
    X, y = np.column_stack([np.ones(len(whole)), observed]), whole.target
    errors = []
    for ratio in RATIOS:
        C = whole.correlation + ratio * np.eye(len(whole))
        left = []
        for row in range(len(whole)):
            rest = np.delete(np.arange(len(whole)), row)
            part = C[rest[:, None], rest]
            normal = X[rest].T @ np.linalg.solve(part, X[rest])
            b = np.linalg.solve(normal, X[rest].T @ np.linalg.solve(part, y[rest]))
            left.append(y[row] - X[row] @ b - C[row, rest] @ np.linalg.solve(part, y[rest] - X[rest] @ b))
        errors.append(np.max(np.abs(left - found.errors[:, 0])))
    assert min(errors) < 1e-8  # at the ratio that was chosen


def test_what_is_known_already_leaves_nothing_to_tell() -> None:
    whole, observed = field()
    assert whole.white(observed, observed).statistics() == pytest.approx([0.0])
    assert whole.gains(observed, observed)[0].nats < 0.01


def test_the_statistic_of_noise_is_standard_normal() -> None:
    whole, _ = field(60)
    rng = np.random.default_rng(1)
    found = whole.white(np.empty((60, 0)), rng.standard_normal((60, 4000))).statistics()
    assert np.mean(found) == pytest.approx(0.0, abs=0.1)
    assert np.std(found) == pytest.approx(1.0, abs=0.1)


def test_probabilities_are_corrected_by_the_largest_statistic_of_chance() -> None:
    chance = np.arange(1.0, 100.0)
    assert [group.tolist() for group in corrected([np.array([-95.5]), np.array([0.0])], chance)] == [[0.05], [1.0]]


def test_normal_scores_of_equal_values_are_equal_and_centred() -> None:
    scores = normal_scores(np.array([3.0, 1.0, 3.0, 7.0, 1.0]))
    assert scores[0] == scores[2]
    assert scores[1] == scores[4]
    assert normal_scores(np.array([1.0, 1.0])) == pytest.approx([0.0, 0.0])


def test_a_threshold_parts_those_that_got_there_from_those_that_did_not() -> None:
    observed = np.linspace(0.0, 1.0, 41)
    split = best_split(observed, observed, observed >= 0.62)
    assert split is not None
    assert (split.below, split.above) == ((25, 0), (16, 16))
    assert split.threshold == 0.62 or 0.6 < split.threshold <= 0.625
    assert split.words("quality").startswith("Of 25 trainings with quality below 0.61, none got there")


def test_no_threshold_is_named_where_none_tells() -> None:
    rng = np.random.default_rng(0)
    assert best_split(rng.random(40), rng.random(40), rng.random(40) < 0.5) is None
