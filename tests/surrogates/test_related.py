"""A metric with few rows is helped by another one with many, and by nothing that does not go with it."""

import numpy as np
import pytest

from physai_inverse.forward import Column, Dataset
from physai_inverse.space import Float, Space
from physai_inverse.surrogates import Mixture
from physai_inverse.surrogates.related import richer

SPACE = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
MANY, FEW = 96, 16


def wave(units: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(9.0 * units[:, 0]) * np.cos(7.0 * units[:, 1]))


def column(values: np.ndarray) -> Column:
    return Column(values, np.zeros(len(values)), np.zeros(len(values), dtype=np.int8))


def dataset(*, related: bool, together: bool = True) -> Dataset:
    draw = np.random.default_rng(3)
    units = SPACE.snap(draw.random((MANY, 2)))
    dear = np.where(np.arange(MANY) < FEW, np.exp(wave(units)), np.nan)
    cheap = wave(units) if related else draw.standard_normal(MANY)
    columns = {"dear": column(dear), "cheap": column(cheap)}
    return Dataset(SPACE, units, columns if together else {"dear": columns["dear"]}, np.zeros(MANY, dtype=bool))


def log_density(data: Dataset) -> float:
    unseen = SPACE.snap(np.random.default_rng(4).random((300, 2)))
    model = Mixture().fit(data, seed=0, metrics=["dear"]).model("dear")
    return float(np.mean(model.log_density(unseen, np.exp(wave(unseen)))))


def test_a_metric_with_few_rows_leans_on_one_with_many_that_goes_with_it() -> None:
    alone, helped = log_density(dataset(related=True, together=False)), log_density(dataset(related=True))
    assert helped > alone + 0.3


def test_a_metric_that_has_nothing_to_do_with_it_does_no_harm() -> None:
    alone, beside = log_density(dataset(related=False, together=False)), log_density(dataset(related=False))
    assert beside > alone - 0.05


def test_the_map_of_a_metric_does_not_depend_on_which_others_are_asked_for() -> None:
    data = dataset(related=True)
    points = data.units[:5]
    one = Mixture().fit(data, seed=0, metrics=["dear"])
    both = Mixture().fit(data, seed=0)
    assert list(one.models) == ["dear"]
    for left, right in zip(one.model("dear").latent(points), both.model("dear").latent(points), strict=True):
        assert left == pytest.approx(right, abs=1e-12)


def test_only_metrics_with_more_rows_are_asked_those_with_most_first() -> None:
    rows = {"a": 10, "b": 12, "c": 15, "d": 40, "e": 0}
    assert richer(rows, "a") == ["d", "c"]
    assert richer(rows, "d") == []
