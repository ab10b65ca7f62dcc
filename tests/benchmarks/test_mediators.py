"""The replays of rules for stopping: what they count, and the rivals against their originals."""

import numpy as np
import pytest

from benchmarks.mediators.policies import Halving, Median, Never, Ours
from benchmarks.mediators.recordings import Recording
from benchmarks.mediators.replays import drawn, replay
from physai_inverse.space import Float, Space


def recording(num: int = 30, *, seed: int = 0, maximize: bool = False) -> Recording:
    rng = np.random.default_rng(seed)
    steps = np.arange(1.0, 11.0)
    finals = rng.random(num) + 1.0
    curves = finals[:, None] + (1.0 - steps / 10.0) * rng.standard_normal((num, 1)) * 0.3
    curves = -curves if maximize else curves
    space = Space(x=Float(0.0, 1.0))
    return Recording("made", "loss", maximize, space, rng.random((num, 1)), steps, {"loss": curves}, curves[:, -1])


def test_without_stopping_nothing_is_saved_or_missed() -> None:
    task = recording()
    found = replay(task, Never(task, 0))
    assert (found.saved, found.stops, found.wrong, found.regret) == (0.0, 0, 0, 0.0)


def test_what_is_saved_is_the_share_of_steps_not_taken() -> None:
    task = recording(20)

    class Half(Never):
        def stops(self, row: int, place: int) -> bool:
            return row >= 10 and place == 4

    found = replay(task, Half(task, 0))
    assert found.saved == pytest.approx(0.25)
    assert found.stops == 10
    assert found.wrong == sum(row >= 10 for row in np.argsort(task.finals)[:3])


@pytest.mark.parametrize("maximize", [False, True])
def test_the_median_rule_is_that_of_optuna(maximize: bool) -> None:
    optuna = pytest.importorskip("optuna", reason="optuna is not installed")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    task = recording(25, maximize=maximize)
    study = optuna.create_study(
        direction="maximize" if maximize else "minimize", pruner=optuna.pruners.MedianPruner()
    )
    ours = Median(task, 0)
    for row in range(len(task)):
        trial = study.ask()
        place, last, pruned = 0, len(task.steps) - 1, False
        while place < last:
            trial.report(float(task.curves["loss"][row, place]), place)
            pruned = trial.should_prune()
            assert ours.stops(row, place) == pruned
            if pruned:
                break
            place += 1
        ours.ended(row, place, stopped=pruned)
        if pruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            trial.report(float(task.finals[row]), last)
            study.tell(trial, float(task.finals[row]))


def test_halving_keeps_a_quarter_of_those_that_reach_a_rung() -> None:
    task = recording(200)
    found = replay(task, Halving(task, 0))
    assert found.stops > 0.85 * 200  # three quarters at one rung after another


def test_our_rule_saves_time_and_hardly_stops_a_good_one() -> None:
    task = drawn(recording(60), trainings=24, seed=1)
    found = replay(task, Ours(task, 0, expected=True))
    assert found.saved > 0.2
    assert found.beaten <= 2
