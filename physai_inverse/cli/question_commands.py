"""Commands that ask what is known: fit, mediators, predict, invert, recommend, pareto. None trains or writes."""

from typing import Annotated

import typer

from physai_inverse.cli.options import AsJson, StudyFile, real, whole


def fit(
    study: StudyFile,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="Of this metric; may be given several times.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fit the forward map and say how far to believe it.

    Each metric is predicted where it was not seen: R2, rank correlation, log score, CRPS, coverage of the 50 % and
    90 % intervals, calibration, outliers, noise against model error; and a verdict in words. Steps, wrong scales,
    contradicting rows and hidden variables are named. Nothing is trained or written.
    """
    from physai_inverse.cli.json_lines import print_json
    from physai_inverse.cli.opening import open_existing

    _, opened = open_existing(study)
    report = opened.fit(metric)
    if as_json:
        for name in report:
            print_json(report[name].as_plain())
        for name, reason in report.left_out.items():
            print_json({"metric": name, "left_out": reason})
        return
    from physai_inverse.cli.fits import fit_parts
    from physai_inverse.cli.tables import console

    terminal = console()
    for part in fit_parts(report):
        terminal.print(part)


def mediators(
    study: StudyFile,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="Of the end of this metric; that of the first wish where it is left out."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find what tells of the end of a metric.

    Curves are read at a few early steps: does a value there tell of the end beyond the configuration, and beyond
    the metric's own value at that step? Only what stands a test against everything that was tried is named.
    Metrics at the end that go with it are listed apart. Nothing is trained or written.
    """
    from physai_inverse.cli.opening import open_existing

    _, opened = open_existing(study)
    found = opened.mediators(metric)
    if as_json:
        from physai_inverse.cli.json_lines import print_json

        for item in found.early:
            print_json({"metric": found.metric, "when": "early", **item.as_plain()})
        for other in found.associations:
            print_json({"metric": found.metric, "when": "end", **other.as_plain()})
        for name, reason in found.left_out.items():
            print_json({"metric": found.metric, "observable": name, "left_out": reason})
        return
    from physai_inverse.cli.tables import console
    from physai_inverse.cli.telling import telling_parts

    terminal = console()
    for part in telling_parts(found):
        terminal.print(part)


def predict(
    study: StudyFile,
    configs: Annotated[
        list[str],
        typer.Argument(
            metavar="CONFIG...",
            help="NAME=VALUE of one configuration, or a file of JSON lines (- is standard input).",
        ),
    ],
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="Show this metric; may be given several times.")
    ] = None,
    fidelity: Annotated[
        float | None,
        typer.Option("--fidelity", parser=real, help="Of a training given so much, instead of a full one."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Predict metrics, with 90 % intervals.

    Nothing is trained; every metric that was recorded is predicted at any configuration of the space.
    """
    from typing import cast

    from physai_inverse.cli.json_lines import prediction_json, print_json, read_configs
    from physai_inverse.cli.opening import open_existing
    from physai_inverse.observations import Config

    spec, opened = open_existing(study)
    table = opened.predict(cast("list[Config]", read_configs(configs, spec.space)), fidelity=fidelity)
    for name in metric or []:
        table.forward.model(name)
    names = metric or list(table)
    if as_json:
        for row in range(len(table.configs)):
            print_json(prediction_json(table, row, names))
        return
    from physai_inverse.cli.tables import console, estimates_table, predictions_table, shown_metrics

    if len(table.configs) == 1:
        estimates = table.estimates(0)
        shown = {name: estimates[name] for name in names}
        title = f"One training ends well with probability {float(table.success[0]):.2f} and gives"
        console().print(estimates_table(title, table.configs[0], shown, spec.metrics))
    else:
        console().print(predictions_table(table, shown_metrics(spec.objective, list(table), metric or ())))


def invert(
    study: StudyFile,
    minimize: Annotated[list[str] | None, typer.Option("--minimize", metavar="METRIC")] = None,
    maximize: Annotated[list[str] | None, typer.Option("--maximize", metavar="METRIC")] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", metavar="GOAL", help='Such as "rank = 20 +- 1".')
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="LIMIT", help='Such as "parameters <= 1e5" or "0.2 <= x <= 0.4".'),
    ] = None,
    num: Annotated[int, typer.Option("-n", "--num", parser=whole, help="How many configurations.")] = 8,
    verify: Annotated[
        int | None,
        typer.Option(
            "--verify", parser=whole, metavar="K", help="Train K of them by the file's trainer; say how it held."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find configurations that meet a query.

    Each comes with the probability that one training of it does, and what that hangs on; beside them, where each
    parameter may lie and how exactly it must be kept to. Or none in this space is likely to: then the closest. The
    query may speak of any recorded metric, and of expressions over metrics and parameters; nothing is trained
    without --verify. Goals may be given several times.
    """
    from physai_inverse.cli.json_lines import print_json
    from physai_inverse.cli.opening import open_existing
    from physai_inverse.errors import InvalidInput
    from physai_inverse.objective import Objective

    given = {"minimize": minimize, "maximize": maximize, "target": target, "where": where}
    if not any(given.values()):
        raise InvalidInput('expected a query, such as --minimize val_loss --where "parameters <= 1e4"; got none.')
    if verify is not None and verify < 1:
        raise InvalidInput(f"`--verify` must be at least 1, not {verify}.")
    query = Objective.from_plain({key: texts for key, texts in given.items() if texts})
    spec, opened = open_existing(study, read_only=verify is None)
    trainer = None if verify is None else spec.require_trainer()
    answer = opened.invert(query, n=num)
    if not as_json:
        from physai_inverse.cli.answers import answer_parts, verification_table
        from physai_inverse.cli.tables import console

        terminal = console()
        shown = query.over(spec.space.parameters).shown
        for part in answer_parts(answer, shown):
            terminal.print(part)
    found = None
    if trainer is not None and verify is not None and answer.reachable:
        found = opened.verify(answer, trainer, verify, workers=spec.workers, timeout=spec.timeout)
    if as_json:
        print_json(answer.as_plain() | ({} if found is None else {"verification": found.as_plain()}))
    elif found is not None:
        terminal.print(verification_table(found, shown))
    elif verify is not None:
        terminal.print("Nothing was promised, so nothing is verified.")


def recommend(study: StudyFile, as_json: AsJson = False) -> None:
    """Name the configuration to use in the end.

    That is the best by the forward map, not the luckiest run.
    """
    from physai_inverse.cli.json_lines import print_json, recommendation_json
    from physai_inverse.cli.opening import open_existing

    spec, opened = open_existing(study)
    found = opened.recommend()
    if as_json:
        print_json(recommendation_json(found))
        return
    from physai_inverse.cli.tables import console, recommendation_table

    terminal = console()
    terminal.print(recommendation_table(found, list(found.predictions), spec.metrics))
    terminal.print(f"Probability {found.probability:.2f} {found.meaning}.", soft_wrap=True)
    for caution in found.cautions:
        terminal.print(f"Caution: {caution}", style="yellow", soft_wrap=True)


def pareto(study: StudyFile, as_json: AsJson = False) -> None:
    """Show what several wishes leave to choose from.

    The configurations trained that none is predicted to beat in every wish, each with the probability that it
    belongs there; and the hypervolume that they dominate above a reference point.
    """
    from physai_inverse.cli.json_lines import pareto_json, print_json
    from physai_inverse.cli.opening import open_existing

    spec, opened = open_existing(study)
    found = opened.pareto()
    if as_json:
        print_json(pareto_json(found))
        return
    from physai_inverse.cli.tables import console, hypervolume_text, pareto_table

    terminal = console()
    terminal.print(pareto_table(found, spec.objective.shown))
    terminal.print(hypervolume_text(found), soft_wrap=True)
