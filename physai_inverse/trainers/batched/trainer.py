"""Many trainings of one problem in one program, as a trainer: configurations and seeds in, metrics out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, overload

from physai_inverse.errors import InvalidInput, TrialFailed
from physai_inverse.observations import Config, Metric, as_metrics
from physai_inverse.trainers.batched.problem import Problem, Report, observed
from physai_inverse.trainers.bills import Bill
from physai_inverse.trainers.observables.choice import choose, met_by

PRECISIONS = ("float32", "float64", "tf32", "bfloat16")


class OneReport:
    """A report on one training, as a report on the only one of many."""

    def __init__(self, report: "object") -> None:
        if not callable(report):
            raise InvalidInput(f"`report` must be callable, not {type(report).__name__}.")
        self._report = report

    def __call__(self, index: int, step: float, metrics: Mapping[str, float]) -> bool:  # noqa: ARG002 - as of many
        """Pass it on."""
        return bool(self._report(step, metrics))


class TrainsMany(ABC):
    """What trains one configuration for one seed, and many for a list of seeds."""

    takes: ClassVar[frozenset[str]] = frozenset({"report"})
    trains_together: ClassVar[bool] = True
    goes_on: ClassVar[bool] = True

    @abstractmethod
    def many(self) -> "Callable[..., dict[str, Metric] | list[dict[str, Metric] | TrialFailed]]":
        """Give what takes either."""

    @overload
    def __call__(
        self, configs: Config, seeds: int, report: object = None, checkpoint: Path | None = None
    ) -> dict[str, Metric]: ...

    @overload
    def __call__(
        self,
        configs: Sequence[Config],
        seeds: Sequence[int],
        report: Report | None = None,
        checkpoint: Sequence[Path] | None = None,
    ) -> list[dict[str, Metric] | TrialFailed]: ...

    def __call__(
        self,
        configs: Config | Sequence[Config],
        seeds: int | Sequence[int],
        report: object = None,
        checkpoint: Path | Sequence[Path] | None = None,
    ) -> dict[str, Metric] | list[dict[str, Metric] | TrialFailed]:
        """Train one configuration, or many.

        Args:
            configs: one configuration, or a list of them.
            seeds: one seed, or one for each.
            report: `report(step, metrics)` for one, `report(index, step, metrics)` for many; is told what is
                measured, and gives True to stop that training.
            checkpoint: a folder that is there, or one for each. A training whose state is in its folder goes on
                from there; where it ends, or is stopped, its state is kept.

        Returns:
            Metrics; for many a list, in which a training that failed stands as its `TrialFailed`: the others go
            on. One that diverged has metrics that are NaN, and `diverged_step`.

        Raises:
            InvalidInput: configurations and seeds do not go together; for one, what its functions refuse.
            TrialFailed: the device is not there.
        """
        return self.many()(configs, seeds, report, checkpoint)


@dataclass(frozen=True)
class BatchedTrainer(Problem, TrainsMany):
    """Train many configurations together, each as if it were alone.

    The functions speak of one model, as in an ordinary loop; what can share a program is found out here. Every
    model has its own recipe, seed and streams (first parameters, order of its rows, dropout), so that its result
    does not depend, beyond rounding, on what it is trained with.

    Args:
        build: configuration to module. It runs with torch's global stream seeded for this model.
        loss: module and batch (a tuple of tensors) to a loss: one value, or better one value a row, of which the
            mean is taken. With one value a row, models of different batch sizes share a stack. What is random
            belongs into `draw`: a loss that draws by itself is trained alone.
        rows: the training data, a tuple of tensors [rows, ...], or a function of configuration and seed to one.
            Batches go through them in an order of the model's own, anew in each epoch.
        draw: instead of `rows`: configuration and a `torch.Generator` to a fresh batch.
        steps: of a training, or a function of the configuration.
        epochs: instead of `steps`.
        recipe: configuration to `Recipe`; by default parameters that are called like its fields.
        measure: module (in evaluation mode) and `given` to a mapping of name to value, at the logged steps.
        given: what `measure` is given: a tuple of tensors, or a function of configuration and seed.
        log: the steps to measure at, or a function of the number of steps and the steps an epoch to them; about
            twenty by default. The last is always one.
        ended: the curves so far to whether the training is over.
        finish: what is made of a model at its end; `last_values` by default.
        views: what observables may look at.
        observables: what is observed: names and groups of observables, functions of a `View`, see `Observe`.
        observe_at: `end`; or on the way, too: every so many steps, or at `powers` of two.
        observe_share: of the time of training that observing may take; None for any.
        device: `auto` (CUDA where there is one), `cpu` or `cuda`.
        precision: `float32`, `float64`, `tf32` or `bfloat16` (forward passes in it).
        bfloat16_muon: iterate Muon in bfloat16, as published and as `torch.optim.Muon` does; else in `precision`.
            In bfloat16 a training cannot be repeated: its rounding magnifies the last bit of a gradient.
        threads: of this process while it trains. More than one makes small networks slower.
        memory: bytes that a stack may take; half of what is free by default.
        stacked: false trains one model after another.
        clock: what a step is called in reports, of the step and the steps an epoch; the step by default.
        lasting: metrics that do not depend on how far a training got, such as the number of parameters.
        stop_early: whether a study may stop hopeless trainings.

    Raises:
        InvalidInput: both or neither of `rows` and `draw`, or of `steps` and `epochs`; `epochs` with `draw`; an
            unknown device or precision; a number below 1; an observable that is not there or cannot be had.

    Example:
        >>> import torch
        >>> x = torch.linspace(-1, 1, 64)[:, None]
        >>> trainer = BatchedTrainer(
        ...     build=lambda config: torch.nn.Sequential(
        ...         torch.nn.Linear(1, config["width"]), torch.nn.Tanh(), torch.nn.Linear(config["width"], 1)
        ...     ),
        ...     loss=lambda module, batch: (module(batch[0]) - batch[1]).square().mean(dim=1),
        ...     rows=(x, x.sin()),
        ...     steps=50,
        ... )
        >>> metrics = trainer([{"lr": 0.01, "width": 8}, {"lr": 0.1, "width": 16}], [0, 1])
        >>> [sorted(found) for found in metrics]
        [['loss', 'loss_curve', 'seconds'], ['loss', 'loss_curve', 'seconds']]
    """

    def __post_init__(self) -> None:
        if (self.rows is None) == (self.draw is None):
            raise InvalidInput("Give either `rows` or `draw`.")
        if (self.steps is None) == (self.epochs is None):
            raise InvalidInput("Give either `steps` or `epochs`.")
        if self.epochs is not None and self.rows is None:
            raise InvalidInput("`epochs` needs `rows`; with `draw` give `steps`.")
        if self.device not in ("auto", "cpu", "cuda"):
            raise InvalidInput(f"`device` must be `auto`, `cpu` or `cuda`, not {self.device!r}.")
        if self.precision not in PRECISIONS:
            listed = ", ".join(f"`{name}`" for name in PRECISIONS)
            raise InvalidInput(f"`precision` must be one of {listed}, not {self.precision!r}.")
        for name in ("epochs", "threads", "memory"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise InvalidInput(f"`{name}` must be a whole number of at least 1, not {value!r}.")
        choose(observed(self).what, met_by(self.views, None))

    def many(self) -> "Callable[..., dict[str, Metric] | list[dict[str, Metric] | TrialFailed]]":
        """Give the training itself."""
        return self._train

    def plan(self, configs: Sequence[Config], seeds: Sequence[int]) -> list[str]:
        """Say which configurations would train together, and why where one would train alone.

        Returns:
            One line a stack, in the order in which they train.
        """
        from physai_inverse.trainers.batched.session import Session

        return Session(self, None).explain(configs, seeds)

    def foresee(self, configs: Sequence[Config]) -> list[Bill | None]:
        """Say what trainings will take before they begin, alone and beside others; see `Bill`.

        Returns:
            One a configuration; None where it cannot be built.
        """
        from physai_inverse.trainers.batched.session import Session

        return Session(self, None).foresee(configs)

    def _train(
        self,
        configs: Config | Sequence[Config],
        seeds: int | Sequence[int],
        report: object,
        checkpoint: Path | Sequence[Path] | None,
    ) -> dict[str, Metric] | list[dict[str, Metric] | TrialFailed]:
        from physai_inverse.trainers.batched.session import Session, as_failure

        if isinstance(configs, Mapping):
            if isinstance(seeds, bool) or not isinstance(seeds, int):
                raise InvalidInput(f"`seeds` must be one whole number for one configuration, not {seeds!r}.")
            told = None if report is None else OneReport(report)
            if checkpoint is not None and not isinstance(checkpoint, Path):
                raise InvalidInput(f"`checkpoint` must be a folder as Path, not {type(checkpoint).__name__}.")
            folders = None if checkpoint is None else [checkpoint]
            (found,) = Session(self, told, folders).train([configs], [seeds])
            if isinstance(found, BaseException):
                raise found
            return as_metrics(found)
        if isinstance(seeds, int) or len(configs) != len(seeds):
            raise InvalidInput("`seeds` must be a list with one seed for each configuration.")
        if checkpoint is not None and (isinstance(checkpoint, Path) or len(checkpoint) != len(configs)):
            raise InvalidInput("`checkpoint` must be a list with one folder for each configuration.")
        results: list[dict[str, Metric] | TrialFailed] = []
        session = Session(self, report, checkpoint)  # type: ignore[arg-type]  # a report on many
        for index, given in enumerate(session.train(configs, seeds)):
            failed: BaseException | None = given if isinstance(given, BaseException) else None
            if failed is None:
                try:
                    results.append(as_metrics(given))
                except InvalidInput as error:
                    failed = error
            if failed is not None:
                results.append(as_failure(failed, index, configs[index]))
        return results


@dataclass(frozen=True)
class AbstractBatched(TrainsMany):
    """A training with settings of its own, such as a built-in task, that a `BatchedTrainer` does.

    Args:
        stop_early: whether a study may stop hopeless trainings. What they measured at their end is then missing
            for the maps of other metrics than the one that is wished for, so it has to be asked for.
    """

    lasting: ClassVar[tuple[str, ...]] = ("parameters",)

    stop_early: bool = field(default=False, kw_only=True, repr=False)

    @abstractmethod
    def batched(self) -> BatchedTrainer:
        """Give the trainer that does the work."""

    def foresee(self, configs: Sequence[Config]) -> list[Bill | None]:
        """Say what trainings will take before they begin; see `BatchedTrainer`."""
        found = self.many()
        return found.foresee(configs) if isinstance(found, BatchedTrainer) else [None] * len(configs)

    def many(self) -> "Callable[..., dict[str, Metric] | list[dict[str, Metric] | TrialFailed]]":
        """Give what takes one configuration or many, as a `BatchedTrainer` does."""
        return self.batched()
