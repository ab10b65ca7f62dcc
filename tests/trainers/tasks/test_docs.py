"""The page on tasks: its example is a task that runs, and its list is that of the tasks there are."""

import re
import shlex
from pathlib import Path
from typing import cast

import pytest

from physai_inverse.spec import load_spec
from physai_inverse.trainers import describe, load_task, task_names
from tests.cli.conftest import invoke

PAGE = (Path(__file__).parents[3] / "docs" / "tasks.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_the_list_of_the_page_is_that_of_the_tasks() -> None:
    rows = [f"| `{name}` | {describe(name).phenomenon} |" for name in task_names()]
    listed = [line for line in PAGE.partition("## The built-in tasks")[2].splitlines() if line.startswith("| `")]
    assert listed == rows, "The list in docs/tasks.md should be:\n" + "\n".join(rows)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spectral_bias.py").write_text(blocks("python")[0])
    (tmp_path / "study.yaml").write_text(blocks("yaml")[1])
    return tmp_path


def test_the_commands_of_the_page_run_as_they_stand(folder: Path) -> None:
    for line in "".join(blocks("sh")).splitlines():
        program, *arguments = shlex.split(line)
        assert program == "physai-inverse"
        result = invoke(*arguments)
        assert result.code == 0, f"{line}\n{result.err}"
    assert load_spec(folder / "first.yaml").name == "spectral_bias"


def test_the_task_of_the_page_trains_together_and_gives_what_it_declares(folder: Path) -> None:
    train = load_task(str(folder / "spectral_bias.py"), {"steps": 200, "device": "cpu"})
    found = train([{"fast": 2.0, "width": 32}, {"fast": 9.0, "width": 40}], [0, 1])
    for metrics in found:
        assert set(cast(dict[str, object], metrics)) == set(describe(str(folder / "spectral_bias.py")).metrics)
    easy, hard = (float(cast(dict[str, float], metrics)["lag"]) for metrics in found)
    assert hard > easy


def test_the_first_study_of_the_page_reads_back() -> None:
    from physai_inverse.spec import read_spec

    assert read_spec(Path("study.yaml"), blocks("yaml")[0].encode()).trainer is not None
