import math
from collections.abc import Sequence

import pytest
from scipy.stats import spearmanr

from physai_inverse.observations import Measurement, Metric
from physai_inverse.reproduction.laws import parallelograms as law


def test_the_critical_share_is_where_the_chance_crosses_a_half() -> None:
    found = law.critical_share((0.3, 0.38, 0.42, 0.5), (0.0, 0.3, 0.7, 1.0))
    assert found.checks[0].measured == pytest.approx(0.4)
    assert found.holds
    assert not law.critical_share((0.3, 0.5, 0.6), (0.0, 0.3, 0.7)).holds
    assert math.isnan(law.critical_share((0.3, 0.5), (0.0, 0.3)).checks[0].measured)


def test_the_critical_share_of_ten_numbers_follows_from_data_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(law, "SIZES", range(18, 28))
    monkeypatch.setattr(law, "DRAWS", 200)
    assert law.LAWS[0].measure(0).holds


def results(paces: Sequence[float], steps: Sequence[float]) -> list[dict[str, Metric]]:
    return [
        {
            "pace": pace,
            "steps_to_rqi_95": Measurement(4000, censored="above") if math.isinf(step) else Measurement(step),
        }
        for pace, step in zip(paces, steps, strict=True)
    ]


@pytest.mark.parametrize(
    ("steps", "holds"),
    [
        ((math.inf, math.inf, 900, 600, 300), True),
        ((math.inf, 500, 900, 600, 700), False),
        ((300, 600, 900, math.inf, math.inf), False),
    ],
)
def test_the_pace_holds_where_slow_equations_are_late(steps: Sequence[float], holds: bool) -> None:
    found = law.pace(results((0.0, 0.01, 0.03, 0.05, 0.09), steps))
    assert found.holds is holds
    finite = [step for step in steps[1:] if math.isfinite(step)]
    assert len(found.picture.lines[0].x) == len(finite)


def test_ranks_of_equal_values_are_shared_as_elsewhere() -> None:
    x, y = (3.0, 1.0, 1.0, 7.0, 7.0, 7.0, 2.0), (1.0, 1.0, 0.0, 5.0, 6.0, 6.0, 9.0)
    assert law.rank_correlation(x, y) == pytest.approx(float(spearmanr(x, y).statistic))
    assert law.rank_correlation(x, x) == pytest.approx(1)
    assert math.isnan(law.rank_correlation(x, (1.0,) * 7))


def test_the_pace_is_measured_on_networks_that_stop_at_their_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(law, "TRAINED", (10, 54))
    monkeypatch.setattr(law, "EACH", 1)
    monkeypatch.setattr(law, "STEPS", 800)
    monkeypatch.setattr(law, "WIDTH", 50)
    found = law.LAWS[1].measure(0)
    assert found.holds  # ten pairs force no line, 54 do
    assert found.note.startswith("1 of 2 trainings")
