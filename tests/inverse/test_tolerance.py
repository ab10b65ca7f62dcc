"""Tolerances of shares: one moves, the others give way."""

import numpy as np
import pytest

from physai_inverse.inverse.tolerance import tolerances
from physai_inverse.space import Float, Shares, Space


def test_a_share_may_move_as_far_as_the_others_can_give_way() -> None:
    space = Space(mixture=Shares(["a", "b", "c"]), lr=Float(0.0, 1.0))

    def log_probability(units: np.ndarray) -> np.ndarray:
        """Half of the probability is gone where `a` is 0.1 off, and wherever `b` exceeds `c`."""
        return np.asarray(
            -np.log(2.0) * ((units[:, 0] - 0.4) / 0.1) ** 2 - 1e3 * (units[:, 1] > units[:, 2] + 1e-9)
        )

    unit = space.encode({"a": 0.4, "b": 0.3, "c": 0.3, "lr": 0.5})
    found = {item.name: item for item in tolerances(log_probability, space, unit)}
    assert found["a"].low == pytest.approx(0.3, abs=0.005)
    assert found["a"].high == pytest.approx(0.5, abs=0.005)
    assert found["b"].high == pytest.approx(0.3, abs=0.02)  # `c` would give way below it
    assert found["c"].low == pytest.approx(0.3, abs=0.02)
    assert found["c"].high > 0.35  # type: ignore[operator]  # a number
    assert found["lr"].open_below
    assert found["lr"].open_above
