from dataclasses import dataclass, replace

import numpy as np
import pytest

from physai_inverse.forward import AbstractCostModel, Dataset
from physai_inverse.inverse import propose
from physai_inverse.inverse.judging import judged
from physai_inverse.inverse.replication import MOST_REPLICATES, knowledge_gradients, worth_repeating
from physai_inverse.objective import Minimize, Objective, as_objective
from physai_inverse.observations import Observation, TrialState
from physai_inverse.space import Float, Space
from physai_inverse.surrogates import GaussianProcess
from tests.fakes import Known, KnownSurrogate

LINE = Space(x=Float(0.0, 1.0))
TRAINED = np.array([[0.2], [0.5], [0.9]])


def test_the_knowledge_gradient_is_that_of_drawing_results() -> None:
    random = np.random.default_rng(0)
    mean, factor, noise = random.standard_normal(6), random.standard_normal((6, 6)), 0.7
    covariance = factor @ factor.T
    values = knowledge_gradients(mean, covariance, noise)
    draws = random.standard_normal(200_000)
    for row in range(6):
        moves = covariance[:, row] / np.sqrt(covariance[row, row] + noise)
        drawn = (mean[:, None] + moves[:, None] * draws).max(axis=0).mean() - mean.max()
        assert values[row] == pytest.approx(drawn, abs=0.02)


def repeated(deviation: float, noise: float, goal: str = "minimize y", counts: int = 1) -> np.ndarray | None:
    data = Dataset.from_observations(LINE, [Observation({"x": 0.1}, {"y": 1.0})])
    model = Known(lambda u: np.abs(u[:, 0] - 0.3), deviation, noise_deviation=noise)
    forward = KnownSurrogate({"y": model}).fit(data, seed=0)
    return worth_repeating(forward, as_objective(goal), TRAINED, np.full(3, counts), np.array([0.95]))


@pytest.mark.parametrize("goal", ["minimize y", "y = 0.1 +- 0.05"])
def test_a_leading_configuration_is_trained_again_where_luck_may_have_made_it_lead(goal: str) -> None:
    again = repeated(0.2, 0.3, goal)
    assert again is not None
    assert again[0] in (0.2, 0.5)  # the two leading ones: knowing either is worth the same


def test_nothing_is_repeated_for_ever_nor_where_limits_decide() -> None:
    assert repeated(0.2, 0.3, counts=MOST_REPLICATES) is None
    data = Dataset.from_observations(LINE, [Observation({"x": 0.1}, {"y": 1.0})])
    forward = KnownSurrogate({"y": Known(lambda u: u[:, 0], 0.2)}).fit(data, seed=0)
    limited = as_objective(["minimize y", "y >= 0"])
    assert worth_repeating(forward, limited, TRAINED, np.ones(3), np.array([0.5])) is None


def test_a_known_configuration_is_not_repeated() -> None:
    data = Dataset.from_observations(LINE, [Observation({"x": 0.1}, {"y": 1.0})])
    model = Known(lambda u: np.abs(u[:, 0] - 0.3), lambda u: np.where(u[:, 0] > 0.92, 0.5, 1e-6))
    forward = KnownSurrogate({"y": model}).fit(data, seed=0)
    assert worth_repeating(forward, as_objective("minimize y"), TRAINED, np.ones(3), np.array([0.95])) is None


def test_an_expression_or_a_neighbourhood_is_not_repeated_and_a_line_is_as_its_metric() -> None:
    rows = [Observation({"x": x}, {"y": abs(x - 0.3)}) for x in (0.1, 0.5, 0.9)]
    data = Dataset.from_observations(LINE, rows)
    model = Known(lambda u: np.abs(u[:, 0] - 0.3), 0.2, noise_deviation=0.3)
    forward = KnownSurrogate({"y": model}).fit(data, seed=0)

    def again(objective: Objective) -> np.ndarray | None:
        taken = objective.over(LINE.parameters)
        return worth_repeating(judged(forward, taken, data), taken, TRAINED, np.ones(3), np.array([0.95]))

    assert again(as_objective("minimize y ** 2 + x")) is None
    assert again(Objective((Minimize("y"),), robust={"x": 0.1})) is None
    plain, line = again(as_objective("minimize y")), again(as_objective("maximize 1 - 2 * y"))
    assert plain is not None
    assert line is not None
    assert plain[0] == line[0]


def test_what_costs_more_is_repeated_less() -> None:
    @dataclass(frozen=True)
    class Steep(AbstractCostModel):
        def log_price(self, units: np.ndarray) -> np.ndarray:
            return np.asarray(-100.0 * (units[:, 0] == 0.55))  # the new one is nearly free

    data = Dataset.from_observations(LINE, [Observation({"x": 0.1}, {"y": 1.0})])
    model = Known(lambda u: np.abs(u[:, 0] - 0.3), 0.2, noise_deviation=0.3)
    free = KnownSurrogate({"y": model}).fit(data, seed=0)
    priced = replace(free, cost=Steep())
    arguments = as_objective("minimize y"), TRAINED, np.ones(3), np.array([0.55])
    assert worth_repeating(free, *arguments) is not None
    assert worth_repeating(priced, *arguments) is None


@pytest.mark.parametrize("then", ["failed", "running", "done"])
def test_what_failed_once_or_is_running_is_not_repeated(then: str) -> None:
    # Only of x = 0.3 is there anything to learn; it was trained once.
    seen = [Observation({"x": place / 10}, {"y": abs(place / 10 - 0.3)}, number=place) for place in range(10)]
    if then == "failed":
        seen.append(Observation({"x": 0.3}, state=TrialState.DIVERGED, number=10))
    data = Dataset.from_observations(LINE, seen)
    model = Known(
        lambda u: np.where(np.abs(u[:, 0] - 0.3) < 1e-9, 0.0, 0.1),
        lambda u: np.where(np.abs(u[:, 0] - 0.3) < 1e-9, 0.2, 0.01),
        noise_deviation=0.1,
    )
    forward = KnownSurrogate({"y": model}).fit(data, seed=0)
    pending = LINE.encode([{"x": 0.3}]) if then == "running" else data.units[:0]
    again = []
    for number in range(20, 26):
        proposed = propose(
            forward, data, as_objective("minimize y"), pending, numbers=[number], seed=0, modelled=()
        )
        again.append(round(float(proposed[0].unit[0]), 9) == 0.3)
    assert any(again) == (then == "done")


def test_a_repetition_that_can_gain_nothing_is_not_offered() -> None:
    space = Space(x=Float(0.0, 1.0))
    seen = [Observation({"x": place / 39}, {"y": 10.0 * place / 39 + 0.001 * (place % 3)}) for place in range(40)]
    data = Dataset.from_observations(space, seen)
    forward = GaussianProcess().fit(data, seed=0)
    far = data.units[20:]  # nothing here can beat the new point
    objective = as_objective("minimize y")
    assert worth_repeating(forward, objective, far, np.ones(len(far), dtype=int), data.units[0]) is None
