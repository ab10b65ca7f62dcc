"""The page on observables runs as it stands, and lists what there is."""

import re
from pathlib import Path

import pytest

from physai_inverse.spec import read_spec
from physai_inverse.trainers.observables.registry import COSTS, GROUPS, STANDARD, Observable, observables
from physai_inverse.trainers.tasks import MACHINE

PAGE = Path(__file__).parents[3] / "docs" / "observables.md"
TEXT = PAGE.read_text()


def test_the_examples_of_the_page_run(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(block, names)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_study_file_of_the_page_loads() -> None:
    for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL):
        read_spec(Path("study.yaml"), block.encode())


def line(item: Observable) -> str:
    cells = [f"`{item.name}`", item.group, str(item.cost), item.unit, "yes" if item.summary else ""]
    return "| " + " | ".join([*cells, item.meaning.replace("|", r"\|"), item.source.replace("|", "")]) + " |"


def test_the_page_lists_every_observable_as_it_is() -> None:
    listed = TEXT.partition("## All of them")[2].strip().splitlines()[2:]
    assert listed == [line(item) for item in observables().values()]


def test_the_page_names_settings_costs_and_the_standard() -> None:
    for name in (*(name for name in MACHINE if name.startswith("observe") or name == "observables"), *STANDARD):
        assert f"`{name}`" in TEXT
    for cost, meaning in COSTS.items():
        assert f"| {cost} | {meaning} |" in TEXT


def test_every_observable_says_what_it_is_and_where_it_comes_from() -> None:
    for item in observables().values():
        assert item.meaning
        assert item.source
        assert item.unit
        assert item.group in GROUPS
        assert item.cost in COSTS


def test_there_are_more_than_the_least_that_is_wanted() -> None:
    assert len(observables()) >= 55
