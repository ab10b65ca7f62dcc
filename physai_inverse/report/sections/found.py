"""What was found: what to use, what to expect of it, what comes after it, and how random search did."""

import math
from collections.abc import Sequence

from physai_inverse.objective import measured
from physai_inverse.report.figures import MOST_DOTS
from physai_inverse.report.findings import Findings
from physai_inverse.report.markup import Markup, element, join
from physai_inverse.report.progress import allowed, plot_progress
from physai_inverse.report.sheet import Section, Sheet, fold
from physai_inverse.report.tables import leader_table
from physai_inverse.report.words import (
    arrow,
    better,
    chance,
    counted,
    duration,
    interval,
    number,
    scalar,
    visible,
)
from physai_inverse.store import Trial
from physai_inverse.study import Confirmation, Study, best_measured

MOST_OPEN = 12
"""Parameters from which the best configurations are folded away."""

MAX_EXPECTED = 8
"""How many metrics of the recommended configuration are listed before the rest is folded away."""


def found_section(found: Findings, sheet: Sheet) -> Section:
    """Write what was found."""
    body = element(
        "section",
        element("h2", "What was found"),
        _verdict(found),
        _leaders(found),
        _progress(found, sheet),
        _comparison(found) if found.recommendation is not None else None,
        id="found",
    )
    return Section("found", "What was found", body)


def _leaders(found: Findings) -> Markup | None:
    """Set the best configurations side by side; folded where the parameters are many."""
    others = len(found.leaders) - 1
    if others < 1:
        return None
    parts = (leader_table(found), element("p", _ordered_by(found), class_="note"))
    if found.study.space.dimension > MOST_OPEN:
        return element("div", fold(f"Beside it the next best {counted(others, 'configuration')}", *parts))
    return element("div", element("h3", "The best configurations, side by side"), *parts, class_="part")


def _ordered_by(found: Findings) -> str:
    by = (
        "The recommended one, then those that no other is predicted to beat in every wish, the likeliest first."
        if len(found.study.objective.wishes) > 1
        else "The recommended one, then the best of those that were trained, by what is predicted."
    )
    return (
        f"{by} Predicted: the mean of many trainings, with its 90 % interval; measured: one training, its luck "
        "included. Values equal to those of the recommended one are pale."
    )


def _progress(found: Findings, sheet: Sheet) -> Markup | None:
    """Show how fast it was found; nothing where all trainings were run elsewhere."""
    study = found.study
    if not any(trial.origin != "imported" for trial in found.finished):
        return None
    wishes = study.objective.wishes
    failed = any(trial.state.bad for each in (study, found.baseline) if each is not None for trial in each.trials)
    count = len(found.finished)
    thin = f" An even share of {MOST_DOTS:,} of {count:,} is drawn." if count > MOST_DOTS else ""
    if not wishes:
        figures = [sheet.figure(plot_progress(study, found.baseline), "Trainings that met every limit, added up.")]
    else:
        figures = [
            sheet.figure(
                plot_progress(study, found.baseline, metric=wish.metric),
                f"Best {visible(wish.metric)} so far ({arrow(wish)}). Dots are single trainings"
                + (", hollow where a limit is broken" if study.objective.limits else "")
                + ("; crosses at the foot are failed ones." if failed else ".")
                + thin,
            )
            for wish in wishes
        ]
    return element("div", element("h3", "How fast it was found"), *figures, class_="part", id="progress")


def _verdict(found: Findings) -> Markup:
    recommendation = found.recommendation
    if recommendation is None:
        return element("p", _nothing_yet(found), class_="verdict none")
    metric = found.first
    estimate = recommendation.predictions.get(metric)
    value = measured(metric, recommendation.measured, recommendation.config)
    sentence = [
        "Use the configuration of ",
        element("strong", f"trial {recommendation.number}"),
        ". ",
    ]
    if estimate is not None:
        low, high = estimate.interval
        sentence += [
            f"The forward map predicts {metric} ",
            element("strong", number(estimate.median)),
            f" (90 % interval {interval(low, high)})",
        ]
        if not math.isnan(value):
            runs = recommendation.trainings
            sentence.append(f"; it measured {number(value)}" + (f" in one of {runs} runs" if runs > 1 else ""))
        sentence.append(". ")
    sentence.append(f"Probability: {chance(recommendation, found.study.objective)}.")
    return join(
        element("p", *sentence, class_="verdict"),
        _beside_random(found),
        _caution(found),
        element("div", _configuration(found), _expected(found), class_="pair"),
    )


def _nothing_yet(found: Findings) -> str:
    finished = [trial for trial in found.trials if trial.state.finished]
    failed = sum(trial.state.bad for trial in finished)
    if not finished:
        return "Nothing has been trained yet."
    if failed == len(finished):
        return f"No recommendation: {'the only training' if failed == 1 else f'all {failed} trainings'} failed."
    return "No recommendation yet: no training gave every metric of the objective."


def _caution(found: Findings) -> Markup | None:
    """Warn where the maps that the answer rests on are not to be relied on."""
    bad = [
        f"The forward map of {name} is to be trusted {fit.verdict.trust}: {'; '.join(fit.verdict.reasons)}."
        for name in found.study.objective.metrics
        if (fit := found.fits.get(name)) is not None and fit.verdict.bad
    ]
    if not bad:
        return None
    return element(
        "p",
        element("strong", "Caution. "),
        visible(" ".join(bad), 800),
        " Take predictions on this page as guesses and the measured values as what is known.",
        class_="caution",
    )


def _beside_random(found: Findings) -> Markup | None:
    """Say in one sentence how the two picks did in the fairest comparison that there is."""
    wishes = found.study.objective.wishes
    if not wishes:
        return None
    if found.campaign is not None:
        ours, theirs = (_mean(pick) for pick in (found.campaign.ours, found.campaign.baseline))
        if ours is not None and theirs is not None and found.campaign.metric == wishes[0].metric:
            return element(
                "p",
                f"Trained again with fresh seeds, it gives {number(ours)} on average; random search's pick gives "
                f"{number(theirs)}. Ours is {better(wishes[0], ours, theirs)}.",
                class_="beside",
            )
    if found.baseline is None:
        return None
    mine, other = (best_measured(study, _ended(study)) for study in (found.study, found.baseline))
    if mine is None or other is None:
        return None
    return element(
        "p",
        f"The best value measured is {number(mine[1])}; random search measured {number(other[1])}. "
        f"Ours is {better(wishes[0], mine[1], other[1])}. Both may owe something to luck, without fresh seeds.",
        class_="beside",
    )


def _mean(pick: Confirmation | None) -> float | None:
    values = [one for one in pick.values if math.isfinite(one)] if pick is not None else []
    return sum(values) / len(values) if values else None


def _ended(study: Study) -> list[Trial]:
    return [trial for trial in study.trials if trial.state.finished]


def _configuration(found: Findings) -> Markup:
    assert found.recommendation is not None
    rows = [
        element("div", element("dt", found.named(name)), element("dd", scalar(given)))
        for name, given in found.recommendation.config.items()
    ]
    return element("section", element("h3", "Configuration"), element("dl", *rows, class_="config"))


def _expected(found: Findings) -> Markup:
    recommendation = found.recommendation
    assert recommendation is not None
    rows = []
    for name in (*found.study.objective.derived, *found.metrics):
        estimate = recommendation.predictions.get(name)
        value = measured(name, recommendation.measured, recommendation.config)
        rows.append(
            element(
                "tr",
                element("th", found.named(name), scope="row"),
                element("td", "—" if estimate is None else number(estimate.median)),
                element("td", "—" if estimate is None else interval(*estimate.interval)),
                element("td", "—" if math.isnan(value) else number(value)),
            )
        )
    head = element("thead", _header(["metric", "predicted", "90 % interval", "measured"]))
    table = element("table", head, element("tbody", rows[:MAX_EXPECTED]))
    rest = None
    if len(rows) > MAX_EXPECTED:
        rest = element(
            "details",
            element("summary", f"{len(rows) - MAX_EXPECTED} more metrics"),
            element("table", head, element("tbody", rows[MAX_EXPECTED:])),
        )
    return element("section", element("h3", "What to expect of it"), element("div", table, rest, class_="scroll"))


def _header(names: Sequence[str]) -> Markup:
    return element("tr", *(element("th", name, scope="col") for name in names))


def _comparison(found: Findings) -> Markup:
    """Set the study and random search side by side."""
    studies = [found.study] + ([found.baseline] if found.baseline is not None else [])
    titles = ["", "this study"] + (["random search"] if found.baseline is not None else [])
    rows: list[tuple[str, list[str]]] = [("trainings", [_trainings(study) for study in studies])]
    if found.study.objective.limits:
        rows.append(
            (
                "meet every limit",
                [str(sum(allowed(trial, study.objective) for trial in _ended(study))) for study in studies],
            )
        )
    for wish in found.study.objective.wishes[:1]:
        best = [best_measured(study, _ended(study)) for study in studies]
        rows.append(
            (
                f"best measured {wish.metric}",
                ["—" if one is None else f"{number(one[1])} (trial {one[0].number})" for one in best],
            )
        )
    if found.campaign is not None:
        picks = [found.campaign.ours, found.campaign.baseline][: len(studies)]
        if any(pick is not None and pick.values for pick in picks):
            rows.append(("its pick, trained again with fresh seeds", [_fresh(pick) for pick in picks]))
    seconds = [sum(trial.seconds or 0.0 for trial in _ended(study)) for study in studies]
    if any(seconds):
        rows.append(("time spent training", [duration(one) for one in seconds]))
    body = [
        element("tr", element("th", name, scope="row"), *(element("td", cell) for cell in cells))
        for name, cells in rows
    ]
    return element(
        "section",
        element("h3", "What it took" if len(studies) == 1 else "Beside random search"),
        element(
            "div",
            element("table", element("thead", _header(titles)), element("tbody", *body), class_="versus"),
            class_="scroll",
        ),
        class_="part",
    )


def _trainings(study: Study) -> str:
    ended = _ended(study)
    failed = sum(trial.state.bad for trial in ended)
    open_ = len(study.trials) - len(ended)
    text = str(len(ended)) + (f", {failed} of them failed" if failed else "")
    return text + (f", {open_} open" if open_ else "")


def _fresh(pick: Confirmation | None) -> str:
    mean = _mean(pick)
    if pick is None or mean is None:
        return "—"
    values = sorted(one for one in pick.values if math.isfinite(one))
    return f"{number(mean)} on average of {len(values)} ({interval(values[0], values[-1])})"
