"""What is predicted: metrics of public tables of trainings, as one training gave them (noise included).

A *task* is a table with one of its metrics. Where a row was trained with several seeds, one of them is drawn for
each row, the same for every method. Whatever table of a known kind lies in the public data takes part.

    hpobench_mlp      five numbers on a grid, noisy accuracies, many of them exactly one half
    fcnet             nine mixed parameters, errors over five decades
    nasbench201       six categories
    lcbench, rbv2     seven numbers; thirteen parameters, conditional; predictions of published surrogates
    llm, data         sizes of language models and of their data over decades; losses
    regmix            17 shares of a data mixture
    grokking          learning rate and weight decay; steps over two decades, a share
"""

import csv
import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.regret.problems import LCBENCH, XGBOOST, config_of
from physai_inverse.space import Choice, Float, Integer, Shares, Space
from physai_inverse.space.parameters import Parameter

DATA = Path(__file__).parents[3] / "shared" / "data"
MAX_ROWS = 4000
"""Random rows of a larger table that take part."""
MIXTURE_LOSSES = ("loss_pile_cc", "loss_github", "loss_wikipedia_en")
PERCEPTRON = Space(
    alpha=Float(1e-8, 1.0, log=True),
    batch_size=Integer(4, 256, log=True),
    depth=Integer(1, 3),
    learning_rate_init=Float(1e-5, 1.0, log=True),
    width=Integer(16, 1024, log=True),
)
REGRESSION = Space(
    activation_fn_1=Choice(["relu", "tanh"]),
    activation_fn_2=Choice(["relu", "tanh"]),
    batch_size=Integer(8, 64, log=True),
    dropout_1=Float(0.0, 0.6),
    dropout_2=Float(0.0, 0.6),
    init_lr=Float(5e-4, 1e-1, log=True),
    lr_schedule=Choice(["cosine", "const"]),
    n_units_1=Integer(16, 512, log=True),
    n_units_2=Integer(16, 512, log=True),
)
LANGUAGE = Space(
    train_dataset=Choice(["c4", "redpajama", "refinedweb"]),
    params=Float(1e7, 1e10, log=True),
    train_tokens=Float(1e7, 1e12, log=True),
)
SHAPES = Space(
    d_model=Integer(96, 1024, log=True),
    n_layers=Integer(4, 24, log=True),
    n_heads=Integer(4, 16, log=True),
    train_tokens=Float(1e8, 1e11, log=True),
    warmup_steps=Integer(100, 2000, log=True),
)
REPEATED = Space(
    params=Float(1e6, 1e10, log=True),
    train_tokens=Float(5e7, 1e12, log=True),
    unique_tokens=Float(5e7, 1e12, log=True),
)
PHASES = Space(
    decoder_learning_rate=Float(1e-5, 1e-1, log=True),
    decoder_weight_decay=Float(0.0, 20.0),
)


@dataclass(frozen=True)
class Task:
    """One metric of one table.

    Args:
        name: its name.
        kind: the family that it counts with.
        space: the parameters.
        units: ``[n, d]`` snapped points.
        values: ``[n, seeds]``, NaN where a seed is missing.
    """

    name: str
    kind: str
    space: Space
    units: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)

    def drawn(self, seed: int) -> np.ndarray:
        """Give one training's value a row ``[n]``."""
        random = np.random.default_rng([seed, 11])
        weight = random.random(self.values.shape) * np.isfinite(self.values)
        return np.asarray(self.values[np.arange(len(self.values)), np.argmax(weight, axis=1)])


def read(file: str) -> list[dict[str, str]]:
    """Read a table; at most `MAX_ROWS` random rows of it."""
    path = DATA / file
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    if len(rows) <= MAX_ROWS:
        return rows
    kept = np.sort(np.random.default_rng(5).permutation(len(rows))[:MAX_ROWS])
    return [rows[place] for place in kept]


def task(name: str, kind: str, space: Space, rows: list[dict[str, str]], columns: list[str]) -> Task:
    """Make a task of rows; those without any value are left out."""
    values = np.array([[float(row[column] or "nan") for column in columns] for row in rows])
    seen = np.isfinite(values).any(axis=1)
    configs = [_config(space, row) for row, has in zip(rows, seen, strict=True) if has]
    return Task(name, kind, space, space.snap(space.encode(configs)), values[seen])


def _config(space: Space, row: Mapping[str, str]) -> dict[str, Any]:
    if space.groups:
        return {name: float(row[name]) for name in space.names}
    return space.complete(config_of(space, row))


def _seeds(rows: list[dict[str, str]], metric: str) -> list[str]:
    return [column for column in rows[0] if column.startswith(f"{metric}_seed")]


def _grid(file: str, kind: str, space: Space | None, metric: str) -> Callable[[], Task]:
    def made() -> Task:
        rows = read(file)
        given = space or Space(
            {name: _cells(rows, name) for name in rows[0] if not name.startswith(f"{metric}_seed")}
        )
        return task(file.removesuffix(".csv.gz"), kind, given, rows, _seeds(rows, metric))

    return made


def _cells(rows: list[dict[str, str]], name: str) -> Parameter:
    return Choice(sorted({row[name] for row in rows}))


def instance(table: str, instance: str, space: Space, metric: str) -> Callable[[], Task]:
    """Give what reads one metric of one instance of a pooled table."""

    def made() -> Task:
        rows = [row for row in pool(table) if row["instance"] == instance]
        return task(f"{table}/{instance} {metric}", table, space, rows, [metric])

    return made


def plain(file: str, kind: str, space: Space, metric: str) -> Callable[[], Task]:
    """Give what reads one metric of a plain table."""

    def made() -> Task:
        return task(f"{file.removesuffix('.csv')} {metric}", kind, space, read(file), [metric])

    return made


def mixture(metric: str) -> Callable[[], Task]:
    """Give what reads one loss of the data mixtures."""

    def made() -> Task:
        rows = read("regmix/train_1m.csv")
        space = Space(mixture=Shares([name for name in rows[0] if name.startswith("w_")]))
        return task(f"regmix/train_1m {metric}", "regmix", space, rows, [metric])

    return made


@cache
def pool(table: str) -> list[dict[str, str]]:
    """Read a table of many instances."""
    with gzip.open(DATA / "yahpo_tables" / f"{table}.csv.gz", "rt", newline="") as stream:
        return list(csv.DictReader(stream))


def sources() -> dict[str, Callable[[], Task]]:
    """Give all tasks that can be made here, by name, not yet read."""
    found: dict[str, Callable[[], Task]] = {}
    for folder, kind, space, metric in (
        ("hpobench_mlp", "hpobench_mlp", PERCEPTRON, "val_bal_acc"),
        ("fcnet", "fcnet", REGRESSION, "val_mse"),
        ("nasbench201", "nasbench201", None, "val_acc"),
    ):
        for path in sorted((DATA / folder).glob("*.csv.gz")):
            name = f"{folder}/{path.name}"
            found[name.removesuffix(".csv.gz")] = _grid(name, kind, space, metric)
    for table, given, metrics in (
        ("lcbench", LCBENCH, ("val_accuracy_e52", "val_cross_entropy_e52")),
        ("rbv2_xgboost", XGBOOST, ("acc_t100", "timetrain_t100")),
    ):
        if (DATA / "yahpo_tables" / f"{table}.csv.gz").exists():
            for place, number in enumerate(sorted({row["instance"] for row in pool(table)}, key=int)):
                metric = metrics[place % 2]  # every second instance the one, the others the other
                found[f"{table}/{number} {metric}"] = instance(table, number, given, metric)
    columns: tuple[tuple[str, str, Space, tuple[str, ...]], ...] = (
        ("llm_overtraining/runs.csv", "llm", LANGUAGE, ("loss_c4_val", "err_avg_17")),
        ("llm_overtraining/shape_grid.csv", "llm", SHAPES, ("loss",)),
        ("data_constrained/runs.csv", "data", REPEATED, ("val_loss",)),
        ("grokking/addition_regression.csv", "grokking", PHASES, ("steps_to_train_acc",)),
        ("grokking/addition_with_rqi_coarse.csv", "grokking", PHASES, ("representation_quality",)),
    )
    for file, kind, given, names in columns:
        if (DATA / file).exists():
            for metric in names:
                found[f"{file.removesuffix('.csv')} {metric}"] = plain(file, kind, given, metric)
    if (DATA / "regmix" / "train_1m.csv").exists():
        for metric in MIXTURE_LOSSES:
            found[f"regmix/train_1m {metric}"] = mixture(metric)
    return found


@cache
def made(name: str) -> Task:
    """Make a task by its name."""
    return sources()[name]()
