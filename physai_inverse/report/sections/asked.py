"""The head of the page: what was asked, of what, and what was left out of it."""

from physai_inverse.observations import TrialState
from physai_inverse.report.findings import Findings
from physai_inverse.report.markup import Markup, element
from physai_inverse.report.sheet import fold
from physai_inverse.report.tables import head
from physai_inverse.report.words import counted, goals, listing, number, scalar, visible
from physai_inverse.space import Constant, Float, Integer
from physai_inverse.space.parameters import Parameter, kind_of


def asked(found: Findings) -> Markup:
    """Write the head of the page."""
    study = found.study
    left_out = _left_out(found)
    return element(
        "header",
        element("p", "Study report", class_="kicker"),
        element("h1", study.name),
        element("p", goals(study.objective), class_="objective"),
        element("p", _facts(found), class_="facts"),
        element("ul", *(element("li", line) for line in left_out), class_="facts said") if left_out else None,
        _space(found),
        class_="headline",
        id="asked",
    )


def _facts(found: Findings) -> str:
    """Say in a line how much was trained, of how many parameters, and what it gave."""
    trials = found.trials
    ended = found.finished
    failed = sum(trial.state.bad for trial in ended)
    still = len(trials) - len(ended)
    parts = [counted(len(ended), "training") + (f" ({failed} failed)" if failed else "")]
    parts += [f"{still} open"] if still else []
    parts.append(counted(len(found.study.space.names), "parameter"))
    parts.append(counted(len(found.metrics), "metric"))
    return " · ".join(parts)


def _left_out(found: Findings) -> list[str]:
    """Say what the page leaves out, and what did not vary."""
    lines = []
    if found.constants:
        fixed = [f"{name} = {scalar(value)}" for name, value in found.constants.items()]
        lines.append(f"Constant: {listing(fixed, 8)}.")
    if found.unmoved:
        stuck = [f"{name} = {scalar(value)}" for name, value in found.unmoved.items()]
        lines.append(f"Never varied, so nothing is known of what it does: {listing(stuck, 8)}.")
    preempted = sum(trial.kind == "preempted" for trial in found.trials if trial.state.bad)
    if preempted:
        lines.append(f"{counted(preempted, 'preempted training')} left out: it says nothing of a configuration.")
    stopped = sum(trial.state is TrialState.STOPPED_EARLY for trial in found.trials)
    if stopped:
        lines.append(f"{counted(stopped, 'training')} stopped early.")
    for name, reason in found.unfitted.items():
        lines.append(f"No forward map of {name}: {reason.rstrip('.')}.")
    return [visible(line, 400) for line in lines]


def _space(found: Findings) -> Markup:
    """List the parameters with their ranges."""
    groups = found.study.space.groups
    shares = {part: f"share of {visible(name, 40)}" for name, group in groups.items() for part in group.parts}
    rows = [
        element(
            "tr",
            element("th", found.named(name), scope="row"),
            element("td", shares.get(name, kind_of(parameter)), class_="words"),
            element("td", visible(_range(parameter), 240), class_="words"),
            element("td", visible(_condition(parameter), 120), class_="words"),
        )
        for name, parameter in found.study.space.parameters.items()
    ]
    columns = ["parameter", "kind", "values", "active"]
    constraints = found.study.space.constraints
    return fold(
        f"The space: {counted(len(found.study.space.names), 'parameter')}"
        + (f", {counted(len(constraints), 'constraint')}" if constraints else ""),
        element("div", element("table", head(columns, columns[1:]), element("tbody", *rows)), class_="scroll"),
        element("p", "Constraints: ", "; ".join(constraints), class_="note") if constraints else None,
        key="space",
    )


def _range(parameter: Parameter) -> str:
    if isinstance(parameter, Constant):
        return scalar(parameter.value)
    if isinstance(parameter, Float | Integer):
        return f"{number(parameter.low)} to {number(parameter.high)}" + (", logarithmic" if parameter.log else "")
    return listing([scalar(option) for option in parameter.options], 12)


def _condition(parameter: Parameter) -> str:
    return "always" if parameter.when is None else f"where {parameter.when}"
