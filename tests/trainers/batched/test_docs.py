"""The page on the batched trainer runs as it stands."""

import re
from pathlib import Path

import pytest

from physai_inverse.trainers.batched import trainer

PAGE = Path(__file__).parents[3] / "docs" / "trainer.md"


def test_the_examples_of_the_page_run(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(block, names)
    assert len(capsys.readouterr().out.splitlines()) == 4
    results = names["results"]
    assert isinstance(results, list)
    assert all(set(metrics["val_loss_curve"].steps) <= {10, 50, 100, 200} for metrics in results)


def test_the_page_names_every_setting() -> None:
    text = PAGE.read_text()
    for name in ("rows", "draw", "recipe", "measure", "given", "finish", "precision", "threads", "memory"):
        assert f"`{name}" in text


def test_the_example_of_the_class_runs() -> None:
    import doctest

    assert doctest.testmod(trainer).failed == 0
