"""What `run` ends with: the recommendation beside random search's pick, held-out scores, and one inverse query."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from physai_inverse.cli.answers import answer_table
from physai_inverse.cli.json_lines import print_json, recommendation_json
from physai_inverse.cli.tables import (
    config_text,
    new_table,
    number_text,
    recommendation_table,
    scores_table,
)
from physai_inverse.errors import PhysaiInverseError, one_line

if TYPE_CHECKING:
    from physai_inverse.forward import Scores
    from physai_inverse.objective import Objective
    from physai_inverse.spec import Spec
    from physai_inverse.study import Answer, Campaign, Confirmation, Study

MIN_SCORED = 5
"""Trainings below which held-out scores say nothing."""

NUM_ANSWERS = 4


def close_run(
    console: Console, spec: "Spec", study: "Study", campaign: "Campaign", *, as_json: bool, page: Path | None
) -> None:
    """Print what was found, then write the page.

    Args:
        console: of standard output; unused with `as_json`.
        spec: the study file.
        study: the study.
        campaign: what was run.
        as_json: print one JSON object instead of tables.
        page: where to write the page; None for none.
    """
    from physai_inverse.study import baseline_study, turned_around

    scores = _scores(spec, study)
    query = turned_around(study.trials, study.objective)
    answer = None if query is None else _answer(console, study, query)
    if not as_json:
        _show(console, spec, campaign, scores, answer, list(query.shown) if query else [])
    if page is not None:
        from physai_inverse.report import write_report

        write_report(
            study,
            page,
            baseline=baseline_study(study) if campaign.baseline is not None else None,
            campaign=campaign,
            answers=[answer] if answer is not None else [],
            labels=dict(spec.metrics),
        )
        if not as_json:
            console.print(f"Page: {page}", soft_wrap=True)
    if as_json:
        print_json(
            {
                "recommendation": recommendation_json(campaign.recommendation),
                "metric": campaign.metric,
                "confirmed": _confirmation_json(campaign.ours),
                "baseline": _confirmation_json(campaign.baseline),
                "scores": {name: score_json(score) for name, score in scores.items()},
                "answer": None if answer is None else _answer_json(answer),
                "page": None if page is None else str(page),
            }
        )


def missing_metrics(spec: "Spec", study: "Study") -> list[str]:
    """Name the metrics that the file declares and no training gave."""
    given = {name for trial in study.trials for name in trial.metrics}
    return [name for name in spec.metrics if name not in given]


def score_json(score: "Scores") -> dict[str, float]:
    """Give the scores as plain numbers."""
    names = ("rows", "rmse", "r2", "rank_correlation", "log_density", "coverage_50", "coverage_90")
    return {name: getattr(score, name) for name in names}


def _show(
    console: Console,
    spec: "Spec",
    campaign: "Campaign",
    scores: "Mapping[str, Scores]",
    answer: "Answer | None",
    asked: list[str],
) -> None:
    found = campaign.recommendation
    metrics = [*spec.objective.shown, *(name for name in spec.metrics if name not in spec.objective.shown)]
    console.print()
    console.print(recommendation_table(found, metrics, spec.metrics))
    console.print(f"Probability {found.probability:.2f} {found.meaning}.\n", soft_wrap=True)
    if campaign.ours is not None or campaign.baseline is not None:
        console.print(_comparison(campaign))
    if scores:
        console.print(scores_table(scores))
    if answer is not None:
        console.print("Asked without any new training:")
        console.print(answer_table(answer, asked))


def _comparison(campaign: "Campaign") -> Table:
    table = new_table(f"Both picks trained again with the same fresh seeds ({campaign.metric})")
    for name in ("", "chosen on", "fresh mean", "fresh values"):
        table.add_column(name)
    table.add_column("configuration", ratio=1)
    for label, said, pick in (
        ("this study", "predicted", campaign.ours),
        ("random search", "measured", campaign.baseline),
    ):
        if pick is not None:
            mean = number_text(sum(pick.values) / len(pick.values)) if pick.values else "none ended well"
            table.add_row(
                f"{label}, trial {pick.number}",
                f"{said} {number_text(pick.chosen_on)}",
                mean,
                ", ".join(map(number_text, pick.values)),
                config_text(pick.config),
            )
    return table


def _scores(spec: "Spec", study: "Study") -> "dict[str, Scores]":
    done = [trial for trial in study.trials if trial.state.finished and not trial.state.bad]
    if len(done) < MIN_SCORED:
        return {}
    scores = study.predict([study.recommend().config]).scores()
    order = [*spec.objective.metrics, *spec.metrics, *(() if spec.metrics else scores)]
    return {name: scores[name] for name in dict.fromkeys(order) if name in scores}


def _answer(console: Console, study: "Study", query: "Objective") -> "Answer | None":
    try:
        return study.invert(query, n=NUM_ANSWERS)
    except PhysaiInverseError as error:  # the run itself has ended well; say why this part is missing
        console.print(f"The query `{query}` was not answered: {one_line(error)}", soft_wrap=True)
        return None


def _answer_json(answer: "Answer") -> dict[str, object]:
    """Give the answer without its weighted sample, for which `invert --json` is there."""
    return {key: value for key, value in answer.as_plain().items() if key != "posterior"}


def _confirmation_json(pick: "Confirmation | None") -> dict[str, object] | None:
    if pick is None:
        return None
    return {
        "number": pick.number,
        "config": pick.config,
        "chosen_on": pick.chosen_on,
        "values": list(pick.values),
        "mean": sum(pick.values) / len(pick.values) if pick.values else None,
    }
