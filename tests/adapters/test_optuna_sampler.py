"""The engine as an Optuna sampler: everything that a study can be, through Optuna's own public door."""

import copy
import importlib
import math
import pickle
import sys
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from physai_inverse.adapters import PhysaiSampler
from physai_inverse.adapters.optuna_axes import axis_of
from physai_inverse.adapters.optuna_trials import Picture
from physai_inverse.errors import InvalidInput, MissingPackage
from physai_inverse.observations import Measurement
from physai_inverse.space import Choice, Float, Integer, Ordinal


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(level)


def bowl(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", -5.0, 5.0)
    rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    return (x - 1.0) ** 2 + (math.log10(rate) + 3.0) ** 2


def branches(trial: optuna.Trial) -> float:
    kind = trial.suggest_categorical("kind", ["sgd", "adam", None])
    value = 0.0 if kind == "sgd" else 1.0 if kind == "adam" else 2.0
    if kind == "sgd":
        value += (trial.suggest_float("momentum", 0.0, 0.99, step=0.01) - 0.9) ** 2
    if kind == "adam":
        value += trial.suggest_float("beta", 0.5, 0.999) ** 2
    for layer in range(trial.suggest_int("layers", 1, 3)):
        value += (trial.suggest_int(f"width {layer}", 16, 256, log=True) - 64) ** 2 / 1e4
    return value


class Counting(PhysaiSampler):
    """Counts the parameters that were not foreseen."""

    unforeseen = 0

    def sample_independent(self, *arguments: Any) -> Any:
        self.unforeseen += 1
        return super().sample_independent(*arguments)


def params(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.params for trial in study.trials]


def test_one_line_finds_the_bottom_of_a_bowl() -> None:
    study = optuna.create_study(sampler=PhysaiSampler(seed=0))
    study.optimize(bowl, n_trials=25)
    assert study.best_value < 0.01


@pytest.mark.parametrize("objective", [bowl, branches])
def test_the_same_seed_gives_the_same_trials_also_by_another_sampler_in_between(
    objective: Callable[[optuna.Trial], float],
) -> None:
    whole = optuna.create_study(sampler=PhysaiSampler(seed=3))
    whole.optimize(objective, n_trials=12)
    halves = optuna.create_study(sampler=PhysaiSampler(seed=3))
    halves.optimize(objective, n_trials=7)
    halves.sampler = PhysaiSampler(seed=3)
    halves.optimize(objective, n_trials=5)
    other = optuna.create_study(sampler=PhysaiSampler(seed=4))
    other.optimize(objective, n_trials=12)
    assert params(whole) == params(halves) != params(other)


def test_branches_are_foreseen_once_they_were_seen() -> None:
    sampler = Counting(seed=1)
    study = optuna.create_study(sampler=sampler)
    study.optimize(branches, n_trials=16)
    sampler.unforeseen = 0
    study.optimize(branches, n_trials=6)
    assert sampler.unforeseen <= 2
    assert study.best_value < 0.1


def test_a_new_parameter_and_a_wider_range_are_taken_up_with_the_old_trials_kept() -> None:
    def objective(wide: bool) -> Callable[[optuna.Trial], float]:
        def run(trial: optuna.Trial) -> float:
            x = trial.suggest_float("x", 0.0, 5.0 if wide else 1.0)
            z = trial.suggest_float("z", 0.0, 1.0) if wide else 0.0
            return (x - 2.0) ** 2 + (z - 0.7) ** 2

        return run

    sampler = Counting(seed=0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective(False), n_trials=8)
    sampler.unforeseen = 0
    study.optimize(objective(True), n_trials=12)
    assert sampler.unforeseen == 1
    assert study.best_value < 0.01
    picture = Picture(study.trials, study.directions, {})
    assert len(picture.told()) == 20


def test_a_narrowed_range_binds_the_proposals_and_not_the_data() -> None:
    study = optuna.create_study(sampler=PhysaiSampler(seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=8)
    study.optimize(lambda trial: trial.suggest_float("x", 0.4, 0.9), n_trials=6)
    assert all(0.4 <= trial.params["x"] <= 0.9 for trial in study.trials[8:])
    assert min(trial.params["x"] for trial in study.trials[8:]) < 0.45


def test_where_trials_fail_no_more_are_proposed() -> None:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        return math.nan if x < 0.5 else (x - 0.75) ** 2

    study = optuna.create_study(sampler=PhysaiSampler(seed=0))
    study.optimize(objective, n_trials=16)
    failed = [trial.state == TrialState.FAIL for trial in study.trials]
    assert any(failed[:8])
    assert sum(failed[8:]) <= 2
    assert study.best_value < 1e-3


def test_an_infinite_value_counts_as_diverged() -> None:
    trial = create_trial(params={"x": 0.5}, distributions={"x": FloatDistribution(0, 1)}, value=math.inf)
    study = optuna.create_study(sampler=PhysaiSampler(seed=0))
    study.add_trial(trial)
    study.optimize(lambda trial: trial.suggest_float("x", 0.0, 1.0), n_trials=2)
    assert len(study.trials) == 3


def pruned(values: dict[int, float]) -> Any:
    distributions = {"x": FloatDistribution(0, 1)}
    return create_trial(
        state=TrialState.PRUNED, params={"x": 0.5}, distributions=distributions, intermediate_values=values
    )


@pytest.mark.parametrize(
    ("direction", "reported", "expected"),
    [
        ("minimize", {0: 5.0, 7: 1.5}, 1.5),
        ("minimize", {0: 9.0}, Measurement(2.0, censored="above")),
        ("maximize", {0: 9.0}, 9.0),
        ("maximize", {3: 0.5}, Measurement(2.0, censored="below")),
        ("minimize", {}, None),
        ("minimize", {0: math.nan}, None),
    ],
)
def test_a_pruned_trial_is_as_bad_as_the_median_at_least(
    direction: str, reported: dict[int, float], expected: object
) -> None:
    study = optuna.create_study(direction=direction, sampler=PhysaiSampler(seed=0))
    for value in (1.0, 2.0, 3.0):
        distributions = {"x": FloatDistribution(0, 1)}
        study.add_trial(create_trial(params={"x": value / 4}, distributions=distributions, value=value))
    study.add_trial(pruned(reported))
    last = Picture(study.trials, study.directions, {}).told()[-1]
    assert last.metrics.get("value 0") == expected
    assert last.state == ("failed" if expected is None else "stopped_early")


def test_constraints_are_met_and_seen_by_optuna(tmp_path: Path) -> None:
    def objective(trial: optuna.Trial) -> float:
        x, y = trial.suggest_float("x", 0.0, 1.0), trial.suggest_float("y", 0.0, 1.0)
        trial.set_user_attr("excess", x + y - 1.0)
        return -x - 2.0 * y

    sampler = PhysaiSampler(seed=0, constraints_func=lambda trial: (trial.user_attrs["excess"],))
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    study = optuna.create_study(storage=storage, sampler=sampler)
    study.optimize(objective, n_trials=14)
    loaded = optuna.load_study(study_name=study.study_name, storage=storage)
    assert -2.0 <= loaded.best_value < -1.8
    told = Picture(loaded.trials, loaded.directions, {}).told()
    assert {"constraint 0", "value 0"} == set(told[0].metrics)


def test_a_constraint_that_is_no_number_is_refused() -> None:
    study = optuna.create_study(sampler=PhysaiSampler(seed=0, constraints_func=lambda _: (math.nan,)))
    with pytest.raises(InvalidInput, match="got NaN for trial 0"):
        study.optimize(bowl, n_trials=1)


def test_several_objectives_are_traded_off() -> None:
    def objective(trial: optuna.Trial) -> tuple[float, float]:
        x, y = trial.suggest_float("x", 0.0, 1.0), trial.suggest_float("y", 0.0, 1.0)
        return x**2 + y, 1.0 - (x - 1.0) ** 2 - y

    study = optuna.create_study(directions=["minimize", "maximize"], sampler=PhysaiSampler(seed=0))
    study.optimize(objective, n_trials=14)
    front = [trial.params for trial in study.best_trials]
    assert len({config["x"] for config in front}) >= 4
    assert all(config["y"] < 0.05 for config in front)


def test_running_trials_are_kept_away_from() -> None:
    study = optuna.create_study(sampler=PhysaiSampler(seed=0))
    study.optimize(bowl, n_trials=10)
    distributions = {"x": FloatDistribution(-5, 5), "rate": FloatDistribution(1e-5, 1e-1, log=True)}
    batch = [study.ask(distributions).params for _ in range(4)]
    points = [(params["x"] / 10.0, math.log10(params["rate"]) / 4.0) for params in batch]
    assert min(math.dist(first, second) for first, second in combinations(points, 2)) > 1e-2


def test_a_trial_stands_back_for_an_earlier_one_that_another_process_is_making_up() -> None:
    def study_with(asked: int) -> optuna.Study:
        study = optuna.create_study(sampler=PhysaiSampler(seed=0))
        study.optimize(bowl, n_trials=8)
        for _ in range(asked):
            study.ask()  # running, and nothing suggested yet
        return study

    alone = study_with(0).ask()
    beside = study_with(1).ask()
    first = (alone.suggest_float("x", -5.0, 5.0), alone.suggest_float("rate", 1e-5, 1e-1, log=True))
    second = (beside.suggest_float("x", -5.0, 5.0), beside.suggest_float("rate", 1e-5, 1e-1, log=True))
    assert abs(first[0] - second[0]) + abs(math.log10(first[1] / second[1])) > 1e-2


def test_threads_never_train_the_same_configuration() -> None:
    study = optuna.create_study(sampler=PhysaiSampler(seed=0))
    study.optimize(bowl, n_trials=8, n_jobs=2)
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 8


def test_two_samplers_on_one_database_share_what_they_see(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    study = optuna.create_study(storage=storage, study_name="shared", sampler=PhysaiSampler(seed=0))
    other = optuna.load_study(storage=storage, study_name="shared", sampler=PhysaiSampler(seed=0))
    for _ in range(3):
        study.optimize(branches, n_trials=1)
        other.optimize(branches, n_trials=1)
    alone = optuna.create_study(sampler=PhysaiSampler(seed=0))
    alone.optimize(branches, n_trials=6)
    assert params(alone) == params(study)


def test_an_enqueued_trial_runs_as_given_and_teaches() -> None:
    study = optuna.create_study(sampler=PhysaiSampler(seed=0))
    study.enqueue_trial({"x": 1.0, "rate": 1e-3})
    study.enqueue_trial({"x": 2.0})
    study.optimize(bowl, n_trials=4)
    assert params(study)[0] == {"x": 1.0, "rate": 1e-3}
    assert params(study)[1]["x"] == 2.0
    assert len(Picture(study.trials, study.directions, {}).told()) == 4


def test_hyperband_and_its_view_of_a_study_are_no_trouble() -> None:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        for step in range(9):
            trial.report((x - 0.3) ** 2 + 1.0 / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return (x - 0.3) ** 2

    pruner = optuna.pruners.HyperbandPruner(max_resource=9)
    study = optuna.create_study(sampler=PhysaiSampler(seed=0), pruner=pruner)
    study.optimize(objective, n_trials=15)
    assert any(trial.state == TrialState.PRUNED for trial in study.trials)
    assert study.best_value < 0.01


def test_a_study_with_the_sampler_can_be_copied_and_pickled() -> None:
    study = optuna.create_study(sampler=PhysaiSampler(seed=0))
    study.optimize(bowl, n_trials=6)
    copies = [copy.deepcopy(study), pickle.loads(pickle.dumps(study))]  # noqa: S301 - our own bytes
    for each in (study, *copies):
        each.optimize(bowl, n_trials=1)
    assert len({tuple(each.trials[-1].params.values()) for each in (study, *copies)}) == 1


DISTRIBUTIONS = {
    "float": (FloatDistribution(-1, 3), Float, [-1.0, 0.25, 3.0]),
    "log": (FloatDistribution(1e-5, 1.0, log=True), Float, [1e-5, 1e-3, 1.0]),
    "step": (FloatDistribution(0.1, 0.9, step=0.2), Integer, [0.1, 0.5, 0.9]),
    "int": (IntDistribution(-3, 8), Integer, [-3, 0, 8]),
    "even": (IntDistribution(2, 8, step=2), Integer, [2, 4, 8]),
    "log int": (IntDistribution(1, 1024, log=True), Integer, [1, 32, 1024]),
    "huge": (IntDistribution(0, 10**15), Float, [0, 10**15]),
    "mixed": (CategoricalDistribution([None, True, "a", 2, 0.5]), Choice, [None, True, "a", 2, 0.5]),
    "not a number": (CategoricalDistribution([1.0, math.inf, "x"]), Choice, [1.0, math.inf, "x"]),
    "ordered": (CategoricalDistribution([16, 32, 64]), Ordinal, [16, 32, 64]),
    "counted": (CategoricalDistribution([0, 1, 2]), Choice, [0, 1, 2]),
}


@pytest.mark.parametrize(("distribution", "kind", "values"), DISTRIBUTIONS.values(), ids=DISTRIBUTIONS.keys())
def test_values_of_every_distribution_come_back(distribution: Any, kind: type, values: list[Any]) -> None:
    axis = axis_of(distribution, [])
    assert axis is not None
    assert isinstance(axis.parameter, kind)
    for value in values:
        read = axis.read(value)
        assert read is not None
        written = axis.write(read)
        assert type(written) is type(value)
        assert written == pytest.approx(value) if isinstance(value, float) else written == value


def test_every_distribution_at_once_is_sampled_inside_of_it() -> None:
    def objective(trial: optuna.Trial) -> float:
        for name, (distribution, _, _) in DISTRIBUTIONS.items():
            value = trial._suggest(name, distribution)
            assert distribution._contains(distribution.to_internal_repr(value))
        trial.suggest_float("alone", 1.0, 1.0)
        return float(trial.number % 5)

    study = optuna.create_study(sampler=PhysaiSampler(seed=0))
    study.optimize(objective, n_trials=9)
    assert len(study.trials) == 9


@pytest.mark.parametrize("seed", [-1, 1.5, True, "0"])
def test_a_seed_that_is_none_is_refused(seed: object) -> None:
    with pytest.raises(InvalidInput, match="`seed` must be a whole number"):
        PhysaiSampler(seed)


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "physai_inverse.adapters.optuna_sampler")
    with pytest.raises(MissingPackage, match=r"physai-inverse\[optuna\]"):
        importlib.import_module("physai_inverse.adapters.optuna_sampler")
