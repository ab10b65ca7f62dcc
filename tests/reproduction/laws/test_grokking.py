import math
from collections.abc import Mapping

import pytest

from physai_inverse.observations import Curve, Measurement, Metric
from physai_inverse.reproduction.laws import grokking
from physai_inverse.reproduction.laws.grokking import Cell


def run(test: float, train: float = 100, *, best: float = 1.0, fitted: float = 1.0) -> Mapping[str, Metric]:
    def reached(steps: float) -> Measurement:
        return Measurement(9000, censored="above") if math.isinf(steps) else Measurement(steps)

    return {
        "steps_to_train_90": reached(train),
        "steps_to_test_90": reached(test),
        "test_accuracy_curve": Curve((0, 9000), (0.01, best)),
        "train_accuracy_curve": Curve((0, 9000), (0.01, fitted)),
    }


@pytest.mark.parametrize(("power", "holds"), [(-1.0, True), (-1.2, True), (-0.5, False), (-1.5, False)])
def test_delays_hold_where_they_fall_with_one_over_the_decay(power: float, holds: bool) -> None:
    results = {(0.5, decay): run(100 + 500 * decay**power) for decay in (1.0, 0.5, 0.25, 0.125)}
    found = grokking.delays(results)
    assert found.holds is holds
    assert found.checks[0].measured == pytest.approx(power)


def test_a_delay_that_was_not_seen_proves_nothing() -> None:
    results = {(0.5, decay): run(100 + 500 / decay) for decay in (1.0, 0.5, 0.25)}
    found = grokking.delays({**results, (0.5, 0.125): run(math.inf)})
    assert math.isnan(found.checks[0].measured)
    assert not found.holds
    assert len(found.picture.lines[0].x) == 3


def decays() -> dict[Cell, Mapping[str, Metric]]:
    times = {0.125: 3500, 0.25: 1800, 0.5: 1000, 1.0: 600, 1.4: 500, 2.0: 450, 2.8: 550, 4.0: 1000}
    return {
        **{(0.5, decay): run(time) for decay, time in times.items()},
        (0.5, 0.0625): run(math.inf, best=0.9),
        (0.5, 8.0): run(math.inf, math.inf, best=0.3, fitted=0.5),
    }


def test_the_best_decay_is_found_between_memory_and_confusion() -> None:
    found = grokking.best_decay(decays())
    assert found.holds
    assert found.checks[0].measured == 2.0
    assert len(found.picture.lines[0].x) == 8


@pytest.mark.parametrize(
    ("cell", "result"),
    [
        ((0.5, 4.0), run(300)),
        ((0.5, 0.0625), run(math.inf, best=0.96)),
        ((0.5, 0.0625), run(math.inf, best=0.9, fitted=0.8)),
        ((0.5, 8.0), run(math.inf, math.inf, fitted=0.95)),
    ],
)
def test_each_part_of_the_best_decay_can_fail(cell: Cell, result: Mapping[str, Metric]) -> None:
    assert not grokking.best_decay({**decays(), cell: result}).holds


@pytest.mark.parametrize(
    ("changed", "holds"),
    [
        ({}, True),
        ({(0.4, 1.0): run(500)}, False),
        ({(0.3, 1.0): run(math.inf), (0.4, 1.0): run(math.inf)}, False),
        ({(0.2, 1.0): run(9000, best=0.92)}, False),
    ],
)
def test_more_data_generalises_sooner(changed: dict[Cell, Mapping[str, Metric]], holds: bool) -> None:
    times = {0.2: math.inf, 0.3: 2800.0, 0.4: 900.0, 0.5: 600.0, 0.7: 350.0}
    results = {(share, 1.0): run(time, best=0.9 if time < 9000 else 0.4) for share, time in times.items()}
    assert grokking.more_data({**results, **changed}).holds is holds


def test_laws_share_the_trainings_of_one_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grokking, "P", 5)
    grokking._train.cache_clear()
    try:
        first = grokking._train(grokking.MIDDLE, 0, 20)
        assert set(first) == {(0.5, 1.0)}
        assert set(first[0.5, 1.0]) >= {"steps_to_test_90", "steps_to_train_90", "test_accuracy_curve"}
        assert grokking._train(grokking.MIDDLE, 0, 20) is first
        assert grokking._train(grokking.MIDDLE, 1, 20) is not first
    finally:
        grokking._train.cache_clear()
