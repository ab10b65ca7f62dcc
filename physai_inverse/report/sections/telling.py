"""What tells of the end: observables early on, and metrics that go with it."""

from physai_inverse.report.findings import Findings
from physai_inverse.report.markup import Markup, element
from physai_inverse.report.sheet import Section, Sheet, fold, section
from physai_inverse.report.tables import head
from physai_inverse.report.telling import telling_figure
from physai_inverse.report.words import number, percent, visible
from physai_inverse.understanding import Mediators, Role
from physai_inverse.understanding.telling import Gain

MOST_SPLITS = 4
CAPTION = (
    "Share of the variance of the end that is explained in trainings left out, at each early step: by the "
    "configuration and one value each. Filled where the value passed the test against all that was tried."
)


def telling_section(found: Findings, sheet: Sheet) -> Section | None:
    """Write what tells of the end of the first metric; None where too little was recorded to say."""
    told = found.telling
    if told is None or not (told.early or told.associations):
        return None
    parts: list[Markup | None] = []
    if told.early:
        parts += [sheet.figure(telling_figure(told, {}), CAPTION), _early(told), _splits(told)]
    if any(item.found for item in told.associations) or not told.early:
        parts += [element("h3", "What goes with it at the end"), _ending(told)]
    elif told.associations:
        parts.append(fold("What was measured at the end", _ending(told)))
    return section("telling", "What tells of the end", visible(told.statement, 400), *parts)


def _early(told: Mediators) -> Markup:
    columns = ["observable", "step", "from step", "gain", "beside its own value", "folds", "direction", "verdict"]
    rows = []
    for item in told.best:
        first = told.earliest(item.observable)
        rows.append(
            element(
                "tr",
                element("th", visible(item.observable, 60), scope="row"),
                element("td", number(item.early.step)),
                element("td", "—" if first is None else number(first)),
                element("td", _gain(item.over_config)),
                element("td", "—" if item.over_own is None else _gain(item.over_own)),
                element("td", percent(item.folds)),
                element("td", item.direction if item.found else "—", class_="words"),
                element(
                    "td",
                    element("strong", str(item.role)) if item.role is Role.MEDIATOR else str(item.role),
                    class_="words",
                ),
            )
        )
    note = (
        "Gain: nats of log density a held-out training, over the configuration alone, and over the metric's own "
        "value at that step as well. Folds: share of ten parts of the trainings without which it is found as well."
    )
    table = element("table", head(columns, columns[6:]), element("tbody", *rows))
    return element("div", element("div", table, class_="scroll"), element("p", note, class_="note"))


def _ending(told: Mediators) -> Markup:
    columns = ["metric", "rank correlation", "gain", "verdict"]
    rows = [
        element(
            "tr",
            element("th", visible(item.observable, 60), scope="row"),
            element("td", number(item.rank_correlation, 2)),
            element("td", _gain(item.over_config)),
            element("td", "goes with it" if item.found else "no sign beyond the configuration", class_="words"),
        )
        for item in told.associations
    ]
    table = element("table", head(columns, columns[3:]), element("tbody", *rows))
    listed = [
        element("li", visible(item.split.words(item.observable), 300))
        for item in [item for item in told.associations if item.found][:MOST_SPLITS]
        if item.split is not None
    ]
    note = "Measured too late to be a mediator, however closely it goes with the metric. Gain: as above, in nats."
    return element(
        "div",
        element("div", table, class_="scroll"),
        element("ul", *listed) if listed else None,
        element("p", note, class_="note"),
    )


def _splits(told: Mediators) -> Markup | None:
    listed = [
        element("li", visible(item.split.words(f"{item.observable} at step {number(item.early.step)}"), 300))
        for item in [item for item in told.best if item.found][:MOST_SPLITS]
        if item.split is not None
    ]
    return element("ul", *listed) if listed else None


def _gain(gain: Gain) -> str:
    return f"{gain.nats:+.2f}".replace("-", "\u2212")
