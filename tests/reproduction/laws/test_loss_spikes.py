import math

import pytest

from physai_inverse.observations import Curve, Metrics
from physai_inverse.reproduction.laws.loss_spikes import LAWS, gaps_between, middle, outcome, spread


def metrics(gaps: list[int]) -> Metrics:
    steps = [0.0, 1000.0]
    for gap in gaps:
        steps.append(steps[-1] + gap)
    counts = (*map(float, range(len(steps))), len(steps) - 1.0)
    loss = Curve((10, 20), (1.0, 0.1))
    spikes = Curve((*steps, steps[-1] + 50), counts)
    return {"spikes": len(steps) - 1.0, "spikes_curve": spikes, "train_loss_curve": loss}


EVEN = [metrics([gap] * 6) for gap in (100, 200, 280, 300)]


def test_the_law_holds_where_even_gaps_grow_with_the_memory() -> None:
    found = outcome(EVEN)
    assert found.holds
    assert [check.measured for check in found.checks[:2]] == [280, 0]


@pytest.mark.parametrize(
    ("place", "gaps", "failing"),
    [
        (2, [180] * 6, [0, 3]),  # too short, and shorter than at the smaller beta2
        (2, [150, 150, 280, 280, 500, 600], [1]),  # uneven
        (3, [270] * 6, [4]),  # not rarer at the largest
        (3, [], [4]),  # one spike, so no gap
    ],
)
def test_the_law_fails_where_one_part_of_it_does(place: int, gaps: list[int], failing: list[int]) -> None:
    found = outcome([metrics(gaps) if index == place else good for index, good in enumerate(EVEN)])
    assert [index for index, check in enumerate(found.checks) if not check.holds] == failing


def test_gaps_are_read_off_the_counted_spikes() -> None:
    assert gaps_between(metrics([30, 10, 20])) == (10, 20, 30)
    assert gaps_between(metrics([])) == ()
    assert spread((10, 20, 30, 40)) == pytest.approx(20 / 30)
    assert math.isnan(middle(()))
    assert math.isnan(spread((1, 2, 3)))


def test_no_spike_at_all_gives_no_gap() -> None:
    nothing = {"spikes": 0.0, "spikes_curve": Curve((0, 8000), (0, 0))}
    assert gaps_between(nothing) == ()


def test_the_law_is_listed_with_its_number_and_task() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(9, "loss_spikes")]
