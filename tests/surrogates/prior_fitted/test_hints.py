import numpy as np
import pytest

from physai_inverse.surrogates.prior_fitted.hints import Hints, hints

ALIKE = slice(1, 3)
"""The opinions whose lengthscales the values do not move."""


def task(num: int = 14, asked: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = random.random((1, num + asked, 4))
    z = np.sin(5.0 * X[:, :num, 1]) + 0.1 * random.standard_normal((1, num))
    return X, z, np.array([[0, 1, 2, 2]])


def test_a_mean_left_out_is_what_the_other_rows_say() -> None:
    X, z, groups = task(asked=0)
    full = hints(X, z, groups)
    last = hints(X, z[:, :-1], groups)  # the last row is asked for
    np.testing.assert_allclose(full.means[0, -1, ALIKE], last.means[0, -1, ALIKE], rtol=1e-9)


def test_the_column_that_acts_is_the_relevant_one() -> None:
    said = hints(*task(num=40))
    assert said.relevance[0, 1] > 0.9
    assert np.argmax(said.inverse_lengths[0]) == 1


def test_columns_of_one_parameter_share_relevance_and_length() -> None:
    said = hints(*task())
    assert said.relevance[0, 2] == said.relevance[0, 3]
    assert said.relevance[0, :3].sum() == pytest.approx(1.0)


@pytest.mark.parametrize("change", ["order", "padding"])
def test_neither_the_order_of_columns_nor_padding_changes_an_opinion(change: str) -> None:
    X, z, groups = task()
    if change == "order":
        order = np.array([2, 3, 0, 1])
        other = hints(X[:, :, order], z, groups[:, order])
    else:
        other = hints(np.pad(X, ((0, 0), (0, 0), (0, 3))), z, np.pad(groups, ((0, 0), (0, 3)), constant_values=-1))
    first = hints(X, z, groups)
    for name in ("means", "deviations", "weights", "log_evidence", "distances"):
        np.testing.assert_allclose(getattr(first, name), getattr(other, name), rtol=1e-7, atol=1e-7)


def test_32_bits_say_what_64_bits_say() -> None:
    X, z, groups = task(num=60)
    long, short = hints(X, z, groups), hints(X.astype(np.float32), z.astype(np.float32), groups)
    assert {getattr(short, name).dtype for name in Hints.__dataclass_fields__} == {np.dtype(np.float32)}
    np.testing.assert_allclose(long.means, short.means, atol=0.01)
    np.testing.assert_allclose(np.log(long.deviations), np.log(short.deviations), atol=0.02)


def test_equal_rows_and_equal_values_have_an_answer() -> None:
    X, z, groups = task()
    X[:] = X[:, :1]
    said = hints(X, np.zeros_like(z), groups)
    assert all(np.isfinite(getattr(said, name)).all() for name in Hints.__dataclass_fields__)
