import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from physai_inverse.errors import InvalidInput, TrialFailed
from physai_inverse.observations import Curve, Measurement, Metric
from physai_inverse.trainers import CommandTrainer

ROOT = Path(__file__).resolve().parents[2]


def python(code: str, *arguments: str, **options: object) -> CommandTrainer:
    """Give a trainer that runs Python code; braces in the code are no placeholders."""
    escaped = code.replace("{", "{{").replace("}", "}}")
    return CommandTrainer([sys.executable, "-c", escaped, *arguments], **options)


def failure(trainer: CommandTrainer) -> TrialFailed:
    with pytest.raises(TrialFailed) as caught:
        trainer({}, 0)
    return caught.value


def wait_for(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


SHOW_ARGUMENTS = "import sys; print(sys.argv[1:], file=sys.stderr); sys.exit(1)"


def arguments(trainer: CommandTrainer, config: dict[str, float | str | bool], seed: int = 0) -> str:
    with pytest.raises(TrialFailed) as caught:
        trainer(config, seed)
    return str(caught.value).splitlines()[-1]


def test_python_stands_for_the_interpreter_that_runs_this_program(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("import json, sys; print(json.dumps({'same': float(sys.executable == sys.argv[1])}))")
    trainer = CommandTrainer(f"{{python}} {script} {sys.executable}")
    trainer.check(["lr"])
    assert trainer({"lr": 0.1}, 0) == {"same": 1.0}
    with pytest.raises(InvalidInput, match="A parameter cannot be called `python` with a command"):
        trainer.check(["python"])


def test_values_are_put_into_arguments_and_never_split() -> None:
    trainer = python(SHOW_ARGUMENTS, "--lr", "{lr}", "--name={name}", "{flag}", "{seed}")
    shown = arguments(trainer, {"lr": 1e-05, "name": "a b; $(rm x) 'q'", "flag": True}, 7)
    assert shown == repr(["--lr", "1e-05", "--name=a b; $(rm x) 'q'", "true", "7"])


def test_a_line_is_split_before_values_come_in() -> None:
    trainer = CommandTrainer(f"{sys.executable} -c '{SHOW_ARGUMENTS}' --a {{a}} 'b c'")
    assert arguments(trainer, {"a": "x y"}) == repr(["--a", "x y", "b c"])


@pytest.mark.parametrize(
    ("config", "expected"),
    [({"momentum": 0.5}, ["--momentum", "0.5", "end"]), ({}, ["end"])],
)
def test_a_bracket_group_is_left_out_with_its_parameter(config: dict[str, float], expected: list[str]) -> None:
    trainer = python(SHOW_ARGUMENTS, "[--momentum", "{momentum}]", "end")
    assert arguments(trainer, dict(config)) == repr(expected)


def test_brackets_and_braces_can_be_meant() -> None:
    trainer = python(SHOW_ARGUMENTS, "[1,2]", "[[{a},{a}]]", "{{{a}}}", "[[3]]")
    assert arguments(trainer, {"a": 5}) == repr(["[1,2]", "[5,5]", "{5}", "[[3]]"])


def test_an_inactive_parameter_outside_of_brackets_is_refused_with_advice() -> None:
    with pytest.raises(InvalidInput, match=r"square brackets: `\[--momentum"):
        python("", "{momentum}")({}, 0)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "is empty"),
        ("python 'train.py", "cannot be split"),
        ("python {", "single brace"),
        ("python [--lr {lr}", "is not closed"),
        ([1], "must be a text"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused(command: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        CommandTrainer(command)


def test_placeholders_are_checked_against_the_parameters() -> None:
    trainer = CommandTrainer("train --lr {lr} [--momentum {momentum}] --seed {seed}", metrics="{out}/{lr}.json")
    trainer.check(["lr", "momentum"], conditional=["momentum"])
    with pytest.raises(InvalidInput, match=r"\{momentum\}, which is no parameter; there are \{lr\}"):
        trainer.check(["lr"])
    with pytest.raises(InvalidInput, match="not active in every configuration"):
        trainer.check(["lr", "momentum"], conditional=["lr"])
    with pytest.raises(InvalidInput, match="cannot be called `seed`"):
        trainer.check(["lr", "momentum", "seed"])


def test_the_whole_configuration_is_in_a_file(tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    trainer = python(
        "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2]); print('{\"x\": 1}')", "{config}", str(copy)
    )
    trainer({"lr": 0.1, "name": "å", "flag": False}, 0)
    assert json.loads(copy.read_text()) == {"lr": 0.1, "name": "å", "flag": False}


def test_the_environment_is_passed_on_with_seed_and_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_OUTSIDE", "3")
    trainer = python(
        "import json, os; e = os.environ; files = os.listdir(e['PHYSAI_OUT']); "
        "print(json.dumps({'outside': int(e['FROM_OUTSIDE']), 'own': int(e['OWN'])})); "
        "print(json.dumps({'seed': int(e['PHYSAI_SEED']), 'empty': files == []}))",
        environment={"OWN": "4"},
    )
    assert trainer({}, 5) == {"outside": 3, "own": 4, "seed": 5, "empty": 1}


PRINTED: list[tuple[str, dict[str, Metric]]] = [
    ('{"a": 1}\nEpoch 1 [====]\n{"b": 2.5, "a": 3, "note": "x", "list": [1]}', {"a": 3.0, "b": 2.5}),
    (
        '{"step": 10, "val_loss": 0.5}\n{"step": 0, "val_loss": 0.9}\n{"step": 20, "val_loss": 0.4}\n'
        '{"done": true}',
        {"val_loss_curve": Curve((0, 10, 20), (0.9, 0.5, 0.4)), "val_loss": 0.4, "done": 1.0},
    ),
    ('{"loss": Infinity}', {"loss": float("inf")}),
    ('{"t": {"value": 100, "censored": "above"}}', {"t": Measurement(100, censored="above")}),
    ('{"c": {"0": 1.0, "10": 0.5}}', {"c": Curve((0, 10), (1.0, 0.5))}),
    ('{broken\n{"a": 1}\n{"b": }', {"a": 1.0}),
]


@pytest.mark.parametrize(("text", "expected"), PRINTED)
def test_json_lines_among_the_output_are_metrics(text: str, expected: dict[str, Metric]) -> None:
    assert python(f"print({text!r})")({}, 0) == expected


def test_nan_is_a_value() -> None:
    assert str(python("print('{\"loss\": NaN}')")({}, 0)) == "{'loss': nan}"


@pytest.mark.parametrize("indent", [None, 1])
def test_metrics_can_be_read_from_a_file(indent: int | None) -> None:
    trainer = python(
        "import json, os; path = os.environ['PHYSAI_OUT'] + '/7.json'; "
        f"json.dump({{'loss': 0.5}}, open(path, 'w'), indent={indent}); "
        "print('{\"other\": 1}')",
        metrics="{out}/{seed}.json",
    )
    assert trainer({}, 7) == {"loss": 0.5}


def test_a_missing_metrics_file_is_named() -> None:
    assert "m.json`: No such file" in str(failure(python("", metrics="{out}/m.json")))


def test_no_metrics_is_a_failure_that_says_what_was_expected() -> None:
    error = failure(python("print('hello'); print('done: 0.3')"))
    assert error.kind == "bug"
    assert '{"val_loss": 0.31}' in error.reason
    assert error.reason.endswith("The last line it printed: done: 0.3")


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("import sys; print('no such data', file=sys.stderr); sys.exit(3)", "bug", "exit code 3"),
        ("raise MemoryError", "out_of_memory", "ran out of memory"),
        ("raise RuntimeError('CUDA out of memory. Tried')", "out_of_memory", "ran out of memory"),
        ("import os; os.kill(os.getpid(), 9)", "unknown", "perhaps by the system for lack of memory"),
        ("import os; os.kill(os.getpid(), 15)", "preempted", "SIGTERM"),
        ("import sys; sys.exit(137)", "unknown", "signal 9"),
    ],
)
def test_a_failed_command_is_classified(code: str, kind: str, text: str) -> None:
    error = failure(python(code))
    assert (error.kind, text in error.reason) == (kind, True)


def test_the_end_of_standard_error_is_shown_and_cut() -> None:
    error = failure(python("import sys\nfor i in range(100): print(i, 'x' * 10**4, file=sys.stderr)\nsys.exit(1)"))
    assert "99 xxx" in error.reason
    assert len(error.reason) < 8000


def test_a_program_that_is_not_there_is_named() -> None:
    error = failure(CommandTrainer("no-such-program-here --x"))
    assert "cannot be started" in error.reason
    assert "`no-such-program-here` installed" in error.reason


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    error = failure(CommandTrainer("echo", folder=str(tmp_path / "none")))
    assert f"folder `{tmp_path / 'none'}`: No such file" in error.reason


CHILD = (
    "import os, subprocess, sys, time; path = sys.argv[1]; "
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    "open(path + '.part', 'w').write(f'{os.getpid()} {child.pid}'); os.rename(path + '.part', path); "
)


def test_a_slow_command_is_killed_with_its_children(tmp_path: Path) -> None:
    error = failure(python(CHILD + "time.sleep(600)", str(tmp_path / "pids"), timeout=2))
    assert (error.kind, error.reason) == ("timeout", "The command was stopped after its time limit of 2 s.")
    wait_for(lambda: not any(alive(int(pid)) for pid in (tmp_path / "pids").read_text().split()))


def test_what_a_command_leaves_running_ends_with_it(tmp_path: Path) -> None:
    assert python(CHILD + "print('{\"x\": 1}')", str(tmp_path / "pids"))({}, 0) == {"x": 1}
    wait_for(lambda: not any(alive(int(pid)) for pid in (tmp_path / "pids").read_text().split()))


def test_a_daemon_that_keeps_the_output_open_holds_nobody_up(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; p = subprocess.Popen(['sleep', '600'], start_new_session=True); "
        "open(sys.argv[1], 'w').write(str(p.pid)); print('{\"x\": 1}')"
    )
    assert python(code, str(tmp_path / "pid"))({}, 0) == {"x": 1}
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_command_and_its_folder_do_not_outlive_the_trainer(tmp_path: Path, number: signal.Signals) -> None:
    script = (
        "from tests.trainers.test_command_trainer import CHILD, python\n"
        f"python(CHILD + 'time.sleep(600)', {str(tmp_path / 'pids')!r})({{}}, 0)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    wait_for((tmp_path / "pids").exists)
    parent.send_signal(number)
    parent.wait(60)
    wait_for(lambda: not any(alive(int(pid)) for pid in (tmp_path / "pids").read_text().split()))
    wait_for(lambda: not list(tmp_path.glob("physai-inverse-trial-*")))


def test_a_huge_output_costs_little_memory() -> None:
    code = (
        "import sys\nline = 'x' * 999 + chr(10)\n"
        "for _ in range(100): sys.stdout.write(line * 500)\n"
        "sys.stdout.write('y' * 20_000_000 + chr(10))\n"
        "print('{\"x\": 1}')"
    )
    script = (
        "import resource\nfrom tests.trainers.test_command_trainer import python\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"assert python({code!r})({{}}, 0) == {{'x': 1}}\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    out = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(out.stdout) < 30_000  # kB


def test_no_folder_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    python("print('{\"x\": 1}')")({}, 0)
    failure(python("raise ValueError"))
    assert list(tmp_path.iterdir()) == []


def test_a_command_trainer_travels_by_pickle() -> None:
    trainer = python("print('{\"x\": 1}')")
    assert pickle.loads(pickle.dumps(trainer))({}, 0) == {"x": 1}  # noqa: S301 - our own bytes
