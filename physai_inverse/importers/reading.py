"""From what a reader found to a study: parameters, metrics, a first objective, and the trainings that fit them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from physai_inverse.errors import InvalidInput
from physai_inverse.importers.forms import read_scalar
from physai_inverse.importers.naming import is_seed
from physai_inverse.importers.parameters import Findings, find_parameters
from physai_inverse.importers.records import Records
from physai_inverse.importers.relations import ShareGroup
from physai_inverse.importers.runs import Decision, Run, Source, Wanted
from physai_inverse.importers.table import Table
from physai_inverse.importers.values import is_missing, plain_name, plain_text, read_number_value
from physai_inverse.importers.wishes import Wish, wish_for
from physai_inverse.objective import Objective, as_objective
from physai_inverse.observations import (
    Curve,
    Measurement,
    Metric,
    Observation,
    Scalar,
    TrialState,
    diverging,
    metric_names,
)
from physai_inverse.space import Float, Integer, Parameter, Space

OF_TABLES = ("state", "reason", "kind", "step", "name")
"""Roles that only a column of a table can be given."""
OFTEN = 0.1
"""Share of empty cells of a metric from which the user is asked what they mean."""


@dataclass(frozen=True)
class Reading:
    """What was made of a source.

    Args:
        kind: of the source, one of `recognition.KINDS`.
        title: of the source, for people.
        space: the parameters that were found.
        wish: what is wanted, often a guess.
        observations: the trainings that can be used, in the order of the source.
        decisions: what each column was taken for, and why.
        left_out: a line for each row or training that cannot be used, with its place and the reason.
        hints: what the user may want to know or to say, a line each.
        shares: groups of parameters that add up to a whole.
        why: parameter to the evidence for its type and range.
    """

    kind: str
    title: str
    space: Space
    wish: Wish
    observations: tuple[Observation, ...]
    decisions: tuple[Decision, ...]
    left_out: tuple[str, ...]
    hints: tuple[str, ...]
    shares: tuple[ShareGroup, ...]
    why: Mapping[str, str]

    @property
    def objective(self) -> Objective:
        """What is wanted."""
        return as_objective(self.wish.goals)

    @property
    def metrics(self) -> dict[str, str]:
        """Each metric with the column that it comes from."""
        return {item.name: item.column for item in self.decisions if item.role in ("metric", "curve")}


def make_reading(source: Source, wanted: Wanted) -> Reading:
    """Decide what a source means.

    Args:
        source: what a reader found.
        wanted: what the user says.

    Raises:
        InvalidInput: it has no training, no parameter that varies or no metric; or the user speaks of one that
            it does not have.
    """
    if not source.runs:
        first = f" The first: {source.left_out[0]}" if source.left_out else ""
        raise InvalidInput(f"{source.title}: expected trainings that have ended, got none.{first}")
    source = _settled(source, wanted)
    found = find_parameters(source)
    runs, unmeasured = _measured(source, found)
    names = {**found.metric_names}
    runs, hints = _censored(runs, wanted.censored, names)
    if not metric_names(_observations(runs)):
        params = ", ".join(found.space.parameters)
        dropped = [f"`{item.column}` ({item.why})" for item in source.decisions if item.role == "left out"]
        without = f"; left out were {', '.join(dropped[:6])}" if dropped else ""
        raise InvalidInput(
            f"{source.title}: expected at least one metric, a column of numbers that trainings gave, and found "
            f"none; parameters are {params}{without}. Say which it is: --map COLUMN=metric."
        )
    counts = _counts(runs)
    declared = {names.get(name, name): way for name, way in source.wishes.items()}
    wish = wish_for(counts, declared, [limit for limit in source.limits if limit.split()[0] in counts])
    observations: list[Observation] = []
    left_out = [*source.left_out, *unmeasured]
    checked: dict[str, dict[str, Scalar]] = {}  # seeds side by side share a configuration
    for run in runs:
        try:
            key = repr(run.params)
            if key not in checked:
                checked[key] = found.space.check(run.params, constraints=False)
            observations.append(_observation(run, checked[key], wish))
        except InvalidInput as error:
            left_out.append(f"{run.place}: {error}")
    if not observations:
        raise InvalidInput(
            f"{source.title}: none of its {len(source.runs)} trainings can be used. The first: {left_out[0]}"
        )
    decisions = (*found.decisions, *_metric_decisions(source, observations, found, wish), *source.decisions)
    return Reading(
        source.kind, source.title, found.space, wish, tuple(observations), decisions, tuple(left_out),
        (*source.hints, *hints), found.shares, found.why,
    )  # fmt: skip


def fit_records(source: Source, space: Space, wanted: Wanted) -> Table:
    """Fit trainings to a space that is there already.

    Names are compared as they stand and in their plain form; what is no parameter of the space and is a number
    is a metric.

    Args:
        source: what a reader found.
        space: of the study.
        wanted: what the user says.

    Raises:
        InvalidInput: the user speaks of a column that is not there.
    """
    source = _settled(source, wanted)
    labels = {name for run in source.runs for name in (*run.params, *run.metrics)}
    plain = {name: name if name in space.parameters else plain_name(name) for name in labels}
    records = Records(space)
    observations: list[Observation] = []
    problems = list(source.left_out)
    unknown: dict[str, None] = {}
    for run in source.runs:
        config: dict[str, Scalar] = {}
        metrics: dict[str, Metric] = {}
        try:
            for name, value in run.params.items():
                number = read_number_value(value)
                parameter = space.parameters.get(plain[name])
                if parameter is not None:
                    if not is_missing(value, text=not isinstance(parameter, Float | Integer)):
                        config[plain[name]] = _scalar_of(parameter, value, name)
                elif number is not None and math.isfinite(number):
                    metrics[plain[name]] = float(number)
                elif not is_missing(value):
                    unknown[name] = None
            for name, metric in run.metrics.items():
                parameter = space.parameters.get(plain[name])
                if parameter is None:
                    metrics[plain[name]] = metric
                else:
                    config[plain[name]] = _scalar_of(parameter, float(metric), name)
            if run.state.bad or metrics:
                known = {"state": run.state.value, "seed": run.seed, "seconds": run.seconds, "reason": run.reason}
                seen = records.observation(config, metrics, {**known, "kind": run.kind})
                observations.append(replace(seen, record=run.record))
            else:
                problems.append(f"{run.place}: it has no metric and does not say that the training failed.")
        except InvalidInput as error:
            problems.append(f"{run.place}: {error}")
    notes = [f"the column `{name}` is neither a parameter of the study nor a number" for name in unknown]
    notes += [
        f"the column `{item.column}` was left out: {item.why}"
        for item in source.decisions
        if item.role == "left out"
    ]
    notes += [f"{note} ({count} rows)" for note, count in records.notes.items()]
    return Table(tuple(observations), tuple(problems), tuple(notes))


def _scalar_of(parameter: Parameter, value: object, name: str) -> Scalar:
    try:
        return read_scalar(parameter, plain_text(value))
    except InvalidInput as error:
        raise InvalidInput(f"`{name}`: {error}.") from error


def _settled(source: Source, wanted: Wanted) -> Source:
    """Do what the user says about parameters and metrics of a tool that names them; tables are sorted before."""
    runs = list(source.runs)
    decisions = list(source.decisions)
    if source.kind != "table":
        known = {name for run in runs for name in (*run.params, *run.metrics)}
        missing = [name for name in wanted.mapping if name not in known]
        if missing:
            raise InvalidInput(
                f"{source.title} has no `{missing[0]}` to map; it has {', '.join(sorted(known)[:40])}."
            )
        for name, target in wanted.mapping.items():
            runs = [_mapped(run, name, target) for run in runs]
            if not target:
                decisions.append(Decision(name, "left out", "", "as asked"))
    settings = dict.fromkeys(name for run in runs for name in run.params)
    seeds = next((name for name in settings if is_seed(name)), None)
    if seeds is not None and all(_is_whole(run.params.get(seeds)) for run in runs):
        runs = [
            replace(
                run,
                seed=_seed(run.params.get(seeds)) if run.seed is None else run.seed,
                params={name: value for name, value in run.params.items() if name != seeds},
            )
            for run in runs
        ]
        decisions.append(Decision(seeds, "seed", "of the training", "called a seed, whole numbers", "seed"))
    return replace(source, runs=tuple(runs), decisions=tuple(decisions))


def _mapped(run: Run, name: str, target: str) -> Run:
    params, metrics = dict(run.params), dict(run.metrics)
    word, _, rest = target.partition(":")
    if word in OF_TABLES:
        raise InvalidInput(
            f"`{name}={target}`: the tool says what that is; a column can be parameter, metric, parameter:NAME, "
            "metric:NAME, seed, seconds, another name, or nothing to leave it out."
        )
    raw = params.pop(name, None)
    metric = metrics.pop(name, None)
    value = raw if raw is not None else None if metric is None else float(metric)
    if not target or value is None:
        return replace(run, params=params, metrics=metrics)
    number = read_number_value(value)
    if word == "seed":
        return replace(run, params=params, metrics=metrics, seed=_seed(value))
    if word == "seconds":
        return replace(run, params=params, metrics=metrics, seconds=None if number is None else float(number))
    if word == "metric":
        measured = metric if metric is not None else None if number is None else float(number)
        return replace(
            run, params=params, metrics=metrics if measured is None else {**metrics, rest or name: measured}
        )
    if word == "parameter" or raw is not None:
        label = rest or name if word == "parameter" else target
        return replace(run, params={**params, label: value}, metrics=metrics)
    assert metric is not None
    return replace(run, params=params, metrics={**metrics, target: metric})


def _measured(source: Source, found: Findings) -> tuple[list[Run], list[str]]:
    """Give the trainings whose configuration is whole, with computed parameters among their metrics."""
    runs: list[Run] = []
    left_out: list[str] = []
    for place, run in enumerate(source.runs):
        problem = found.problems.get(place)
        if problem is not None:
            left_out.append(f"{run.place}: {problem}")
            continue
        metrics = {found.metric_names[name]: metric for name, metric in run.metrics.items()}
        computed = {name: float(values[place]) for name, values in found.computed.items()}
        config = found.configs[place]
        runs.append(replace(run, params=config, metrics={**computed, **metrics}))
    return runs, left_out


def _censored(
    runs: Sequence[Run], censored: Mapping[str, tuple[str, float]], names: Mapping[str, str]
) -> tuple[list[Run], list[str]]:
    """Put bounds where a metric is empty, as the user says; ask about the others that are often empty."""
    given = {names.get(name, name): bound for name, bound in censored.items()}
    known = set(metric_names(_observations(runs)))
    missing = [name for name in given if name not in known]
    if missing:
        raise InvalidInput(
            f"`--censored` speaks of `{missing[0]}`; the source has the metrics "
            f"{', '.join(sorted(known)) or 'none'}."
        )
    filled = []
    for run in runs:
        added = {
            name: Measurement(bound, censored=side)
            for name, (side, bound) in given.items()
            if name not in run.metrics and not run.state.bad
        }
        filled.append(replace(run, metrics={**run.metrics, **added}))
    ended = [run for run in filled if not run.state.bad]
    hints = []
    for name in sorted(known, key=lambda item: list(names.values()).index(item) if item in names.values() else 0):
        values = [float(run.metrics[name]) for run in ended if name in run.metrics]
        empty = len(ended) - len(values)
        if empty < OFTEN * len(ended) or not values:
            continue
        finite = [value for value in values if math.isfinite(value)]
        largest = f"{max(finite):g}" if finite else "BOUND"
        hints.append(
            f"`{name}` is empty in {empty} of {len(ended)} trainings. Empty means: not measured. Where it means "
            f"that a threshold was not reached within the budget, say so with the budget: --censored "
            f"{name}=above:BOUND (the largest value here is {largest})."
        )
    return filled, hints


def _observation(run: Run, config: Mapping[str, Scalar], wish: Wish) -> Observation:
    if not run.metrics and not run.state.bad:
        raise InvalidInput("it has no metric and does not say that the training failed.")
    bad = None if run.state.bad else diverging(run.metrics, wish.metrics)
    return Observation(
        config=config,
        metrics=dict(run.metrics),
        state=TrialState.DIVERGED if bad else run.state,
        seed=run.seed,
        seconds=run.seconds,
        reason=bad or run.reason,
        kind="diverged" if bad else run.kind,
        record=run.record,
    )


def _observations(runs: Sequence[Run]) -> list[Observation]:
    return [Observation({}, run.metrics, run.state) for run in runs]


def _counts(runs: Sequence[Run]) -> dict[str, int]:
    """Count the trainings that have each metric as a finite number."""
    counts: dict[str, int] = {}
    for run in runs:
        for name, metric in run.metrics.items():
            counts[name] = counts.get(name, 0) + math.isfinite(float(metric))
    return counts


def _metric_decisions(
    source: Source, observations: Sequence[Observation], found: Findings, wish: Wish
) -> list[Decision]:
    names, formulas = found.metric_names, found.formulas
    back = {plain: name for name, plain in names.items()}
    decisions = []
    for name in metric_names(observations):
        seen_metrics = [seen.metrics[name] for seen in observations if name in seen.metrics]
        column = back.get(name, name)
        why = source.why.get(column, f"{source.kind} calls it a metric")
        if column in formulas:
            why = f"no parameter of its own: it is {formulas[column]}"
        if name in wish.metrics:
            why += f"; {'minimized' if name in wish.minimize else 'maximized'} ({wish.why})"
        curve = any(isinstance(metric, Curve) for metric in seen_metrics)
        decisions.append(Decision(column, "curve" if curve else "metric", _range_text(seen_metrics), why, name))
    return decisions


def _range_text(metrics: Sequence[Metric]) -> str:
    values = [float(metric) for metric in metrics]
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return f"{len(values)} values, none finite"
    points = [len(metric) for metric in metrics if isinstance(metric, Curve)]
    text = f"{min(finite):.4g} to {max(finite):.4g} in {len(values)}"
    if len(finite) < len(values):
        text += f", {len(values) - len(finite)} not finite"
    bounds = sum(isinstance(metric, Measurement) and metric.censored is not None for metric in metrics)
    if bounds:
        text += f", {bounds} only bounds"
    if points:
        text += (
            f"; {min(points)} to {max(points)} points" if min(points) < max(points) else f"; {points[0]} points"
        )
    return text


def _is_whole(value: object) -> bool:
    number = read_number_value(value)
    return value is None or (number is not None and float(number).is_integer() and 0 <= number < 2**63)


def _seed(value: object) -> int | None:
    number = read_number_value(value)
    return int(number) if number is not None and _is_whole(value) else None
