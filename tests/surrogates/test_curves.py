import numpy as np
import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Curve
from physai_inverse.space import Float, Space
from physai_inverse.surrogates import GaussianProcess
from physai_inverse.surrogates.curves import CurveMap

STEPS = np.arange(10.0, 1001.0, 10.0)


def space() -> Space:
    return Space(width=Float(10.0, 1000.0, log=True), rate=Float(0.0, 1.0))


def whole(config: dict[str, float], *, noise: float = 0.002, luck: float = 0.0, seed: int = 0) -> Curve:
    """A loss that falls by the width and the rate; `luck` shifts its end, and the configuration does not tell."""
    values = (
        1.0 + 3.0 * config["width"] ** -0.3 + (1.0 + config["rate"]) * STEPS**-0.4 + luck * (STEPS / 1000) ** 0.5
    )
    values = values * np.exp(noise * np.random.default_rng(seed).standard_normal(len(STEPS)))
    return Curve(tuple(STEPS), tuple(values))


def trained(num: int, seed: int) -> tuple[list[dict[str, float]], list[Curve]]:
    random = np.random.default_rng(seed)
    configs = [{"width": float(10 ** random.uniform(1, 3)), "rate": float(random.random())} for _ in range(num)]
    lucks = 0.1 * random.standard_normal(num)
    return configs, [
        whole(one, luck=luck, seed=place) for place, (one, luck) in enumerate(zip(configs, lucks, strict=True))
    ]


def first_part(curve: Curve, share: float) -> Curve:
    num = int(share * len(curve))
    return Curve(curve.steps[:num], curve.values[:num])


def test_a_first_part_tells_more_than_the_configuration() -> None:
    configs, curves = trained(20, 0)
    fitted = CurveMap.fit(space(), configs, curves, seed=0)
    misses: dict[float, list[float]] = {0.0: [], 0.3: [], 0.7: []}
    spreads: dict[float, list[float]] = {0.0: [], 0.3: [], 0.7: []}
    for config, curve in zip(*trained(12, 1), strict=True):
        for share in misses:
            part = first_part(curve, share) if share else None
            found = fitted.predict(config, part, [1000.0], last_step=1000.0)
            misses[share].append(abs(found.mean[0] - curve.values[-1]))
            spreads[share].append(float(found.standard_deviation[0]))
    assert np.mean(misses[0.3]) < 0.5 * np.mean(misses[0.0])
    assert np.mean(misses[0.7]) <= np.mean(misses[0.3])
    assert np.mean(spreads[0.7]) < np.mean(spreads[0.3]) < np.mean(spreads[0.0])


def test_nine_tenths_of_the_ends_lie_inside_their_interval() -> None:
    inside = []
    for seed in range(4):
        fitted = CurveMap.fit(space(), *trained(14, seed), seed=0)
        for config, curve in zip(*trained(8, 100 + seed), strict=True):
            found = fitted.predict(config, first_part(curve, 0.3), STEPS[50:], last_step=1000.0)
            inside.append(
                np.mean(np.abs(found.mean - np.array(curve.values[50:])) < 1.645 * found.standard_deviation)
            )
    assert float(np.mean(inside)) >= 0.8


def test_curves_of_other_lengths_are_compared_by_the_share_of_the_way() -> None:
    configs, curves = trained(12, 2)
    stretched = [Curve(tuple(3.0 * step for step in curve.steps), curve.values) for curve in curves]
    mixed = [other if place % 2 else one for place, (one, other) in enumerate(zip(curves, stretched, strict=True))]
    plain = CurveMap.fit(space(), configs, curves, seed=0).predict(configs[0], None, [500.0], last_step=1000.0)
    found = CurveMap.fit(space(), configs, mixed, seed=0).predict(configs[0], None, [1500.0], last_step=3000.0)
    np.testing.assert_allclose(found.mean, plain.mean, rtol=1e-9)


def test_the_map_of_the_scores_may_be_another_recipe_and_curves_may_be_negative() -> None:
    configs, curves = trained(10, 3)
    lower = [Curve(curve.steps, tuple(value - 2.0 for value in curve.values)) for curve in curves]
    fitted = CurveMap.fit(space(), configs, lower, seed=0, recipe=GaussianProcess())
    assert not fitted.ratios
    found = fitted.predict(configs[0], first_part(lower[0], 0.5), [1000.0], last_step=1000.0)
    assert found.mean[0] == pytest.approx(lower[0].values[-1], abs=0.05)


def test_what_cannot_be_meant_is_refused() -> None:
    configs, curves = trained(6, 4)
    with pytest.raises(InvalidInput, match="At least 4 whole curves"):
        CurveMap.fit(space(), configs[:3], curves[:3], seed=0)
    with pytest.raises(InvalidInput, match="points or more"):
        CurveMap.fit(space(), configs, [*curves[:5], Curve((1.0, 2.0), (1.0, 1.0))], seed=0)
    fitted = CurveMap.fit(space(), configs, curves, seed=0)
    with pytest.raises(InvalidInput, match="last_step"):
        fitted.predict(configs[0], None, [2000.0], last_step=1000.0)
    with pytest.raises(InvalidInput, match="positive"):
        fitted.predict(configs[0], Curve((100.0,), (-1.0,)), [1000.0], last_step=1000.0)
