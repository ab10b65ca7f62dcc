"""Networks trained side by side: each without one part of the rows."""

import numpy as np
import pytest
import torch

from physai_inverse.forward import Column
from physai_inverse.space.features import Features
from physai_inverse.surrogates.ensemble import NUM_NETWORKS, Ensemble, FittedEnsemble
from physai_inverse.surrogates.member import Task
from physai_inverse.surrogates.metric import fit_metric
from tests.surrogates.problems import cube

SPACE = cube(3)
NUM = 240


def task() -> Task:
    """Noise that grows from next to nothing to one along the last parameter."""
    random = np.random.default_rng(0)
    units = SPACE.snap(random.random((NUM, 3)))
    values = 3.0 * np.sin(4.0 * units[:, 0]) + units[:, 2] ** 2 * random.standard_normal(NUM)
    zeros = np.zeros(NUM)
    column = Column(values, zeros, zeros.astype(int))
    process = fit_metric(Features(SPACE), units, column, seed=0)
    return Task.of(process, units, column, np.arange(NUM))


@pytest.fixture(scope="module")
def fitted() -> FittedEnsemble:
    found = Ensemble().fit(task(), seed=0)
    assert found is not None
    return found


def test_networks_explain_what_they_had_not_seen(fitted: FittedEnsemble) -> None:
    values = fitted.task.values
    mean, _ = fitted.held_out.moments()
    assert 1.0 - np.mean((values - mean) ** 2) / np.var(values) > 0.75


def test_networks_learn_where_the_noise_is(fitted: FittedEnsemble) -> None:
    points = SPACE.snap(np.random.default_rng(1).random((300, 3)))
    _, deviation = fitted.at(points, noise=True).moments()
    calm, loud = points[:, 2] < 0.3, points[:, 2] > 0.8
    assert np.median(deviation[loud]) > 1.5 * np.median(deviation[calm])


def test_every_row_is_left_out_by_one_network(fitted: FittedEnsemble) -> None:
    assert np.bincount(fitted.part).tolist() == [NUM // NUM_NETWORKS] * NUM_NETWORKS
    assert fitted.held_out.means.shape == (NUM, 1)


def test_threads_and_random_streams_of_torch_are_as_before() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    Ensemble().fit(task(), seed=1)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_few_rows_have_no_networks() -> None:
    given = task()
    few = np.arange(30)
    column = Column(given.values[few], given.extra[few], given.side[few])
    process = fit_metric(Features(SPACE), given.units[few], column, seed=0)
    assert Ensemble().fit(Task.of(process, given.units[few], column, few), seed=0) is None
