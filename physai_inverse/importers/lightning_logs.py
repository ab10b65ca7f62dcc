"""Folders of Lightning's CSVLogger: `metrics.csv` and `hparams.yaml` in `version_0`, `version_1`, ..."""

import csv
from pathlib import Path

from physai_inverse.errors import InvalidInput
from physai_inverse.importers.folders import read_settings, walk
from physai_inverse.importers.points import metric_of
from physai_inverse.importers.runs import Decision, Run, Source, Wanted
from physai_inverse.importers.texts import lines_of, read_text
from physai_inverse.importers.values import flattened, is_missing, read_number_value
from physai_inverse.observations import Metric

STEPS = ("step", "epoch")


def version_folders(folder: Path) -> list[Path]:
    """Find the folders of runs."""
    return [place for place, _, files in walk(folder) if "metrics.csv" in files]


def read_lightning_folder(folder: Path, _wanted: Wanted) -> Source:
    """Read every run below a folder.

    Raises:
        InvalidInput: no run says what was configured, or files cannot be read.
    """
    runs: list[Run] = []
    left_out: list[str] = []
    for place in version_folders(folder):
        try:
            runs.append(_run(place))
        except InvalidInput as error:
            left_out.append(f"{place}: {error}")
    if not runs:
        first = f" The first: {left_out[0]}" if left_out else ""
        raise InvalidInput(
            f"`{folder}`: expected metrics.csv beside hparams.yaml, got no run with both. Call "
            f"save_hyperparameters() in the module, or log_hyperparams() on the logger.{first}"
        )
    decisions = (Decision("step", "step", "of the curves", "the CSVLogger counts steps", ""),)
    return Source("Lightning", f"Lightning logs `{folder}`", tuple(runs), tuple(left_out), decisions)


def _run(folder: Path) -> Run:
    settings = folder / "hparams.yaml"
    if not settings.is_file():
        raise InvalidInput("there is no hparams.yaml, so nothing is known of its configuration.")
    params = flattened(read_settings(settings))
    if not params:
        raise InvalidInput("its hparams.yaml is empty, so nothing is known of its configuration.")
    try:
        rows = list(csv.DictReader(lines_of(read_text(folder / "metrics.csv")), strict=True))
    except csv.Error as error:
        raise InvalidInput(f"metrics.csv: this is no CSV: {error}.") from error
    points: dict[str, list[tuple[float, float]]] = {}
    for number, row in enumerate(rows):
        known = (read_number_value(row.get(name)) for name in STEPS)
        step = next((float(value) for value in known if value is not None), float(number))
        for name, cell in row.items():
            if name in STEPS or name is None or (cell or "").strip() == "":
                continue
            value = read_number_value(cell)
            if value is None and not is_missing(cell):
                raise InvalidInput(f"metrics.csv: `{name}`: expected a number, got {str(cell)[:40]!r}.")
            points.setdefault(name, []).append((step, float("nan") if value is None else float(value)))
    metrics: dict[str, Metric] = {name: metric_of(found) for name, found in points.items()}
    if not metrics:
        raise InvalidInput("its metrics.csv holds no number.")
    return Run(str(folder), params, metrics)
