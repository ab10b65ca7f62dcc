"""The verdict on a map: closed forms, and functions of which the answer is known."""

import numpy as np
import pytest

from physai_inverse.forward import Dataset, Scores
from physai_inverse.observations import Observation
from physai_inverse.space import Float, Space
from physai_inverse.surrogates import GaussianProcess
from physai_inverse.surrogates.scoring import no_scores
from physai_inverse.understanding import Noise, Trust, calibration, cautions, judged, noise_of, outliers


def scores(*, r2: float, rank: float, coverage: float = 0.9, rows: int = 100) -> Scores:
    from dataclasses import replace

    return replace(no_scores(), rows=rows, r2=r2, rank_correlation=rank, coverage_90=coverage, coverage_50=0.5)


@pytest.mark.parametrize(
    ("found", "trust"),
    [
        (scores(r2=0.9, rank=0.95), Trust.INSIDE),
        (scores(r2=0.9, rank=0.95, coverage=0.7), Trust.RANKING),
        (scores(r2=0.3, rank=0.6), Trust.RANKING),
        (scores(r2=0.05, rank=0.2), Trust.NOTHING),
        (scores(r2=0.9, rank=0.5, rows=12), Trust.NOTHING),  # a rank that chance may give
        (scores(r2=0.9, rank=0.95, rows=5), Trust.UNKNOWN),
        (scores(r2=float("nan"), rank=float("nan")), Trust.UNKNOWN),
    ],
)
def test_a_verdict_follows_from_held_out_scores(found: Scores, trust: Trust) -> None:
    assert judged(found).trust is trust


def test_what_noise_hides_from_every_map_is_not_held_against_one() -> None:
    half = Noise(trainings=0.7, replicates=20, error=0.75, spread=1.0)
    assert judged(scores(r2=0.45, rank=0.7)).trust is Trust.RANKING
    assert judged(scores(r2=0.45, rank=0.7), half).trust is Trust.INSIDE
    assert half.share == pytest.approx(0.49)
    assert half.model == pytest.approx((0.75**2 - 0.7**2) ** 0.5)


def observed(num: int, noise: float, *, twice: int = 0) -> Dataset:
    rng = np.random.default_rng(3)
    xs = [*np.linspace(0.0, 1.0, num), *np.linspace(0.0, 1.0, num)[:twice]]
    seen = [
        Observation({"x": float(x)}, {"y": float(np.sin(6 * x) + noise * rng.normal())}, number=place)
        for place, x in enumerate(xs)
    ]
    return Dataset.from_observations(Space(x=Float(0.0, 1.0)), seen)


def test_the_noise_between_trainings_is_measured_where_some_were_repeated() -> None:
    data = observed(60, 0.2, twice=30)
    noise = noise_of(GaussianProcess().fit(data, seed=0).model("y"), data.units)
    spread = np.std(data.columns["y"].values)
    assert noise.replicates == 30
    assert noise.trainings / noise.spread == pytest.approx(0.2 / spread, rel=0.3)


def test_a_lone_far_value_is_an_outlier_with_its_row() -> None:
    data = observed(40, 0.02)
    data.columns["y"].values[17] += 2.0
    far = outliers(GaussianProcess().fit(data, seed=0).model("y").held_out())
    assert far[0].place == 17
    assert far[0].offset > 3


def test_the_calibration_of_an_honest_map_is_a_straight_line() -> None:
    curve = calibration(GaussianProcess().fit(observed(200, 0.3), seed=0).model("y").held_out())
    assert max(abs(level - share) for level, share in curve) < 0.12


def test_an_answer_is_cautioned_by_the_metrics_it_rests_on_alone() -> None:
    data = observed(40, 0.02)
    noise = np.random.default_rng(0).normal(size=40)
    both = {**data.columns, "luck": type(data.columns["y"])(noise, np.zeros(40), np.zeros(40, dtype=int))}
    models = GaussianProcess().fit(Dataset(data.space, data.units, both, data.failed), seed=0).models
    assert cautions(models, ["y"]) == ()
    assert cautions(models, ["luck", "y"])[0].startswith("The map of luck is not to be trusted: it explains")
