"""What every member of a mix promises, whatever it is made of."""

from dataclasses import replace

import numpy as np
import pytest

from physai_inverse.forward import Column
from physai_inverse.space.features import Features
from physai_inverse.surrogates.member import AbstractMember, Task
from physai_inverse.surrogates.metric import fit_metric
from physai_inverse.surrogates.mixture import members
from tests.surrogates.problems import dataset, mixed, smooth

MEMBERS = members()
EVERY = pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)


def task(num: int = 60, *, censored: bool = False, seed: int = 0) -> Task:
    space = mixed()
    random = np.random.default_rng(seed)
    units = space.snap(random.random((num, space.dimension)))
    values = smooth(units) + 0.05 * random.standard_normal(num)
    side = (values > np.quantile(values, 0.8)).astype(int) if censored else np.zeros(num, dtype=int)
    values = np.minimum(values, np.quantile(values, 0.8)) if censored else values
    column = dataset(space, units, values, censored=side).columns["y"]
    process = fit_metric(Features(space), units, column, seed=0)
    return Task.of(process, units, column, np.arange(num))


def points(task: Task, num: int = 17) -> np.ndarray:
    space = task.features.space
    return space.snap(np.random.default_rng(9).random((num, space.dimension)))


@EVERY
@pytest.mark.parametrize("censored", [False, True])
def test_what_it_says_are_distributions_of_the_judged_rows_and_of_new_points(
    member: AbstractMember, censored: bool
) -> None:
    given = task(censored=censored)
    fitted = member.fit(given, seed=1)
    if fitted is None:
        return
    for pool, num in ((fitted.held_out, len(given.judged)), (fitted.at(points(given), noise=True), 17)):
        assert pool is not None
        assert len(pool) == num
        assert pool.shares.sum(axis=1) == pytest.approx(np.ones(num))
        assert np.isfinite(pool.means).all()
        assert (pool.deviations > 0).all()
    with_noise, without = (fitted.at(points(given), noise=noise) for noise in (True, False))
    assert with_noise is not None
    if without is not None:
        assert (without.moments()[1] <= with_noise.moments()[1] + 1e-12).all()


@EVERY
def test_the_same_seed_gives_the_same_member(member: AbstractMember) -> None:
    given = task()
    fits = [member.fit(given, seed=3) for _ in range(2)]
    if fits[0] is None or fits[1] is None:
        return
    assert (fits[0].held_out.means == fits[1].held_out.means).all()
    first, second = (fit.at(points(given), noise=True) for fit in fits if fit is not None)
    assert first is not None
    assert second is not None
    assert (first.means == second.means).all()


@EVERY
def test_a_held_out_row_was_not_seen(member: AbstractMember) -> None:
    given = task()
    moved = given.values.copy()
    row = int(given.judged[5])
    moved[row] += 1e-6
    before, after = (member.fit(replace(given, values=values), seed=1) for values in (given.values, moved))
    if before is None or after is None or member.name == "process":  # the process's values are its own
        return
    change = np.abs(before.held_out.means[5] - after.held_out.means[5]).max()
    assert change < 3e-7  # the fit may move a little; a row that was seen would move its own prediction along


@EVERY
def test_nothing_breaks_where_half_of_the_values_are_equal(member: AbstractMember) -> None:
    space = mixed()
    random = np.random.default_rng(4)
    units = space.snap(random.random((40, space.dimension)))
    values = np.where(random.random(40) < 0.5, 0.5, 0.5 + 0.4 * random.random(40))
    zeros = np.zeros(40)
    column = Column(values, zeros, zeros.astype(int))
    process = fit_metric(Features(space), units, column, seed=0)
    fitted = member.fit(Task.of(process, units, column, np.arange(40)), seed=0)
    if fitted is not None:
        assert np.isfinite(fitted.held_out.log_density(process.warp.forward(values))).all()


def test_every_name_is_there_once_and_the_process_comes_first() -> None:
    names = [member.name for member in MEMBERS]
    assert len(set(names)) == len(names)
    assert names[0] == "process"
