"""The examples of docs/adapters.md run as they stand."""

import logging
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "adapters.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries among themselves; their adapters are tested without
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("library", ["Optuna", "Ax", "BoTorch"])
def test_the_examples_run_as_they_stand(library: str, capsys: pytest.CaptureFixture[str]) -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", SECTIONS[library], flags=re.MULTILINE | re.DOTALL)
    assert examples
    for example in examples:
        exec(compile(example, f"{library} example", "exec"), {"__name__": "example"})
        assert capsys.readouterr().out.strip()
    assert (Path("experiment.json").exists()) == (library == "Ax")
    assert os.listdir(".") == ["experiment.json"] * (library == "Ax")
