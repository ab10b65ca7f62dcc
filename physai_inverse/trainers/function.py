"""A Python function as trainer: given as it is, or named by where it stands.

`FunctionTrainer` names a function and loads it where it runs, so that it travels to worker processes whatever
it is made of.
"""

import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, MetricsLike, Trainer

TRACEBACK_LINES = 8
EXTRAS = ("checkpoint", "resume_from", "report")
"""Arguments by whose names a function is told more; the fidelity's own name is another."""

LENGTHS = ("epochs", "steps")
"""Fidelities that say how long a training is, so that a short one is the beginning of a longer one."""

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class SeedlessTrainer:
    """A function of the configuration alone, as trainer."""

    function: Callable[[Config], MetricsLike]

    def __call__(self, config: Config, seed: int) -> MetricsLike:  # noqa: ARG002 - the contract of a trainer
        """Call the function without the seed."""
        return self.function(config)


@dataclass(frozen=True)
class KeywordTrainer:
    """A function that takes its seed by keyword only, as trainer."""

    function: Callable[..., MetricsLike]

    def __call__(self, config: Config, seed: int) -> MetricsLike:
        """Call the function with `seed=seed`."""
        return self.function(config, seed=seed)


@dataclass(frozen=True)
class ToldTrainer:
    """A function that takes more than configuration and seed; see `extras`.

    Args:
        function: the function.
        seed: how it takes the seed: `"position"`, `"keyword"` or `"none"`.
        keywords: extra to the keyword under which the function takes it.
        third: whether the fidelity is its third argument instead.
    """

    function: Callable[..., MetricsLike]
    seed: str
    keywords: tuple[tuple[str, str], ...]
    third: bool = False

    @property
    def takes(self) -> frozenset[str]:
        """The extras that it takes."""
        return frozenset([extra for extra, _ in self.keywords] + ["fidelity"] * self.third)

    def __call__(self, config: Config, seed: int, **extras: object) -> MetricsLike:
        """Call the function with the extras that it takes."""
        named = {keyword: extras[extra] for extra, keyword in self.keywords}
        if self.seed == "keyword":
            named["seed"] = seed
        arguments: list[object] = [config]
        if self.seed == "position":
            arguments.append(seed)
        if self.third:
            arguments.append(extras["fidelity"])
        return self.function(*arguments, **named)


@dataclass(frozen=True)
class FunctionTrainer:
    """A trainer that is named, and loaded where it runs.

    Args:
        target: as in `load_function`.
        folder: as in `load_function`.
        fidelity: the name of the study's fidelity.
    """

    target: str
    folder: str = "."
    fidelity: str | None = None

    @property
    def takes(self) -> frozenset[str]:
        """The extras that the function takes; loads it, once a process.

        Raises:
            InvalidInput: it cannot be loaded, or has another signature than `as_trainer` asks for.
        """
        found: frozenset[str] = getattr(_loaded(self.target, self.folder, self.fidelity), "takes", frozenset())
        return found

    @property
    def trains_together(self) -> bool:
        """Whether what is named takes many configurations in one call; loads it, as `takes` does."""
        return bool(getattr(_loaded(self.target, self.folder, self.fidelity), "trains_together", False))

    @property
    def stop_early(self) -> bool:
        """Whether a study may stop its hopeless trainings; loads it, as `takes` does."""
        return bool(getattr(_loaded(self.target, self.folder, self.fidelity), "stop_early", True))

    @property
    def lasting(self) -> frozenset[str]:
        """Metrics that hold also for a training that was stopped; loads it, as `takes` does."""
        return frozenset(getattr(_loaded(self.target, self.folder, self.fidelity), "lasting", ()))

    def __call__(self, config: Any, seed: Any, **extras: object) -> Any:
        """Load the function, once a process, and call it.

        Raises:
            InvalidInput: it cannot be loaded, or takes neither `(config)` nor `(config, seed)`.
        """
        return _loaded(self.target, self.folder, self.fidelity)(config, seed, **extras)


@dataclass(frozen=True)
class FieldTrainer:
    """A trainer with a setting of the fidelity's name, such as a built-in task.

    Args:
        trainer: the trainer, a dataclass.
        name: of the setting.
    """

    trainer: object
    name: str

    @property
    def takes(self) -> frozenset[str]:
        """What the trainer takes, the fidelity, and a checkpoint where a longer training can go on from one."""
        found: frozenset[str] = getattr(as_trainer(self.trainer), "takes", frozenset())
        goes_on = self.name in LENGTHS and getattr(self.trainer, "goes_on", False)
        return found | {"fidelity"} | ({"checkpoint"} if goes_on else set())

    @property
    def trains_together(self) -> bool:
        """Whether it takes many configurations in one call."""
        return bool(getattr(self.trainer, "trains_together", False))

    @property
    def stop_early(self) -> bool:
        """Whether a study may stop its hopeless trainings."""
        return bool(getattr(self.trainer, "stop_early", True))

    @property
    def lasting(self) -> frozenset[str]:
        """Metrics that hold also for a training that was stopped."""
        return frozenset(getattr(self.trainer, "lasting", ()))

    def __call__(self, config: Any, seed: Any, *, fidelity: float, **extras: object) -> Any:
        """Train with the setting at the fidelity."""
        if hasattr(self.trainer, "with_settings"):
            whole = int(fidelity) if fidelity == int(fidelity) else fidelity
            chosen = self.trainer.with_settings(**{self.name: whole})
        else:
            chosen = replace(self.trainer, **{self.name: fidelity})  # type: ignore[type-var]  # see `as_trainer`
        return as_trainer(chosen)(config, seed, **extras)


def as_trainer(function: object, fidelity: str | None = None) -> Trainer:
    """Make a trainer of a function `f(config)` or `f(config, seed)`; its signature decides.

    A second argument that has a default gets the seed only when it is called `seed`. Further arguments called like
    one of the extras (see `extras`) get it; in a study with a fidelity a third one without a default gets that. A
    dataclass with a field of the fidelity's name is trained with that field at the fidelity.

    Args:
        function: the function.
        fidelity: the name of the study's fidelity.

    Raises:
        InvalidInput: it is not callable, or its signature is another.

    Example:
        >>> as_trainer(lambda config: {"loss": config["x"] ** 2})({"x": 3.0}, 0)
        {'loss': 9.0}
    """
    if not callable(function):
        raise InvalidInput(f"`trainer` must be a function `f(config, seed)`, not {type(function).__name__}.")
    if fidelity is not None and _has_setting(function, fidelity):
        return FieldTrainer(function, fidelity)
    if getattr(function, "trains_together", False):  # it takes one or many, and says itself what else
        return function
    name = getattr(function, "__qualname__", repr(function))
    try:
        shown = parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"`trainer` {name} does not show its signature ({error}); wrap it in a function `f(config, seed)`."
        ) from error
    extras = {name: name for name in EXTRAS} | ({"fidelity": "fidelity", fidelity: "fidelity"} if fidelity else {})
    told = [
        (extras[parameter.name], parameter.name)
        for place, parameter in enumerate(parameters)
        if parameter.name in extras and place and parameter.kind in NAMED
    ]
    parameters = [item for item in parameters if item.name not in {name for _, name in told}]
    positional = [parameter for parameter in parameters if parameter.kind in POSITIONAL]
    required = [parameter.name for parameter in positional if parameter.default is parameter.empty]
    keywords = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    variadic = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    missing = [word.name for word in keywords if word.default is word.empty and word.name != "seed"]
    third = len(required) == 3 and fidelity is not None and "fidelity" not in dict(told)
    if (len(required) > 2 and not third) or missing or not (positional or variadic):
        raise InvalidInput(
            f"`trainer` must take `(config)` or `(config, seed)`; {name} takes "
            f"`({', '.join(str(parameter) for parameter in shown)})`."
        )
    if told or third:
        by_place = len(required) > 1 or (len(positional) > 1 and positional[1].name == "seed")
        by_name = any(word.name == "seed" for word in keywords)
        return ToldTrainer(
            function, "keyword" if by_name else "position" if by_place else "none", tuple(told), third
        )
    if any(word.name == "seed" for word in keywords):
        return KeywordTrainer(function)
    if len(required) == 2 or (variadic and len(positional) < 2):
        return function
    if len(positional) > 1 and positional[1].name == "seed":
        return function
    return SeedlessTrainer(function)


def _has_setting(trainer: object, name: str) -> bool:
    """Say whether a trainer can be given a setting: a built-in task, or a dataclass with such a field."""
    if hasattr(trainer, "with_settings"):
        return name in dict(getattr(trainer, "settings", ()))
    fields = {item.name for item in dataclasses.fields(trainer)} if dataclasses.is_dataclass(trainer) else ()
    return name in fields and getattr(trainer, name) is not None


def load_function(target: str, folder: str | Path = ".") -> Callable[..., object]:
    """Load a function by name.

    While its module is imported, the module's folder comes first on `sys.path`, as when Python runs it; then it
    stays there, at the end. A file is run anew at each call; a module is imported once a process.

    Args:
        target: `"package.module:name"` or `"path/file.py:name"`; the name may have dots.
        folder: what a path is relative to, and where modules are looked for first.

    Raises:
        InvalidInput: the target has another form, the file or name is not there, what it names cannot be called,
            or the import fails (the message ends with the last lines of its traceback).
    """
    place, separator, name = target.rpartition(":")
    if not separator or not place or not name:
        raise InvalidInput(
            f'`target` must be "package.module:function" or "path/file.py:function", not {target!r}.'
        )
    module = load_file(place, Path(folder)) if place.endswith(".py") else _load_module(place, Path(folder))
    found: object = module
    for part in name.split("."):
        if not hasattr(found, part):
            there = sorted(
                key
                for key, value in vars(module).items()
                if inspect.isfunction(value) and value.__module__ == module.__name__ and not key.startswith("_")
            )
            raise InvalidInput(
                f"`{place}` has no `{name}`; its functions are {', '.join(f'`{key}`' for key in there) or 'none'}."
            )
        found = getattr(found, part)
    if not callable(found):
        raise InvalidInput(f"`{target}` is a {type(found).__name__} and cannot be called; name a function.")
    return found


@lru_cache(maxsize=16)
def _loaded(target: str, folder: str, fidelity: str | None) -> Trainer:
    return as_trainer(load_function(target, folder), fidelity)


def load_file(place: str, folder: Path) -> ModuleType:
    """Run a Python file as a module of its own; see `load_function`.

    Args:
        place: path of the file.
        folder: what it is relative to.

    Raises:
        InvalidInput: it is not there, or cannot be imported.
    """
    path = (folder / place).resolve()
    if not path.is_file():
        raise InvalidInput(f"`{path}` is not there (it was looked for from the folder `{folder.resolve()}`).")
    name = f"{path.stem}_{hashlib.blake2b(str(path).encode(), digest_size=4).hexdigest()}"
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses and pickle look for it there
    loader = specification.loader
    try:
        _import(place, path.parent, lambda: loader.exec_module(module))
    except InvalidInput:
        del sys.modules[name]
        raise
    return module


def _load_module(place: str, folder: Path) -> ModuleType:
    _import(place, folder.resolve(), lambda: importlib.import_module(place))
    return sys.modules[place]


def _import(place: str, folder: Path, run: Callable[[], object]) -> None:
    first = str(folder)
    sys.path.insert(0, first)
    importlib.invalidate_caches()
    try:
        run()
    except ModuleNotFoundError as error:
        if error.name is not None and (place == error.name or place.startswith(f"{error.name}.")):
            raise InvalidInput(
                f"There is no module `{error.name}` in the folder `{folder}` or among the installed packages."
            ) from error
        raise InvalidInput(f"`{place}` cannot be imported:\n{_tail(error)}") from error
    except (Exception, SystemExit) as error:  # the boundary of foreign code: anything may come
        raise InvalidInput(f"`{place}` cannot be imported:\n{_tail(error)}") from error
    finally:
        sys.path.remove(first)
        if first not in sys.path:
            sys.path.append(first)


def _tail(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and (
        trace.tb_frame.f_code.co_filename == __file__ or "importlib" in trace.tb_frame.f_code.co_filename
    ):
        trace = trace.tb_next
    lines = "".join(traceback.format_exception(type(error), error, trace, chain=False)).rstrip().splitlines()
    return "\n".join(lines[-TRACEBACK_LINES:])
