"""Optuna's distributions as parameters of ours, and values both ways.

A stepped range becomes the whole numbers of its steps. A category becomes its place in the list, so that None,
mixed types and whatever else Optuna takes are one thing; at least three numbers listed in rising order are taken
as ordered (`[16, 32, 64]`), unless they count up from 0 or 1 as numbers of things do. Ranges may change from trial
to trial: the latest one is what is proposed in, and values beyond it stay in the data up to one length of it away.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Scalar
from physai_inverse.space import Choice, Float, Integer, Ordinal
from physai_inverse.space.parameters import MAX_INTEGER, FreeParameter

LEAST_ORDERED = 3
"""Numbers in rising order from which a list counts as ordered; two differ or do not."""


@dataclass(frozen=True)
class Axis:
    """One parameter of an Optuna study.

    Args:
        distribution: the latest one.
        parameter: the same as a parameter of ours, wide enough for the values that were seen.
        limits: the range of proposals in the parameter's values, where it is narrower than the parameter.
    """

    distribution: BaseDistribution
    parameter: FreeParameter
    limits: tuple[float, float] | None = None

    def read(self, value: Any) -> Scalar | None:
        """Take a value of Optuna's; None where it lies too far outside."""
        number = _number(self.distribution, value)
        try:
            return self.parameter.check(number)
        except InvalidInput:
            return None

    def write(self, value: Scalar) -> Any:
        """Give a value as Optuna writes it, inside of the latest range."""
        distribution = self.distribution
        if isinstance(distribution, CategoricalDistribution):
            return distribution.choices[int(value)]
        assert isinstance(distribution, FloatDistribution | IntDistribution)
        number: Any = value
        if _is_stepped(distribution):
            assert distribution.step is not None
            number = distribution.low + int(value) * distribution.step
        kind = int if isinstance(distribution, IntDistribution) else float
        return kind(min(max(round(number) if kind is int else number, distribution.low), distribution.high))

    def constraints(self, name: str) -> list[str]:
        """Write what keeps proposals to the latest range, as constraints of a space that calls the axis `name`."""
        if self.limits is None:
            return []
        low, high = self.limits
        assert isinstance(self.parameter, Float | Integer)
        texts = [
            (f"{name} >= {low!r}", self.parameter.low < low),
            (f"{name} <= {high!r}", self.parameter.high > high),
        ]
        return [text for text, needed in texts if needed]


def axis_of(distribution: BaseDistribution, values: Iterable[Any]) -> Axis | None:
    """Make an axis.

    Args:
        distribution: the latest one of the parameter.
        values: what trials had, also outside of the latest range.

    Returns:
        The axis; None where there is one value only, or a kind of distribution that we do not know.
    """
    if distribution.single():
        return None
    if isinstance(distribution, CategoricalDistribution):
        places = range(len(distribution.choices))
        return Axis(distribution, Ordinal(places) if _is_ordered(distribution.choices) else Choice(places))
    if not isinstance(distribution, FloatDistribution | IntDistribution):
        return None
    low, high = _number(distribution, distribution.low), _number(distribution, distribution.high)
    seen = [_number(distribution, value) for value in values]
    try:
        return _numeric(distribution, low, high, seen)
    except InvalidInput:  # a range that no float spans
        return None


def _numeric(
    distribution: FloatDistribution | IntDistribution, low: float, high: float, seen: list[float]
) -> Axis:
    log = distribution.log
    reach = high / low if log else high - low
    least, most = (low / reach, high * reach) if log else (low - reach, high + reach)
    near = [value for value in seen if least <= value <= most]
    wide_low, wide_high = min([low, *near]), max([high, *near])
    limits = None if (wide_low, wide_high) == (low, high) else (low, high)
    if isinstance(distribution, IntDistribution) or _is_stepped(distribution):
        if max(abs(wide_low), abs(wide_high)) <= MAX_INTEGER:
            bounds = None if limits is None else (round(low), round(high))
            return Axis(distribution, Integer(round(wide_low), round(wide_high), log=log), bounds)
        return Axis(distribution, Float(wide_low, wide_high, log=log), limits)
    return Axis(distribution, Float(wide_low, wide_high, log=log), limits)


def _is_stepped(distribution: FloatDistribution | IntDistribution) -> bool:
    return distribution.step is not None and not distribution.log


def _number(distribution: BaseDistribution, value: Any) -> float:
    """A value on the axis: itself, the number of its step, or its place among the categories."""
    internal = distribution.to_internal_repr(value)
    if isinstance(distribution, CategoricalDistribution):
        return int(internal)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if _is_stepped(distribution):
        assert distribution.step is not None
        return round((internal - distribution.low) / distribution.step)
    return internal


def _is_ordered(choices: Iterable[Any]) -> bool:
    listed = list(choices)
    if len(listed) < LEAST_ORDERED or any(isinstance(value, bool) for value in listed):
        return False
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in listed):
        return False
    if any(later <= earlier for earlier, later in pairwise(listed)):
        return False
    return listed not in (list(range(len(listed))), list(range(1, len(listed) + 1)))
