from dataclasses import replace

import numpy as np

from physai_inverse.forward import Dataset
from physai_inverse.space import Choice, Space
from physai_inverse.surrogates import GaussianProcess, Mixture
from physai_inverse.surrogates.member import Task
from physai_inverse.surrogates.metric import MetricProcess
from physai_inverse.surrogates.prior_fitted.context import MAX_ROWS
from physai_inverse.surrogates.prior_fitted.member import FittedTransformer, Transformer
from tests.surrogates.problems import cube, dataset, smooth

SPACE = cube(3)


def data(num: int) -> Dataset:
    random = np.random.default_rng(2)
    units = SPACE.snap(random.random((num, 3)))
    return dataset(SPACE, units, smooth(units) + 0.05 * random.standard_normal(num))


def fitted(num: int) -> FittedTransformer:
    given = data(num)
    process = GaussianProcess().fit(given, seed=0).model("y")
    assert isinstance(process, MetricProcess)
    task = Task.of(process, given.units, given.columns["y"], np.arange(num))
    found = Transformer().fit(task, seed=0)
    assert found is not None
    return found


def test_a_judged_row_is_told_by_the_other_folds_alone() -> None:
    found = fitted(30)
    row = 7
    fold = next(part for part in found.context.folds() if row in found.shown[part])
    shown = np.setdiff1d(np.arange(30), fold)
    context = found.context
    alone = replace(
        context, columns=context.columns[shown], latent=context.latent[shown], censored=context.censored[shown]
    ).answer(found.task.columns[row : row + 1])
    np.testing.assert_allclose(found.held_out.take(np.array([row])).means, alone.means, atol=1e-3)


def test_rows_that_it_is_not_shown_are_judged_as_new_points() -> None:
    found = fitted(MAX_ROWS + 40)
    hidden = np.setdiff1d(np.arange(MAX_ROWS + 40), found.shown)
    assert len(found.held_out) == MAX_ROWS + 40
    asked = found.at(found.task.units[hidden], noise=True)
    np.testing.assert_allclose(found.held_out.take(hidden).means, asked.means, atol=1e-3)


def test_without_the_noise_it_says_less_spread() -> None:
    found = fitted(40)
    units = SPACE.snap(np.random.default_rng(1).random((20, 3)))
    one, many = (found.at(units, noise=noise).moments() for noise in (True, False))
    np.testing.assert_allclose(one[0], many[0])
    assert np.all(many[1] < one[1])


def test_the_mix_weighs_it_and_leaves_it_out_where_it_declines() -> None:
    few = Mixture().fit(data(40), seed=0).model("y")
    assert 0.0 < few.members["transformer"] < 1.0
    wide = Space({f"x{place}": Choice([str(value) for value in range(9)]) for place in range(4)})
    units = wide.snap(np.random.default_rng(0).random((20, 4)))
    none = Mixture().fit(dataset(wide, units, units.sum(axis=1)), seed=0).model("y")
    assert "transformer" not in none.members
