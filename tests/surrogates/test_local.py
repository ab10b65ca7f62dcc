"""A process of the rows around each point."""

from dataclasses import replace

import numpy as np
import pytest

from physai_inverse.forward import Column
from physai_inverse.space.features import Features
from physai_inverse.surrogates import local
from physai_inverse.surrogates.kernel import Covariance
from physai_inverse.surrogates.likelihood import Posterior, Rows
from physai_inverse.surrogates.local import FittedLocalProcess, LocalProcess
from physai_inverse.surrogates.member import Task
from physai_inverse.surrogates.metric import CENTRE, fit_metric
from tests.surrogates.problems import cube, smooth

SPACE = cube(2)


@pytest.fixture(scope="module")
def task() -> Task:
    random = np.random.default_rng(0)
    units = SPACE.snap(random.random((400, 2)))
    values = smooth(units) + 0.05 * random.standard_normal(400)
    zeros = np.zeros(400)
    column = Column(values, zeros, zeros.astype(int))
    process = fit_metric(Features(SPACE), units, column, seed=0)
    return Task.of(process, units, column, np.arange(0, 400, 7))


def whole(task: Task, rows: np.ndarray, covariance: Covariance) -> Posterior:
    groups = np.array(task.features.groups, dtype=int)
    features, zeros = task.columns[rows] - CENTRE, np.zeros(len(rows))
    return Posterior.given(Rows(features, groups, task.values[rows], zeros, zeros.astype(int)), covariance)


@pytest.mark.parametrize("rough", [False, True])
def test_with_all_rows_as_neighbours_it_is_the_process_itself(
    task: Task, rough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "NEIGHBOURS", 399)
    covariance = Covariance(np.array([0.4, 0.6]), 1.0, 0.01, rough)
    rows = np.arange(399)
    few = replace(
        task,
        units=task.units[rows],
        values=task.values[rows],
        extra=task.extra[rows],
        side=task.side[rows],
        judged=np.arange(5),
        places=task.places[rows],
    )
    fitted = FittedLocalProcess(few, covariance)
    judged = fitted.held_out.moments()
    for row in range(5):
        expected = whole(few, np.delete(rows, row), covariance).moments(few.columns[row : row + 1] - CENTRE)
        assert judged[0][row] == pytest.approx(expected[0][0], abs=1e-6)
        assert judged[1][row] ** 2 == pytest.approx(expected[1][0] + covariance.noise, rel=1e-5)


def test_the_nearest_rows_say_nearly_what_all_rows_say(task: Task) -> None:
    covariance = task.process.posterior.covariance
    points = SPACE.snap(np.random.default_rng(1).random((40, 2)))
    mean, deviation = FittedLocalProcess(task, covariance).at(points, noise=False).moments()
    exact, variance = whole(task, np.arange(400), covariance).moments(task.features.encode(points) - CENTRE)
    assert np.abs(mean - exact).max() < 0.3 * np.sqrt(variance).max()
    assert np.median(deviation / np.sqrt(variance)) == pytest.approx(1.0, abs=0.1)


def test_it_stands_only_where_one_process_does_not_take_all_rows(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LocalProcess().fit(task, seed=0) is None
    monkeypatch.setattr(local, "MAX_ROWS", 300)
    assert LocalProcess().fit(task, seed=0) is not None
