import zipfile
from importlib.resources import as_file, files

import numpy as np
import pytest

from physai_inverse.surrogates.prior_fitted.hints import hints
from physai_inverse.surrogates.prior_fitted.network import COMPONENTS, WEIGHTS, Network, Shape, shipped
from physai_inverse.surrogates.prior_fitted.tokens import WIDTH, Tokens, tokens

PACKAGE = "physai_inverse.surrogates.prior_fitted"


def some_tokens(tasks: int = 3) -> Tokens:
    random = np.random.default_rng(1)
    X, groups = random.random((tasks, 20, 3)), np.tile([0, 1, 2], (tasks, 1))
    z = 3.0 * (X[:, :12, 0] - 0.5) + 0.1 * random.standard_normal((tasks, 12))
    return tokens(X, z, np.zeros((tasks, 12)), groups, hints(X, z, groups))


def test_the_weights_are_small() -> None:
    with as_file(files(PACKAGE) / WEIGHTS) as path:
        assert path.stat().st_size < 20e6


def test_the_weights_are_arrays_of_numbers_and_hold_no_code() -> None:
    with as_file(files(PACKAGE) / WEIGHTS) as path, zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            array = np.lib.format.read_array(archive.open(name), allow_pickle=False)
            assert array.dtype == np.float16
            assert np.isfinite(array).all()


def test_one_task_is_answered_as_it_is_among_others() -> None:
    together = some_tokens()
    answer, noise = shipped().answer(together)
    for place in range(3):
        alone = Tokens(*(getattr(together, name)[place : place + 1] for name in Tokens.__dataclass_fields__))
        one, its_noise = shipped().answer(alone)
        rows = slice(8 * place, 8 * place + 8)
        np.testing.assert_allclose(one.means, answer.means[rows], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(one.deviations, answer.deviations[rows], rtol=1e-4)
        np.testing.assert_allclose(its_noise[0], noise[place], rtol=1e-4)


def test_numpy_answers_as_torch_does() -> None:
    torch = pytest.importorskip("torch")
    from benchmarks.pretraining import network as trained

    torch.manual_seed(0)
    made = trained.Network(Shape(width=32, layers=2, hidden=24))
    with torch.no_grad():
        for value in made.parameters():
            value.add_(0.1 * torch.randn_like(value))
    given = some_tokens()
    assert given.rows.shape[2] == WIDTH
    arguments = (given.rows, given.distances, given.centre, given.spread)
    with torch.no_grad():
        weights, means, deviations, noise = made(*(torch.tensor(part, dtype=torch.float32) for part in arguments))
    answer, its_noise = Network(made.arrays()).answer(given)
    np.testing.assert_allclose(np.log(answer.shares), weights.flatten(0, 1), atol=1e-4)
    np.testing.assert_allclose(answer.means, means.flatten(0, 1), atol=1e-4)
    np.testing.assert_allclose(answer.deviations, deviations.flatten(0, 1), rtol=1e-3)
    np.testing.assert_allclose(np.log(its_noise), noise, atol=1e-4)


def test_rows_that_are_asked_do_not_see_each_other() -> None:
    given = some_tokens()
    fewer = Tokens(given.rows[:, :15], given.distances[:, :15], given.centre[:, :15], given.spread[:, :15])
    whole, part = (shipped().answer(asked)[0].means.reshape(3, -1, COMPONENTS) for asked in (given, fewer))
    np.testing.assert_allclose(whole[:, :3], part, rtol=1e-4, atol=1e-5)
