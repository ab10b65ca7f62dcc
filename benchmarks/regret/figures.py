"""Two figures of the results, as SVG that a code host shows: regret over evaluations, and regret at 50 by task.

python -m benchmarks.regret.figures
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from benchmarks.records import RESULTS
from benchmarks.regret.scores import OURS, Scores, normalise, resampled
from benchmarks.regret.trials import READ_AT, load

COLOURS = {
    "physai-inverse": "#d62728", "Optuna GP": "#1f77b4", "Optuna TPE": "#7fb2dd", "SMAC3": "#2ca02c",
    "SMAC3 GP": "#98d594", "Ax": "#9467bd", "HEBO": "#e0871a", "Sobol": "#9a9a9a", "random": "#5f5f5f",
}  # fmt: skip
INK, FAINT, PAPER = "#222222", "#dddddd", "#ffffff"
FONT = "font-family='Helvetica, Arial, sans-serif'"


@dataclass
class Drawing:
    """Elements of an SVG, in pixels from the top left.

    Args:
        width: of the paper.
        height: of the paper.
    """

    width: float
    height: float

    def __post_init__(self) -> None:
        self.elements = [f"<rect width='{self.width:g}' height='{self.height:g}' fill='{PAPER}'/>"]

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 1.0) -> None:
        """Draw through points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.elements.append(
            f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='{width:g}' "
            "stroke-linejoin='round'/>"
        )

    def area(self, points: Sequence[tuple[float, float]], colour: str, opacity: float) -> None:
        """Fill between points."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.elements.append(f"<polygon points='{path}' fill='{colour}' fill-opacity='{opacity:g}'/>")

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Fill a box."""
        self.elements.append(
            f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' fill='{colour}'/>"
        )

    def text(
        self, x: float, y: float, words: str, *, size: float = 12, anchor: str = "start", colour: str = INK,
        bold: bool = False,
    ) -> None:  # fmt: skip
        """Write words; `anchor` is start, middle or end."""
        weight = " font-weight='bold'" if bold else ""
        self.elements.append(
            f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size:g}' text-anchor='{anchor}' fill='{colour}' "
            f"{FONT}{weight}>{escape(words)}</text>"
        )

    def write(self, path: Path) -> None:
        """Write the file."""
        head = (
            f"<svg xmlns='http://www.w3.org/2000/svg' width='{self.width:g}' height='{self.height:g}' "
            f"viewBox='0 0 {self.width:g} {self.height:g}'>"
        )
        path.write_text("\n".join([head, *self.elements, "</svg>"]) + "\n")


def complete(scores: Scores) -> dict[str, str]:
    """Give the tuners that were run on all tasks, best last value first, with their labels."""
    most = max(len(tasks) for tasks in scores.values())
    found = {}
    for tuner, tasks in scores.items():
        if len(tasks) == most:
            seeds = int(np.median([len(regret.seeds) for regret in tasks.values()]))
            found[tuner] = f"{tuner} ({seeds} {'seed' if seeds == 1 else 'seeds'})"
    last = {
        tuner: np.mean([regret.at(READ_AT[-1]).mean() for regret in scores[tuner].values()]) for tuner in found
    }
    return dict(sorted(found.items(), key=lambda item: float(last[item[0]])))


def curves(scores: Scores, path: Path) -> None:
    """Draw regret over evaluations: a line a tuner, its band the 90 % interval of the hierarchical bootstrap."""
    drawing = Drawing(860, 500)
    left, top, right, bottom = 70.0, 64.0, 590.0, 440.0
    labels = complete(scores)
    lines = {}
    for tuner in labels:
        rows = [regret.picked for regret in scores[tuner].values()]
        low, high = np.quantile(resampled(rows), (0.05, 0.95), axis=0)
        lines[tuner] = np.mean([row.mean(axis=0) for row in rows], axis=0), low, high
    ceiling = max(float(mean[READ_AT.index(10)]) for mean, _, _ in lines.values()) * 1.1

    def place(evaluations: float, value: float) -> tuple[float, float]:
        x = left + (right - left) * (evaluations - READ_AT[1]) / (READ_AT[-1] - READ_AT[1])
        return x, bottom - (bottom - top) * min(value, ceiling) / ceiling

    tasks = len(scores[next(iter(labels))])
    drawing.text(left, 26, "Regret of the recommended configuration", size=16, bold=True)
    drawing.text(
        left, 45, f"mean over {tasks} tasks; 0 = best known, 1 = random search's pick after 10 evaluations"
    )
    for tick in np.arange(0.0, ceiling, 0.2):
        _, y = place(10, float(tick))
        drawing.line([(left, y), (right, y)], FAINT)
        drawing.text(left - 8, y + 4, f"{tick:.1f}", anchor="end")
    for evaluations in READ_AT[1::2]:
        x, _ = place(evaluations, 0.0)
        drawing.text(x, bottom + 18, str(evaluations), anchor="middle")
    drawing.line([(left, bottom), (right, bottom)], INK)
    drawing.text((left + right) / 2, bottom + 40, "evaluations", anchor="middle")
    read = READ_AT[1:]
    for tuner in reversed(labels):
        low, high = (values[1:] for values in lines[tuner][1:])
        outline = [place(at, value) for at, value in zip(read, high, strict=True)]
        outline += [place(at, value) for at, value in zip(reversed(read), reversed(low), strict=True)]
        drawing.area(outline, COLOURS[tuner], 0.10)
    for tuner in reversed(labels):
        points = [place(at, value) for at, value in zip(read, lines[tuner][0][1:], strict=True)]
        drawing.line(points, COLOURS[tuner], 3.5 if tuner == OURS else 2)
    level = bottom + 18.0
    for tuner, label in labels.items():
        end = place(READ_AT[-1], float(lines[tuner][0][-1]))
        level = min(end[1], level - 18.0)  # labels go up from the best and keep their distance
        drawing.line([end, (right + 14, level), (right + 22, level)], COLOURS[tuner])
        words = f"{lines[tuner][0][-1]:.2f}  {label}"
        drawing.text(right + 28, level + 4, words, colour=COLOURS[tuner], bold=tuner == OURS)
    drawing.write(path)


def bars(scores: Scores, kinds: dict[str, str], path: Path) -> None:
    """Draw regret at 50 by task, a bar a tuner with the standard error of its mean over seeds."""
    labels = complete(scores)
    names = sorted(next(iter(scores[tuner] for tuner in labels)), key=lambda name: (kinds[name], name))
    thick, gap = 7.0, 10.0
    left, right, top = 230.0, 760.0, 92.0
    height = thick * len(labels) + gap
    columns = 2 if len(names) > 14 else 1
    rows = -(-len(names) // columns)
    drawing = Drawing(left + (right - left + 60) + (columns - 1) * (right + 40), top + rows * height + 20)
    drawing.text(20, 26, "Regret at 50 evaluations, by task", size=16, bold=True)
    drawing.text(20, 45, "0 = best known, 1 = random search's pick after 10 evaluations; lines: standard error")
    x = 20.0
    for tuner, label in labels.items():
        drawing.box(x, 58, 12, 12, COLOURS[tuner])
        drawing.text(x + 17, 68, label, bold=tuner == OURS)
        x += 40 + 6.7 * len(label)
    ceiling = max(1.0, max(float(scores[tuner][name].at(50).mean()) for tuner in labels for name in names)) * 1.02
    for column in range(columns):
        start = left + column * (right + 40)
        for tick in (0.0, 0.5, 1.0):
            x = start + tick * (right - left) / ceiling
            drawing.line([(x, top - 4), (x, top + rows * height - gap)], INK if tick == 0 else FAINT)
            drawing.text(x, top - 8, f"{tick:g}", anchor="middle", size=10)
    for position, name in enumerate(names):
        column, row = divmod(position, rows)
        start, y = left + column * (right + 40), top + row * height
        drawing.text(start - 8, y + (height - gap) / 2 + 4, name.replace("parkinsons_", ""), anchor="end", size=11)
        scale = (right - left) / ceiling
        for tuner in labels:
            if name in scores[tuner]:
                values = scores[tuner][name].at(50)
                mean, error = float(values.mean()), float(values.std() / np.sqrt(len(values)))
                drawing.box(start, y, max(mean * scale, 1.0), thick - 1, COLOURS[tuner])
                middle = y + (thick - 1) / 2
                ends = [(start + max(mean - error, 0.0) * scale, middle), (start + (mean + error) * scale, middle)]
                drawing.line(ends, INK, 0.8)
            y += thick
    drawing.write(path)


def main() -> None:
    """Draw both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS / "regret")
    options = parser.parse_args()
    runs = [run for path in sorted(options.results.glob("*.jsonl")) for run in load(path)]
    scores = normalise(runs)
    if not scores:
        raise SystemExit("No runs yet, or none of random search, which gives regret its unit.")
    curves(scores, options.results / "curves.svg")
    bars(scores, {run["problem"]: run["kind"] for run in runs}, options.results / "tasks.svg")


if __name__ == "__main__":
    main()
