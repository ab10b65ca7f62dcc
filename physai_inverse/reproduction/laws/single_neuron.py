"""Traps of a single ReLU neuron: once active everywhere or nowhere, it cannot come back."""

from collections.abc import Sequence
from dataclasses import dataclass

from physai_inverse.observations import Config, Metrics
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture
from physai_inverse.reproduction.trainings import curve_of, train_all

TOLERANCE = 0.02
LOSSES = {"hyperactive": 1 / 48, "dead": 5 / 48}
"""Least mean squared error of a straight line, and of a constant, against ReLU on [-1, 1]."""
SHARES = {"hyperactive": (1.0, 1.0), "dead": (0.0, 0.0), "balanced": (0.01, 0.99)}
SOLVED = 1e-4
INIT_NOISE = 1e-3


@dataclass(frozen=True)
class Case:
    """A start, and the state in which the neuron must end.

    Args:
        what: the start in words.
        config: of the task.
        state: a key of `SHARES`.
    """

    what: str
    config: Config
    state: str


CASES = (
    Case("inner bias 1.2", {"inner_bias": 1.2}, "hyperactive"),
    Case("inner bias 2", {"inner_bias": 2.0}, "hyperactive"),
    Case("inner bias -1.2", {"inner_bias": -1.2}, "dead"),
    Case("inner bias -2", {"inner_bias": -2.0}, "dead"),
    Case("outer bias -1.1", {"outer_bias": -1.1}, "balanced"),
    Case("outer bias -1.2", {"outer_bias": -1.2}, "hyperactive"),
    Case("outer bias -1, learning rate 0.2", {"outer_bias": -1.0, "lr": 0.2}, "balanced"),
    Case("outer bias -1, learning rate 0.4", {"outer_bias": -1.0, "lr": 0.4}, "dead"),
)


def _measure(seed: int) -> Outcome:
    configs = [{**case.config, "init_noise": INIT_NOISE} for case in CASES]
    return outcome(train_all("single_neuron", configs, seed=seed))


def outcome(results: Sequence[Metrics]) -> Outcome:
    """Hold states and losses against the law.

    Args:
        results: metrics of the task for each of `CASES`.
    """
    checks: list[Check] = []
    lines: list[Line] = []
    for case, metrics in zip(CASES, results, strict=True):
        share, loss = float(metrics["active_share"]), float(metrics["train_loss"])
        checks.append(Check(f"active share, {case.what} ({case.state})", share, *SHARES[case.state]))
        least = LOSSES.get(case.state)
        low, high = (0.0, SOLVED) if least is None else ((1 - TOLERANCE) * least, (1 + TOLERANCE) * least)
        checks.append(Check(f"loss, {case.what}", loss, low, high))
        curve = curve_of(metrics, "train_loss_curve")
        lines.append(Line(case.what, curve.steps, curve.values, "line"))
    lines += [Line(state, (0.0, curve.steps[-1]), (least, least), "dashed") for state, least in LOSSES.items()]
    note = "With noise of 0.01 on the first values, some starts at outer bias -1.2 escape: the border is near."
    return Outcome(tuple(checks), Picture("steps", "loss", tuple(lines), log_y=True), note)


LAWS = (
    Law(
        10,
        "traps of a single ReLU neuron",
        "A ReLU neuron that learns ReLU ends hyperactive with loss 1/48 from inner biases above 1, dead with 5/48 "
        "from below -1; from inner bias 0 it succeeds at outer bias -1.1 and ends hyperactive at -1.2, and at "
        "outer bias -1 it succeeds at learning rate 0.2 and dies at 0.4.",
        "Adam with learning rate 0.01 where none is named, both weights 1, all points of an even grid of 201, "
        "which raises the losses by 1 %; noise of 0.001 on the first values. States exactly, losses within 2 %.",
        'Ziming Liu 2026, "Training dynamics of A Single ReLU Neuron", '
        "https://kindxiaoming.github.io/blog/2026/single-relu-neuron/",
        "single_neuron",
        3.0,
        _measure,
    ),
)
