"""What a trainer is told beside configuration and seed: by its signature, its placeholders, its settings."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Curve
from physai_inverse.trainers import (
    CommandTrainer,
    Extras,
    FunctionTrainer,
    bound,
    load_task,
    may_stop,
    taken,
    train,
)


class Report:
    """Asks to stop from a step on."""

    def __init__(self, last: float = 1e9) -> None:
        self.stopped: str | None = None
        self.curves: dict[str, Curve] = {}
        self.last = last

    def __call__(self, step: float, metrics: Any) -> bool:
        for name, value in metrics.items():
            old = self.curves.get(name)
            steps, values = (old.steps, old.values) if old else ((), ())
            self.curves[name] = Curve((*steps, float(step)), (*values, float(value)))
        self.stopped = "hopeless" if step >= self.last else None
        return self.stopped is not None


def by_name(config: Any, seed: int, epochs: int) -> Any:
    return {"loss": config["x"] + seed + epochs}


def by_keyword(config: Any, *, seed: int, fidelity: float) -> Any:
    return {"loss": config["x"] + seed + fidelity}


def third(config: Any, seed: int, how_much: float) -> Any:
    return {"loss": config["x"] + seed + how_much}


def seedless(config: Any, epochs: int = 1) -> Any:
    return {"loss": config["x"] + 5 + epochs}


@pytest.mark.parametrize("function", [by_name, by_keyword, third, seedless])
def test_a_function_takes_the_fidelity_as_its_signature_says(function: Callable[..., Any]) -> None:
    trainer = bound(function, "epochs")
    assert taken(trainer) == {"fidelity"}
    assert train(trainer, {"x": 1.0}, 5, Extras(fidelity=9)).metrics == {"loss": 15.0}


def test_without_a_fidelity_a_function_is_called_as_ever() -> None:
    trainer = bound(lambda config, seed: {"loss": config["x"] + seed}, None)
    assert taken(trainer) == frozenset()
    assert trainer({"x": 1.0}, 2) == {"loss": 3.0}
    with pytest.raises(InvalidInput, match=r"must take `\(config\)` or `\(config, seed\)`"):
        bound(third, None)


def test_a_checkpoint_is_a_folder_that_is_there(tmp_path: Path) -> None:
    def once_more(config: Any, seed: int, *, checkpoint: Path, resume_from: int | None) -> Any:  # noqa: ARG001
        count = checkpoint / "count"
        count.write_text(str(int(count.read_text()) + 1 if count.exists() else 1))
        return {"count": float(count.read_text()), "from": float(resume_from or 0)}

    trainer = bound(once_more, None)
    assert taken(trainer) == {"checkpoint", "resume_from"}
    given = Extras(checkpoint=str(tmp_path / "a" / "b"), resume_from=7)
    assert train(trainer, {}, 0, given).metrics == {"count": 1.0, "from": 7.0}
    assert train(trainer, {}, 0, given).metrics == {"count": 2.0, "from": 7.0}


def test_what_is_reported_becomes_curves_and_last_values() -> None:
    def reports(config: Any, seed: int, report: Callable[..., bool]) -> Any:  # noqa: ARG001
        for step in range(1, 9):
            if report(step, {"loss": 1.0 / step}):
                break
        return {"size": 3.0}

    report = Report(last=4)
    told = train(bound(reports, None), {}, 0, Extras(report=report))
    assert told.stopped == "hopeless"
    assert told.metrics == {"size": 3.0, "loss": 0.25, "loss_curve": Curve((1, 2, 3, 4), (1.0, 0.5, 1 / 3, 0.25))}


def test_a_command_that_prints_a_hopeless_curve_is_ended(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import json, time\n"
        "for step in range(1, 1000):\n"
        "    print(json.dumps({'step': step, 'loss': 1 / step}), flush=True)\n"
        "    time.sleep(0.0 if step < 5 else 60.0)\n"
    )
    plain = bound(CommandTrainer(f"{sys.executable} {script}"), None)
    assert taken(plain) == {"report"}  # it tells its curves
    assert not may_stop(plain)
    trainer = bound(CommandTrainer(f"{sys.executable} {script}", stop_early=True), None)
    assert may_stop(trainer)
    told = train(trainer, {}, 0, Extras(report=Report(last=4)))
    assert told.stopped == "hopeless"
    assert isinstance(told.metrics["loss_curve"], Curve)
    assert told.metrics["loss_curve"].values[:4] == (1.0, 0.5, 1 / 3, 0.25)


def test_a_command_is_not_stopped_by_what_it_writes_into_a_file() -> None:
    with pytest.raises(InvalidInput, match="`stop_early` reads what the command prints"):
        CommandTrainer("train {x}", metrics="{out}/metrics.json", stop_early=True)


def test_a_function_that_is_named_is_asked_what_it_takes(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def f(config, seed, epochs, *, checkpoint):\n    return {'loss': epochs}\n")
    trainer = bound(FunctionTrainer("mine.py:f", str(tmp_path)), "epochs")
    assert taken(trainer) == {"fidelity", "checkpoint"}
    assert train(trainer, {}, 0, Extras(fidelity=3, checkpoint=str(tmp_path / "c"))).metrics == {"loss": 3}


def test_a_task_takes_its_setting_as_fidelity() -> None:
    trainer = bound(load_task("digits", {"observables": False}), "epochs")
    assert taken(trainer) == {"fidelity", "report", "checkpoint"}
    with pytest.raises(InvalidInput, match="has the fidelity `share`, and its trainer does not take it"):
        bound(load_task("digits"), "share")


def test_placeholders_of_a_command_are_checked_with_the_fidelity() -> None:
    command = CommandTrainer("train {x} {epochs} [--resume {resume_from}]", fidelity="epochs")
    command.check(["x"])
    assert command.takes == {"fidelity", "resume_from", "report"}
    with pytest.raises(InvalidInput, match="does not take it"):
        bound(CommandTrainer("train {x}"), "epochs")
