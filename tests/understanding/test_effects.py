"""Effects against closed forms, on forward maps whose truth is a formula."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.forward import (
    AbstractMetricModel,
    AbstractSuccessModel,
    AbstractWarp,
    ForwardMap,
    Scores,
    normal_quantile,
)
from physai_inverse.space import Boolean, Choice, Float, Integer, Ordinal, Shares, Space
from physai_inverse.understanding import Effect, main_effects


class Identity(AbstractWarp):
    def forward(self, values: np.ndarray) -> np.ndarray:
        return values

    def inverse(self, latent: np.ndarray) -> np.ndarray:
        return latent

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        return np.zeros(len(values))


IDENTITY = Identity()


class Log(AbstractWarp):
    def forward(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(np.log(values))

    def inverse(self, latent: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(latent))

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(-np.log(values))


@dataclass(frozen=True)
class Formula(AbstractMetricModel):
    """A known function with a known standard deviation."""

    function: Callable[[np.ndarray], np.ndarray]
    deviation: float = 0.1
    scale: AbstractWarp = IDENTITY

    @property
    def warp(self) -> AbstractWarp:
        return self.scale

    @property
    def noise(self) -> float:
        return 0.0

    def latent(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.function(units), np.full(len(units), self.deviation)

    def conditioned(self, units: np.ndarray) -> "Formula":  # noqa: ARG002  # the contract names it
        return self

    def held_out(self) -> Scores:
        raise NotImplementedError


class FailsHigh(AbstractSuccessModel):
    def probability(self, units: np.ndarray) -> np.ndarray:
        return 1.0 - units[:, 0]


def effects_of(
    space: Space, function: Callable[[np.ndarray], np.ndarray], **arguments: AbstractWarp
) -> dict[str, Effect]:
    forward = ForwardMap(space, {"y": Formula(function, **arguments)})
    return {effect.parameter: effect for effect in main_effects(forward, "y", seed=0)}


def test_shares_of_a_sum_are_the_variances_of_its_terms() -> None:
    space = Space(a=Float(0.0, 1.0), b=Float(0.0, 1.0), c=Float(0.0, 1.0))
    found = effects_of(space, lambda u: 3 * u[:, 0] + 2 * u[:, 1])
    assert found["a"].share == pytest.approx(9 / 13, abs=0.01)
    assert found["b"].share == pytest.approx(4 / 13, abs=0.01)
    assert found["c"].share == pytest.approx(0.0, abs=1e-9)


def test_a_sum_has_no_interactions() -> None:
    space = Space(a=Float(0.0, 1.0), b=Float(0.0, 1.0))
    for effect in effects_of(space, lambda u: 3 * u[:, 0] + 2 * u[:, 1]).values():
        assert effect.total_share == pytest.approx(effect.share, abs=1e-9)


def test_shares_of_the_ishigami_function_are_the_published_ones() -> None:
    """Ishigami & Homma 1990 with a = 7, b = 0.1: first order 0.314, 0.442, 0; total 0.558, 0.442, 0.244."""
    space = Space(a=Float(-np.pi, np.pi), b=Float(-np.pi, np.pi), c=Float(-np.pi, np.pi))

    def ishigami(units: np.ndarray) -> np.ndarray:
        x = (2 * units - 1) * np.pi
        return np.asarray(np.sin(x[:, 0]) * (1 + 0.1 * x[:, 2] ** 4) + 7 * np.sin(x[:, 1]) ** 2)

    forward = ForwardMap(space, {"y": Formula(ishigami)})
    found = main_effects(forward, "y", seed=0, num_points=65, num_samples=2048)
    assert [effect.share for effect in found] == pytest.approx([0.314, 0.442, 0.0], abs=0.015)
    assert [effect.total_share for effect in found] == pytest.approx([0.558, 0.442, 0.244], abs=0.015)


def test_the_effect_of_a_term_is_the_term_plus_the_mean_of_the_rest() -> None:
    space = Space(a=Float(0.0, 10.0), b=Float(0.0, 1.0))
    effect = effects_of(space, lambda u: 5 * u[:, 0] + 2 * u[:, 1])["a"]
    assert effect.values[0] == 0.0
    assert effect.values[-1] == 10.0
    assert effect.average == pytest.approx(0.5 * np.array(effect.values) + 1.0, abs=0.01)


def test_the_band_is_the_mean_standard_deviation_to_both_sides() -> None:
    effect = effects_of(Space(a=Float(0.0, 1.0)), lambda u: u[:, 0])["a"]
    assert effect.quantiles[0.95] - effect.average == pytest.approx(0.1 * normal_quantile(0.95))
    assert effect.average - effect.quantiles[0.25] == pytest.approx(0.1 * normal_quantile(0.75))


def test_the_effect_comes_in_the_units_of_the_metric() -> None:
    effect = effects_of(Space(a=Float(1e-4, 1.0, log=True)), lambda u: -3 * u[:, 0], scale=Log())["a"]
    assert effect.average == pytest.approx((np.array(effect.values) / 1e-4) ** (-3 / np.log(1e4)))


def test_a_conditional_parameter_is_averaged_only_where_it_is_active() -> None:
    space = Space(o=Choice(["sgd", "adam"]), m=Float(0.0, 1.0, when={"o": ["sgd"]}))

    def function(units: np.ndarray) -> np.ndarray:
        sgd = units[:, 0] < 0.5
        return np.where(sgd, units[:, 1], 100.0)

    effect = effects_of(space, function)["m"]
    assert effect.average == pytest.approx(np.array(effect.values, dtype=float))
    assert effect.active == pytest.approx(0.5, abs=0.02)


def test_a_parameter_that_its_parent_wakes_up_is_spread_over_its_range() -> None:
    space = Space(o=Choice(["sgd", "adam"]), m=Float(0.0, 1.0, when={"o": ["sgd"]}))
    effect = effects_of(space, lambda u: np.where(u[:, 0] < 0.5, (u[:, 1] - 0.5) ** 2, 0.0))["o"]
    assert effect.average == pytest.approx([1 / 12, 0.0], abs=0.005)


def test_shares_of_a_conditional_parameter_follow_the_law_of_total_variance() -> None:
    """y = m where active (half of the space), else 0: variance 1/3 * 1/2 - 1/16; m alone explains 1/4 * 1/12."""
    space = Space(o=Choice(["sgd", "adam"]), m=Float(0.0, 1.0, when={"o": ["sgd"]}))
    found = effects_of(space, lambda u: np.where(u[:, 0] < 0.5, u[:, 1], 0.0))
    variance = 1 / 6 - 1 / 16
    assert found["o"].share == pytest.approx(1 / 16 / variance, abs=0.02)
    assert found["m"].share == pytest.approx(1 / 48 / variance, abs=0.02)
    assert found["m"].total_share == pytest.approx(1 / 24 / variance, abs=0.02)


def test_listed_values_come_as_they_are_listed() -> None:
    space = Space(c=Choice(["x", "y", "z"]), o=Ordinal([1, 10, 100]), b=Boolean(), n=Integer(1, 4))
    found = effects_of(space, lambda u: 3 * u[:, 0])
    assert found["c"].values == ("x", "y", "z")
    assert found["o"].values == (1, 10, 100)
    assert found["b"].values == (False, True)
    assert found["n"].values == (1, 2, 3, 4)
    assert found["c"].average == pytest.approx([0.5, 1.5, 2.5])


def test_an_integer_with_many_levels_gives_each_value_once() -> None:
    values = effects_of(Space(n=Integer(1, 1000, log=True)), lambda u: u[:, 0])["n"].values
    assert len(set(values)) == len(values) <= 16
    assert values[0] == 1
    assert values[-1] == 1000


def test_constraints_hold_in_what_is_averaged() -> None:
    """On the triangle a + b <= 1 the mean of b given a is (1 - a) / 2."""
    space = Space(a=Float(0.0, 1.0), b=Float(0.0, 1.0), constraints=["a + b <= 1"])
    forward = ForwardMap(space, {"y": Formula(lambda u: u[:, 1])})
    effect = main_effects(forward, "y", seed=0, num_points=21, num_samples=4096)[0]
    inner = np.array(effect.values, dtype=float) <= 0.8
    assert effect.average[inner] == pytest.approx((1 - np.array(effect.values)[inner]) / 2, abs=0.02)


def test_shares_under_a_constraint_are_correlation_ratios() -> None:
    """On the triangle var(b) = 1/18 and var(E[b | a]) = var(a) / 4, a quarter."""
    space = Space(a=Float(0.0, 1.0), b=Float(0.0, 1.0), constraints=["a + b <= 1"])
    forward = ForwardMap(space, {"y": Formula(lambda u: u[:, 1])})
    a, b = main_effects(forward, "y", seed=0, num_points=41, num_samples=4096)
    assert a.share == pytest.approx(0.25, abs=0.02)
    assert b.share == pytest.approx(1.0, abs=0.02)


def test_a_flat_map_has_no_shares() -> None:
    effect = effects_of(Space(a=Float(0.0, 1.0)), lambda u: np.full(len(u), 7.0))["a"]
    assert (effect.share, effect.total_share) == (0.0, 0.0)


def test_success_is_averaged_along_the_values() -> None:
    space = Space(a=Float(0.0, 1.0), b=Float(0.0, 1.0))
    forward = ForwardMap(space, {"y": Formula(lambda u: u[:, 1])}, FailsHigh())
    effect = main_effects(forward, "y", seed=0)[0]
    assert effect.success == pytest.approx(1.0 - np.array(effect.values, dtype=float))


def test_the_same_seed_gives_the_same_effects() -> None:
    space = Space(a=Float(0.0, 1.0), b=Float(0.0, 1.0))
    forward = ForwardMap(space, {"y": Formula(lambda u: u[:, 0] * u[:, 1])})
    first, second = (main_effects(forward, "y", seed=3) for _ in range(2))
    assert [effect.share for effect in first] == [effect.share for effect in second]


def test_an_unknown_metric_is_named() -> None:
    forward = ForwardMap(Space(a=Float(0.0, 1.0)), {})
    with pytest.raises(NotFound, match="`loss`"):
        main_effects(forward, "loss", seed=0)


def test_one_point_is_no_effect() -> None:
    forward = ForwardMap(Space(a=Float(0.0, 1.0)), {"y": Formula(lambda u: u[:, 0])})
    with pytest.raises(InvalidInput, match="`num_points`"):
        main_effects(forward, "y", seed=0, num_points=1)


def test_a_share_acts_while_the_others_give_way() -> None:
    space = Space(mixture=Shares(["a", "b", "c"]), x=Float(0.0, 1.0))
    effects = effects_of(space, lambda units: units[:, 0])
    assert effects["a"].share == pytest.approx(1.0, abs=0.02)
    assert effects["a"].average == pytest.approx(np.array(effects["a"].values, dtype=float), abs=1e-6)
    assert effects["b"].average[-1] == pytest.approx(0.0, abs=1e-6)  # a mixture of `b` alone
    assert effects["x"].total_share == pytest.approx(0.0, abs=1e-12)
