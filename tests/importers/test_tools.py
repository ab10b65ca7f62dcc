"""Records that the tools themselves write, imported with no option, are the study that was run."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from physai_inverse.errors import MissingPackage, NotFound
from physai_inverse.importers import Reading, read_records
from physai_inverse.observations import Curve, TrialState
from physai_inverse.space import Boolean, Choice, Constant, Float, Integer, Ordinal
from tests.importers import records

if TYPE_CHECKING:
    from optuna.trial import Trial

ROWS = records.rows(12)


def assert_digits(reading: Reading, *, count: int, prefix: str = "", boolean: bool = True) -> None:
    """The study behind `records.rows`: types, scales, the condition, and the objective."""
    parameters = reading.space.parameters
    lr, momentum = parameters[f"{prefix}lr"], parameters[f"{prefix}momentum"]
    assert isinstance(lr, Float)
    assert (lr.low, lr.high, lr.log) == (1e-4, 0.1, True)
    assert isinstance(momentum, Float)
    assert not momentum.log
    assert str(momentum.when) == f"{prefix}optimizer = sgd"
    assert isinstance(parameters[f"{prefix}optimizer"], Choice)
    assert parameters[f"{prefix}width"] == Ordinal([16, 32, 64])
    assert parameters[f"{prefix}nesterov"] == (Boolean() if boolean else Integer(0, 1))
    assert reading.wish.goals == ["minimize val_loss"]
    assert len(reading.observations) == count


def states(reading: Reading) -> dict[float, TrialState]:
    name = next(name for name in reading.space.parameters if name.endswith("lr"))
    return {float(seen.config[name]): seen.state for seen in reading.observations}


@pytest.fixture
def file_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow calls its file store finished, not gone


def log_to_mlflow(uri: str) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    client = mlflow.MlflowClient(uri)
    experiment = client.create_experiment("digits")
    for place, row in enumerate(ROWS):
        run = client.create_run(experiment).info.run_id
        for name, value in records.settings(row).items():
            client.log_param(run, name, value)
        client.log_param(run, "epochs", 10)
        client.log_param(run, "seed", place)
        for step in range(3):
            client.log_metric(run, "val_loss", float(row["val_loss"]) + 1 / (step + 1), step=step)
        client.log_metric(run, "net/parameters", 100.0 + place)
        if place != 11:
            client.set_terminated(run, {9: "FAILED", 10: "KILLED"}.get(place, "FINISHED"))


def assert_mlflow(reading: Reading) -> None:
    assert_digits(reading, count=11)
    assert reading.space.parameters["epochs"] == Constant(10)
    assert len(reading.left_out) == 1
    assert "it has not ended (running)" in reading.left_out[0]
    found = sorted(reading.observations, key=lambda seen: seen.seed or 0)
    assert [seen.seed for seen in found] == list(range(11))
    assert found[2].state is TrialState.DIVERGED
    assert (found[9].state, found[9].kind) == (TrialState.FAILED, "unknown")
    assert found[10].state is TrialState.STOPPED_EARLY
    first = found[0].metrics["val_loss"]
    assert isinstance(first, Curve)
    assert first.steps == (0.0, 1.0, 2.0)
    assert first.values[0] == float(ROWS[0]["val_loss"]) + 1
    assert found[0].metrics["net_parameters"] == 100.0
    assert found[0].seconds is not None


@pytest.mark.slow
@pytest.mark.usefixtures("file_store")
@pytest.mark.filterwarnings("ignore::FutureWarning:mlflow")
def test_a_file_store_of_mlflow(tmp_path: Path) -> None:
    log_to_mlflow(f"file:{tmp_path / 'mlruns'}")
    for source in (tmp_path / "mlruns", tmp_path):
        assert_mlflow(read_records(source))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_an_sqlite_store_of_mlflow(tmp_path: Path) -> None:
    """MLflow runs dozens of migrations to make a database."""
    pytest.importorskip("alembic", reason="alembic is not installed")
    log_to_mlflow(f"sqlite:///{tmp_path / 'mlflow.db'}")
    before = (tmp_path / "mlflow.db").read_bytes()
    assert_mlflow(read_records(tmp_path / "mlflow.db"))
    assert (tmp_path / "mlflow.db").read_bytes() == before


def test_the_tables_of_mlflow_say_infinity_and_nan_in_their_own_way(tmp_path: Path) -> None:
    from tests.importers.test_malformed import mlflow_tables

    path = mlflow_tables(
        "INSERT INTO experiments VALUES (1, 'e'), (0, 'Default')",
        "INSERT INTO runs VALUES ('a', 'FINISHED', 1000, 3000, 'active', 1), "
        "('b', 'FINISHED', 2000, 3000, 'active', 1), "
        "('c', 'FINISHED', 3000, 3000, 'deleted', 1), ('d', 'FINISHED', 2500, 3000, 'active', 1)",
        "INSERT INTO params VALUES ('lr', '0.1', 'a'), ('lr', '0.2', 'b'), ('lr', '0.3', 'd')",
        "INSERT INTO metrics VALUES ('loss', 0.0, 1, 'a', 0, 1), ('loss', 1.7976931348623157e308, 1, 'b', 0, 0), "
        "('loss', 2.0, 1, 'd', 0, 0), ('system/cpu', 5.0, 1, 'a', 0, 0)",
    )(tmp_path)
    reading = read_records(path)
    values = [float(seen.metrics["loss"]) for seen in reading.observations]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, 2.0]
    assert [seen.state for seen in reading.observations] == [
        TrialState.DIVERGED,
        TrialState.DIVERGED,
        TrialState.DONE,
    ]
    assert reading.left_out == (f"{path}: run c: it was deleted in MLflow.",)
    assert [item.role for item in reading.decisions if item.column == "system/cpu"] == ["left out"]


def test_a_file_store_as_mlflow_lays_it_out(tmp_path: Path) -> None:
    reading = read_records(records.write_mlflow_folder(tmp_path, ROWS))
    assert_digits(reading, count=11)
    assert list(states(reading).values())[1:3] == [TrialState.FAILED, TrialState.DIVERGED]
    assert reading.observations[0].seconds == 2.0
    assert len(reading.left_out) == 1


@pytest.mark.parametrize(
    "journal", [pytest.param(False, marks=pytest.mark.slow), True], ids=["database", "journal"]
)
def test_a_study_of_optuna(tmp_path: Path, journal: bool) -> None:
    optuna = pytest.importorskip("optuna", reason="optuna is not installed")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = tmp_path / ("journal.log" if journal else "optuna.db")
    if journal:
        from optuna.storages.journal import JournalFileBackend

        storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    else:
        storage = f"sqlite:///{path}"
    study = optuna.create_study(
        study_name="digits", storage=storage, sampler=optuna.samplers.RandomSampler(seed=1)
    )

    def train(trial: "Trial") -> float:
        lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
        layers = trial.suggest_int("layers", 1, 3)
        trial.suggest_categorical("activation", ["relu", "tanh", None])
        for layer in range(layers):
            trial.suggest_int(f"units_{layer}", 4, 128, log=True)
        trial.suggest_categorical("bias", [True, False])
        trial.set_user_attr("parameters", 100 * layers)
        trial.set_user_attr("note", "text")
        for step in range(4):
            trial.report(1 / (step + 1) + lr, step)
            if trial.number == 3 and step == 1:
                raise optuna.TrialPruned
        if trial.number == 5:
            raise RuntimeError("no memory")
        return float("nan") if trial.number == 7 else 0.25 + lr

    study.optimize(train, n_trials=20, catch=(RuntimeError,))
    study.ask()
    before = path.read_bytes()
    reading = read_records(path)
    assert path.read_bytes() == before
    parameters = reading.space.parameters
    assert parameters["lr"] == Float(1e-5, 1e-1, log=True)
    assert parameters["layers"] == Integer(1, 3)
    assert parameters["bias"] == Boolean()
    assert parameters["activation"] == Choice(["relu", "tanh", "None"])
    assert parameters["units_0"] == Integer(4, 128, log=True)
    assert parameters["units_2"] == Integer(4, 128, log=True, when="layers >= 3")
    assert reading.wish.goals == ["minimize value"]
    assert not reading.wish.guessed
    found = reading.observations
    assert len(found) == 20
    assert found[3].state is TrialState.STOPPED_EARLY
    assert len(found[3].metrics["value"]) == 2
    assert (found[5].state, found[5].kind) == (TrialState.FAILED, "unknown")
    assert found[7].state in (TrialState.DIVERGED, TrialState.FAILED)
    assert found[0].metrics["parameters"] == 100 * float(found[0].config["layers"])
    assert [line for line in reading.left_out if "running" in line] == list(reading.left_out)
    with pytest.raises(NotFound, match="has no study `letters`; it has `digits` \\(21\\)"):
        read_records(path, experiment="letters")


@pytest.mark.filterwarnings("ignore")
def test_a_folder_of_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from torch.utils.tensorboard import SummaryWriter

    for place, row in enumerate(ROWS):
        with SummaryWriter(str(tmp_path / f"run{place}")) as writer:
            for step in range(4):
                writer.add_scalar("loss/train", 1 / (step + 1), step)
            writer.add_hparams(records.settings(row), {"val_loss": row["val_loss"]}, run_name="hparams")
    with SummaryWriter(str(tmp_path / "bare")) as writer:
        writer.add_scalar("loss/train", 1.0, 0)
    reading = read_records(tmp_path)
    assert_digits(reading, count=12, boolean=False)  # torch writes truth as numbers
    curve = reading.observations[0].metrics["loss_train"]
    assert isinstance(curve, Curve)
    assert curve.steps == (0.0, 1.0, 2.0, 3.0)
    assert list(states(reading).values()).count(TrialState.DIVERGED) == 1
    assert [line for line in reading.left_out if "no hyperparameters were recorded" in line] == list(
        reading.left_out
    )


@pytest.mark.filterwarnings("ignore")
def test_an_event_file_that_was_cut_keeps_what_stands_before(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from torch.utils.tensorboard import SummaryWriter

    for lr in (0.1, 0.2, 0.3):
        with SummaryWriter(str(tmp_path / f"lr={lr}")) as writer:
            for step in range(50):
                writer.add_scalar("loss", lr + step, step)
    [path] = (tmp_path / "lr=0.2").iterdir()
    path.write_bytes(path.read_bytes()[:-700])
    reading = read_records(tmp_path)
    assert [len(seen.metrics["loss"]) for seen in reading.observations][1] < 50
    [line] = reading.left_out
    assert "the file is cut in record" in line
    assert [seen.config["lr"] for seen in reading.observations] == [0.1, 0.2, 0.3]


def test_offline_runs_of_wandb(tmp_path: Path) -> None:
    reading = read_records(records.write_wandb(tmp_path, ROWS))
    assert_digits(reading, count=12, prefix="optim_")
    assert list(states(reading).values())[1:3] == [TrialState.FAILED, TrialState.DIVERGED]
    assert reading.observations[0].seconds == 6.0
    curve = reading.observations[0].metrics["val_loss"]
    assert isinstance(curve, Curve)
    assert curve.values[2] == float(ROWS[0]["val_loss"]) + 1 / 3


@pytest.mark.slow
def test_offline_runs_that_wandb_writes(tmp_path: Path) -> None:
    wandb = pytest.importorskip("wandb", reason="wandb is not installed")
    for row in ROWS:
        run = wandb.init(project="digits", mode="offline", config=records.settings(row), dir=str(tmp_path))
        run.log({"val_loss": row["val_loss"]})
        run.finish()
    assert_digits(read_records(tmp_path), count=12)


def test_results_of_ray_tune(tmp_path: Path) -> None:
    reading = read_records(records.write_ray(tmp_path, ROWS))
    assert_digits(reading, count=12)
    found = reading.observations
    assert (found[1].state, found[1].kind) == (TrialState.FAILED, "out_of_memory")
    assert found[1].reason == "RuntimeError: CUDA out of memory"
    assert found[2].state is TrialState.DIVERGED
    assert found[0].seconds == 1.5
    assert len(found[0].metrics["val_loss"]) == 3
    assert set(found[0].metrics) == {"val_loss"}


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.filterwarnings("ignore")
def test_results_that_ray_tune_writes(tmp_path: Path) -> None:
    """Ray starts its own processes, which takes more than a minute on two cores."""
    ray = pytest.importorskip("ray", reason="ray is not installed")
    from ray import tune

    def train(config: dict[str, float]) -> None:
        for step in range(3):
            tune.report({"val_loss": (math.log10(config["lr"]) + 2) ** 2 + 1 / (step + 1)})

    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR")
    try:
        tune.Tuner(
            train,
            param_space={"lr": tune.loguniform(1e-4, 1e-1), "net": {"width": tune.grid_search([16, 32, 64])}},
            tune_config=tune.TuneConfig(num_samples=3),  # of each width
            run_config=tune.RunConfig(storage_path=str(tmp_path), name="digits", verbose=0),
        ).fit()
    finally:
        ray.shutdown()
    reading = read_records(tmp_path)
    lr = reading.space.parameters["lr"]
    assert isinstance(lr, Float)
    assert lr.log
    assert isinstance(reading.space.parameters["net_width"], Ordinal)
    assert reading.wish.goals == ["minimize val_loss"]
    assert [len(seen.metrics["val_loss"]) for seen in reading.observations] == [3] * 9


def test_logs_of_lightning(tmp_path: Path) -> None:
    reading = read_records(records.write_lightning(tmp_path, ROWS))
    assert_digits(reading, count=12)
    curve = reading.observations[0].metrics["train_loss"]
    assert isinstance(curve, Curve)
    assert curve.steps == (4.0, 14.0, 24.0)
    assert list(states(reading).values())[2] is TrialState.DIVERGED


@pytest.mark.parametrize(
    ("missing", "make", "extra"),
    [
        ("pyarrow", lambda folder: write(folder / "runs.parquet", b"PAR1" + b"\0" * 20), "parquet"),
        ("optuna", lambda folder: write(folder / "j.log", b'{"op_code": 0}\n'), "optuna"),
        ("tensorboard", lambda folder: write(folder / "a" / "events.out.tfevents.1", b"x"), "tensorboard"),
    ],
)
def test_a_package_that_is_missing_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, make: Callable[[Path], Path], extra: str
) -> None:
    import sys

    path = make(tmp_path)
    monkeypatch.setitem(sys.modules, missing, None)  # makes every import of it fail
    with pytest.raises(MissingPackage, match=f"pip install 'physai-inverse\\[{extra}\\]'"):
        read_records(tmp_path if path.parent != tmp_path else path)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    assert os.path.getsize(path)
    return path
