import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.trainers import FunctionTrainer, as_trainer, load_function


def of_config(config: Mapping[str, float]) -> dict[str, float]:
    return {"y": config["x"]}


def of_both(config: Mapping[str, float], seed: int) -> dict[str, float]:
    return {"y": config["x"] + seed}


def of_optional_seed(config: Mapping[str, float], seed: int = 99) -> dict[str, float]:
    return {"y": config["x"] + seed}


def of_keyword_seed(config: Mapping[str, float], *, seed: int) -> dict[str, float]:
    return {"y": config["x"] + seed}


def of_option(config: Mapping[str, float], verbose: bool = False) -> dict[str, float]:
    assert verbose is False
    return {"y": config["x"]}


class Instance:
    def __call__(self, config: Mapping[str, float], seed: int) -> dict[str, float]:
        return {"y": config["x"] + seed}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (of_config, 1.0),
        (of_both, 6.0),
        (of_optional_seed, 6.0),
        (of_keyword_seed, 6.0),
        (of_option, 1.0),
        (Instance(), 6.0),
        (partial(of_both, seed=3), 6.0),
    ],
)
def test_the_signature_decides_whether_the_seed_is_passed(
    function: Callable[..., object], expected: float
) -> None:
    trainer = as_trainer(function)
    assert trainer({"x": 1.0}, 5) == {"y": expected}
    assert pickle.loads(pickle.dumps(trainer))({"x": 1.0}, 5) == {"y": expected}  # noqa: S301 - our own bytes


def of_nothing() -> dict[str, float]:
    return {}


def of_three(config: object, seed: int, third: int) -> dict[str, float]:
    return {"y": hash((config, seed, third))}


def of_other_keyword(config: object, *, device: str) -> dict[str, float]:
    return {"y": hash((config, device))}


@pytest.mark.parametrize("function", [of_nothing, of_three, of_other_keyword, 3])
def test_another_signature_is_refused(function: object) -> None:
    with pytest.raises(InvalidInput, match="`trainer` must"):
        as_trainer(function)


FILE = """
import sibling
from dataclasses import dataclass

@dataclass
class Result:
    y: float

def train(config, seed):
    import later
    return {"y": Result(config["x"]).y + sibling.SHIFT + later.SHIFT + seed}

NUMBER = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("sibling", "later", "train_it"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "train_it.py").write_text(FILE)
    (tmp_path / "sibling.py").write_text("SHIFT = 10")
    (tmp_path / "later.py").write_text("SHIFT = 100")
    return tmp_path


@pytest.mark.parametrize("target", ["train_it.py:train", "train_it:train"])
def test_a_function_is_found_by_file_and_by_module_with_its_neighbours(folder: Path, target: str) -> None:
    trainer = FunctionTrainer(target, str(folder))
    assert pickle.loads(pickle.dumps(trainer))({"x": 1.0}, 1) == {"y": 112.0}  # noqa: S301 - our own bytes


def test_loading_leaves_the_folder_at_the_end_of_the_path(folder: Path) -> None:
    before = list(sys.path)
    load_function("train_it.py:train", folder)
    assert sys.path == [*before, str(folder)]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("train_it.py", "must be"),
        (":train", "must be"),
        ("none.py:train", "none.py` is not there"),
        ("none_such:train", "There is no module `none_such`"),
        ("train_it.py:fit", "has no `fit`; its functions are `train`"),
        ("train_it.py:NUMBER", "is a int and cannot be called"),
    ],
)
def test_what_cannot_be_found_is_named(folder: Path, target: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        load_function(target, folder)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("def f(:", "SyntaxError"),
        ("import none_such_package", "No module named 'none_such_package'"),
        ("x = 1\nraise ValueError('at line two')", "ValueError: at line two"),
        ("import sys; sys.exit(2)", "SystemExit: 2"),
    ],
)
@pytest.mark.parametrize("target", ["broken.py:f", "broken:f"])
def test_an_import_that_fails_shows_the_end_of_its_traceback(
    folder: Path, text: str, last: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    (folder / "broken.py").write_text(text)
    with pytest.raises(InvalidInput, match="cannot be imported") as caught:
        load_function(target, folder)
    assert last in str(caught.value).splitlines()[-1]
    assert "function.py" not in str(caught.value)


def test_importing_the_trainers_imports_nothing_heavy() -> None:
    code = (
        "import sys; from physai_inverse.trainers import describe, load_task, task_names; "
        "[describe(name) and load_task(name) for name in task_names()]; "
        "print([name for name in ('torch', 'numpy', 'sklearn', 'scipy') if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    out = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
