"""Metrics at the door, seeds, and files that are written whole."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from physai_inverse.errors import InvalidInput, StoreUnavailable
from physai_inverse.files import atomic_write, write_text
from physai_inverse.observations import Curve, Measurement, as_metrics, diverging
from physai_inverse.seeds import child, generator


@pytest.mark.parametrize(
    "value", ["abc", "1.5", True, None, 1j, [1.0], 10**400, np.zeros(3), np.bool_(True), object(), {}, {"a": 1.0}]
)
def test_what_is_no_number_is_no_metric(value: object) -> None:
    with pytest.raises(InvalidInput):
        as_metrics({"loss": value})


@pytest.mark.parametrize("name", ["", " a", "a\n", "a\x00", "a" * 201, 3])
def test_a_name_must_be_printable_and_short(name: object) -> None:
    with pytest.raises(InvalidInput, match="metric name"):
        as_metrics({name: 1.0})


@pytest.mark.parametrize("metrics", [3.0, [("loss", 1.0)], None, "loss"])
def test_metrics_must_be_a_mapping(metrics: object) -> None:
    with pytest.raises(InvalidInput, match="must map metric names to numbers"):
        as_metrics(metrics)


def test_numbers_of_every_kind_are_taken() -> None:
    metrics = as_metrics(
        {"a": 1, "b": np.float32(0.5), "c": np.int64(3), "d": Measurement(1.0, 0.1), "e": {1: 2, 0: 3}}
    )
    assert metrics == {
        "a": 1.0,
        "b": 0.5,
        "c": 3.0,
        "d": Measurement(1.0, 0.1),
        "e": Curve((0.0, 1.0), (3.0, 2.0)),
    }


def test_nan_and_infinities_are_recorded_and_said() -> None:
    metrics = as_metrics({"a": float("nan"), "b": float("inf"), "c": Curve((1.0, 2.0), (1.0, float("-inf")))})
    assert diverging(metrics, ["a"]) == "metric `a` is nan"
    assert diverging(metrics, ["b"]) == "metric `b` is inf"
    assert diverging(metrics, ["c"]) == "metric `c` is -inf"
    assert diverging(metrics, ["absent"]) is None


@pytest.mark.parametrize(
    ("steps", "values"),
    [((), ()), ((1.0,), (1.0, 2.0)), ((2.0, 1.0), (1.0, 1.0)), ((-1.0,), (1.0,)), ((float("nan"),), (1.0,))],
)
def test_a_curve_needs_rising_steps(steps: tuple[float, ...], values: tuple[float, ...]) -> None:
    with pytest.raises(InvalidInput):
        Curve(steps, values)


def test_a_measurement_knows_its_bounds() -> None:
    with pytest.raises(InvalidInput, match="standard_error"):
        Measurement(1.0, standard_error=-1.0)
    with pytest.raises(InvalidInput, match="censored"):
        Measurement(1.0, censored="later")


def test_streams_are_named_and_the_same_everywhere() -> None:
    assert child(0, "proposals", 7) == 2439540487467993775  # stored studies rely on it
    assert child(0, "proposals", 7) != child(0, "proposals", 8)
    assert child(0, "a", "b") != child(0, "ab")
    assert child(0, 1) != child(0, "1")
    assert generator(3, "x").random() == generator(3, "x").random()


def test_a_file_is_replaced_only_when_the_block_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def write_half() -> None:
        with atomic_write(path) as stream:
            stream.write(b"new")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="nowhere"):
        write_text(tmp_path / "nowhere" / "a.txt", "text")


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, physai_inverse\n"
        "heavy = {'numpy', 'scipy', 'torch', 'sqlalchemy', 'pydantic', 'rich', 'typer', 'sklearn', 'pandas'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
