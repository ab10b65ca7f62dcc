"""The tasks on the command line: their list, the whole story of one, and the study file that begins with one."""

import json
from pathlib import Path

import pytest

from physai_inverse.cli.task_texts import range_text
from physai_inverse.spec import load_spec
from physai_inverse.trainers import describe, task_names
from tests.cli.conftest import Cli
from tests.trainers.test_tasks import SHORT


def test_the_list_has_one_line_a_task(cli: Cli) -> None:
    lines = [line.split(maxsplit=1) for line in cli("tasks").out.splitlines() if line.strip()]
    for name in task_names():
        (shown,) = [text for first, text in (line for line in lines if len(line) == 2) if first == name]
        assert shown.startswith(describe(name).phenomenon[:30])


@pytest.mark.parametrize("name", task_names())
def test_the_story_of_a_task_names_all_that_it_has(cli: Cli, name: str) -> None:
    told, task = cli("tasks", name).out, describe(name)
    words = set(told.split())
    assert words >= {*task.knobs, *task.settings, *task.metrics, *task.phenomenon.split()[:5], "device"}
    assert task.source.split()[0] in words


def test_a_story_tells_when_a_parameter_acts(cli: Cli) -> None:
    told = cli("tasks", "digits").out
    assert [line.split() for line in told.splitlines() if line.split()[:1] == ["momentum"]] == [
        ["momentum", "0", "to", "0.99", "0.9", "optimizer:", "sgd"]
    ]


@pytest.mark.parametrize(
    ("knob", "text"),
    [
        ({"type": "boolean", "default": True}, "true, false"),
        ({"type": "choice", "values": ["a", "b"], "default": "a"}, "a, b"),
        ({"type": "ordinal", "levels": [16, 32], "default": 16}, "16, 32"),
        ({"type": "float", "low": 1e-4, "high": 0.1, "log": True, "default": 0.01}, "0.0001 to 0.1, log"),
        ({"type": "integer", "low": 1, "high": 4, "default": 2}, "whole, 1 to 4"),
    ],
)
def test_ranges_are_told_by_their_type(knob: dict[str, object], text: str) -> None:
    assert range_text(knob) == text


def test_one_task_as_json_is_one_line(cli: Cli) -> None:
    (line,) = cli("tasks", "wine", "--json").out.splitlines()
    found = json.loads(line)
    assert found["name"] == "wine"
    assert set(found["parameters"]) == set(describe("wine").knobs)
    assert found["phenomenon"] == describe("wine").phenomenon


def test_an_unknown_task_is_refused(cli: Cli) -> None:
    result = cli("tasks", "winee")
    assert result.code == 2
    assert "there is no task `winee`" in result.err.lower()


@pytest.mark.parametrize("name", task_names())
def test_a_first_study_of_a_task_runs(
    cli: Cli, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("init", "study.yaml", "--task", name).code == 0
    text = Path("study.yaml").read_text()
    short = json.dumps({"task": name, "settings": SHORT[name]})
    for line, other in (
        (f"trainer: {{task: {name}}}", f"trainer: {short}"),
        ("workers: 2 ", "workers: 1 "),
        ("timeout: 600 ", "# "),
        ("baseline: random ", "# "),
        ("confirm: 3 ", "# "),
    ):
        assert text.count(f"\n{line}") == 1
        text = text.replace(f"\n{line}", f"\n{other}")
    Path("study.yaml").write_text(text)
    result = cli("run", "study.yaml", "--budget", "2", "--no-report")
    assert result.code == 0, result.err
    done = [json.loads(line) for line in cli("export", "study.yaml", "-").out.splitlines()]
    wanted = load_spec(Path("study.yaml")).objective
    assert wanted is not None
    assert len(done) == 2
    for trial in done:
        assert set(wanted.metrics) <= set(trial["metrics"])


def test_a_first_study_of_a_task_of_ones_own_names_its_file_from_where_it_lies(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "studies").mkdir()
    monkeypatch.chdir(tmp_path)
    source = Path(str(__import__("physai_inverse").__file__)).parent / "trainers/tasks/catalogue/scaling_law.py"
    Path("mine.py").write_text(source.read_text())
    assert cli("init", "studies/study.yaml", "--task", "mine.py").code == 0
    assert 'trainer: {task: "../mine.py"}' in Path("studies/study.yaml").read_text()
    assert load_spec(Path("studies/study.yaml")).require_trainer()({}, 0)
    assert cli("tasks", "mine.py").code == 0
