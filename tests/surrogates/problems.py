"""Small synthetic problems that several tests share."""

import numpy as np

from physai_inverse.forward import Column, Dataset
from physai_inverse.space import Choice, Float, Space
from physai_inverse.surrogates.likelihood import Rows


def cube(dimension: int) -> Space:
    return Space({f"x{column}": Float(0.0, 1.0) for column in range(dimension)})


def mixed() -> Space:
    return Space(rate=Float(1e-5, 1e-1, log=True), kind=Choice(["a", "b", "c"]), width=Float(0.0, 1.0))


def dataset(
    space: Space,
    units: np.ndarray,
    values: np.ndarray,
    *,
    errors: np.ndarray | None = None,
    censored: np.ndarray | None = None,
    failed: np.ndarray | None = None,
) -> Dataset:
    zeros = np.zeros(len(units))
    column = Column(
        np.asarray(values, dtype=float),
        zeros if errors is None else errors,
        zeros.astype(int) if censored is None else censored,
    )
    return Dataset(space, units, {"y": column}, zeros.astype(bool) if failed is None else failed)


def smooth(units: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(5.0 * units[:, 0]) + units[:, 1] ** 2 + units[:, 0] * units[:, -1])


def random_rows(seed: int, num: int = 25, *, censored: bool = False) -> Rows:
    random = np.random.default_rng(seed)
    features = random.random((num, 4)) - 0.5
    values = np.sin(6.0 * features[:, 0]) + features[:, 1] + 0.1 * random.standard_normal(num)
    side = random.choice([-1, 0, 1], num) if censored else np.zeros(num, dtype=int)
    extra = np.where(random.random(num) < 0.3, 0.05, 0.0)
    return Rows(features, np.array([0, 1, 2, 2]), values, extra, side)
