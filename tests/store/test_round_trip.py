"""R16: what is written comes back with the same bits, also from a backup."""

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from physai_inverse.observations import Curve, Measurement, Metric, Observation
from physai_inverse.store import Proposal, Store

numbers = st.floats(allow_nan=True, allow_infinity=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
steps = st.lists(st.floats(0, 1e12, allow_nan=False), min_size=1, max_size=6, unique=True).map(sorted)
curves = steps.flatmap(
    lambda at: st.lists(numbers, min_size=len(at), max_size=len(at)).map(
        lambda values: Curve(tuple(at), tuple(values))
    )
)
measurements = st.builds(
    Measurement,
    numbers,
    st.none() | st.floats(0, 1e300, allow_nan=False),
    st.sampled_from([None, "above", "below"]),
)
metrics = st.dictionaries(names, numbers | measurements | curves, max_size=4)
configs = st.dictionaries(names, st.booleans() | st.integers(-(2**200), 2**200) | finite | st.text(), max_size=4)
SPECIAL = [
    math.nan,
    math.inf,
    -math.inf,
    -0.0,
    5e-324,
    3.2e-13,
    struct.unpack(">d", bytes.fromhex("fff8000000000001"))[0],
]


def bits(value: object) -> object:
    """Give a value in which equal means equal bits."""
    if isinstance(value, float):
        return struct.pack(">d", value)
    if isinstance(value, Measurement):
        return bits(value.value), bits(value.standard_error), value.censored
    if isinstance(value, Curve):
        return [bits(step) for step in value.steps], [bits(number) for number in value.values]
    return type(value), value


def all_bits(values: dict[str, Metric] | dict[str, object]) -> object:
    return [(name, bits(value)) for name, value in values.items()]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store(":memory:") as made:
        made.create_study("s", space={}, objective={}, seed=0)
        yield made


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(metrics=metrics, config=configs)
@example(metrics={str(index): value for index, value in enumerate(SPECIAL)}, config={"x": -0.0, "y": 5e-324})
@example(metrics={"c": Curve((0, 5e-324), (math.nan, -0.0))}, config={"x": "\ud800\0", "y": True, "z": 10**300})
def test_configs_and_metrics_come_back_with_the_same_bits(
    store: Store, metrics: dict[str, Metric], config: dict[str, bool | int | float | str]
) -> None:
    (trial,) = store.propose("s", [Proposal(config)], worker="w", lease_seconds=60)
    told = store.observe("s", trial.number, metrics, token=trial.token)
    kept = store.trial("s", trial.number)
    assert all_bits(dict(kept.config)) == all_bits(dict(config))
    assert all_bits(kept.metrics) == all_bits(told.metrics) == all_bits(metrics)


@given(seconds=st.floats(0, 1e300))
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_seconds_come_back_with_the_same_bits(store: Store, seconds: float) -> None:
    (number,) = store.import_observations("s", [Observation({}, seconds=seconds)])
    assert bits(store.trial("s", number).seconds) == bits(abs(seconds))


def test_a_backup_holds_the_same_bits(tmp_path: Path) -> None:
    metrics: dict[str, Metric] = {str(index): value for index, value in enumerate(SPECIAL)}
    with Store(tmp_path / "study.db") as store:
        store.create_study("s", space={}, objective={}, seed=0)
        store.import_observations("s", [Observation({"x": 0.1}, metrics)])
        store.backup(tmp_path / "backup.db")
    with Store(tmp_path / "backup.db", read_only=True) as copy:
        assert all_bits(copy.trial("s", 0).metrics) == all_bits(metrics)
        assert copy.check() == []
