"""How far to believe it: a verdict on each metric, held-out predictions and their calibration."""

import math
from collections.abc import Iterator, Sequence

from physai_inverse.report.calibration import calibration_figure
from physai_inverse.report.findings import Findings
from physai_inverse.report.markup import Markup, element, join
from physai_inverse.report.sheet import Section, Sheet, choice, fold, section
from physai_inverse.report.tables import head
from physai_inverse.report.trust import predicted_figure
from physai_inverse.report.words import counted, digits, number, percent, visible
from physai_inverse.study import MetricFit
from physai_inverse.understanding import Trust

MOST_OPEN = 8
"""Metrics whose row stands open; the rest is folded away."""

MISFITS = (
    "⚠ The map gets something wrong that has a name; choose the metric to read it. Looked for in the metrics of "
    "the objective; `physai-inverse fit` looks in all."
)

MOST_OUTLIERS = 3
LEAST_SHARE = 0.005
"""Share of a map from which a surrogate is named."""

GRADES = {
    Trust.INSIDE: ("good", "●", "inside the data"),
    Trust.RANKING: ("fair", "◐", "only as a ranking"),
    Trust.NOTHING: ("poor", "○", "not at all"),
    Trust.UNKNOWN: ("unknown", "·", "too few trainings to tell"),
}
"""Class, sign and words of each verdict."""


def believed_section(found: Findings, sheet: Sheet) -> Section | None:
    """Write how far the forward map of each metric may be believed; None where nothing was recorded."""
    if not found.metrics:
        return None
    shown = [(place, name) for place, name in enumerate(found.metrics) if name in found.fits]
    panels = [
        element(
            "div",
            _reading(found.fits[name]),
            element(
                "div",
                sheet.figure(
                    predicted_figure(found.fits[name].scores, name, found.numbers),
                    "Each training predicted from the others; bars are 90 % intervals. The nearer to the dotted "
                    "line the better, and about nine of ten bars should cross it.",
                ),
                sheet.figure(
                    calibration_figure(found.fits[name].scores, name),
                    "How often the measured value lies below each quantile of its prediction. On the dotted "
                    "line the intervals are right; within the grey band the difference may be chance.",
                ),
                class_="twin",
            ),
            data_panel=f"trust:{place}",
            hidden=place != shown[0][0],
        )
        for place, name in shown
    ]
    return section(
        "trust",
        "How far to believe it",
        "What the forward map says about trainings that it has not seen, against what they measured.",
        *_tables(found),
        choice("trust", shown),
        *panels,
    )


def _tables(found: Findings) -> Iterator[Markup]:
    """Write the verdict on every metric; a click on a row chooses its figures."""
    placed = list(enumerate(found.metrics))
    yield _table(found, placed[:MOST_OPEN])
    if any(fit.misfits for fit in found.fits.values()):
        yield element("p", MISFITS, class_="note")
    if len(placed) > MOST_OPEN:
        yield fold(f"{counted(len(placed) - MOST_OPEN, 'more metric')}", _table(found, placed[MOST_OPEN:]))


def _table(found: Findings, placed: Sequence[tuple[int, str]]) -> Markup:
    columns = ["metric", "trust it", "rows", "R²", "rank corr.", "in 50\u202f%", "in 90\u202f%"]
    rows = [_row(found, place, name) for place, name in placed]
    return element(
        "div",
        element("table", head(columns, ["trust it"]), element("tbody", *rows), class_="trust"),
        class_="scroll",
    )


def _row(found: Findings, place: int, name: str) -> Markup:
    fit = found.fits.get(name)
    if fit is None:
        reason = visible(found.unfitted.get(name, "not modelled"), 240)
        return element("tr", element("th", name, scope="row"), element("td", reason, colspan=6, class_="words"))
    scores = fit.scores
    return element(
        "tr",
        element("th", found.named(name), scope="row"),
        element("td", _grade(fit), class_="words"),
        element("td", scores.rows),
        element("td", digits(scores.r2)),
        element("td", digits(scores.rank_correlation)),
        element("td", percent(scores.coverage_50)),
        element("td", percent(scores.coverage_90)),
        data_show=f"trust:{place}",
    )


def _grade(fit: MetricFit) -> Markup:
    kind, sign, words = GRADES[fit.verdict.trust]
    misfit = " ⚠" if fit.misfits else ""
    return element("span", f"{sign} {words}{misfit}", class_=f"grade {kind}")


def _reading(fit: MetricFit) -> Markup:
    """Say above the figures what they mean."""
    scores = fit.scores
    facts = [
        ("variance explained (R²)", digits(scores.r2)),
        ("rank correlation", digits(scores.rank_correlation)),
        ("inside 50 % intervals", percent(scores.coverage_50)),
        ("inside 90 % intervals", percent(scores.coverage_90)),
        ("typical error", number(scores.rmse)),
        ("ranked probability score", number(scores.crps)),
        ("log score (nats)", digits(scores.log_density)),
        ("held-out trainings", f"{scores.rows:,}"),
    ]
    tiles = [element("div", element("dt", key), element("dd", fact)) for key, fact in facts]
    kind, sign, words = GRADES[fit.verdict.trust]
    asked = "" if fit.verdict.trust is Trust.UNKNOWN else "trust it "
    return element(
        "div",
        element(
            "p",
            element("strong", fit.metric),
            f": {asked}",
            element("span", f"{sign} {words}", class_=f"grade {kind}"),
            f". {_sentence(fit.verdict.reasons)}",
        ),
        element("ul", *(element("li", line) for line in _notes(fit)), class_="facts said"),
        element("dl", *tiles, class_="tiles"),
        class_="reading",
    )


def _sentence(reasons: Sequence[str]) -> str:
    text = visible("; ".join(reasons), 600)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _notes(fit: MetricFit) -> Iterator[Markup | str]:
    """Say what the map gets wrong, what lies far off, where its errors come from, and what it is mixed of."""
    for misfit in fit.misfits:
        yield join(element("strong", f"{misfit.kind}: "), visible(misfit.statement, 600), ".")
    far = [
        f"trial {trial} measured {number(outlier.measured)} where {number(outlier.predicted)} was expected "
        f"({number(abs(outlier.offset), 2)} standard deviations off)"
        for trial, outlier in zip(fit.outlying, fit.outliers, strict=True)
    ]
    if far:
        yield f"Outliers: {'; '.join(far[:MOST_OUTLIERS])}."
    noise = fit.noise
    if noise.spread > 0 and math.isfinite(noise.error):
        between, error = percent(noise.trainings / noise.spread), percent(noise.error / noise.spread)
        yield (
            f"Trainings of one configuration differ by {between} of the spread of all values, held-out "
            f"predictions err by {error} of it."
            if noise.replicates
            else f"Held-out predictions err by {error} of the spread of all values; no configuration was trained "
            f"twice, and the map takes {between} of it for noise."
        )
    mixed = [
        f"{name} {percent(share)}"
        for name, share in sorted(fit.members.items(), key=lambda item: -item[1])
        if share >= LEAST_SHARE
    ]
    if mixed:
        yield f"The map is mixed of {', '.join(mixed)}."
