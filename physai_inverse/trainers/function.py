"""A Python function as trainer: given as it is, or named by where it stands.

`FunctionTrainer` names a function and loads it where it runs, so that it travels to worker processes whatever
it is made of.
"""

import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, MetricsLike, Trainer

TRACEBACK_LINES = 8
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
class FunctionTrainer:
    """A trainer that is named, and loaded where it runs.

    Args:
        target: as in `load_function`.
        folder: as in `load_function`.
    """

    target: str
    folder: str = "."

    def __call__(self, config: Config, seed: int) -> MetricsLike:
        """Load the function, once a process, and call it.

        Raises:
            InvalidInput: it cannot be loaded, or takes neither `(config)` nor `(config, seed)`.
        """
        metrics: MetricsLike = _loaded(self.target, self.folder)(config, seed)
        return metrics


def as_trainer(function: object) -> Trainer:
    """Make a trainer of a function `f(config)` or `f(config, seed)`; its signature decides.

    A second argument that has a default gets the seed only when it is called `seed`.

    Raises:
        InvalidInput: it is not callable, or its signature is another.

    Example:
        >>> as_trainer(lambda config: {"loss": config["x"] ** 2})({"x": 3.0}, 0)
        {'loss': 9.0}
    """
    if not callable(function):
        raise InvalidInput(f"`trainer` must be a function `f(config, seed)`, not {type(function).__name__}.")
    name = getattr(function, "__qualname__", repr(function))
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"`trainer` {name} does not show its signature ({error}); wrap it in a function `f(config, seed)`."
        ) from error
    positional = [parameter for parameter in parameters if parameter.kind in POSITIONAL]
    required = [parameter.name for parameter in positional if parameter.default is parameter.empty]
    keywords = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    variadic = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    missing = [word.name for word in keywords if word.default is word.empty and word.name != "seed"]
    if len(required) > 2 or missing or not (positional or variadic):
        raise InvalidInput(
            f"`trainer` must take `(config)` or `(config, seed)`; {name} takes "
            f"`({', '.join(str(parameter) for parameter in parameters)})`."
        )
    if any(word.name == "seed" for word in keywords):
        return KeywordTrainer(function)
    if len(required) == 2 or (variadic and len(positional) < 2):
        return function
    if len(positional) > 1 and positional[1].name == "seed":
        return function
    return SeedlessTrainer(function)


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
    module = _load_file(place, Path(folder)) if place.endswith(".py") else _load_module(place, Path(folder))
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
def _loaded(target: str, folder: str) -> Trainer:
    return as_trainer(load_function(target, folder))


def _load_file(place: str, folder: Path) -> ModuleType:
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
