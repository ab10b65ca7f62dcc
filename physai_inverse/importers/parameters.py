"""Parameters of a source: one for each setting that varies, with conditions; what cannot be one, and why."""

import keyword
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from physai_inverse.errors import InvalidInput
from physai_inverse.importers.activity import Activity, activity_of
from physai_inverse.importers.naming import likeness
from physai_inverse.importers.relations import ShareGroup, derived, shares
from physai_inverse.importers.runs import Decision, Source
from physai_inverse.importers.shapes import detail_of, mixed_shape, shape_of
from physai_inverse.importers.values import Column, plain_names, typed
from physai_inverse.observations import Scalar
from physai_inverse.space import (
    Boolean,
    Choice,
    Constant,
    Declared,
    Float,
    Integer,
    Ordinal,
    Parameter,
    Shares,
    Space,
)

MAX_EMPTY = 0.5
"""Share of trainings in which a setting may be missing without a reason; beyond, it is left out."""
MAX_LEVELS = 64
MANY = 0.9
"""Share of different words from which a setting is a label of its training."""
ROUNDING = 1e-9
"""By how much, relative to it, a value may lie beyond the rounded end of a range."""
FEW_LEVELS = 12
"""Different numbers beside a `none` that are a choice."""


@dataclass(frozen=True)
class Findings:
    """What was found about the settings of trainings.

    Args:
        space: the parameters.
        configs: a configuration a training, as far as it is known.
        problems: place of a training to why its configuration cannot be used.
        decisions: one for each setting.
        computed: setting that follows from the others, and is a metric now, to one value a training.
        metric_names: metric of the source to its name in the study.
        shares: groups of parameters that add up to a whole.
        why: parameter to the evidence.
        formulas: each of `computed` with what it follows from.
    """

    space: Space
    configs: Sequence[Mapping[str, Scalar]]
    problems: Mapping[int, str]
    decisions: tuple[Decision, ...]
    computed: Mapping[str, Sequence[float]]
    metric_names: Mapping[str, str]
    shares: tuple[ShareGroup, ...]
    why: Mapping[str, str]
    formulas: Mapping[str, str]


def find_parameters(source: Source) -> Findings:
    """Find them.

    Raises:
        InvalidInput: no setting varies.
    """
    raw_names = list(dict.fromkeys(name for run in source.runs for name in run.params))
    names = plain_names(raw_names)
    metrics = list(dict.fromkeys(name for run in source.runs for name in run.metrics))
    search = _Search(source, names)
    for name in raw_names:
        search.read(name)
    search.find_conditions(list(search.columns))
    search.drop_sparse()
    search.find_computed()
    parameters = search.parameters()
    if not any(not isinstance(parameter, Constant) for parameter in parameters.values()):
        seen = "; ".join(f"`{item.column}` {item.why}" for item in search.decisions[:8]) or "it names no setting"
        fixed = ", ".join(parameters)
        raise InvalidInput(
            f"{source.title}: expected at least one parameter that varies between trainings, got none "
            f"({seen}{f'; the same everywhere: {fixed}' if fixed else ''}). Say which column is one: "
            "--map COLUMN=parameter."
        )
    return search.findings(parameters, metrics)


class _Search:
    """The settings, one after the other."""

    def __init__(self, source: Source, names: Mapping[str, str]) -> None:
        self.source = source
        self.names = names
        self.columns: dict[str, Column] = {}
        self.activity: dict[str, Activity] = {}
        self.decisions: list[Decision] = []
        self.computed: dict[str, list[float]] = {}
        self.reasons: dict[str, str] = {}
        self.formulas: dict[str, str] = {}

    def read(self, name: str) -> None:
        """Take a setting, or leave it out because of its values."""
        column = typed([run.params.get(name) for run in self.source.runs])
        present = column.present
        distinct = set(present)
        if not present:
            self._leave_out(name, "empty in every training")
        elif (
            column.kind == "text"
            and name not in self.source.declared
            and (
                len(distinct) > MAX_LEVELS
                or (likeness(name) >= 0 and len(present) > 8 and len(distinct) > MANY * len(present))
            )
        ):
            self._leave_out(name, f"{len(distinct)} different texts in {len(present)} trainings: a label")
        else:
            self.columns[name] = column

    def find_conditions(self, order: Sequence[str]) -> None:
        """Find for each setting with gaps the one that explains them."""
        values = {name: self.columns[name].values for name in order}
        full = [name for name in order if None not in values[name]]
        gaps = [name for name in order if None in values[name]]
        explained: list[str] = []
        progress = True
        while progress:
            progress = False
            for name in gaps:
                if name in explained:
                    continue
                rows = [row for row in range(len(self.source.runs)) if row not in self.columns[name].bad]
                parents = [p for p in (*full, *explained) if p != name and self._may_decide(p)]
                parents.sort(key=lambda parent: len(set(values[parent])))
                chosen = {key: [values[key][row] for row in rows] for key in (name, *parents)}
                activity = activity_of(name, chosen, parents)
                if activity is not None:
                    self.activity[name] = activity
                    explained.append(name)
                    progress = True
        for name in gaps:
            column = self.columns[name]
            levels = len(set(column.present))
            if (
                name not in self.activity
                and column.written_none
                and column.kind == "number"
                and levels <= FEW_LEVELS
            ):
                filled = tuple(
                    "none" if value is None and row not in column.bad else value
                    for row, value in enumerate(column.values)
                )
                self.columns[name] = replace(column, values=filled, kind="mixed")

    def drop_sparse(self) -> None:
        """Leave out what is mostly missing for no reason that the table shows."""
        total = len(self.source.runs)
        for name in list(self.columns):
            column = self.columns[name]
            empty = sum(value is None for value in column.values) - len(column.bad)
            if name not in self.activity and empty > MAX_EMPTY * total:
                del self.columns[name]
                self._leave_out(name, f"empty in {empty} of {total} trainings, and no other setting says when")

    def find_computed(self) -> None:
        """Make metrics of settings that are products of powers of others."""
        chosen = {
            name: [float(value) for value in column.values if isinstance(value, int | float)]
            for name, column in self.columns.items()
            if column.kind == "number"
            and name not in self.source.declared
            and name not in self.activity
            and self.source.why.get(name) != "as asked"
        }
        total = len(self.source.runs)
        positive = {
            name: values
            for name, values in chosen.items()
            if len(values) == total and min(values) > 0 and max(values) < math.inf and len(set(values)) > 1
        }
        plain = {self.names[name]: values for name, values in positive.items()}
        back = {plain_name: name for name, plain_name in self.names.items()}
        parents = {activity.parent for activity in self.activity.values()}
        for plain_name, formula in derived(plain).items():
            name = back[plain_name]
            if name in parents:
                continue
            del self.columns[name]
            self.computed[name] = plain[plain_name]
            self.formulas[name] = formula

    def parameters(self) -> dict[str, Parameter]:
        """Give the parameters by their plain names."""
        found: dict[str, Parameter] = {}
        for name in list(self.columns):
            column = self.columns[name]
            declared = self.source.declared.get(name)
            if declared is not None:
                parameter, why = declared, f"declared in {self.source.kind}"
            else:
                shape = mixed_shape(column) if column.kind == "mixed" else shape_of(name, column)
                if shape is None:
                    del self.columns[name]
                    self._leave_out(name, "no two values that are finite")
                    continue
                parameter, why = shape.parameter, shape.why
            activity = self.activity.get(name)
            if activity is not None:
                parent = self.names[activity.parent]
                when: object = {parent: list(activity.allowed)}
                if activity.threshold and not keyword.iskeyword(parent):  # which no expression may speak of
                    when = f"{parent} {activity.threshold}"
                parameter = replace(parameter, when=when)  # type: ignore[arg-type]  # every kind has it
                why += f"; there exactly when {activity}"
            plain = self.names[name]
            found[plain] = parameter
            role = self.source.why.get(name)
            self.reasons[plain] = why
            self.decisions.append(
                Decision(
                    name,
                    "constant" if isinstance(parameter, Constant) else "parameter",
                    detail_of(parameter),
                    "; ".join(part for part in (role, why) if part),
                    plain,
                )
            )
        return found

    def findings(self, parameters: Mapping[str, Parameter], metrics: Sequence[str]) -> Findings:
        """Put together what was found."""
        kept = [name for name in self.columns if self.names[name] in parameters]
        groups = tuple(self._shares(kept))
        space = Space(self._grouped(parameters, groups))
        taken = [*parameters, *(self.names[name] for name in self.computed)]
        # A metric keeps its name where it can; one that is called like a parameter says that it was measured.
        clash = {name: f"{name}_measured" if plain_names([name])[name] in taken else name for name in metrics}
        plain = plain_names(clash.values(), taken)
        metric_names = {name: plain[clash[name]] for name in metrics}
        for name in self.formulas:
            metric_names.setdefault(name, self.names[name])
        configs: list[dict[str, Scalar]] = []
        problems: dict[int, str] = {}
        for place in range(len(self.source.runs)):
            config: dict[str, Scalar] = {}
            for name in kept:
                column = self.columns[name]
                value = column.values[place]
                label = self.names[name]
                if value is not None:
                    config[label] = _fitting(parameters[label], value)
                elif place in column.bad:
                    problems.setdefault(
                        place, f"`{name}`: expected a number as in the other rows, got {column.bad[place][:40]!r}."
                    )
                elif name not in self.activity and not isinstance(parameters[label], Constant):
                    problems.setdefault(place, f"`{name}` is empty, and nothing says why.")
            configs.append(config)
        return Findings(
            space, configs, problems, tuple(self.decisions),
            {self.names[name]: values for name, values in self.computed.items()}, metric_names,
            groups, self.reasons, self.formulas,
        )  # fmt: skip

    def _grouped(self, parameters: Mapping[str, Parameter], groups: Sequence[ShareGroup]) -> dict[str, Declared]:
        """Put groups of shares in the place of their first part; shares of a hundred stay as they are."""
        declared: dict[str, Declared] = dict(parameters)
        for group in groups:
            if group.total != 1.0:
                continue
            name = plain_names([group.label], declared)[group.label]
            shares_of = Shares(group.names)
            place = list(declared).index(group.names[0])
            items = [item for item in declared.items() if item[0] not in group.names]
            declared = dict([*items[:place], (name, shares_of), *items[place:]])
            self.reasons[name] = "they add up to one in every training"
            self.decisions = [
                replace(item, detail=f"share of `{name}`") if item.name in group.names else item
                for item in self.decisions
            ]
        return declared

    def _shares(self, kept: Sequence[str]) -> list[ShareGroup]:
        columns = {}
        for name in kept:
            values = [value for value in self.columns[name].values if isinstance(value, int | float)]
            label = self.names[name]
            whole = self.columns[name].kind == "number" and len(values) == len(self.source.runs)
            if whole and len(set(values)) > 1:  # a part that is always zero does not come between the others
                columns[label] = [float(value) for value in values]
        return shares(columns)

    def _may_decide(self, name: str) -> bool:
        parameter = self.source.declared.get(name)
        column = self.columns[name]
        if isinstance(parameter, Choice | Ordinal | Boolean | Integer):
            return True
        whole = all(isinstance(value, int) for value in column.present)
        return not isinstance(parameter, Float) and (column.kind != "number" or whole)

    def _leave_out(self, name: str, why: str) -> None:
        self.decisions.append(Decision(name, "left out", "", why))


def _fitting(parameter: Parameter, value: Scalar) -> Scalar:
    """Give a value as a parameter has it, `0.30000000000000004` as the end 0.3; as it is where it does not fit."""
    if isinstance(parameter, Float) and isinstance(value, int | float):
        nearest = min(max(float(value), parameter.low), parameter.high)
        return nearest if abs(value - nearest) <= ROUNDING * abs(nearest) else value
    if isinstance(parameter, Choice | Ordinal):
        return next((option for option in parameter.options if str(option) == str(value)), value)
    return value
