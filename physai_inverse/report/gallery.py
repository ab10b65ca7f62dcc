"""All figures of a study as files, for papers and slides."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from physai_inverse.errors import FitFailed, InvalidInput, NotFound
from physai_inverse.report.calibration import plot_calibration
from physai_inverse.report.drawing import FORMATS, require_matplotlib
from physai_inverse.report.effects import effects_of, plot_effects, plot_shares
from physai_inverse.report.figures import Figure
from physai_inverse.report.maps import plot_map, telling_surfaces
from physai_inverse.report.matrix import plot_metrics
from physai_inverse.report.progress import plot_progress
from physai_inverse.report.slices import centre_of, plot_slices
from physai_inverse.report.telling import telling_figure
from physai_inverse.report.tradeoffs import plot_tradeoff
from physai_inverse.report.trust import plot_predicted
from physai_inverse.study import Study
from physai_inverse.understanding import Mediators

NUM_MAPS = 3
MOST_NAMED = 60
"""Signs of a metric or parameter in the name of a file."""

Make = Callable[[], Figure]


def write_figures(
    study: Study,
    folder: str | Path,
    *,
    form: str = "svg",
    baseline: Study | None = None,
    labels: Mapping[str, str] | None = None,
) -> list[Path]:
    """Draw every figure of a study to a file of its own; needs the extra `figures`, and no browser.

    Args:
        study: the study.
        folder: made where it is not there; files of the same names are replaced.
        form: `"svg"`, `"pdf"` or `"png"`.
        baseline: random search on the same problem, for the figures that show it.
        labels: parameter or metric to the name shown.

    Returns:
        The files, named for what they show: `predicted-val_loss.svg`. A figure that the study has not enough for
        is left out.

    Raises:
        InvalidInput: another form.
        MissingPackage: matplotlib is not installed.
        StoreUnavailable: a file cannot be written.
    """
    if form not in FORMATS:
        raise InvalidInput(f"`form` must be one of {', '.join(FORMATS)}, not {form!r}.")
    require_matplotlib()
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, make in _figures(study, baseline, labels or {}):
        try:
            figure = make()
        except (NotFound, FitFailed):
            continue
        written.append(figure.write(target / _free(f"{name}.{form}", written)))
    return written


def _figures(study: Study, baseline: Study | None, labels: Mapping[str, str]) -> Iterator[tuple[str, Make]]:
    """Give the name of each figure, and what makes it."""
    if any(trial.state.finished for trial in study.trials):
        wishes = [wish.metric for wish in study.objective.wishes]
        if not wishes:
            yield "progress", partial(plot_progress, study, baseline, labels=labels)
        for wish in wishes:
            yield f"progress-{wish}", partial(plot_progress, study, baseline, metric=wish, labels=labels)
    told = _told(study)
    if told is not None and told.early:
        yield "mediators", partial(telling_figure, told, labels)
    yield "metrics", partial(plot_metrics, study, labels=labels)
    try:
        metrics = list(study.forward_map().models)
    except (NotFound, FitFailed):
        return
    first = study.objective.quantities[0]
    for metric in metrics:
        yield f"predicted-{metric}", partial(plot_predicted, study, metric, labels=labels)
        yield f"calibration-{metric}", partial(plot_calibration, study, metric, labels=labels)
        yield f"shares-{metric}", partial(plot_shares, study, metric, labels=labels)
        yield f"slices-{metric}", partial(plot_slices, study, metric, labels=labels)
        yield f"effects-{metric}", partial(plot_effects, study, metric, labels=labels)
        for pair in _pairs(study, metric):
            yield f"map-{metric}-{pair[0]}-{pair[1]}", partial(plot_map, study, metric, *pair, labels=labels)
        if metric != first:
            made = partial(plot_tradeoff, study, first, metric, baseline=baseline, labels=labels)
            yield f"tradeoff-{metric}", made


def _told(study: Study) -> Mediators | None:
    try:
        return study.mediators()
    except (NotFound, FitFailed):
        return None


def _pairs(study: Study, metric: str) -> list[tuple[str, str]]:
    try:
        parameters = [effect.parameter for effect in effects_of(study, metric)]
        surfaces = telling_surfaces(study, metric, centre_of(study), parameters, NUM_MAPS)
    except (NotFound, FitFailed):
        return []
    return [surface.parameters for surface in surfaces]


def _free(name: str, taken: list[Path]) -> str:
    """Give a name that any file system takes and no other figure has."""
    stem, _, suffix = name.rpartition(".")
    plain = re.sub(r"[^A-Za-z0-9_.+-]+", "_", stem)[: MOST_NAMED * 3].strip("._") or "figure"
    used = {path.name.lower() for path in taken}
    found, count = f"{plain}.{suffix}", 2
    while found.lower() in used:
        found, count = f"{plain}-{count}.{suffix}", count + 1
    return found
