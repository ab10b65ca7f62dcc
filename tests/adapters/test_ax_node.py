"""The engine inside Ax's client: suggestions, objectives, failures, and the way through JSON and SQL."""

import importlib
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

# Ax's own modules import deprecated names of each other and of its dependencies; nothing of ours is hidden.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ax.adapter.registry import Generators
    from ax.api.client import Client
    from ax.api.configs import (
        ChoiceParameterConfig,
        DerivedParameterConfig,
        RangeParameterConfig,
        StorageConfig,
    )
    from ax.core.arm import Arm
    from ax.core.data import Data
    from ax.core.parameter import ParameterType, RangeParameter
    from ax.exceptions.core import UnsupportedError
    from ax.storage.sqa_store.db import create_all_tables, get_engine, init_engine_and_session_factory

from physai_inverse.adapters import EngineNode, register_engine, use_engine
from physai_inverse.adapters.ax_trials import AxPicture
from physai_inverse.errors import InvalidInput, MissingPackage
from physai_inverse.objective import AtLeast, AtMost, Maximize, Minimize
from physai_inverse.space import Boolean, Choice, Float, Integer, Ordinal

# Ax calls deprecated methods of its own, and of pandas.
pytestmark = [
    pytest.mark.filterwarnings("ignore:add_tracking_metric is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning"),
]

PLANE = [RangeParameterConfig("x", (0.0, 1.0), "float"), RangeParameterConfig("y", (0.0, 1.0), "float")]
Config = Mapping[str, Any]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)  # each of Ax's loggers sets its own level
    yield
    logging.disable(logging.NOTSET)


def client_of(
    parameters: Any = PLANE, objective: str = "-loss", *, constraints: Any = None, limits: Any = None, **more: Any
) -> Client:
    client = Client(**more)
    client.configure_experiment(parameters, parameter_constraints=constraints, name="experiment")
    client.configure_optimization(objective, outcome_constraints=limits)
    return client


def next_of(client: Client) -> tuple[int, Config]:
    ((number, config),) = client.get_next_trials(1).items()
    return number, config


def train(client: Client, function: Callable[[Config], Any], trials: int) -> list[Config]:
    configs = []
    for _ in range(trials):
        number, config = next_of(client)
        client.complete_trial(number, function(config))
        configs.append(config)
    return configs


def bowl(config: Config) -> dict[str, float]:
    return {"loss": (config["x"] - 0.3) ** 2 + (config["y"] - 0.7) ** 2}


def picture(client: Client) -> AxPicture:
    return AxPicture(client._experiment, client._experiment.lookup_data())


def test_one_line_makes_a_client_propose_by_our_engine() -> None:
    client = client_of()
    use_engine(client, seed=0)
    train(client, bowl, 11)
    config, *_ = client.get_best_parameterization()
    assert bowl(config)["loss"] < 1e-3


MIXED = [
    RangeParameterConfig("learning rate", (1e-5, 1.0), "float", scaling="log"),
    RangeParameterConfig("layers", (1, 8), "int"),
    RangeParameterConfig("width", (8, 512), "int", scaling="log"),
    RangeParameterConfig("dropout", (0.0, 1.0), "float", step_size=0.25),
    ChoiceParameterConfig(
        "kind", ["sgd", "adam", "lion"], "str", is_ordered=False, dependent_parameters={"sgd": ["momentum"]}
    ),
    RangeParameterConfig("momentum", (0.0, 0.99), "float"),
    ChoiceParameterConfig("batch", [16, 32, 64], "int", is_ordered=True),
    ChoiceParameterConfig("flag", [True, False], "bool", is_ordered=True),
    ChoiceParameterConfig("fixed", ["only"], "str"),
]


def test_every_kind_of_parameter_is_proposed_as_ax_wants_it() -> None:
    client = client_of(MIXED)
    use_engine(client, seed=0)
    configs = train(client, lambda config: {"loss": config["dropout"] + config["layers"]}, 8)
    space = client._experiment.search_space
    for config in configs:
        space.check_membership(config, raise_error=True)
        assert ("momentum" in config) == (config["kind"] == "sgd")
        assert config["fixed"] == "only"
    kinds = [type(parameter) for parameter in picture(client).space.space.free]
    assert kinds == [Float, Integer, Integer, Ordinal, Choice, Float, Ordinal, Boolean]
    assert len(picture(client).told) == 8


def test_derived_parameters_and_parameter_constraints_are_kept() -> None:
    parameters = [*PLANE, DerivedParameterConfig("rest", "1.0 - x - y", "float")]
    client = client_of(parameters, constraints=["x + y <= 1"])
    use_engine(client, seed=0)
    for config in train(client, lambda config: {"loss": -config["x"] - config["y"]}, 10):
        assert config["x"] + config["y"] <= 1 + 1e-9
        assert config["rest"] == pytest.approx(1 - config["x"] - config["y"])


@pytest.mark.parametrize(
    ("objective", "limits", "expected"),
    [
        ("-loss", None, [Minimize("loss")]),
        ("score", ["cost <= 3"], [Maximize("score"), AtMost("cost", 3.0)]),
        ("-loss, score", ["score >= 0.5"], [Minimize("loss"), Maximize("score"), AtLeast("score", 0.5)]),
        ("-loss", ["2 * cost >= 3"], [Minimize("loss"), AtLeast("cost", 1.5)]),
        ("-loss", ["-1 * cost <= 3"], [Minimize("loss"), AtLeast("cost", -3.0)]),
        ("2 * score - loss", None, [Maximize("sum of -1 loss and 2 score")]),
        ("-loss", ["a + 2 * b <= 1"], [Minimize("loss"), AtMost("sum of 1 a and 2 b", 1.0)]),
        ("-loss", ["cost <= 1.1 * baseline"], [Minimize("loss")]),
    ],
)
def test_objectives_and_outcome_constraints_are_understood(
    objective: str, limits: list[str] | None, expected: list[object]
) -> None:
    goals = picture(client_of(objective=objective, limits=limits)).objective.goals
    assert sorted(map(str, goals)) == sorted(map(str, expected))


def test_weighted_sums_are_taken_as_one_metric_with_its_error() -> None:
    client = client_of(objective="2 * score - loss")
    number = client.attach_trial({"x": 0.5, "y": 0.5})
    client.complete_trial(number, {"score": (1.0, 0.3), "loss": (4.0, 0.8)})
    joined = picture(client).told[0].metrics["sum of -1 loss and 2 score"]
    assert float(joined) == pytest.approx(-2.0)
    assert joined.standard_error == pytest.approx(1.0)  # type: ignore[union-attr]  # a Measurement


def test_a_relative_constraint_binds_once_the_baseline_was_measured() -> None:
    client = client_of(limits=["cost <= 1.1 * baseline"])
    number = client.attach_baseline({"x": 0.5, "y": 0.5})
    client.complete_trial(number, {"loss": 1.0, "cost": 20.0})
    (limit,) = picture(client).objective.limits
    assert isinstance(limit, AtMost)
    assert limit.bound == pytest.approx(22.0)


def test_outcome_constraints_are_met() -> None:
    client = client_of(limits=["cost <= 1"])
    use_engine(client, seed=0)
    train(client, lambda config: {"loss": -config["x"] - 2 * config["y"], "cost": config["x"] + config["y"]}, 11)
    last = [row.metrics for row in picture(client).told[-3:]]
    assert all(float(metrics["cost"]) < 1.2 for metrics in last)
    assert min(float(metrics["loss"]) for metrics in last) < -1.7


@pytest.mark.parametrize("mark", ["mark_trial_failed", "mark_trial_abandoned"])
def test_failed_and_abandoned_trials_are_learned_from_and_not_repeated(mark: str) -> None:
    client = client_of([RangeParameterConfig("x", (0.0, 1.0), "float")])
    use_engine(client, seed=0)
    outcomes, failed = [], []
    for _ in range(12):
        number, config = next_of(client)
        outcomes.append(float(config["x"]))
        if config["x"] < 0.5:
            failed.append(float(config["x"]))
            getattr(client, mark)(number)
        else:
            client.complete_trial(number, {"loss": (config["x"] - 0.75) ** 2})
    assert len(set(failed)) == len(failed)
    assert sum(x < 0.5 for x in outcomes[6:]) <= 1


def test_pending_trials_are_kept_away_from_also_several_at_once() -> None:
    client = client_of()
    use_engine(client, seed=0)
    train(client, bowl, 6)
    batch = [*client.get_next_trials(2).values(), *client.get_next_trials(1).values()]
    assert len({(config["x"], config["y"]) for config in batch}) == 3
    assert len(picture(client).waiting([])) == 3


def test_every_arm_of_a_batch_is_an_observation() -> None:
    client = client_of()
    experiment = client._experiment
    trial = experiment.new_batch_trial().add_arms_and_weights(
        [Arm({"x": 0.1, "y": 0.2}), Arm({"x": 0.3, "y": 0.4})]
    )
    trial.mark_running(no_runner_required=True)
    assert len(picture(client).waiting([])) == 2
    trial.mark_completed()
    rows = [
        {"trial_index": 0, "arm_name": arm.name, "metric_name": "loss", "metric_signature": "loss", "mean": 1.0}
        for arm in trial.arms
    ]
    import pandas as pd

    experiment.attach_data(Data(df=pd.DataFrame([{**row, "sem": 0.1} for row in rows])))
    assert [row.config for row in picture(client).told] == [{"x0": 0.1, "x1": 0.2}, {"x0": 0.3, "x1": 0.4}]


def test_the_last_step_of_a_curve_counts() -> None:
    client = client_of()
    number = client.attach_trial({"x": 0.5, "y": 0.5})
    for step, value in enumerate([3.0, 2.0, 1.0]):
        client.attach_data(number, {"loss": value}, progression=step)
    client.mark_trial_early_stopped(number)
    (row,) = picture(client).told
    assert float(row.metrics["loss"]) == 1.0
    assert row.state == "stopped_early"


def test_the_same_seed_gives_the_same_trials() -> None:
    runs = []
    for seed in (1, 1, 2):
        client = client_of()
        use_engine(client, seed=seed)
        runs.append(train(client, bowl, 5))
    assert runs[0] == runs[1] != runs[2]


def test_a_client_saved_as_json_goes_on_where_it_was(tmp_path: Path) -> None:
    client = client_of()
    use_engine(client, seed=5)
    train(client, bowl, 6)
    path = str(tmp_path / "snapshot.json")
    client.save_to_json_file(path)
    loaded = Client.load_from_json_file(path)
    node = loaded._generation_strategy._curr
    assert isinstance(node, EngineNode)
    assert node.seed == 5
    assert train(loaded, bowl, 2) == train(client, bowl, 2)


@pytest.fixture
def database(tmp_path: Path) -> StorageConfig:
    url = f"sqlite:///{tmp_path / 'ax.db'}"
    init_engine_and_session_factory(url=url, force_init=True)
    create_all_tables(get_engine())
    return StorageConfig(url=url)


# Ax's tables use column types that SQLAlchemy 2 cannot cache, and both warn about it while saving.
@pytest.mark.filterwarnings("ignore:.*cache_ok.*")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ax")
def test_a_client_in_a_database_goes_on_where_it_was(database: StorageConfig) -> None:
    client = client_of(storage_config=database)
    use_engine(client, seed=5)
    train(client, bowl, 5)
    pending, _ = next_of(client)
    loaded = Client.load_from_database("experiment", storage_config=database)
    assert isinstance(loaded._generation_strategy._curr, EngineNode)
    assert len(picture(loaded).waiting([])) == 1
    for each in (client, loaded):
        each.complete_trial(pending, {"loss": 1.0})
    ours, theirs = client.get_next_trials(1), loaded.get_next_trials(1)
    assert list(ours.values()) == list(theirs.values())


# Ax asks pandas for an option that pandas deprecates.
@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option:DeprecationWarning")
def test_an_experiment_made_by_ax_can_be_taken_over_half_way() -> None:
    client = client_of(random_seed=0)
    client.configure_generation_strategy(method="random_search", initialization_random_seed=0)
    train(client, bowl, 6)
    use_engine(client, seed=0)
    train(client, bowl, 8)
    assert min(float(row.metrics["loss"]) for row in picture(client).told) < 1e-2


def test_a_parameter_that_ax_adds_is_back_filled_in_the_old_trials() -> None:
    client = client_of()
    use_engine(client, seed=0)
    train(client, bowl, 5)
    new = RangeParameter("z", ParameterType.FLOAT, 0.0, 1.0, backfill_value=0.25)
    client._experiment.add_parameters_to_search_space([new])
    number, config = next_of(client)
    assert 0.0 <= config["z"] <= 1.0
    client.complete_trial(number, {"loss": 0.1})
    assert [row.config["x2"] for row in picture(client).told[:5]] == [0.25] * 5


def test_a_small_space_that_is_used_up_is_repeated_rather_than_given_up() -> None:
    client = client_of([ChoiceParameterConfig("k", ["a", "b", "c"], "str", is_ordered=False)])
    use_engine(client, seed=0)
    configs = train(client, lambda config: {"loss": float(ord(config["k"]))}, 5)
    assert {config["k"] for config in configs[:3]} == {"a", "b", "c"}


def test_holding_parameters_fixed_is_refused_rather_than_ignored() -> None:
    client = client_of()
    use_engine(client, seed=0)
    with pytest.raises(UnsupportedError, match=r"cannot hold \['x'\] fixed"):
        client.get_next_trials(1, fixed_parameters={"x": 0.5})


def test_objectives_of_sums_are_refused_with_what_to_do() -> None:
    with pytest.raises(UnsupportedError, match="report each sum as a metric of its own"):
        _ = picture(client_of(objective="a + b, c")).objective


@pytest.mark.parametrize("seed", [-1, 0.5, True])
def test_a_seed_that_is_none_is_refused(seed: object) -> None:
    with pytest.raises(InvalidInput, match="`seed` must be a whole number"):
        EngineNode(seed)


def test_registering_twice_is_registering_once() -> None:
    register_engine()
    register_engine()
    assert Generators.SOBOL  # Ax's own entries are as they were


def test_without_ax_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ax", None)
    monkeypatch.delitem(sys.modules, "physai_inverse.adapters.ax_node")
    with pytest.raises(MissingPackage, match=r"physai-inverse\[ax\]"):
        importlib.import_module("physai_inverse.adapters.ax_node")
