"""The tables of the page: held-out scores, failures, answers, trials."""

import math
from collections.abc import Sequence

from physai_inverse.objective import measured
from physai_inverse.report.failures import failure_classes
from physai_inverse.report.findings import Findings
from physai_inverse.report.leaders import Leader
from physai_inverse.report.markup import Markup, breakable, element, join
from physai_inverse.report.reasons import reason_rows
from physai_inverse.report.words import interval, number, percent, scalar, visible
from physai_inverse.space import Boolean, Choice
from physai_inverse.store import Trial
from physai_inverse.study import Answer

STAR = "\u2605"
MAX_METRIC_COLUMNS = 24
MOST_TRIALS = 1000
"""Trials that are listed; of more the latest, and the best."""

MAX_REASON = 240
MOST_TOLD = 0.8
"""Share of a parameter's range that remains from which a query says nothing of it."""


def head(names: Sequence[object], words: Sequence[object] = ()) -> Markup:
    """Write the row of column names; those of `words` stand to the left, as their columns do."""
    cells = [element("th", name, scope="col", class_="words" if name in words else None) for name in names]
    return element("thead", element("tr", *cells))


def failure_table(found: Findings) -> Markup:
    """Write the classes of failure."""
    classes = failure_classes(found.study.space, found.trials)
    rows = [
        element(
            "tr",
            element("th", each.kind.replace("_", " "), scope="row"),
            element("td", each.count),
            element("td", each.where or "no single parameter sets them apart", class_="words"),
            element(
                "td",
                element("code", visible(each.reason, MAX_REASON) or "no reason given"),
                element("span", f" (trial {each.example})", class_="faint"),
                class_="words",
            ),
        )
        for each in classes
    ]
    columns = ["class", "count", "where", "most frequent reason"]
    return element("div", element("table", head(columns, columns[2:]), element("tbody", *rows)), class_="scroll")


def answer_tables(found: Findings) -> list[Markup]:
    """Write each inverse query with its answer."""
    result = []
    for answer in found.answers:
        names = [name for name in found.study.space.parameters if any(name in config for config in answer.configs)]
        metrics = [name for name in found.metrics if any(name in each for each in answer.predictions)]
        metrics = [name for name in metrics if name in answer.query] or metrics[:1]
        rows = [
            element(
                "tr",
                element("td", percent(probability)),
                *(
                    element(
                        "td",
                        f"{number(predicted[name].median)} ({number(predicted[name].interval[0])} to "
                        f"{number(predicted[name].interval[1])})"
                        if name in predicted
                        else "—",
                    )
                    for name in metrics
                ),
                *(element("td", visible(scalar(config[name]), 40) if name in config else "·") for name in names),
            )
            for config, probability, predicted in zip(
                answer.configs, answer.probabilities, answer.predictions, strict=True
            )
        ]
        columns = [
            "probability",
            *(f"{name}, predicted" for name in metrics),
            *names,
        ]
        result.append(
            element(
                "div",
                element("h3", visible(answer.query)),
                element("p", answer.statement),
                element("div", element("table", head(columns), element("tbody", *rows)), class_="scroll"),
                *_marginal_lines(answer),
            )
        )
    return result


def _marginal_lines(answer: Answer) -> list[Markup]:
    """Say where the parameters lie that the query says something of."""
    told = []
    for marginal in answer.marginals if answer.reachable else ():
        if marginal.remaining > MOST_TOLD:
            continue
        if marginal.quantiles:
            low, middle, high = (scalar(marginal.quantiles[level]) for level in (0.05, 0.5, 0.95))
            told.append(f"{marginal.name} {middle} ({low} to {high})")
        elif marginal.shares:
            value, share = max(marginal.shares, key=lambda item: item[1])
            told.append(f"{marginal.name} {scalar(value)} ({percent(share)})")
    lines = [f"All configurations that meet it have, in nine of ten: {'; '.join(told)}."] if told else []
    lines += [f"As good along the way: {ridge}." for ridge in answer.ridges]
    return [element("p", visible(line)) for line in lines]


def leader_table(found: Findings) -> Markup:
    """Write the best configurations side by side, a column each: predicted, measured, and the values."""
    study = found.study
    best = found.leaders
    columns = ["", f"{STAR} trial {best[0].number}", *(f"trial {each.number}" for each in best[1:])]
    rows = []
    for name in study.objective.shown:
        if not any(name in each.predictions for each in best):
            continue
        estimates = [each.predictions.get(name) for each in best]
        rows.append(
            _leader_row(
                join(breakable(name), element("span", "predicted", class_="meaning")),
                [
                    "—"
                    if one is None
                    else join(
                        element("strong", number(one.median)),
                        element("span", interval(*one.interval), class_="under"),
                    )
                    for one in estimates
                ],
            )
        )
        title = join(breakable(name), element("span", "measured", class_="meaning"))
        rows.append(_leader_row(title, [_once_measured(each, name) for each in best]))
    chosen = best[0].config
    for name in study.space.names:
        if not any(name in each.config for each in best):
            continue
        cells = []
        for each in best:
            text = visible(scalar(each.config[name]), 40) if name in each.config else "·"
            same = each.config.get(name) == chosen.get(name)
            cells.append(element("span", text, class_="faint") if same and each is not best[0] else text)
        rows.append(_leader_row(found.named(name), cells))
    return element(
        "div",
        element("table", head(columns), element("tbody", *rows), class_="leaders"),
        class_="scroll",
    )


def _once_measured(each: Leader, name: str) -> str:
    value = measured(name, each.measured, each.config)
    if math.isnan(value):
        return "—"
    return number(value) + (f" (one of {each.trainings})" if each.trainings > 1 else "")


def _leader_row(title: object, cells: Sequence[object]) -> Markup:
    return element("tr", element("th", title, scope="row"), *(element("td", cell) for cell in cells))


def upcoming_table(found: Findings) -> Markup:
    """Write what would be trained next, a column each: why, what is expected, then the values."""
    trials = found.upcoming
    columns = ["", *(f"trial {trial.number}" for trial in trials)]
    rows = []
    for title, cells in reason_rows(trials):
        rows.append(_leader_row(title, [element("span", cell, class_="told") for cell in cells]))
    for name in found.study.space.names:
        if any(name in trial.config for trial in trials):
            cells = [visible(scalar(trial.config[name]), 40) if name in trial.config else "·" for trial in trials]
            rows.append(_leader_row(found.named(name), cells))
    return element(
        "div",
        element("table", head(columns), element("tbody", *rows), class_="leaders upcoming"),
        class_="scroll",
    )


def trial_table(found: Findings) -> Markup:
    """Write every trial, compactly; the columns sort on a click."""
    space = found.study.space
    metrics = found.metrics[:MAX_METRIC_COLUMNS]
    columns = [
        "trial",
        "status",
        *metrics,
        *(name for name in space.names),
        "seconds",
    ]
    buttons = [element("button", name, type="button") for name in columns]
    listed = [isinstance(parameter, Choice | Boolean) for parameter in space.free]
    flags = [False, True, *(False for _ in metrics), *listed, False]
    words = [button for button, flag in zip(buttons, flags, strict=True) if flag]
    chosen = None if found.recommendation is None else found.recommendation.number
    rows = [
        _trial_row(found, trial, metrics, recommended=trial.number == chosen) for trial in listed_trials(found)
    ]
    return element(
        "div",
        element(
            "table",
            head(buttons, words),
            element("tbody", *rows),
            class_="sortable compact",
        ),
        class_="scroll tall",
        tabindex="0",
    )


def listed_trials(found: Findings) -> list[Trial]:
    """Give the trials that are listed: all, or of very many the latest and the best."""
    if len(found.trials) <= MOST_TRIALS:
        return list(found.trials)
    best = {each.number for each in found.leaders}
    first = found.trials[-MOST_TRIALS].number
    return [trial for trial in found.trials if trial.number >= first or trial.number in best]


def _trial_row(found: Findings, trial: Trial, metrics: Sequence[str], *, recommended: bool) -> Markup:
    space = found.study.space
    cells = [
        element("td", f"{STAR} {trial.number}" if recommended else trial.number, data_v=trial.number),
        element(
            "td",
            str(trial.state).replace("_", " "),
            class_="status bad" if trial.state.bad else "status",
            title=visible(trial.reason, MAX_REASON) if trial.reason else None,
        ),
    ]
    for name in metrics:
        value = float(trial.metrics[name]) if name in trial.metrics else None
        cells.append(_number_cell(value))
    for name, parameter in zip(space.names, space.free, strict=True):
        if name not in trial.config:
            cells.append(element("td", "·", class_="faint", data_v=""))
        elif isinstance(parameter, Choice) or isinstance(trial.config[name], str | bool):
            cells.append(element("td", visible(scalar(trial.config[name]), 40), class_="name"))
        else:
            cells.append(_number_cell(float(trial.config[name]), text=scalar(trial.config[name])))
    cells.append(_number_cell(trial.seconds, text=None if trial.seconds is None else number(trial.seconds)))
    return element("tr", *cells, class_="recommended" if recommended else None)


def _number_cell(value: float | None, text: str | None = None) -> Markup:
    if value is None:
        return element("td", "·", class_="faint", data_v="")
    return element("td", text or number(value), data_v=repr(value) if math.isfinite(value) else "")
