"""The head of `show`: what the study is and where it stands."""

from collections import Counter
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from physai_inverse.cli.tables import leaning_lines, number_text

if TYPE_CHECKING:
    from rich.console import Console

    from physai_inverse.spec import Spec
    from physai_inverse.study import Study


def print_overview(console: "Console", spec: "Spec", study: "Study") -> None:
    """Print name, objective, store, how many trials are in which state, and the best measured one."""
    from physai_inverse.study import best_measured

    trials = study.trials
    states = Counter(trial.status for trial in trials)
    best = best_measured(study, trials)
    facts = {
        "study": study.name,
        "space": f"{study.space.dimension} parameters, version {study.space_version}",
        "objective": str(study.objective),
        "database": str(study.store.path or "on a server"),
        "trials": f"{len(trials)}" + "".join(f", {count} {state}" for state, count in states.items()),
        "budget": str(spec.budget),
    }
    if best is not None:
        wish = study.objective.wishes[0]
        facts["best measured"] = f"{wish.metric} {number_text(best[1])} (trial {best[0].number}; see `recommend`)"
    if study.fidelity is not None:
        where = Counter(item.state for item in study.standings)
        facts["fidelity"] = (
            f"{study.fidelity.name} {' '.join(f'{rung:g}' for rung in study.fidelity.rungs)}; configurations: "
            + ", ".join(f"{count} {state}" for state, count in where.items())
        )
    latest = next((trial for trial in reversed(trials) if leaning_lines(trial.note)), None)
    if latest is not None:
        facts[f"trial {latest.number} leaned on"] = "; ".join(leaning_lines(latest.note))
    grid = Table.grid(padding=(0, 2))
    for name, fact in facts.items():
        grid.add_row(Text(name, style="dim"), fact)
    console.print(grid)
