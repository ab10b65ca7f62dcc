"""What is wanted: several goals together, and how they are judged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from physai_inverse.errors import InvalidInput
from physai_inverse.objective.goals import (
    AbstractGoal,
    AtLeast,
    AtMost,
    Between,
    Goal,
    Limit,
    Maximize,
    Minimize,
    Quantity,
    Target,
    Wish,
    edges,
    finite,
)
from physai_inverse.objective.parsing import parse_goal, parse_target
from physai_inverse.observations import Config, Metrics, check_name

if TYPE_CHECKING:
    import numpy as np

KINDS = (Minimize, Maximize, Target, AtMost, AtLeast, Between)
GOAL_KEYS = ("minimize", "maximize", "target", "where")
KEYS = (*GOAL_KEYS, "robust", "worst", "seeds", "reference", "cost")


@dataclass(frozen=True)
class Objective:
    """Several goals together, and how they are judged.

    Args:
        goals: at least one; a metric may be wished for once.
        robust: parameter to a reach, as a share of its range in its own scale: a configuration is judged by the
            average over its neighbourhood, so many shares to either side, instead of by itself.
        worst: judge it by the worst of that neighbourhood instead of the average.
        seeds: judge it by this quantile over training seeds, between 0.5 and 1: 0.9 asks for what nine seeds of
            ten keep.
        reference: wish to the worst value that still counts in a trade-off, in the metric's units; found from the
            data where it is left out.
        cost: `"seconds"` for what a training took, or a recorded metric: prefer what gains most for it.
        parameters: names that mean parameters of the space rather than metrics; set by `over`.

    Raises:
        InvalidInput: no goal, something that is no goal, two wishes for one metric, limits that exclude each
            other, or a way of judging that does not fit the goals.
    """

    goals: tuple[Goal, ...]
    robust: Mapping[str, float] = field(default_factory=dict, hash=False)
    worst: bool = False
    seeds: float | None = None
    reference: Mapping[str, float] = field(default_factory=dict, hash=False)
    cost: str | None = None
    parameters: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    def __post_init__(self) -> None:
        goals = tuple(self.goals)
        if not goals:
            raise InvalidInput("An objective needs at least one goal, such as Minimize('val_loss').")
        for goal in goals:
            if not isinstance(goal, Goal):
                raise InvalidInput(
                    "A goal must be Minimize, Maximize, Target, AtMost, AtLeast or Between, not "
                    f"{type(goal).__name__} {str(goal)[:60]!r}."
                )
        ordered = sorted(goals, key=lambda goal: KINDS.index(type(goal)))  # one order for one meaning
        object.__setattr__(self, "goals", tuple(ordered))
        wished = [wish.metric for wish in self.wishes]
        if len(set(wished)) < len(wished):
            twice = sorted({name for name in wished if wished.count(name) > 1})
            raise InvalidInput(f"The objective wishes for {twice} more than once; one wish a metric, please.")
        for name in self.quantities:
            ends = [edges(limit) for limit in self.limits if limit.metric == name]
            low, high = max((end[0] for end in ends), default=0.0), min((end[1] for end in ends), default=0.0)
            if ends and low > high:
                raise InvalidInput(f"The limits {name} >= {low!r} and {name} <= {high!r} exclude each other.")
        self._check_judging()

    def _check_judging(self) -> None:
        for name, reach in self.robust.items():
            check_name(name, "parameter")
            if not 0 < finite(f"robust.{name}", reach) <= 1:
                raise InvalidInput(
                    f"`robust` of `{name}` must be a share of its range above 0, up to 1, not {reach!r}."
                )
        if not isinstance(self.worst, bool):
            raise InvalidInput(f"`worst` must be true or false, not {self.worst!r}.")
        if self.worst and not self.robust:
            raise InvalidInput("`worst` needs `robust`: the neighbourhood of which the worst counts.")
        if self.seeds is not None and not 0.5 < finite("seeds", self.seeds) < 1:
            raise InvalidInput(f"`seeds` must be a quantile between 0.5 and 1, such as 0.9, not {self.seeds!r}.")
        if self.worst or self.seeds is not None:
            key = "worst" if self.worst else "seeds"
            directions: dict[str, int] = {}
            for goal in self.goals:
                way = direction(goal)
                if way is None or directions.setdefault(goal.metric, way) != way:
                    raise InvalidInput(
                        f"`{key}` needs goals for which one way is worse; `{goal}` has none, or another goal "
                        f"for `{goal.metric}` points the other way."
                    )
        known = {wish.metric for wish in self.wishes if not isinstance(wish, Target)}
        for name, value in self.reference.items():
            finite(f"reference.{name}", value)
            if name not in known:
                raise InvalidInput(
                    f"`reference` speaks of `{name}`, which is neither minimized nor maximized; expected "
                    f"some of {sorted(known)}."
                )
        if self.cost is not None:
            check_name(self.cost, "metric")
            if not Quantity(self.cost).is_name:
                raise InvalidInput(
                    f"`cost` must be 'seconds' or a metric's name, not the expression {self.cost!r}."
                )

    @cached_property
    def wishes(self) -> tuple[Wish, ...]:
        """The goals of which more is better."""
        return tuple(goal for goal in self.goals if isinstance(goal, Minimize | Maximize | Target))

    @cached_property
    def limits(self) -> tuple[Limit, ...]:
        """The goals that are met or not."""
        return tuple(goal for goal in self.goals if isinstance(goal, AtMost | AtLeast | Between))

    @cached_property
    def quantities(self) -> tuple[str, ...]:
        """The metrics and expressions that the goals speak of, each once, as they are written."""
        return tuple(dict.fromkeys(goal.metric for goal in self.goals))

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that a training has to give, each once: those in expressions one by one."""
        names = (name for goal in self.goals for name in goal.quantity.names)
        return tuple(dict.fromkeys(name for name in names if name not in self.parameters))

    @cached_property
    def derived(self) -> tuple[str, ...]:
        """The quantities that are no metrics themselves: expressions, and parameters."""
        return tuple(text for text in self.quantities if text not in self.metrics)

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """What to show of a training: the quantities, then the metrics behind them."""
        return tuple(dict.fromkeys((*self.quantities, *self.metrics)))

    def over(self, parameters: Iterable[str], recorded: Iterable[str] | None = None) -> "Objective":
        """Say which names are parameters of the space.

        A metric comes before a parameter of the same name.

        Args:
            parameters: names of the space's parameters.
            recorded: names of metrics; by default the goals that are one name, which are metrics then.
        """
        bare = {goal.metric for goal in self.goals if goal.quantity.is_name}
        return replace(self, parameters=frozenset(parameters) - (bare if recorded is None else set(recorded)))

    def require_metric(self) -> None:
        """Check that trainings are needed to learn how good a configuration is.

        Raises:
            InvalidInput: the goals speak of parameters alone.
        """
        if not self.metrics:
            raise InvalidInput(
                f"The objective '{self}' speaks of parameters alone, which need no training; let a goal speak of "
                "a metric, and put what must hold between parameters into the constraints of the space."
            )

    def __and__(self, other: "Goal | Objective") -> "Objective":
        joined = as_objective(other)
        for name in ("worst", "seeds", "cost"):
            mine, theirs = getattr(self, name), getattr(joined, name)
            if mine and theirs and mine != theirs:
                raise InvalidInput(
                    f"Two objectives with different `{name}` cannot be joined: {mine!r} and {theirs!r}."
                )
        return Objective(
            (*self.goals, *joined.goals),
            robust={**self.robust, **joined.robust},
            worst=self.worst or joined.worst,
            seeds=self.seeds if joined.seeds is None else joined.seeds,
            reference={**self.reference, **joined.reference},
            cost=self.cost if joined.cost is None else joined.cost,
            parameters=self.parameters | joined.parameters,
        )

    def __str__(self) -> str:
        wishes = " and ".join(map(str, self.wishes))
        limits = " and ".join(map(str, self.limits))
        text = f"{wishes} where {limits}" if wishes and limits else wishes or limits
        if self.robust:
            reaches = " and ".join(f"{name} +- {reach!r}" for name, reach in self.robust.items())
            text += f", {'at worst' if self.worst else 'on average'} over {reaches}"
        if self.seeds is not None:
            text += f", for {self.seeds!r} of the seeds"
        return text + (f", per {self.cost}" if self.cost is not None else "")

    def utility(self, values: Mapping[str, "np.ndarray"]) -> "np.ndarray":
        """Give each wish as larger-is-better, in the metric's units.

        Args:
            values: metric (and parameter, and expression where it is known) to values ``[n]``.

        Returns:
            ``[n, w]`` for `w` wishes; a target counts its distance beyond nothing, that is minus the distance.
        """
        import numpy as np

        columns = []
        for wish in self.wishes:
            value = wish.quantity.evaluate(values)
            if isinstance(wish, Target):
                columns.append(-np.abs(value - wish.value))
            else:
                columns.append(value if isinstance(wish, Maximize) else -value)
        return np.stack(columns, axis=-1)

    def slack(self, values: Mapping[str, "np.ndarray"]) -> "np.ndarray":
        """Give for each limit, and each target's tolerance, how far it is met: feasible at zero or above.

        Args:
            values: see `utility`.

        Returns:
            ``[n, l]``, in the metrics' units.
        """
        import numpy as np

        columns = []
        for goal in (*self.limits, *(wish for wish in self.wishes if isinstance(wish, Target))):
            value = goal.quantity.evaluate(values)
            if isinstance(goal, Target):
                columns.append(goal.half_width - np.abs(value - goal.value))
            else:
                low, high = edges(goal)
                columns.append(np.minimum(value - low, high - value))
        shape = np.shape(next(iter(values.values())))
        return np.stack(columns, axis=-1) if columns else np.zeros((*shape, 0))

    def measured(self, metrics: Metrics, config: Config) -> dict[str, float]:
        """Give every quantity and metric of one training under its own text; NaN where there is none."""
        found = {goal.metric: goal.quantity.measured(metrics, config) for goal in self.goals}
        for name in self.metrics:
            if name not in found:
                found[name] = Quantity(name).measured(metrics, config)
        return found

    def as_plain(self) -> dict[str, Any]:
        """Give the objective as a study file writes it."""
        plain: dict[str, Any] = {}
        for goal in self.goals:
            if isinstance(goal, Minimize | Maximize):
                plain.setdefault(type(goal).__name__.lower(), []).append(goal.metric)
            else:
                plain.setdefault("target" if isinstance(goal, Target) else "where", []).append(str(goal))
        judging = {
            "robust": dict(self.robust),
            "worst": self.worst,
            "seeds": self.seeds,
            "reference": dict(self.reference),
            "cost": self.cost,
        }
        return plain | {key: value for key, value in judging.items() if value}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Objective":
        """Build an objective from `as_plain`, or from the options of the command line.

        Args:
            plain: `minimize`, `maximize`, `target`, `where`, each a text or a list of texts; and `robust`,
                `worst`, `seeds`, `reference`, `cost` as in `Objective`.

        Raises:
            InvalidInput: an unknown key, or a text that is no goal.
        """
        unknown = set(plain) - set(KEYS)
        if unknown:
            raise InvalidInput(f"An objective has {', '.join(KEYS)}, not {sorted(unknown)}.")
        goals: list[Goal] = [Minimize(name) for name in _texts(plain, "minimize")]
        goals += [Maximize(name) for name in _texts(plain, "maximize")]
        for key in ("target", "where"):
            for text in _texts(plain, key):
                goal = parse_target(text) if key == "target" else parse_goal(text)
                if isinstance(goal, Minimize | Maximize) or (key == "target") != isinstance(goal, Target):
                    example = "rank = 20 +- 1" if key == "target" else "params <= 1e5"
                    raise InvalidInput(f"`{key}` takes texts such as {example!r}, not {text!r}.")
                goals.append(goal)
        for key in ("robust", "reference"):
            if not isinstance(plain.get(key) or {}, Mapping):
                raise InvalidInput(f"`{key}` must map names to numbers, not {plain[key]!r}.")
        return cls(
            tuple(goals),
            robust=dict(plain.get("robust") or {}),
            worst=plain.get("worst", False),
            seeds=plain.get("seeds"),
            reference=dict(plain.get("reference") or {}),
            cost=plain.get("cost"),
        )


ObjectiveLike: TypeAlias = "Goal | Objective | Sequence[Goal] | str"


def direction(goal: Goal) -> int | None:
    """Say which way is worse: +1 for larger values, -1 for smaller ones, None where both ways are."""
    if isinstance(goal, Minimize | AtMost):
        return 1
    return -1 if isinstance(goal, Maximize | AtLeast) else None


def as_objective(given: object) -> Objective:
    """Take a goal, several, a text or an objective as an objective.

    Raises:
        InvalidInput: none of these.
    """
    if isinstance(given, Objective):
        return given
    if isinstance(given, Goal):
        return Objective((given,))
    if isinstance(given, str):
        return Objective((parse_goal(given),))
    if isinstance(given, Mapping):
        return Objective.from_plain(given)
    if isinstance(given, Iterable):
        return Objective(tuple(parse_goal(goal) if isinstance(goal, str) else goal for goal in given))
    raise InvalidInput(
        f"An objective must be a goal such as Minimize('val_loss') or several, not {type(given).__name__}."
    )


def _texts(plain: Mapping[str, Any], key: str) -> list[str]:
    given = plain.get(key) or []
    texts = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    for text in texts:
        if not isinstance(text, str):
            raise InvalidInput(f"`{key}` takes a text or a list of texts, not {type(text).__name__} {text!r}.")
    return texts


def _join(first: Goal, second: "Goal | Objective") -> Objective:
    return as_objective(first) & second


AbstractGoal.join = staticmethod(_join)
