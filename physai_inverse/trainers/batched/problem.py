"""What is trained, in the words of one model: the module, its loss, its data, and what is measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from physai_inverse.observations import Config, Curve, Metric, MetricsLike
from physai_inverse.trainers.batched.recipe import Recipe, recipe_of
from physai_inverse.trainers.observables.choice import Observe, check_wanted

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.observables.choice import Wanted

    Tensors: TypeAlias = tuple["torch.Tensor", ...]
    Build: TypeAlias = Callable[[Config], "torch.nn.Module"]
    Loss: TypeAlias = Callable[["torch.nn.Module", Tensors], "torch.Tensor"]
    Measure: TypeAlias = Callable[["torch.nn.Module", Tensors], Mapping[str, "torch.Tensor"]]

LOGGED = 20
"""Points of a curve where nothing else is said."""


@dataclass(frozen=True)
class Finished:
    """One model at its end.

    Args:
        config: its configuration.
        seed: its seed.
        module: with its last parameters, in evaluation mode.
        curves: what was measured on the way, and the mean `loss` over the batches since the point before.
        steps: that it took.
        diverged: the first step whose loss was not finite; None where all were.
        seconds: its share of the time that its stack took, with its observables.
        stopped: whether the report asked to stop it before its end.
        observed: what its observables gave, as metrics.
    """

    config: Config
    seed: int
    module: "torch.nn.Module"
    curves: Mapping[str, Curve]
    steps: int
    diverged: int | None
    seconds: float
    stopped: bool = False
    observed: Mapping[str, Metric] = field(default_factory=dict)

    def watched(self, budget: int) -> int:
        """Give the step up to which an event is known not to have come: the budget, or where it was stopped."""
        return self.steps if self.stopped else budget


class Report(Protocol):
    """What is told the curves of many models on the way."""

    def __call__(self, index: int, step: float, metrics: Mapping[str, float]) -> bool:
        """Take in the metrics of one model at one step, and say whether it is to stop."""


@dataclass(frozen=True)
class Views:
    """What observables may look at of a model beside its parameters and its loss.

    Args:
        rows: a batch as `loss` takes it, on which losses, activations, gradients and curvature are measured: a
            tuple of tensors, or a function of configuration and seed to one.
        labels: that batch to the class of each row, [n] whole numbers; None where there are no classes.
        latents: that batch to what generated it, [n, latents].
        embedding: name of the parameter [tokens, dimensions] whose rows stand in the order of their tokens.
        head: name of the parameter [classes, units] of the last linear layer.
        attention: module and batch to attention weights, [heads, n, queries, keys].
        floor: configuration and seed to the least loss that any model can reach, known from the generator.
        seen: another batch for activations, labels, latents and attention, such as one that is not trained on.
        curved: another batch for curvature, such as fewer rows.
        hidden: whether the network has activation modules (`nn.ReLU()` and the like, one a layer).
        period: after how many positions the sequences of the batch repeat themselves.
        gates: module and batch to the share of each expert, or the code, of each row, [n, experts].
        samples: module and batch to generated and true samples, [n, d] and [m, d].
        rollout: module and batch to a quantity along rollouts that is conserved in truth, [n, steps].
        terms: of `rows`, for tasks whose answer depends on which tokens stand in a row: how often each does,
            [n, tokens], and the answers, [n] whole numbers.
        places: batch to 1 where the answer of a row is copied from, else 0, [n, positions].
        regression: batch to inputs [n, d] and targets [n, outputs] of a regression.
        line: module and batch to what the network gives at even steps along a line through its inputs, [points]
            or [points, outputs].
    """

    rows: "Tensors | Callable[[Config, int], Tensors]"
    labels: "Callable[[Tensors], torch.Tensor] | None" = None
    latents: "Callable[[Tensors], torch.Tensor] | None" = None
    embedding: str | None = None
    head: str | None = None
    attention: "Callable[[torch.nn.Module, Tensors], torch.Tensor] | None" = None
    floor: Callable[[Config, int], float] | None = None
    seen: "Tensors | Callable[[Config, int], Tensors] | None" = None
    curved: "Tensors | Callable[[Config, int], Tensors] | None" = None
    hidden: bool = True
    period: int | None = None
    gates: "Callable[[torch.nn.Module, Tensors], torch.Tensor] | None" = None
    samples: "Callable[[torch.nn.Module, Tensors], tuple[torch.Tensor, torch.Tensor]] | None" = None
    rollout: "Callable[[torch.nn.Module, Tensors], torch.Tensor] | None" = None
    terms: "Callable[[Tensors], tuple[torch.Tensor, torch.Tensor]] | None" = None
    places: "Callable[[Tensors], torch.Tensor] | None" = None
    regression: "Callable[[Tensors], tuple[torch.Tensor, torch.Tensor]] | None" = None
    line: "Callable[[torch.nn.Module, Tensors], torch.Tensor] | None" = None


def last_values(finished: Finished) -> MetricsLike:
    """Give every curve as `NAME_curve` and its last value as `NAME`, with the seconds; NaN where it diverged."""
    nan = float("nan")
    metrics: dict[str, float | Curve] = {}
    for name, curve in finished.curves.items():
        metrics |= {name: nan if finished.diverged else curve.values[-1], f"{name}_curve": curve}
    if finished.diverged is not None:
        metrics["diverged_step"] = float(finished.diverged)
    return {**metrics, "seconds": finished.seconds}


def even_steps(steps: int) -> Sequence[int]:
    """List about `LOGGED` steps at even distances, with the last."""
    every = max(steps // LOGGED, 1)
    return sorted({*range(every, steps + 1, every), steps})


@dataclass(frozen=True)
class Problem:
    """What is trained; see `BatchedTrainer`, which has the same fields."""

    build: "Build"
    loss: "Loss"
    rows: "Tensors | Callable[[Config, int], Tensors] | None" = None
    draw: "Callable[[Config, torch.Generator], Tensors] | None" = None
    steps: int | Callable[[Config], int] | None = None
    epochs: int | None = None
    recipe: Callable[[Config], Recipe] = recipe_of
    measure: "Measure | None" = None
    given: "Tensors | Callable[[Config, int], Tensors]" = ()
    log: Callable[[int, int], Sequence[int]] | Sequence[int] | None = None
    ended: Callable[[Mapping[str, Curve]], bool] | None = None
    finish: Callable[[Finished], MetricsLike] = last_values
    views: Views | None = None
    observables: "Sequence[Wanted]" = ()
    observe_at: str | int = "end"
    observe_share: float | None = None
    device: str = "auto"
    precision: str = "float32"
    bfloat16_muon: bool = False
    threads: int = 1
    memory: int | None = None
    stacked: bool = True
    clock: Callable[[int, int], float] | None = None
    lasting: tuple[str, ...] = ()
    stop_early: bool = True


def observed(problem: Problem) -> Observe:
    """Read what is observed, and when.

    Raises:
        InvalidInput: it cannot be meant.
    """
    return Observe(check_wanted(problem.observables), problem.observe_at, problem.observe_share)
