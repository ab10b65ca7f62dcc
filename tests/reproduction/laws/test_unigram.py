import pytest

from physai_inverse.observations import Curve, Metric
from physai_inverse.reproduction.laws.unigram import ALPHAS, LAWS, VOCABULARIES, outcome, power
from physai_inverse.reproduction.trainings import train

STEPS = (0.0, 1.0, 10.0, 50.0, 80.0, 130.0, 200.0, 320.0, 500.0)


def fall(exponent: float) -> Curve:
    return Curve(STEPS, tuple(min(1.0, max(step, 1.0) ** -exponent) for step in STEPS))


def falls(**changed: float) -> dict[tuple[int, float], Curve]:
    """Exponents as the law has them, but for those named such as `t10_a05`."""
    return {
        (size, alpha): fall(changed.get(f"t{size}_a{alpha * 10:02.0f}", alpha + 10 / size))
        for size in VOCABULARIES
        for alpha in ALPHAS
    }


def end(excess: float) -> dict[str, Metric]:
    return {"excess_loss": excess, "excess_loss_curve": Curve((0.0, 3000.0), (1.0, excess))}


def test_an_exponent_is_read_within_the_window() -> None:
    bent = Curve((1.0, 10.0, *STEPS[3:]), (1.0, 1.0, *(7 * step**-0.8 for step in STEPS[3:])))
    assert power(bent) == pytest.approx((0.8, 1.0))


@pytest.mark.parametrize(
    ("changed", "wide", "narrow", "wrong"),
    [
        ({}, 0.04, 0.01, []),
        ({}, 0.06, 0.01, ["excess loss after 3000 steps, 100 tokens, 100 dimensions, in nats"]),
        ({}, 0.04, 0.20, ["excess loss after 3000 steps, 10 tokens, 1 dimension, in nats"]),
        ({"t30_a15": 1.2}, 0.04, 0.01, ["least gain of the exponent from one alpha to the next"]),
        ({"t100_a15": 1.9}, 0.04, 0.01, ["least loss of the exponent from one vocabulary to the next"]),
    ],
)
def test_the_law_holds_for_falls_in_the_order_that_it_names(
    changed: dict[str, float], wide: float, narrow: float, wrong: list[str]
) -> None:
    found = outcome(falls(**changed), end(wide), end(narrow))
    failed = [check.what for check in found.checks if not check.holds]
    assert set(wrong) <= set(failed)
    assert found.holds is not bool(wrong)


def test_a_fall_that_is_no_power_does_not_hold() -> None:
    steps = falls()
    steps[10, 0.5] = Curve(STEPS, (1.0,) * 8 + (0.1,))
    least = outcome(steps, end(0.04), end(0.01)).checks[2]
    assert not least.holds


def test_the_law_is_measured_through_its_task() -> None:
    (law,) = LAWS
    (metrics,) = train(law.task, {"steps": 3, "device": "cpu"}, [{"vocabulary": 10, "dimension": 2}], [0])
    assert isinstance(metrics["excess_loss_curve"], Curve)
