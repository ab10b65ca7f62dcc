"""A task: a training with its knobs, settings and metrics as plain data, and the trainer that does it.

A task is one small file that holds `TASK = Task(...)`: those in `catalogue/` are built in, and a study file names
any other by its path. Nothing heavy is imported on reading one: `trainer` imports torch when it is called.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType, ModuleType

from physai_inverse.errors import InvalidInput, PhysaiInverseError, TrialFailed
from physai_inverse.observations import Config, Metric, Trainer, as_metrics
from physai_inverse.trainers.batched import AbstractBatched, BatchedTrainer
from physai_inverse.trainers.batched.trainer import PRECISIONS
from physai_inverse.trainers.function import load_file
from physai_inverse.trainers.observables.choice import Chosen, Observe, check_wanted, choose, met_by, resolved
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, check_device, settle

FOLDER = Path(__file__).parent / "catalogue"
ENDING = ".py"
MACHINE: Mapping[str, Setting] = MappingProxyType(
    {"device": "auto", "precision": "float32", "observables": False, "observe_at": "end", "observe_share": 0.0}
)
"""Settings of every task with a `BatchedTrainer`; a share of 0 is no limit. A task may have other defaults."""


@dataclass(frozen=True)
class Task:
    """What a built-in training is, for people and for the writer of a study file.

    Args:
        name: as in `load_task`.
        description: one paragraph: data, network, loss, about how long one training takes.
        source: where the model comes from.
        knobs: parameter name to knob; see `knobs`.
        settings: fixed settings and their defaults; those of `MACHINE` only where their defaults are others here.
        metrics: metric name to meaning and unit, one line each.
        trainer: settings to what trains: a `BatchedTrainer`, or any callable `(config, seed)` that gives metrics
            where nothing is trained by gradients. Its functions read a configuration by
            `complete(config, KNOBS)`, which checks it and adds defaults.
        phenomenon: what the task shows, and by which metric one sees it; its first words name it in lists.
        objective: what a first study file asks for, in the words of one: `{"maximize": "memorised_bits"}`. Where
            it is left out, the first of `val_loss`, `test_loss` and `loss` is minimised, or else the first metric.
    """

    name: str
    description: str
    source: str
    knobs: Mapping[str, Knob]
    settings: Mapping[str, Setting]
    metrics: Mapping[str, str]
    trainer: Callable[[Values], Trainer]
    phenomenon: str = ""
    objective: Mapping[str, Setting] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskTrainer(AbstractBatched):
    """A task with its settings, as a trainer; travels to other processes by its name.

    Args:
        name: of a built-in task, or the path of a file that holds one.
        settings: all of them.
    """

    name: str
    settings: tuple[tuple[str, Setting], ...]

    @property
    def goes_on(self) -> bool:  # type: ignore[override]  # of some tasks
        """Whether a longer training can go on from a shorter one: where networks are trained."""
        return isinstance(self.trainer(), BatchedTrainer)

    def trainer(self) -> Trainer:
        """Give what does the work."""
        task = find_task(self.name)
        values = Values(self.settings)
        trainer = task.trainer(values)
        if not isinstance(trainer, BatchedTrainer):
            return trainer
        observe = observed(values)
        return replace(
            trainer,
            device=values.word("device"),
            precision=values.word("precision"),
            observables=chosen(task, trainer, observe).names if observe.what else (),
            observe_at=observe.at,
            observe_share=observe.share,
        )

    @property
    def metrics(self) -> Mapping[str, str]:
        """Metric name to meaning and unit: the task's own, and those of its observables."""
        task = find_task(self.name)
        observe = observed(Values(self.settings))
        if not observe.what:
            return task.metrics
        return {**task.metrics, **chosen(task, task.trainer(Values(self.settings)), observe).metrics(observe.at)}

    def many(self) -> Callable[..., dict[str, Metric] | list[dict[str, Metric] | TrialFailed]]:
        """Give what takes one configuration or many: where nothing is stacked, one after another."""
        trainer = self.trainer()
        return trainer if isinstance(trainer, BatchedTrainer) else OneByOne(trainer)

    def batched(self) -> BatchedTrainer:
        """Give the trainer that trains many together.

        Raises:
            InvalidInput: nothing is trained by gradients here.
        """
        trainer = self.trainer()
        if not isinstance(trainer, BatchedTrainer):
            raise InvalidInput(f"The task `{self.name}` trains nothing that could be stacked.")
        return trainer

    def with_settings(self, **settings: Setting) -> "TaskTrainer":
        """Give the same task with other settings.

        Raises:
            InvalidInput: a setting that is not there or cannot be meant.
        """
        return make(self.name, {**dict(self.settings), **settings}, stop_early=self.stop_early)


def make(name: str, settings: Mapping[str, object], *, stop_early: bool = False) -> TaskTrainer:
    """Give the trainer of a task.

    Raises:
        InvalidInput: there is no such task or setting, or a setting cannot be meant.
    """
    task = find_task(name)
    if "observables" in settings:
        settings = {**settings, "observables": resolved(settings["observables"], Path())}
    values = settle(settings, {**MACHINE, **task.settings}, task.name)
    check_device(values["device"])
    if values["precision"] not in PRECISIONS:
        listed = ", ".join(f"`{word}`" for word in PRECISIONS)
        raise InvalidInput(f"`precision` must be one of {listed}, not {values['precision']!r}.")
    trainer = task.trainer(Values(values))  # what a task refuses is told now
    observe = observed(values)
    if observe.what:
        chosen(task, trainer, observe)
    place = str(Path(name).resolve()) if name.endswith(ENDING) else name
    return TaskTrainer(place, tuple(values.items()), stop_early=stop_early)


def observed(values: Values) -> Observe:
    """Read the settings about observables.

    Raises:
        InvalidInput: one that cannot be meant.
    """
    what, at, share = values["observables"], values["observe_at"], values.number("observe_share")
    assert isinstance(at, str | int)
    return Observe(check_wanted(what), at, share or None)


def chosen(task: Task, trainer: Trainer, observe: Observe) -> Chosen:
    """Choose the observables of a task.

    Raises:
        InvalidInput: one that is named cannot be had of this task.
    """
    if not isinstance(trainer, BatchedTrainer):
        raise InvalidInput(f"The task `{task.name}` trains no network, so that `observables` must be false.")
    return choose(observe.what, met_by(trainer.views, curves_of(task)), frozenset(task.metrics))


def curves_of(task: Task) -> frozenset[str]:
    """Name the curves that a task's trainings have, as far as its metrics say, and the loss that every one has."""
    return frozenset(name.removesuffix("_curve") for name in task.metrics if name.endswith("_curve")) | {"loss"}


def task_names() -> tuple[str, ...]:
    """List the built-in trainings."""
    return tuple(sorted(path.stem for path in FOLDER.glob(f"*{ENDING}") if path.stem != "__init__"))


def find_task(name: str) -> Task:
    """Give description, source, knobs, settings and metrics of a task.

    Args:
        name: of a built-in one, or the path of a Python file that holds `TASK`.

    Raises:
        InvalidInput: there is no such task, or the file holds none.
    """
    if name in task_names():
        module = import_module(f"{__package__}.catalogue.{name}")
    elif name.endswith(ENDING):
        module = _module_of(str(Path(name).resolve()))
    else:
        listed = ", ".join(f"`{task}`" for task in task_names())
        raise InvalidInput(
            f"There is no task `{name}`; there are {listed}. A task of your own is named by the path of its file, "
            "such as `my_task.py`."
        )
    task = getattr(module, "TASK", None)
    if not isinstance(task, Task):
        raise InvalidInput(f"`{name}` must hold `TASK = Task(...)`, not {type(task).__name__}.")
    return task


@lru_cache(maxsize=16)
def _module_of(path: str) -> ModuleType:
    return load_file(path, Path())


@dataclass(frozen=True)
class OneByOne:
    """A plain trainer that takes many configurations, one after another; it reports nothing on the way.

    Args:
        trainer: takes one configuration and one seed.
    """

    trainer: Trainer

    def __call__(
        self,
        configs: Config | Sequence[Config],
        seeds: int | Sequence[int],
        report: object = None,  # noqa: ARG002 - there is nothing to tell
        checkpoint: object = None,  # noqa: ARG002 - nor to keep
    ) -> dict[str, Metric] | list[dict[str, Metric] | TrialFailed]:
        """Train one, or each of many."""
        if isinstance(configs, Mapping):
            return as_metrics(self.trainer(configs, seeds))
        assert not isinstance(seeds, int)
        return [_tried(self.trainer, config, seed) for config, seed in zip(configs, seeds, strict=True)]


def _tried(trainer: Trainer, config: Config, seed: int) -> dict[str, Metric] | TrialFailed:
    try:
        return as_metrics(trainer(config, seed))
    except TrialFailed as failed:
        return failed
    except PhysaiInverseError as error:
        return TrialFailed(str(error), kind="bug")
