"""Tables for people, by rich."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from physai_inverse.observations import Curve, Measurement, Metric, Scalar

if TYPE_CHECKING:
    from physai_inverse.forward import Scores
    from physai_inverse.importers.reading import Reading
    from physai_inverse.objective import Objective
    from physai_inverse.store import Trial
    from physai_inverse.study import Estimate, ParetoSet, PredictionTable, Recommendation
    from physai_inverse.trainers.observables.registry import Observable

PIPE_WIDTH = 120
"""Columns where no terminal says how many there are."""

BARS = "▁▂▃▄▅▆▇█"
STYLES = {"done": "green", "failed": "red", "diverged": "red", "running": "yellow", "stopped_early": "cyan"}


def console(*, stderr: bool = False) -> Console:
    """Give the terminal, or a wide page where the output is no terminal."""
    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(stderr=stderr, width=wide, highlight=False)


def number_text(value: float) -> str:
    """Write a number for people."""
    return f"{value:.4g}"


def config_text(config: Mapping[str, Scalar]) -> Text:
    """Write a configuration in one line."""
    text = Text()
    for name, value in config.items():
        text.append(f"{name}=", style="dim")
        # Blanks that do not break keep a value beside its name.
        text.append(f"{scalar_text(value)}  ")
    text.rstrip()
    return text


def scalar_text(value: Scalar) -> str:
    """Write a value of a parameter for people."""
    return number_text(value) if isinstance(value, float) else str(value)


def metric_text(metric: Metric | None) -> str:
    """Write a metric for people."""
    if metric is None:
        return ""
    if isinstance(metric, Curve):
        return f"{_spark(metric.values)} {number_text(metric.values[-1])}"
    text = number_text(float(metric))
    if isinstance(metric, Measurement):
        sign = {"above": "> ", "below": "< "}.get(metric.censored or "", "")
        error = "" if metric.standard_error is None else f" ± {number_text(metric.standard_error)}"
        return f"{sign}{text}{error}"
    return text


def estimate_text(estimate: "Estimate") -> str:
    """Write median and 90 % interval."""
    low, high = estimate.interval
    return f"{number_text(estimate.median)}  [{number_text(low)}, {number_text(high)}]"


def new_table(title: str | Text | None = None, caption: str | None = None) -> Table:
    """Give an empty table in our style."""
    return Table(
        title=title, caption=caption, box=SIMPLE_HEAD, title_justify="left", caption_justify="left",
        title_style="bold", caption_style="dim", pad_edge=False,
    )  # fmt: skip


def observables_table(found: "Sequence[tuple[Observable, str]]", *, of_task: bool) -> Table:
    """Show what can be observed, or what of it a task has, and why it has not the rest."""
    from physai_inverse.trainers.observables.registry import COSTS

    table = new_table(caption="\n".join(f"cost {cost}: {meaning}" for cost, meaning in COSTS.items()))
    table.add_column("name", no_wrap=True)
    table.add_column("cost", justify="right")
    table.add_column("unit")
    table.add_column("meaning", ratio=1)
    if of_task:
        table.add_column("of this task", ratio=1)
    group = None
    for item, lack in found:
        if item.group != group:
            group = item.group
            table.add_row(Text(group, style="bold"), "", "", "")
        asked = [Text(f"no: {lack}" if lack else "yes")] if of_task else []
        table.add_row(f"  {item.name}", str(item.cost), item.unit, Text(item.meaning), *asked)
    return table


def proposals_table(trials: "Sequence[Trial]") -> Table:
    """Show what `suggest` gave."""
    predicted = list(dict.fromkeys(name for trial in trials for name in _predicted(trial)))
    captions = ["predicted: median and 90 % interval of one training"] if predicted else []
    captions += dict.fromkeys(line for trial in trials for line in leaning_lines(trial.note))
    captions += dict.fromkeys(line for trial in trials for line in caution_lines(trial.note))
    table = new_table(caption="\n".join(captions) or None)
    table.add_column("#", justify="right")
    table.add_column("configuration", ratio=1)
    for name in predicted:
        table.add_column(name)
    climbing = any(trial.fidelity is not None for trial in trials)
    if climbing:
        table.add_column("fidelity", justify="right")
    table.add_column("kind")
    for trial in trials:
        cells = []
        for name in predicted:
            interval = _predicted(trial).get(name)
            low, middle, high = interval or (0.0, 0.0, 0.0)
            cells.append(f"{number_text(middle)}  [{number_text(low)}, {number_text(high)}]" if interval else "")
        if climbing:
            cells.append(fidelity_text(trial))
        table.add_row(
            str(trial.number), config_text(trial.config), *cells, str(trial.note.get("kind", trial.origin))
        )
    return table


def fidelity_text(trial: "Trial") -> str:
    """Write how much a training is given, and the trial that it continues."""
    if trial.fidelity is None:
        return ""
    return number_text(trial.fidelity) + ("" if trial.continues is None else f" (from #{trial.continues})")


def leaning_lines(note: Mapping[str, object]) -> list[str]:
    """Say what a suggestion leaned on besides the study's own data, one line each."""
    lines = []
    earlier, beliefs = note.get("earlier"), note.get("beliefs")
    for metric, weights in earlier.items() if isinstance(earlier, Mapping) else ():
        lines += [f"earlier study {name}: weight {weight:.2f} in {metric}" for name, weight in weights.items()]
    if isinstance(beliefs, Mapping):
        lines.append(f"beliefs: weight {beliefs['weight']:.2f}, trust {beliefs['trust']:.2f}")
    return lines


def caution_lines(note: Mapping[str, object]) -> list[str]:
    """Say why the map behind a suggestion is not to be relied on."""
    warned = note.get("cautions")
    return [f"Caution: {line}" for line in warned] if isinstance(warned, list) else []


def trials_table(trials: "Sequence[Trial]", metrics: Sequence[str]) -> Table:
    """Show trials with some of their metrics."""
    table = new_table()
    table.add_column("#", justify="right")
    table.add_column("state")
    climbing = any(trial.fidelity is not None for trial in trials)
    if climbing:
        table.add_column("fidelity", justify="right")
    for name in metrics:
        table.add_column(name, justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("configuration", ratio=1)
    for trial in trials:
        state = Text(trial.status, style=STYLES.get(trial.status, ""))
        note = config_text(trial.config)
        if trial.reason:
            note = Text.assemble(note, "\n", (" ".join(trial.reason.split())[:200], "red"))
        table.add_row(
            str(trial.number),
            state,
            *([fidelity_text(trial)] if climbing else []),
            *(metric_text(trial.metrics.get(name)) for name in metrics),
            "" if trial.seconds is None else number_text(trial.seconds),
            note,
        )
    return table


def trial_table(trial: "Trial", meanings: Mapping[str, str], so_far: Mapping[str, Curve]) -> Table:
    """Show one trial with everything that is known of it.

    Args:
        trial: the trial.
        meanings: metric to its meaning.
        so_far: what its curves have come to, where it has no result yet.
    """
    table = new_table(f"Trial {trial.number}: {trial.status}")
    table.add_column("what")
    table.add_column("value")
    table.add_column("meaning", style="dim", ratio=1)
    for name, value in trial.config.items():
        table.add_row(name, scalar_text(value), "parameter")
    for name, metric in trial.metrics.items():
        table.add_row(name, metric_text(metric), meanings.get(name, "metric"))
    for name, curve in so_far.items():
        at = f"so far, at step {number_text(curve.steps[-1])}"
        table.add_row(name, metric_text(curve), f"{meanings.get(name, 'metric')}: {at}")
    about = {"seed": trial.seed, "seconds": trial.seconds, "reason": trial.reason, "kind of failure": trial.kind}
    about |= {"origin": trial.origin, "attempt": trial.attempt}
    for name, item in about.items():
        if item is not None:
            table.add_row(name, number_text(item) if isinstance(item, float) else str(item), "")
    for line in leaning_lines(trial.note):
        table.add_row("leaned on", *line.split(": ", 1))
    return table


def estimates_table(
    title: str, config: Mapping[str, Scalar], estimates: "Mapping[str, Estimate]", meanings: Mapping[str, str],
    measured: Mapping[str, Metric] | None = None,
) -> Table:  # fmt: skip
    """Show every predicted metric of one configuration."""
    table = new_table(title)
    table.add_column("metric")
    table.add_column("predicted")
    table.add_column("90 % interval")
    if measured is not None:
        table.add_column("measured", justify="right")
    table.add_column("meaning", style="dim", ratio=1)
    for name, estimate in estimates.items():
        low, high = estimate.interval
        cells = [name, number_text(estimate.median), f"[{number_text(low)}, {number_text(high)}]"]
        if measured is not None:
            metric = measured.get(name)
            cells.append(number_text(float(metric)) if isinstance(metric, Curve) else metric_text(metric))
        table.add_row(*cells, meanings.get(name, ""))
    table.caption, table.caption_style = config_text(config), ""
    return table


def predictions_table(predictions: "PredictionTable", metrics: Sequence[str]) -> Table:
    """Show predictions at several configurations."""
    table = new_table(caption="predicted: median and 90 % interval of one training")
    for name in metrics:
        table.add_column(name)
    table.add_column("success", justify="right")
    table.add_column("configuration", ratio=1)
    for row, config in enumerate(predictions.configs):
        estimates = predictions.estimates(row)
        table.add_row(
            *(estimate_text(estimates[name]) for name in metrics),
            f"{float(predictions.success[row]):.2f}",
            config_text(config),
        )
    return table


def recommendation_table(found: "Recommendation", metrics: Sequence[str], meanings: Mapping[str, str]) -> Table:
    """Show the recommendation."""
    import math

    from physai_inverse.objective import measured

    shown = {name: found.predictions[name] for name in metrics if name in found.predictions}
    derived = {name: measured(name, found.measured, found.config) for name in shown if name not in found.measured}
    known = {name: value for name, value in derived.items() if not math.isnan(value)}
    return estimates_table(
        f"Recommended: trial {found.number}, trained {found.trainings} time{'s' * (found.trainings > 1)}"
        + (f", up to {number_text(found.fidelity)}" if found.fidelity is not None else ""),
        found.config, shown, meanings, {**found.measured, **known},
    )  # fmt: skip


def pareto_table(found: "ParetoSet", metrics: Sequence[str]) -> Table:
    """Show a trade-off."""
    count = f"{len(found)} configuration{'s' * (len(found) > 1)} that none trained so far beats in every wish"
    table = new_table(count)
    for name in ("trial", "probability"):
        table.add_column(name, justify="right")
    for name in metrics:
        table.add_column(name)
    table.add_column("configuration", ratio=1)
    for point in found:
        known = point.predictions
        shown = (estimate_text(known[name]) if name in known else "" for name in metrics)
        table.add_row(str(point.number), f"{point.probability:.2f}", *shown, config_text(point.config))
    return table


def hypervolume_text(found: "ParetoSet") -> str:
    """Say how much a trade-off dominates."""
    if found.hypervolume is None or found.interval is None:
        return "The hypervolume is given for up to four wishes."
    reference = ", ".join(f"{name} {number_text(value)}" for name, value in found.reference.items())
    low, high = (number_text(value) for value in found.interval)
    return f"Hypervolume {number_text(found.hypervolume)} (90 % interval {low} to {high}) above {reference}."


def scores_table(scores: "Mapping[str, Scores]") -> Table:
    """Show how far the forward map was right on values that it had not seen."""
    table = new_table("Forward map on held-out trainings")
    table.add_column("metric")
    for name in ("rows", "R2", "rank corr.", "log density", "in 50 %", "in 90 %"):
        table.add_column(name, justify="right")
    for name, score in scores.items():
        table.add_row(
            name, str(score.rows), f"{score.r2:.2f}", f"{score.rank_correlation:.2f}", f"{score.log_density:.2f}",
            f"{score.coverage_50:.0%}", f"{score.coverage_90:.0%}",
        )  # fmt: skip
    return table


def decisions_table(reading: "Reading") -> Table:
    """Show what each column of a source was taken for, and why."""
    table = new_table(Text(f"{reading.title}"))
    for name in ("column", "is", "as"):
        table.add_column(name, overflow="fold")
    table.add_column("why", ratio=1, style="dim")
    for item in reading.decisions:
        name = "" if item.name in ("", item.column, item.role) else f" `{item.name}`"
        style = {"left out": "dim", "metric": "green", "curve": "green"}.get(item.role, "")
        table.add_row(
            Text(item.column), Text(f"{item.role}{name}", style=style), Text(item.detail), Text(item.why)
        )
    return table


def shown_metrics(objective: "Objective", recorded: Iterable[str], wanted: Sequence[str] = ()) -> list[str]:
    """Choose the metrics of a table: those asked for, else those of the objective that were recorded."""
    names = list(recorded)
    return [name for name in (wanted or objective.shown) if name in names]


def _predicted(trial: "Trial") -> dict[str, tuple[float, float, float]]:
    found = trial.note.get("predicted")
    if not isinstance(found, Mapping):
        return {}
    return {
        name: (float(values[0]), float(values[1]), float(values[2]))  # type: ignore[arg-type]  # as the study wrote it
        for name, values in found.items()
        if isinstance(values, list | tuple) and len(values) == 3
    }


def _spark(values: Sequence[float], width: int = 24) -> str:
    import math

    picked = [values[round(place * (len(values) - 1) / max(width - 1, 1))] for place in range(width)]
    picked = picked if len(values) > width else list(values)
    finite = [value for value in picked if math.isfinite(value)]
    if not finite:
        return "?" * len(picked)
    low, span = min(finite), (max(finite) - min(finite)) or 1.0
    return "".join(
        BARS[int((value - low) / span * (len(BARS) - 1))] if math.isfinite(value) else "?" for value in picked
    )
