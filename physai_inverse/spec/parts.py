"""Space, objective and trainer of a study file, with every refusal of their constructors put to its line."""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from physai_inverse.errors import InvalidInput
from physai_inverse.fidelity import Fidelity
from physai_inverse.inverse import check_robust
from physai_inverse.objective import GOAL_KEYS, Objective
from physai_inverse.observations import Config, Scalar, Trainer
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
from physai_inverse.space.beliefs import Belief, Beliefs
from physai_inverse.spec.document import Document, Keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from physai_inverse.trainers import Task

KINDS: dict[str, Callable[..., Declared]] = {
    "float": Float,
    "integer": Integer,
    "ordinal": Ordinal,
    "choice": Choice,
    "boolean": Boolean,
    "constant": Constant,
    "shares": Shares,
}
QUOTED = re.compile(r"[`']([^`']+)[`']")


@dataclass
class Parts:
    """The parts of one file as far as they could be built, and the problems met on the way.

    Args:
        document: the file.
        problems: lines that name the place.
    """

    document: Document
    problems: list[str] = field(default_factory=list)

    @contextmanager
    def refused_at(self, keys: Keys) -> "Iterator[None]":
        """Note what is refused in this block as a problem there, or at the key in it that the message names."""
        try:
            yield
        except InvalidInput as error:
            text = str(error)
            first = QUOTED.match(text)
            inner = (*keys, first[1]) if first else keys
            self.problems.append(self.document.line(inner if inner in self.document.values else keys, text))

    def space(self, bodies: Mapping[str, Mapping[str, Any]], constraints: Iterable[str]) -> Space | None:
        """Build the space; None where it has problems."""
        before = len(self.problems)
        parameters: dict[str, Declared] = {}
        for name, body in bodies.items():
            arguments = dict(body)
            with self.refused_at(("space", name)):
                parameters[name] = KINDS[arguments.pop("type")](**arguments)
        if len(self.problems) > before:
            return None
        try:
            space = Space(parameters)
        except InvalidInput as error:
            self.problems.append(self.document.line(self._where(str(error), parameters), str(error)))
            return None
        listed = list(constraints)
        for index, text in enumerate(listed):
            with self.refused_at(("constraints", index)):
                Space(parameters, constraints=[text])
        return Space(parameters, constraints=listed) if len(self.problems) == before else space

    def _where(self, text: str, parameters: Mapping[str, Declared]) -> Keys:
        """Find the parameter that a refusal of the space speaks of; of a part, its group."""
        groups = {name: item for name, item in parameters.items() if isinstance(item, Shares)}
        group_of = {part: name for name, group in groups.items() for part in group.parts}
        for quoted in QUOTED.findall(text):
            name = group_of.get(quoted, quoted)
            if name in parameters:
                keys: Keys = ("space", name, "when")
                return keys if keys in self.document.values else keys[:2]
        return ("space",)

    def objective(self, plain: Mapping[str, Any], space: Space | None) -> Objective | None:
        """Build the objective over the parameters of a space; None where it has problems."""
        before = len(self.problems)
        for key in GOAL_KEYS:
            given: str | list[str] = plain.get(key, [])
            for index, text in enumerate([given] if isinstance(given, str) else given):
                with self.refused_at(("objective", key) if isinstance(given, str) else ("objective", key, index)):
                    Objective.from_plain({key: text})
        if len(self.problems) > before:
            return None
        with self.refused_at(("objective",)):
            objective = Objective.from_plain(plain)
            if space is None:
                return objective
            if objective.robust:
                check_robust(space, objective.robust)
            objective = objective.over(space.parameters)
            objective.require_metric()
            return objective
        return None

    def fidelity(self, plain: Mapping[str, Any] | None, space: Space | None, method: str) -> Fidelity | None:
        """Build the fidelity and hold it against space and method; None where there is none, or has problems."""
        if plain is None:
            if method in ("asha", "lowest"):
                text = f"{method} climbs rungs and needs a `fidelity`, such as {{name: epochs, low: 1, high: 81}}."
                self.problems.append(self.document.line(("method",), text))
            return None
        whole = all(float(plain[key]).is_integer() for key in ("low", "high"))
        given = {**plain, "integer": whole if plain["integer"] is None else plain["integer"]}
        with self.refused_at(("fidelity",)):
            fidelity = Fidelity(**given)
            if space is not None and fidelity.name in space.parameters:
                raise InvalidInput(
                    f"`name` {fidelity.name!r} is a parameter of the space, too; take it out there."
                )
            return fidelity
        return None

    def trainer(
        self,
        plain: Mapping[str, Any],
        folder: Path,
        space: Space | None,
        timeout: float | None,
        fidelity: Fidelity | None = None,
    ) -> Trainer | None:
        """Build the trainer and hold its placeholders or knobs against the space; None where it has problems."""
        from physai_inverse.trainers import CommandTrainer, FunctionTrainer, bound

        level = None if fidelity is None else fidelity.name
        before = len(self.problems)
        made: Trainer | None = None
        if "task" in plain:
            made = self._task(plain, folder, space)
            if made is not None and level is not None:
                with self.refused_at(("fidelity",)):
                    bound(made, level)
        elif "command" in plain:
            with self.refused_at(("trainer",)):
                command = CommandTrainer(
                    command=plain["command"],
                    timeout=timeout,
                    metrics=plain.get("metrics", "stdout"),
                    environment=plain.get("environment", {}),
                    folder=str(folder),
                    fidelity=level,
                    stop_early=plain.get("stop_early", False),
                )
                made = command
                if level is not None:
                    bound(command, level)
                if space is not None:
                    conditional = [name for name, item in space.parameters.items() if item.when is not None]
                    command.check(list(space.parameters), conditional)
        else:
            target = str(plain["function"])
            made = FunctionTrainer(target, str(folder), level)
            if target.rpartition(":")[1:] in (("", target), (":", "")) or target.startswith(":"):
                text = f'expected "package.module:name" or "file.py:name", got {target!r}.'
                self.problems.append(self.document.line(("trainer", "function"), text))
        return made if len(self.problems) == before else None

    def start(self, configs: Iterable[Config], space: Space | None) -> tuple[Config, ...]:
        """Check configurations against the space."""
        found: list[Config] = []
        for index, config in enumerate(configs if space is not None else ()):
            with self.refused_at(("start", index)):
                assert space is not None
                found.append(space.check(config))
        return tuple(found)

    def beliefs(self, bodies: Iterable[Mapping[str, Any]], space: Space | None) -> tuple[Belief, ...]:
        """Build beliefs and hold each against the space, and all of them against each other."""
        before = len(self.problems)
        found: list[Belief] = []
        for index, body in enumerate(bodies):
            with self.refused_at(("beliefs", index)):
                belief = _belief(body, space)
                if space is not None:
                    Beliefs(space, (belief,))
                found.append(belief)
        if space is not None and len(self.problems) == before:
            with self.refused_at(("beliefs",)):
                Beliefs(space, tuple(found))
        return tuple(found)

    def _task(self, plain: Mapping[str, Any], folder: Path, space: Space | None) -> Trainer | None:
        from physai_inverse.trainers import describe, load_task

        task: Task | None = None
        name = place_of_task(plain["task"], folder)
        with self.refused_at(("trainer", "task")):
            task = describe(name)
        if task is None:
            return None
        made: Trainer | None = None
        with self.refused_at(("trainer", "settings")):
            made = load_task(name, settings_of_task(plain, folder), stop_early=plain.get("stop_early", False))
        group_of = (
            {} if space is None else {part: key for key, group in space.groups.items() for part in group.parts}
        )
        for name, parameter in (space.parameters if space is not None else {}).items():
            place = ("space", group_of.get(name, name))
            if name not in task.knobs:
                what = f"parameter `{name}`" if name in group_of else "such parameter"
                text = f"the task `{task.name}` has no {what}.{_close(name, task.knobs)} It has "
                self.problems.append(self.document.line(place, f"{text}{', '.join(task.knobs)}.", at_key=True))
            else:
                with self.refused_at(place):
                    _check_knob(name, parameter, task)
        return made

    def together(self, plain: Mapping[str, Any], together: int) -> None:
        """Refuse to train several commands in one program; a function is asked when it is loaded."""
        if together > 1 and "command" in plain:
            text = (
                f"a command trains one configuration at a time, so `together` cannot be {together}; `workers` is "
                "how many run at a time."
            )
            self.problems.append(self.document.line(("together",), text))

    def known_metrics(self, plain: Mapping[str, Any], folder: Path, objective: Objective | None) -> None:
        """Hold the objective against the metrics that a built-in task gives."""
        from physai_inverse.trainers import describe

        if objective is None or "task" not in plain:
            return
        name = place_of_task(plain["task"], folder)
        try:
            own = describe(name, {"observables": False}).metrics
            given = describe(name, settings_of_task(plain, folder)).metrics
        except InvalidInput:  # told where the trainer is made
            return
        for name in objective.metrics:
            whole = name.partition("/")[0]  # of an observable that is measured for every layer
            if name not in given and (whole in own or whole not in given):
                text = f"the task `{plain['task']}` gives no metric `{name}`.{_close(name, given)} It gives "
                self.problems.append(self.document.line(("objective",), f"{text}{', '.join(given)}."))


def settings_of_task(plain: Mapping[str, Any], folder: Path) -> dict[str, object]:
    """Give the settings of a task, with observables of one's own by their paths from the study file's folder."""
    from physai_inverse.trainers.observables.choice import resolved

    settings: dict[str, object] = dict(plain.get("settings", {}))
    if "observables" in settings:
        settings["observables"] = resolved(settings["observables"], folder)
    return settings


def place_of_task(name: str, folder: Path) -> str:
    """Give a task's name, or the path of its file from the folder of the study file."""
    return str(folder / name) if name.endswith(".py") else name


def _belief(body: Mapping[str, Any], space: Space | None) -> Belief:
    """Build a belief as a study file writes it.

    Raises:
        InvalidInput: it names both a parameter and a configuration or neither, or says what does not go together.
    """
    given = {key: value for key, value in body.items() if value is not None}
    if ("parameter" in given) == ("config" in given):
        raise InvalidInput("a belief needs either `parameter` or `config`.")
    about = given.pop("parameter", None) or given.pop("config")
    if space is not None and isinstance(about, str) and "weights" in given:
        # YAML's keys are texts; the values that they stand for may be numbers or booleans.
        options = getattr(space.parameters.get(about), "options", ())
        named = {(str(option).lower() if isinstance(option, bool) else str(option)): option for option in options}
        given["weights"] = {named.get(key, key): weight for key, weight in given["weights"].items()}
    return Belief(about, **given)


def _check_knob(name: str, parameter: Parameter, task: "Task") -> None:
    """Ask the task about the values at the ends of a parameter.

    Raises:
        InvalidInput: the task cannot train with one of them.
    """
    from physai_inverse.trainers.tasks.knobs import complete

    values: tuple[Scalar, ...]
    if isinstance(parameter, Float | Integer):
        values = (parameter.low, parameter.high)
    else:
        values = (parameter.value,) if isinstance(parameter, Constant) else parameter.options
    for value in values:
        config: Config = {name: value}
        complete(config, task.knobs)


def _close(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f" Did you mean `{close[0]}`?" if close else ""
