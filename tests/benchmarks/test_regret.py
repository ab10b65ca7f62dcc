"""The regret benchmark: what its unit is, what its problems promise, and what becomes of a tuner that breaks."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks.regret.problems import Config, Problem, problem
from benchmarks.regret.scores import WORST, normalise, shared
from benchmarks.regret.trials import READ_AT, Run, once
from benchmarks.regret.tuners import TUNERS, Entry
from benchmarks.regret.tuners.contract import AbstractTuner
from benchmarks.regret.tuners.ours import Random
from benchmarks.regret.tuners.translation import from_flat
from physai_inverse import Choice, Float, Ordinal, Space


def run_of(tuner: str, seed: int, excess: list[float | None]) -> Run:
    return {"tuner": tuner, "problem": "p", "seed": seed, "excess": excess, "best measured": excess}


def test_one_is_what_random_search_has_after_ten_evaluations() -> None:
    runs = [run_of("random", seed, [9.0, at_ten, *[0.5] * 8]) for seed, at_ten in enumerate((1.0, 2.0, 6.0))]
    runs.append(run_of("peer", 1, [None, 4.0, 2.0, *[0.0] * 7]))
    regret = normalise(runs)["peer"]["p"].picked[0]
    np.testing.assert_allclose(regret[:4], [WORST, 2.0, 1.0, 0.0])


def test_two_tuners_are_compared_on_the_seeds_that_both_have() -> None:
    runs = [run_of("random", seed, [1.0] * len(READ_AT)) for seed in range(3)]
    runs += [run_of("peer", seed, [float(seed)] * len(READ_AT)) for seed in (1, 2, 5)]
    scores = normalise(runs)
    first, second = shared(scores["random"], scores["peer"])["p"]
    assert first.seeds == second.seeds == (1, 2)
    np.testing.assert_allclose(second.at(50), [1.0, 2.0])


def test_two_fifths_of_the_failing_problem_fail_and_the_optimum_does_not() -> None:
    shares = []
    for seed in range(8):
        task = problem("hartmann6-failing", seed)
        values = [task.truth(config) for config in task.space.sample(200, seed=seed)]
        shares.append(np.mean(np.isnan(values)))
        assert np.nanmin(values) >= task.best
    assert 0.3 < float(np.mean(shares)) < 0.5


@pytest.mark.parametrize("name", ["rosenbrock5", "ackley8", "sensitive20", "learning_rate", "optimizers"])
def test_no_configuration_is_better_than_the_best_known(name: str) -> None:
    task = problem(name, 3)
    values = np.array([task.truth(config) for config in task.space.sample(500, seed=0)])
    assert np.nanmin(values) >= task.best


class Breaking(Random):
    def ask(self) -> Config:
        if len(self.left) == self.budget - 12:
            raise RuntimeError("no more")
        return super().ask()


@dataclass(frozen=True)
class BreakingEntry(Entry):
    def make(self, problem: Problem, seed: int, budget: int) -> AbstractTuner:
        return Breaking(problem, seed, budget)


def test_a_tuner_that_raises_keeps_its_last_pick_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TUNERS, "breaking", BreakingEntry("ours", "Breaking"))
    broken, whole = once("breaking", "rosenbrock5", 0, 50), once("random", "rosenbrock5", 0, 50)
    assert broken["error"] == "evaluation 13: RuntimeError: no more"
    assert broken["excess"][:2] == whole["excess"][:2]
    assert len(set(broken["best measured"][2:])) == 1
    assert len(broken["excess"]) == len(READ_AT)


def test_what_is_not_active_is_left_out_and_indices_become_levels() -> None:
    space = Space(
        kind=Choice(["a", "b"]), level=Ordinal([1.0, 10.0, 100.0]), share=Float(0.0, 1.0, when={"kind": "b"})
    )
    assert from_flat(space, {"kind": "a", "level": 2, "share": 0.5}) == {"kind": "a", "level": 100.0}
    assert from_flat(space, {"kind": "b", "level": 0, "share": math.nextafter(1.0, 2.0)})["share"] == 1.0
