"""The examples of docs/laws.md run as they stand, one after the other."""

import doctest
import re
from pathlib import Path
from types import ModuleType

import pytest

from physai_inverse.surrogates import schedules
from physai_inverse.surrogates.laws import fitted, law, links, process

DOCS = Path(__file__).parents[2] / "docs" / "laws.md"


def test_every_example_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    examples = re.findall(r"^```python\n(.*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    assert len(examples) == 5
    names: dict[str, object] = {}
    for example in examples:
        exec(example, names)
    assert "params^-0.34" in capsys.readouterr().out


@pytest.mark.parametrize("module", [fitted, law, links, process, schedules], ids=lambda module: module.__name__)
def test_the_examples_of_a_module_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
