"""An answer to an inverse query, and how its promise held, as tables."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from physai_inverse.cli.tables import config_text, estimate_text, new_table, number_text, scalar_text

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from physai_inverse.inverse import Marginal, Tolerance
    from physai_inverse.study import Answer, Verification

END = " (end)"
"""Behind a tolerance that the space ends before the probability has fallen to half."""

MOST_SHARES = 4
"""Values of a listed parameter that are shown, the heaviest first."""


def answer_parts(found: "Answer", metrics: Sequence[str]) -> "Iterator[Table | Text | str]":
    """Give what is printed of an answer, one after the other."""
    yield answer_table(found, metrics)
    for caution in found.cautions:
        yield f"[yellow]Caution: {escape(caution)}[/yellow]"
    if not found.reachable:
        return
    yield marginals_table(found)
    for ridge in found.ridges:
        first = next(iter(ridge.moves))
        alone = ""
        if ridge.alone is not None:
            low, high = (scalar_text(value) for value in ridge.alone)
            alone = f" (by itself {first} may only go from {low} to {high})"
        yield f"As good along the way: {ridge}{alone}."


def answer_table(found: "Answer", metrics: Sequence[str]) -> "Table":
    """Show the configurations of an answer."""
    table = new_table(
        found.statement,
        "in brackets: the probability if the noise-free metrics were known (90 %); to learn: share of the doubt "
        "that more data could take, the rest is noise",
    )
    table.add_column("probability")
    table.add_column("to learn", justify="right")
    for name in metrics:
        table.add_column(name)
    table.add_column("configuration", ratio=1)
    for config, chance, predictions in zip(found.configs, found.chances, found.predictions, strict=True):
        shown = (estimate_text(predictions[name]) if name in predictions else "" for name in metrics)
        table.add_row(
            f"{chance.probability:.2g}  [{chance.low:.2g}, {chance.high:.2g}]",
            f"{chance.learnable:.0%}",
            *shown,
            config_text(config),
        )
    return table


def marginals_table(found: "Answer") -> "Table":
    """Show where each parameter lies among what meets the query, and how exactly the first must be kept to."""
    table = new_table(
        "Where the parameters lie among all configurations that meet the query",
        "left: share of the range that remains; tolerance: of the first configuration, one parameter moved, until "
        "half of the probability is gone",
    )
    table.add_column("parameter")
    table.add_column("middle")
    table.add_column("90 % interval")
    table.add_column("left", justify="right")
    table.add_column("tolerance", ratio=1)
    tolerances = {tolerance.name: tolerance for tolerance in found.tolerances}
    for marginal in found.marginals:
        name = marginal.name if marginal.active > 0.995 else f"{marginal.name} (active in {marginal.active:.0%})"
        kept = tolerances.get(marginal.name)
        table.add_row(
            name,
            *_marginal_cells(marginal),
            f"{marginal.remaining:.0%}",
            "" if kept is None else tolerance_text(kept),
        )
    return table


def _marginal_cells(marginal: "Marginal") -> tuple[str, str]:
    if marginal.quantiles:
        low, middle, high = (scalar_text(marginal.quantiles[level]) for level in (0.05, 0.5, 0.95))
        return middle, f"{low} to {high}"
    ranked = sorted(marginal.shares, key=lambda item: -item[1])
    shown = [f"{scalar_text(value)} {share:.0%}" for value, share in ranked[:MOST_SHARES] if share >= 0.005]
    return (scalar_text(ranked[0][0]), ", ".join(shown)) if ranked else ("", "")


def tolerance_text(tolerance: "Tolerance") -> str:
    """Write how far a parameter may move."""
    if tolerance.low is None or tolerance.high is None:
        return (
            f"{scalar_text(tolerance.value)}; also {_listed(tolerance)}" if len(tolerance.options) > 1 else "none"
        )
    low = scalar_text(tolerance.low) + END * tolerance.open_below
    return f"{low} to {scalar_text(tolerance.high)}{END * tolerance.open_above}"


def _listed(tolerance: "Tolerance") -> str:
    return ", ".join(scalar_text(value) for value in tolerance.options if value != tolerance.value)


def verification_table(found: "Verification", metrics: Sequence[str]) -> "Table":
    """Show the trainings of a verification, and the verdict."""
    table = new_table(found.statement)
    table.add_column("#", justify="right")
    table.add_column("promised", justify="right")
    for name in metrics:
        table.add_column(name, justify="right")
    table.add_column("met")
    table.add_column("configuration", ratio=1)
    for training in found.trainings:
        measured = (number_text(training.measured[name]) if name in training.measured else "" for name in metrics)
        table.add_row(
            str(training.number),
            f"{training.promised:.2f}",
            *measured,
            "yes" if training.met else "no",
            config_text(training.config),
        )
    return table
