"""A study with a fidelity on the command line: what is told, and that a table brings it back."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

TEXT = """\
space: {x: {type: float, low: 0.0, high: 1.0}}
objective: {minimize: loss}
fidelity: {name: epochs, low: 1, high: 9}
method: asha
trainer: {function: "train.py:train"}
budget: 3
"""
TRAIN = """\
def train(config, seed, epochs, *, checkpoint):
    return {"loss": (config["x"] - 0.3) ** 2 + 1 / epochs}
"""


@pytest.fixture
def climbing(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text(TRAIN)
    path = tmp_path / "study.yaml"
    path.write_text(TEXT)
    return path


def test_suggestions_say_the_fidelity_and_what_they_continue(cli: Cli, climbing: Path) -> None:
    for _ in range(3):
        [line] = [json.loads(text) for text in cli("suggest", climbing, "--json").out.splitlines()]
        assert (line["fidelity"], line["continues"]) == (1.0, None)
        assert cli("observe", climbing, line["number"], f"loss={line['config']['x']}").code == 0
    line = json.loads(cli("suggest", climbing, "--json").out)
    assert line["fidelity"] == 3.0
    assert line["continues"] in (0, 1, 2)
    result = cli("observe", climbing, "--json-lines", "-", stdin=json.dumps({**line, "metrics": {"loss": 0.1}}))
    assert result.code == 0, result.err
    shown = cli("show", climbing)
    assert f"(from #{line['continues']})" in shown.out
    assert "epochs 1 3 9; configurations:" in shown.out
    assert "fidelity" in cli("suggest", climbing).out


def test_a_run_counts_full_trainings_and_recommends_by_the_highest(cli: Cli, climbing: Path) -> None:
    result = cli("run", climbing)
    assert result.code == 0, result.err
    trials = [json.loads(line) for line in cli("show", climbing, "--json").out.splitlines()]
    spent = sum(
        t["fidelity"] - (0 if t["continues"] is None else trials[t["continues"]]["fidelity"]) for t in trials
    )
    assert 27 <= spent < 36
    found = json.loads(cli("recommend", climbing, "--json").out)
    assert found["fidelity"] in (1.0, 3.0, 9.0)
    high = json.loads(cli("predict", climbing, "x=0.3", "--json").out)["predictions"]["loss"]["quantiles"]["0.5"]
    low = json.loads(cli("predict", climbing, "x=0.3", "--fidelity", 1, "--json").out)
    assert low["predictions"]["loss"]["quantiles"]["0.5"] > high + 0.3
    assert cli("predict", climbing, "x=0.3", "--fidelity", 10).code == 2


def test_a_configuration_is_queued_in_full_or_at_a_fidelity(cli: Cli, climbing: Path) -> None:
    full = json.loads(cli("enqueue", climbing, "x=0.5", "--json").out)
    short = json.loads(cli("enqueue", climbing, "x=0.5", "--fidelity", 3, "--json").out)
    assert (full["fidelity"], short["fidelity"]) == (9.0, 3.0)


@pytest.mark.parametrize("name", ["trials.csv", "trials.jsonl"])
def test_a_table_brings_the_fidelity_back(cli: Cli, climbing: Path, tmp_path: Path, name: str) -> None:
    assert cli("run", climbing).code == 0
    assert cli("export", climbing, tmp_path / name).code == 0
    other = tmp_path / "other.yaml"
    other.write_text(TEXT)
    result = cli("import", other, tmp_path / name)
    assert result.code == 0, result.err
    before, after = (
        [json.loads(line)["fidelity"] for line in cli("show", study, "--json").out.splitlines()]
        for study in (climbing, other)
    )
    assert before == after
    assert len(set(before)) > 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("low: 1, high: 9", "low: 9, high: 1", "needs 0 < low < high"),
        ("name: epochs", "name: x", "is a parameter of the space, too"),
        ("fidelity: {name: epochs, low: 1, high: 9}\n", "", "asha climbs rungs and needs a `fidelity`"),
        ('function: "train.py:train"', "command: 'train {x}'", "its trainer does not take it"),
        ("low: 1,", "lowest: 1,", "no such key in fidelity"),
    ],
)
def test_a_fidelity_that_cannot_be_meant_is_named_with_its_place(
    cli: Cli, climbing: Path, old: str, new: str, message: str
) -> None:
    climbing.write_text(TEXT.replace(old, new))
    result = cli("suggest", climbing)
    assert result.code == 2
    assert message in result.err
    assert f"{climbing}:" in result.err
