"""Commands that close the loop: suggest, observe, heartbeat, enqueue, run."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from physai_inverse.cli.options import AsJson, Believed, EarlierStudy, Grow, StudyFile, Token, real, whole
from physai_inverse.errors import PhysaiInverseError

if TYPE_CHECKING:
    from physai_inverse.study import Study


def suggest(
    study: StudyFile,
    num: Annotated[int, typer.Option("-n", "--num", parser=whole, help="How many, judged together.")] = 1,
    lease: Annotated[
        float | None,
        typer.Option(
            "--lease", parser=real, metavar="SECONDS", help="How long they belong to you. [default: 3600]"
        ),
    ] = None,
    worker: Annotated[
        str | None, typer.Option("--worker", metavar="NAME", help="Who asks, for the records.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say of each why it was proposed; --json always does.")
    ] = False,
    belief: Believed = None,
    earlier: EarlierStudy = None,
    grow: Grow = False,
    as_json: AsJson = False,
) -> None:
    """Propose configurations to train next.

    What waits (queued, or given back by a lost worker) comes first, then new ones. Report results with `observe`.
    """
    from physai_inverse.cli.json_lines import print_json, proposal_json
    from physai_inverse.cli.opening import open_new

    spec, opened = open_new(study, grow=grow, beliefs=belief, earlier=earlier)
    trials = opened.suggest(num, lease_seconds=lease, worker=worker)
    if as_json:
        for trial in trials:
            print_json(proposal_json(trial))
        return
    from physai_inverse.cli.tables import console, proposals_table

    console().print(proposals_table(trials))
    if explain:
        from physai_inverse.cli.explanations import explanation

        for trial in trials:
            console().print(explanation(trial))
    metric = spec.objective.metrics[0]
    typer.echo(f"Report: physai-inverse observe {study} {trials[0].number} {metric}=...", err=True)


def observe(
    study: StudyFile,
    number: Annotated[
        int | None, typer.Argument(parser=whole, metavar="NUMBER", help="The trial's number.", show_default=False)
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Argument(metavar="[METRIC=VALUE]...", help="What was measured.", show_default=False),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", parser=real, help="What the training cost.")
    ] = None,
    token: Token = None,
    failed: Annotated[
        str | None, typer.Option("--failed", metavar="REASON", help="The training failed; say why.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind", help="Class of failure: diverged, out_of_memory, timeout, bug, preempted, unknown."
        ),
    ] = None,
    stopped_early: Annotated[bool, typer.Option("--stopped-early", help="It was stopped before its end.")] = False,
    json_lines: Annotated[
        str | None,
        typer.Option("--json-lines", metavar="FILE", help="Read results from JSON lines; - is standard input."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record what trainings gave.

    A value is a number (nan and inf are kept as what they are), or JSON such as {"value": 5000, "censored":
    "above"} or {"steps": [1, 2], "values": [0.5, 0.3]}. JSON lines have number, token, metrics, seconds, failed,
    kind and stopped_early. Lines that do not fit are named, the others are recorded.
    """
    from physai_inverse.cli import reporting
    from physai_inverse.cli.guard import exit_code, say_error
    from physai_inverse.cli.json_lines import print_json, trial_json
    from physai_inverse.cli.opening import open_existing

    single = reporting.Report(
        number=number,
        token=token,
        metrics=reporting.read_arguments(metrics or []),
        seconds=seconds,
        failed=failed,
        kind=kind,
        stopped_early=stopped_early,
    )
    reporting.refuse_both(single, json_lines)

    @cache
    def opened() -> "Study":
        # In a pipe this begins before `suggest` has made the database; a line says that it has.
        return open_existing(study, read_only=False)[1]

    def record(report: reporting.Report) -> None:
        trial = reporting.record(opened(), report)
        if as_json:
            print_json({**trial_json(trial), "late": trial.late})
        else:
            late = " (late: kept beside the trial)" if trial.late else ""
            typer.echo(f"Trial {trial.number} is {trial.status}{late}.")

    if json_lines is None:
        record(single)
        return
    code = 0
    for place, item in reporting.read_reports(json_lines):
        try:
            if isinstance(item, PhysaiInverseError):
                raise item
            record(item)
        except PhysaiInverseError as error:
            say_error(type(error)(f"{place}: {error}"))
            code = code or exit_code(error)
    if code:
        raise typer.Exit(code)


def heartbeat(
    study: StudyFile,
    number: Annotated[int, typer.Argument(parser=whole, metavar="NUMBER", help="The trial's number.")],
    token: Annotated[str, typer.Option("--token", help="The token that `suggest` gave.")],
    lease: Annotated[
        float | None,
        typer.Option("--lease", parser=real, metavar="SECONDS", help="How long from now. [default: 3600]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Extend the lease of a training that still runs."""
    from dataclasses import replace

    from physai_inverse.cli.json_lines import print_json
    from physai_inverse.cli.opening import open_existing

    _, opened = open_existing(study, read_only=False)
    left = opened.heartbeat(replace(opened.trial(number), token=token), lease_seconds=lease)
    if as_json:
        print_json({"number": number, "seconds_left": left})
    else:
        typer.echo(f"Trial {number} is yours for another {left:g} s.")


def enqueue(
    study: StudyFile,
    configs: Annotated[
        list[str],
        typer.Argument(
            metavar="CONFIG...",
            help="NAME=VALUE of one configuration, or a file of JSON lines (- is standard input).",
        ),
    ],
    fidelity: Annotated[
        float | None,
        typer.Option("--fidelity", parser=real, help="How much each is given, instead of a full training."),
    ] = None,
    grow: Grow = False,
    as_json: AsJson = False,
) -> None:
    """Queue configurations of your own.

    The next `suggest` or `run` takes them first, each once.
    """
    from typing import cast

    from physai_inverse.cli.json_lines import print_json, proposal_json, read_configs
    from physai_inverse.cli.opening import load, open_new
    from physai_inverse.observations import Config

    checked = read_configs(configs, load(study).space)
    _, opened = open_new(study, grow=grow)
    trials = opened.enqueue(cast("list[Config]", checked), fidelity=fidelity)
    if as_json:
        for trial in trials:
            print_json(proposal_json(trial))
    else:
        typer.echo(f"Queued: trial {', '.join(str(trial.number) for trial in trials)}.")


def run(
    study: StudyFile,
    budget: Annotated[
        int | None, typer.Option("--budget", parser=whole, help="Trainings in all, instead of the file's.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", parser=whole, help="Trainings at a time, instead of the file's.")
    ] = None,
    together: Annotated[
        int | None,
        typer.Option(
            "--together", parser=whole, metavar="N", help="Trainings in one program, instead of the file's."
        ),
    ] = None,
    no_baseline: Annotated[bool, typer.Option("--no-baseline", help="Leave out random search.")] = False,
    confirm: Annotated[
        int | None,
        typer.Option("--confirm", parser=whole, help="Fresh trainings of each pick, instead of the file's."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="PATH", help="Where to write the page. [default: STUDY.html]"),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no page.")] = False,
    belief: Believed = None,
    earlier: EarlierStudy = None,
    grow: Grow = False,
    as_json: AsJson = False,
) -> None:
    """Train until the budget is used up, and say what was found.

    Ctrl-C and kill -9 lose nothing that has finished: the same command goes on from there.
    """
    from dataclasses import replace

    from physai_inverse.cli.closing import close_run, missing_metrics
    from physai_inverse.cli.opening import informed, load
    from physai_inverse.cli.progress import RunProgress
    from physai_inverse.cli.tables import console
    from physai_inverse.errors import InvalidInput
    from physai_inverse.study import run_campaign

    spec = informed(load(study), belief or (), earlier or ())
    trainer = spec.require_trainer()
    if confirm is not None and confirm < 0:
        raise InvalidInput(f"`--confirm` must be at least 0, not {confirm}.")
    for name, value in (("--budget", budget), ("--workers", workers), ("--together", together)):
        if value is not None and value < 1:
            raise InvalidInput(f"`{name}` must be at least 1, not {value}.")
    spec = replace(
        spec,
        budget=budget or spec.budget,
        workers=workers or spec.workers,
        together=together or spec.together,
        baseline=spec.baseline and not no_baseline,
        confirm=spec.confirm if confirm is None else confirm,
    )
    opened = spec.open_study(grow=grow)
    wishes = spec.objective.wishes
    with RunProgress(console(stderr=True), wishes[0].metric if wishes else None) as progress:
        campaign = run_campaign(
            opened,
            trainer,
            spec.budget,
            baseline=spec.baseline,
            confirm=spec.confirm,
            workers=spec.workers,
            timeout=spec.timeout,
            together=spec.together,
            on_progress=progress.part,
        )
    for name in missing_metrics(spec, opened):
        typer.echo(f"Warning: no training gave the metric `{name}`, which {study} declares.", err=True)
    page = None if no_report else report or study.with_suffix(".html")
    close_run(console(), spec, opened, campaign, as_json=as_json, page=page)
