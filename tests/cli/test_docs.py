"""The docs: every command stands there with an example, and the examples run as they stand."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from physai_inverse.cli.app import COMMANDS
from physai_inverse.cli.guard import BROKEN_PIPE, BUG, CODES, INTERRUPTED
from physai_inverse.spec import load_spec, read_spec
from tests.cli.conftest import Cli

ROOT = Path(__file__).parents[2]
CLI = (ROOT / "docs" / "cli.md").read_text()
STUDY_FILE = (ROOT / "docs" / "study-file.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_stands_in_the_docs_with_an_example(command: str) -> None:
    section = re.search(rf"^### {command}$(.*?)(?=^##|\Z)", CLI, flags=re.MULTILINE | re.DOTALL)
    assert section is not None
    assert f"physai-inverse {command}" in section[1]


def test_the_docs_know_no_other_command() -> None:
    assert set(re.findall(r"^### (\w+)$", CLI, flags=re.MULTILINE)) == set(COMMANDS)


def test_every_exit_code_stands_in_the_docs() -> None:
    codes = {0, 1, BUG, INTERRUPTED, BROKEN_PIPE, *(code for _, code in CODES)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", CLI, flags=re.MULTILINE)} == codes


def test_the_commands_of_the_docs_run_as_they_stand(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(blocks(CLI, "yaml")[0])
    (tmp_path / "both.yaml").write_text(blocks(CLI, "yaml")[1])
    (tmp_path / "train.py").write_text(blocks(CLI, "python")[0])
    for line in "".join(blocks(CLI, "sh")).splitlines():
        program, *arguments = shlex.split(line)
        assert program == "physai-inverse"
        result = cli(*arguments)
        assert result.code == 0, f"{line}\n{result.err}"
    for name in ("digits.yaml", "mine.yaml"):
        load_spec(tmp_path / name).require_trainer()


KNOWLEDGE = (ROOT / "docs" / "prior-knowledge.md").read_text()
MIXTURES = (ROOT / "docs" / "mixtures.md").read_text()
EXAMPLES = [*blocks(STUDY_FILE, "yaml"), *blocks(KNOWLEDGE, "yaml"), *blocks(MIXTURES, "yaml")]


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_a_study_file_of_the_docs_loads(text: str) -> None:
    read_spec(Path("study.yaml"), text.encode())


def test_the_mixture_of_the_docs_runs_as_it_stands() -> None:
    names: dict[str, Any] = {}
    exec("".join(blocks(MIXTURES, "python")), names)
    assert [sum(trial.config[part] for part in ("web", "code", "books")) for trial in names["trials"]] == [
        pytest.approx(1.0)
    ] * 2


def test_every_key_of_a_study_file_stands_in_the_docs() -> None:
    from physai_inverse.spec import json_schema

    described = set(re.findall(r"^\| `(\w+)` \|", STUDY_FILE, flags=re.MULTILINE))
    assert set(json_schema()["properties"]) <= described
