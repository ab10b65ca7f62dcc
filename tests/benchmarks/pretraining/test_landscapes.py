import numpy as np
import pytest

from benchmarks.pretraining.batches import ASKED, draw_batch
from benchmarks.pretraining.functions import FUNCTIONS, Function
from benchmarks.pretraining.landscapes import draw_landscape
from physai_inverse.surrogates.prior_fitted.hints import MAX_COLUMNS


@pytest.mark.parametrize("function", [function for _, function in FUNCTIONS], ids=lambda one: one.__name__)
def test_a_function_is_finite_and_hardly_ever_flat(function: Function) -> None:
    spreads = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        values = function(random, random.random((50, 1 + seed % 6)))
        assert values.shape == (50,)
        assert np.isfinite(values).all()
        spreads.append(values.std())
    assert np.mean(np.array(spreads) > 1e-9) > 0.9


def test_landscapes_are_of_every_kind_and_within_the_networks_room() -> None:
    random = np.random.default_rng(0)
    drawn = [draw_landscape(random, 30, 20) for _ in range(200)]
    for landscape in drawn:
        inputs = landscape.inputs
        assert inputs.columns.shape == (50, len(inputs.groups))
        assert inputs.columns.min() >= 0.0
        assert inputs.columns.max() <= 1.0
        assert len(inputs.groups) <= MAX_COLUMNS
        assert np.isfinite(landscape.values).all()
        assert np.ptp(landscape.values[:30]) > 0
    assert any(landscape.inputs.categories for landscape in drawn)
    assert any(landscape.censored.any() for landscape in drawn)
    assert any(np.allclose(landscape.inputs.columns.sum(axis=1), 1.0, atol=0.05) for landscape in drawn)
    assert min(landscape.noise for landscape in drawn) < 0.01 < 0.5 < max(landscape.noise for landscape in drawn)


def test_a_censored_value_is_a_limit_that_some_truth_lies_beyond() -> None:
    random = np.random.default_rng(1)
    for _ in range(400):
        landscape = draw_landscape(random, 30, 200)
        sides = set(landscape.censored.tolist()) - {0}
        if sides:
            (side,) = sides
            limits = side * landscape.values[:30][landscape.censored == side]
            assert np.ptp(limits) == 0.0
            assert np.max(side * landscape.values[:30]) == limits[0]
            return
    raise AssertionError("no landscape was censored")


def test_the_batch_of_a_step_follows_from_the_seed() -> None:
    first, second, other = (draw_batch(5, step, 32, rows=400) for step in (3, 3, 4))
    assert np.array_equal(first.tokens.rows, second.tokens.rows)
    assert np.array_equal(first.values, second.values)
    assert first.tokens.rows.shape[1] == first.context + ASKED
    assert first.values.shape != other.values.shape or not np.array_equal(first.values, other.values)


def test_a_batch_too_near_to_singular_for_32_bits_is_drawn_all_the_same() -> None:
    batch = draw_batch(0, 688, 256)
    assert np.isfinite(batch.tokens.rows).all()
