"""Everything else, folded: metrics against each other, trade-offs, failures, all trials."""

from collections.abc import Sequence

from physai_inverse.report.figures import MOST_DOTS
from physai_inverse.report.findings import Findings
from physai_inverse.report.markup import Markup, element
from physai_inverse.report.matrix import MOST_METRICS, dots_shown, matrix_figure, matrix_trials
from physai_inverse.report.sheet import Section, Sheet, fold, section
from physai_inverse.report.tables import failure_table, listed_trials, trial_table
from physai_inverse.report.tradeoffs import plot_tradeoff
from physai_inverse.report.words import counted

MOST_TRADEOFFS = 12


def rest_section(found: Findings, sheet: Sheet) -> Section | None:
    """Write everything else; None while there is no trial."""
    folds = [
        part
        for part in (_metrics(found, sheet), _tradeoffs(found, sheet), _failures(found), _trials(found))
        if part
    ]
    if not folds:
        return None
    return section("rest", "Everything else", "Folded away; a click opens it.", *folds)


def _metrics(found: Findings, sheet: Sheet) -> Markup | None:
    """Show every metric against every other."""
    names = [name for name in found.metrics if name in found.fits]
    trials = matrix_trials(found.study)
    if len(names) < 2 or len(trials) < 2:
        return None
    shown = names[:MOST_METRICS]
    chosen = None if found.recommendation is None else found.recommendation.number
    failed = sum(trial.state.bad for trial in found.finished)
    dots = dots_shown(len(trials), len(shown))
    said = [
        "Below the diagonal every training by two metrics, on logarithmic scales where the values span orders of "
        "magnitude; above it the rank correlation of the two (blue: together, orange: against each other)."
    ]
    if chosen is not None:
        said.append("★ is recommended.")
    if failed:
        said.append(f"{counted(failed, 'failed training')} left out.")
    if dots < len(trials):
        said.append(f"{dots:,} of {len(trials):,} trainings drawn, evenly spaced; correlations are of all.")
    if len(shown) < len(names):
        said.append(f"{counted(len(names) - len(shown), 'more metric')} not shown.")
    return fold(
        "Every metric against every other",
        sheet.figure(matrix_figure(trials, shown, chosen, {}), " ".join(said), wide=True),
        key="metrics",
    )


def _tradeoffs(found: Findings, sheet: Sheet) -> Markup | None:
    others = [name for name in found.metrics if name != found.first and name in found.fits]
    derived = found.study.objective.derived
    if (found.first not in found.fits and found.first not in derived) or not others:
        return None
    figures = [
        sheet.figure(plot_tradeoff(found.study, found.first, name, baseline=found.baseline), legend=False)
        for name in others[:MOST_TRADEOFFS]
    ]
    return fold(
        "What is paid for it",
        element("p", _tradeoff_key(found, others), class_="note above"),
        element("div", *figures, class_="grid wide"),
        key="tradeoffs",
    )


def _tradeoff_key(found: Findings, others: Sequence[str]) -> str:
    key = f"Every training by its {found.first} and another metric"
    if found.study.objective.limits:
        key += "; dashed lines are limits, hollow circles break one"
    if found.baseline is not None:
        key += "; grey is random search"
    key += "; ★ is recommended." if found.recommendation is not None else "."
    count = len(found.finished)
    if count > MOST_DOTS:
        key += f" An even share of {MOST_DOTS:,} of {count:,} trainings is drawn."
    more = len(others) - MOST_TRADEOFFS
    return key + (f" {counted(more, 'more metric')} not shown." if more > 0 else "")


def _failures(found: Findings) -> Markup | None:
    count = sum(trial.state.bad for trial in found.trials)
    if not count:
        return None
    return fold(
        f"What failed: {count} of {len(found.trials)} trainings",
        element("p", "They gave no result, and teach where not to go.", class_="note above"),
        failure_table(found),
        key="failures",
    )


def _trials(found: Findings) -> Markup | None:
    if not found.trials:
        return None
    shown = len(listed_trials(found))
    thinned = (
        f" The latest and the best {shown:,} of {len(found.trials):,} are listed; `export` gives all."
        if shown < len(found.trials)
        else ""
    )
    return fold(
        f"All {counted(len(found.trials), 'trial')}",
        element("p", f"A click on a column sorts by it. ★ is the recommended one.{thinned}", class_="note above"),
        trial_table(found),
        key="trials",
    )
