"""What is tuned: tables of real trainings, pools of published surrogates, and formulas shaped like trainings.

Tables are found by their folder in the public data: whatever table of a known kind lies there takes part.

    hpobench_mlp   full grid, five seeds a row; an evaluation is one seed, the truth is their mean
    fcnet          full mixed grid, four seeds
    nasbench201    every cell of six categories, up to three seeds
    lcbench        2,000 random configurations a task, seven numbers; a proposal gets the value of the nearest row
    rbv2_xgboost   the same, thirteen parameters, conditional on the booster
    formulas       optimum moved by the seed; noise, cliffs that fail with and without warning, conditions
"""

import csv
import gzip
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from physai_inverse.space import Choice, Float, Integer, Ordinal, Space
from physai_inverse.space.parameters import Parameter

DATA = Path(__file__).parents[3] / "shared" / "data"
Config = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """One task.

    Args:
        name: its name.
        kind: the family that it counts with.
        space: the space; a grid's parameters are ordinal levels.
        maximize: whether large values are good.
        measure: one training: configuration and random stream to a value, NaN where it fails.
        truth: the noise-free value of a configuration; NaN where it fails.
        best: the best noise-free value known.
        noisy: whether two trainings of a configuration differ.
        reach: the best value that any single training of a table gave; None where there is no table.
    """

    name: str
    kind: str
    space: Space
    maximize: bool
    measure: Callable[[Config, np.random.Generator], float] = field(repr=False)
    truth: Callable[[Config], float] = field(repr=False)
    best: float
    noisy: bool
    reach: float | None = None

    def excess(self, config: Config) -> float:
        """Give how far the truth of a configuration is from the best, at least 0; NaN where it fails."""
        value = self.truth(config)
        return max((self.best - value) if self.maximize else (value - self.best), 0.0)


def read(path: Path) -> list[dict[str, str]]:
    """Read a table."""
    with gzip.open(path, "rt", newline="") as stream:
        return list(csv.DictReader(stream))


def numbers(rows: list[dict[str, str]], name: str) -> np.ndarray:
    """Give a column; NaN where a field is empty."""
    return np.array([float(row[name]) if row[name] else math.nan for row in rows])


# -- full grids ------------------------------------------------------------------------------------------------


def grid(name: str, kind: str, path: Path, metric: str, *, maximize: bool, text: bool = False) -> Problem:
    """Make a problem of a full grid: columns before those of the metric are the parameters."""
    rows = read(path)
    names = [column for column in rows[0] if not column.startswith(f"{metric}_seed")]
    parameters: dict[str, Parameter] = {}
    for column in names:
        values = sorted({row[column] for row in rows}, key=lambda value: (0.0 if text else _number(value), value))
        if text or not all(_is_number(value) for value in values):
            parameters[column] = Choice(values)
        else:
            parameters[column] = Ordinal([float(value) for value in values])
    space = Space(parameters)
    seeds = np.stack([numbers(rows, column) for column in rows[0] if column not in names], axis=1)
    truth = np.nanmean(seeds, axis=1)
    where = {tuple(_key(row[column]) for column in names): place for place, row in enumerate(rows)}

    def place(config: Config) -> int:
        return where[tuple(_key(config[column]) for column in names)]

    def measure(config: Config, random: np.random.Generator) -> float:
        seen = seeds[place(config)]
        return float(random.choice(seen[np.isfinite(seen)]))

    best = float(truth.max() if maximize else truth.min())
    reach = float(np.nanmax(seeds) if maximize else np.nanmin(seeds))
    return Problem(
        name, kind, space, maximize, measure, lambda config: float(truth[place(config)]), best, True, reach
    )  # fmt: skip


def _key(value: object) -> object:
    text = str(value)
    return float(text) if _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(text: str) -> float:
    return float(text) if _is_number(text) else 0.0


# -- pools -----------------------------------------------------------------------------------------------------

LCBENCH = Space(
    batch_size=Integer(16, 512, log=True),
    learning_rate=Float(1e-4, 0.1, log=True),
    momentum=Float(0.1, 0.99),
    weight_decay=Float(1e-5, 0.1),
    num_layers=Integer(1, 5),
    max_units=Integer(64, 1024, log=True),
    max_dropout=Float(0.0, 1.0),
)
TREES = {"booster": ["gbtree", "dart"]}
XGBOOST = Space(
    {
        "booster": Choice(["gblinear", "gbtree", "dart"]),
        "num_impute": Choice(["impute.mean", "impute.median", "impute.hist"]),
        "nrounds": Integer(7, 2981, log=True),
        "lambda": Float(9e-4, 1100.0, log=True),
        "alpha": Float(9e-4, 1100.0, log=True),
        "subsample": Float(0.1, 1.0),
        "eta": Float(9e-4, 1.0, log=True, when=TREES),
        "gamma": Float(4e-5, 7.5, log=True, when=TREES),
        "max_depth": Integer(1, 15, when=TREES),
        "min_child_weight": Float(2.7, 150.0, log=True, when=TREES),
        "colsample_bytree": Float(0.01, 1.0, when=TREES),
        "colsample_bylevel": Float(0.01, 1.0, when=TREES),
        "rate_drop": Float(0.0, 1.0, when={"booster": "dart"}),
        "skip_drop": Float(0.0, 1.0, when={"booster": "dart"}),
    }
)


def pool(name: str, kind: str, rows: list[dict[str, str]], space: Space, metric: str) -> Problem:
    """Make a problem of random rows: a configuration has the value of the nearest row of the same categories."""
    configs = [config_of(space, row) for row in rows]
    units = space.encode(configs)
    values = numbers(rows, metric)
    kinds = [column for column, parameter in enumerate(space.free) if isinstance(parameter, Choice)]
    weight = np.ones(units.shape[1])
    weight[kinds] = 100.0

    def nearest(config: Config) -> float:
        distance = ((units - space.encode([space.complete(config)])) * weight) ** 2
        return float(values[int(np.argmin(distance.sum(axis=1)))])

    best = float(values.max())
    return Problem(name, kind, space, True, lambda config, _: nearest(config), nearest, best, False, best)


def config_of(space: Space, row: Mapping[str, str]) -> Config:
    """Take a configuration from a row of texts; numbers are moved into their range, empty fields left out."""
    config: Config = {}
    for name, parameter in space.parameters.items():
        if row[name] == "":
            continue
        if isinstance(parameter, Choice):
            config[name] = row[name]
        elif isinstance(parameter, Integer):
            config[name] = int(min(max(round(float(row[name])), parameter.low), parameter.high))
        elif isinstance(parameter, Float):
            config[name] = min(max(float(row[name]), parameter.low), parameter.high)
    return config


# -- formulas --------------------------------------------------------------------------------------------------


def hartmann(x: np.ndarray) -> float:
    """Hartmann's six-dimensional function on [0, 1]^6; least value -3.32237 (Surjanovic & Bingham)."""
    alpha = np.array([1.0, 1.2, 3.0, 3.2])
    a = np.array(
        [
            [10, 3, 17, 3.5, 1.7, 8],
            [0.05, 10, 17, 0.1, 8, 14],
            [3, 3.5, 1.7, 10, 17, 8],
            [17, 8, 0.05, 10, 0.1, 14],
        ]
    )
    p = 1e-4 * np.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    )
    return float(-alpha @ np.exp(-((a * (x - p) ** 2).sum(axis=1))))


HARTMANN_OPTIMUM = np.array([0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573])


def rosenbrock(x: np.ndarray) -> float:
    """Rosenbrock's valley on [-2, 2]^d, from the unit cube; least value 0 at 0.75."""
    z = 4.0 * x - 2.0
    return float(np.sum(100.0 * (z[1:] - z[:-1] ** 2) ** 2 + (1.0 - z[:-1]) ** 2))


def ackley(x: np.ndarray) -> float:
    """Ackley's function on [-10, 10]^d, from the unit cube; least value 0 at 0.5."""
    z = 20.0 * x - 10.0
    return float(
        20.0 + math.e - 20.0 * np.exp(-0.2 * np.sqrt(np.mean(z**2))) - np.exp(np.mean(np.cos(2.0 * np.pi * z)))
    )


def sensitive(x: np.ndarray) -> float:
    """Five of twenty parameters act, exponentially; least value 1 at 0.5 of those."""
    return float(np.exp(8.0 * np.sum(np.array([1.0, 0.7, 0.5, 0.3, 0.2]) * (x[:5] - 0.5) ** 2)))


def formula(
    name: str,
    function: Callable[[np.ndarray], float],
    optimum: np.ndarray,
    seed: int,
    *,
    noise: float,
    fails: bool,
) -> Problem:
    """Make a problem of a function of the unit cube, its optimum moved at random by the seed.

    Args:
        name: its name.
        function: of ``[d]`` numbers, defined beyond the cube.
        optimum: ``[d]`` where it is least.
        seed: of the shift.
        noise: relative standard deviation of one evaluation.
        fails: whether the corner of the cube beyond the optimum fails without warning (two fifths of the cube).
    """
    dimension = len(optimum)
    random = np.random.default_rng([seed, 77])
    shift = random.uniform(np.maximum(0.05 - optimum, -0.3), np.minimum(0.95 - optimum, 0.3))
    space = Space({f"x{column}": Float(0.0, 1.0) for column in range(dimension)})
    border = (optimum + shift)[:2] + 0.08

    def truth(config: Config) -> float:
        x = np.array([config[f"x{column}"] for column in range(dimension)])
        if fails and x[0] > border[0] and x[1] > border[1]:
            return math.nan
        return function(x - shift)

    def measure(config: Config, random: np.random.Generator) -> float:
        return truth(config) * (1.0 + noise * random.standard_normal())

    kind = "formula, failing" if fails else "formula"
    return Problem(name, kind, space, False, measure, truth, function(optimum), noise > 0)


def learning_rate(name: str, seed: int, *, warned: bool) -> Problem:
    """A valley of the learning rate that moves with width and batch size, and divergence beyond it.

    Args:
        name: its name.
        seed: of the place of the valley.
        warned: whether losses rise before the divergence, or nothing warns of it.
    """
    random = np.random.default_rng([seed, 78])
    place, decay = random.uniform(-3.5, -1.8), random.uniform(-5.0, -2.5)
    by_width, by_batch, warmup = random.uniform(-0.5, -0.2), random.uniform(0.3, 0.6), random.uniform(0.05, 0.25)
    space = Space(
        lr=Float(1e-5, 1.0, log=True),
        width=Integer(16, 1024, log=True),
        batch_size=Integer(8, 512, log=True),
        weight_decay=Float(1e-7, 1e-1, log=True),
        momentum=Float(0.0, 0.99),
        warmup=Float(0.0, 0.3),
    )

    def truth(config: Config) -> float:
        width, batch = math.log10(config["width"] / 128), math.log10(config["batch_size"] / 64)
        middle = place + by_width * width + by_batch * batch - 0.5 * config["momentum"]
        over = math.log10(config["lr"]) - middle
        if over > (1.6 if warned else 0.35):
            return math.nan
        loss = 0.12 + 0.05 * 10 ** (-0.4 * width) + 0.15 * min(over, 0.0) ** 2 + 0.08 * max(over, 0.0) ** 2
        loss += 0.01 * (math.log10(config["weight_decay"]) - decay) ** 2
        loss += 0.3 * (config["warmup"] - warmup) ** 2 + 0.02 * max(batch, 0.0) ** 2 + 0.01 * batch**2
        return float(loss + (0.02 * math.expm1(4.0 * max(over - 0.6, 0.0)) if warned else 0.0))

    def measure(config: Config, random: np.random.Generator) -> float:
        return truth(config) * (1.0 + 0.01 * random.standard_normal())

    kind = "formula" if warned else "formula, failing"
    return Problem(name, kind, space, False, measure, truth, 0.12 + 0.05 * 10 ** (-0.4 * math.log10(8)), True)


def optimizers(seed: int) -> Problem:
    """Mixed and conditional: each optimizer has parameters and a valley of its own."""
    random = np.random.default_rng([seed, 79])
    valley = {name: random.uniform(-4.0, -1.5) for name in ("sgd", "adam", "rmsprop")}
    offset = dict(zip(valley, random.permutation([0.0, 0.02, 0.06]), strict=True))
    offset |= dict(zip(("relu", "tanh", "gelu", "silu"), random.permutation([0.0, 0.01, 0.03, 0.05]), strict=True))
    layers, share = int(random.integers(2, 6)), random.uniform(0.05, 0.4)
    inner, outer = random.uniform(0.6, 0.95), random.uniform(-3.0, -1.5)
    space = Space(
        optimizer=Choice(["sgd", "adam", "rmsprop"]),
        activation=Choice(["relu", "tanh", "gelu", "silu"]),
        layers=Integer(1, 8),
        lr=Float(1e-5, 1.0, log=True),
        dropout=Float(0.0, 0.6),
        momentum=Float(0.0, 0.99, when={"optimizer": "sgd"}),
        beta2=Float(1e-4, 1e-1, log=True, when={"optimizer": ["adam", "rmsprop"]}),
        width=Integer(16, 1024, log=True),
    )

    def truth(config: Config) -> float:
        over = math.log10(config["lr"]) - valley[config["optimizer"]]
        loss = 0.1 + offset[config["optimizer"]] + offset[config["activation"]]
        loss += 0.02 * (math.exp(min(abs(over), 4.0)) - 1.0) + 0.006 * (config["layers"] - layers) ** 2
        loss += 0.5 * (config["dropout"] - share) ** 2 + 0.02 * math.log10(1024 / config["width"])
        if config["optimizer"] == "sgd":
            loss += 0.1 * (config["momentum"] - inner) ** 2
        else:
            loss += 0.02 * (math.log10(config["beta2"]) - outer) ** 2
        return float(loss)

    def measure(config: Config, random: np.random.Generator) -> float:
        return truth(config) * (1.0 + 0.01 * random.standard_normal())

    return Problem("optimizers", "formula, conditional", space, False, measure, truth, 0.1, True)


# -- all -------------------------------------------------------------------------------------------------------

FORMULAS = ("hartmann6", "rosenbrock5", "ackley8", "sensitive20", "learning_rate", "optimizers")
FAILING = ("hartmann6-failing", "learning_rate-cliff")


@cache
def _rows(file: str) -> list[dict[str, str]]:
    return read(DATA / file)


def names() -> list[str]:
    """Give the names of all problems that can be made here."""
    found = [
        f"{folder}/{path.name.removesuffix('.csv.gz')}"
        for folder in ("hpobench_mlp", "fcnet", "nasbench201")
        for path in sorted((DATA / folder).glob("*.csv.gz"))
    ]
    for table in ("lcbench", "rbv2_xgboost"):
        if (DATA / "yahpo_tables" / f"{table}.csv.gz").exists():
            instances = {row["instance"] for row in _rows(f"yahpo_tables/{table}.csv.gz")}
            found += [f"{table}/{instance}" for instance in sorted(instances, key=int)]
    return [*found, *FORMULAS, *FAILING]


@cache
def problem(name: str, seed: int) -> Problem:
    """Make a problem; the seed moves the optimum of a formula and changes nothing about a table."""
    folder, _, table = name.partition("/")
    path = DATA / folder / f"{table}.csv.gz"
    if folder == "hpobench_mlp":
        return grid(name, "noisy grid", path, "val_bal_acc", maximize=True)
    if folder == "fcnet":
        return grid(name, "mixed grid", path, "val_mse", maximize=False)
    if folder == "nasbench201":
        return grid(name, "categories", path, "val_acc", maximize=True, text=True)
    if folder in ("lcbench", "rbv2_xgboost"):
        rows = [row for row in _rows(f"yahpo_tables/{folder}.csv.gz") if row["instance"] == table]
        if folder == "lcbench":
            return pool(name, "numeric pool", rows, LCBENCH, "val_accuracy_e52")
        return pool(name, "conditional pool", rows, XGBOOST, "acc_t100")
    if name.startswith("hartmann6"):
        return formula(name, hartmann, HARTMANN_OPTIMUM, seed, noise=0.0, fails=name.endswith("failing"))
    if name == "rosenbrock5":
        return formula(name, rosenbrock, np.full(5, 0.75), seed, noise=0.0, fails=False)
    if name == "ackley8":
        return formula(name, ackley, np.full(8, 0.5), seed, noise=0.0, fails=False)
    if name == "sensitive20":
        return formula(name, sensitive, np.full(20, 0.5), seed, noise=0.02, fails=False)
    if name.startswith("learning_rate"):
        return learning_rate(name, seed, warned=name == "learning_rate")
    if name == "optimizers":
        return optimizers(seed)
    raise ValueError(f"There is no problem {name!r}; there are {names()}.")
