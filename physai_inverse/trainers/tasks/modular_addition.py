"""Addition modulo a prime: a network that first learns its training pairs by heart and generalises later.

Toy model of grokking: how late it generalises depends on learning rate, weight decay, training share and
initialisation, with sharp borders between the phases.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Curve, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.tasks.knobs import (
    Knob,
    Setting,
    Task,
    check_device,
    chosen_observables,
    complete,
    count,
    settle,
    share,
)

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.tasks.parameters import Layout

DESCRIPTION = (
    "A small network learns (a + b) mod p from a share of all pairs, with AdamW on the full batch: the embeddings "
    "of both numbers are added and go through one hidden ReLU layer. It knows its training pairs long before it "
    "answers the others (grokking), or never does; learning rate, weight decay, training share, width and "
    "initialisation decide. One training takes seconds on one CPU core."
)
SOURCE = "the task of Power et al. 2022, https://arxiv.org/abs/2201.02177; toy model T1 of our catalogue"
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True, "default": 0.01},
    "weight_decay": {"type": "float", "low": 0.03, "high": 8.0, "log": True, "default": 1.0},
    "train_share": {"type": "float", "low": 0.2, "high": 0.8, "below": 1, "default": 0.5},
    "width": {"type": "integer", "low": 32, "high": 256, "log": True, "default": 128},
    "init_scale": {"type": "float", "low": 0.3, "high": 4.0, "log": True, "default": 1.0},
}
SETTINGS: dict[str, Setting] = {
    "p": 31,
    "steps": 3000,
    "embedding": 64,
    "threshold": 0.9,
    "settle": 1.5,
    "device": "auto",
    "observables": True,
}
OBSERVABLES: dict[str, str] = {
    "weight_norm": "Euclidean norm of all parameters at the end",
    "effective_rank": "entropy rank (from variances) of the token embedding at the end, centred",
    "fourier_concentration": "share of the embedding's power in its 4 strongest frequencies, in [0, 1]",
    "dead_units": "share of hidden units that are active for no pair, in [0, 1]",
    "nonlinear_units": "share of hidden units that are active for some pairs and not for others, in [0, 1]",
    "gradient_norm": "norm of the gradient of the training loss at the end",
    "sharpness": "largest Hessian eigenvalue of the training loss (Lanczos, tolerance 1 %)",
    "sharpness_converged": "1 when the sharpness is within its tolerance after at most 40 products, else 0",
}
METRICS: dict[str, str] = {
    "train_loss": "mean cross-entropy on training pairs at the end, in nats",
    "test_loss": "mean cross-entropy on all other pairs at the end, in nats",
    "train_accuracy": "share of training pairs answered correctly at the end, in [0, 1]",
    "test_accuracy": "share of other pairs answered correctly at the end, in [0, 1]",
    "generalisation_gap": "test_loss - train_loss, in nats",
    "train_loss_curve": "training loss over steps (about 20 a decade), in nats",
    "test_loss_curve": "test loss over steps, in nats",
    "train_accuracy_curve": "training accuracy over steps, in [0, 1]",
    "test_accuracy_curve": "test accuracy over steps, in [0, 1]",
    "steps_to_train_90": "first logged step with the training accuracy at the threshold; censored at the budget",
    "steps_to_test_90": "first logged step with the test accuracy at the threshold; censored at the budget",
    "grokking_delay": "steps_to_test_90 - steps_to_train_90; censored with it; absent without a training time",
    "parameters": "number of trained parameters",
    "seconds": "wall time of the training with its observables, in seconds",
    **OBSERVABLES,
}
TASK = Task("modular_addition", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS)

POINTS_PER_DECADE = 20
STRONGEST_FREQUENCIES = 4
SHARPNESS_TOLERANCE = 1e-2
SHARPNESS_PRODUCTS = 40
CURVES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


@dataclass(frozen=True)
class ModularAdditionTrainer:
    """Train a network on modular addition.

    On a CPU the same configuration and seed give the same bits (except `seconds`). A loss that is not finite
    ends the training: all losses are then NaN, and there are no observables.

    Args:
        p: prime, the number of tokens.
        steps: budget of full-batch steps.
        embedding: dimension of the token embedding.
        threshold: of the accuracy that counts as reached; the names of the metrics say 90 for any.
        settle: the training ends early at `settle` times the step at which the test accuracy reached the
            threshold, if it is above the threshold then; 0 to train to the end of the budget always.
        device: `auto`, `cpu` or `cuda`.
        observables: names out of `OBSERVABLES` to measure at the end.
    """

    p: int = 31
    steps: int = 3000
    embedding: int = 64
    threshold: float = 0.9
    settle: float = 1.5
    device: str = "auto"
    observables: tuple[str, ...] = tuple(OBSERVABLES)

    def __call__(self, config: Config, seed: int) -> dict[str, Metric]:
        """Train once.

        Raises:
            InvalidInput: a parameter that is not there, or a value that cannot be meant.
            TrialFailed: the device is not there.
        """
        values = complete(config, KNOBS)
        if not values["train_share"]:
            raise InvalidInput("`train_share` must be above 0.")
        from physai_inverse.trainers.tasks.parameters import one_thread

        with one_thread():
            return _train(values, seed, self)


def make(settings: Mapping[str, object]) -> ModularAdditionTrainer:
    """Give a trainer with these settings.

    Raises:
        InvalidInput: a setting that is not there or cannot be meant.
    """
    values = settle(settings, SETTINGS, "modular_addition")
    p = count("p", values["p"], 5)
    if any(p % divisor == 0 for divisor in range(2, math.isqrt(p) + 1)):
        raise InvalidInput(f"`p` must be a prime number, not {p}.")
    wait = values["settle"]
    if isinstance(wait, bool) or not isinstance(wait, int | float) or not (wait == 0 or wait >= 1):
        raise InvalidInput(f"`settle` must be 0 or a number of at least 1, not {wait!r}.")
    return ModularAdditionTrainer(
        p,
        count("steps", values["steps"]),
        count("embedding", values["embedding"]),
        share("threshold", values["threshold"]),
        float(wait),
        check_device(values["device"]),
        chosen_observables(values["observables"], tuple(OBSERVABLES)),
    )


@dataclass(frozen=True)
class _Pairs:
    """Pairs and their sums, with the form of the network that answers them."""

    layout: "Layout"
    first: "torch.Tensor"
    second: "torch.Tensor"
    answers: "torch.Tensor"

    def hidden_inputs(self, w: "torch.Tensor") -> "torch.Tensor":
        """Give what goes into the hidden units, [pairs, width]."""
        views = self.layout.views(w)
        # The first layer is linear, so it is applied to the tokens before the pairs are formed.
        tokens = views["embedding"] @ views["hidden"].T
        return tokens[self.first] + tokens[self.second] + views["hidden_bias"]

    def logits(self, w: "torch.Tensor") -> "torch.Tensor":
        """Give the outputs, [pairs, p]."""
        views = self.layout.views(w)
        return self.hidden_inputs(w).relu() @ views["output"].T + views["output_bias"]

    def loss(self, w: "torch.Tensor") -> "torch.Tensor":
        """Give the mean cross-entropy."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(self.logits(w), self.answers)

    def evaluate(self, w: "torch.Tensor") -> tuple[float, float]:
        """Give loss and accuracy."""
        import torch
        from torch.nn.functional import cross_entropy

        with torch.no_grad():
            logits = self.logits(w)
            hits = (logits.argmax(dim=1) == self.answers).double().mean()
            return float(cross_entropy(logits, self.answers)), float(hits)


@dataclass
class _Log:
    """The learning curves so far."""

    steps: list[int] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in CURVES})

    def add(self, step: int, train: tuple[float, float], test: tuple[float, float]) -> None:
        self.steps.append(step)
        for name, value in zip(CURVES, (*train, *test), strict=True):
            self.values[name].append(value)

    def curve(self, name: str) -> Curve:
        return Curve(tuple(map(float, self.steps)), tuple(self.values[name]))


def log_steps(budget: int) -> tuple[int, ...]:
    """List the steps to log: 0, then about 20 a decade, and the last."""
    last = math.ceil(POINTS_PER_DECADE * math.log10(budget)) if budget > 1 else 0
    steps = {min(budget, round(10 ** (index / POINTS_PER_DECADE))) for index in range(last + 1)}
    return tuple(sorted({0, budget, *steps}))


def _train(values: Mapping[str, object], seed: int, settings: ModularAdditionTrainer) -> dict[str, Metric]:
    import torch

    from physai_inverse.trainers.observables.curves import delay, first_reaching
    from physai_inverse.trainers.tasks.optimizers import AdamW
    from physai_inverse.trainers.tasks.parameters import Layout, find_device

    start = time.perf_counter()
    device = find_device(settings.device)
    p, width = settings.p, _integer(values["width"])
    layout = Layout(
        {
            "embedding": (p, settings.embedding),
            "hidden": (width, settings.embedding),
            "hidden_bias": (width,),
            "output": (p, width),
            "output_bias": (p,),
        }
    )
    train, test = _split(layout, p, _float(values["train_share"]), child(seed, "pairs"), device)
    scale = _float(values["init_scale"])
    deviations = {
        "embedding": scale,
        "hidden": scale / math.sqrt(settings.embedding),
        "output": scale / math.sqrt(width),
    }
    w = layout.normal(deviations, child(seed, "initial"), device)
    optimizer = AdamW(_float(values["lr"]), _float(values["weight_decay"]), (0.9, 0.98))
    log, logged = _Log(), set(log_steps(settings.steps))
    reached, diverged = math.inf, False
    for step in range(settings.steps + 1):
        if step:
            (gradient,) = torch.autograd.grad(train.loss(w), w)
            optimizer.step(w, gradient)
        if step not in logged:
            continue
        log.add(step, train.evaluate(w), test.evaluate(w))
        diverged = not math.isfinite(log.values["train_loss"][-1] + log.values["test_loss"][-1])
        settled = log.values["test_accuracy"][-1] >= settings.threshold
        reached = min(reached, step) if settled else math.inf
        if diverged or (settings.settle and settled and step >= settings.settle * max(reached, 1)):
            break
    if diverged:
        log.values["train_loss"][-1] = log.values["test_loss"][-1] = math.nan
    metrics: dict[str, Metric] = {name: log.values[name][-1] for name in CURVES}
    metrics["generalisation_gap"] = log.values["test_loss"][-1] - log.values["train_loss"][-1]
    metrics.update({f"{name}_curve": log.curve(name) for name in CURVES})
    early = first_reaching(log.curve("train_accuracy"), settings.threshold, budget=settings.steps)
    late = first_reaching(log.curve("test_accuracy"), settings.threshold, budget=settings.steps)
    metrics["steps_to_train_90"], metrics["steps_to_test_90"] = early, late
    between = delay(early, late)
    if between is not None:
        metrics["grokking_delay"] = between
    metrics["parameters"] = float(layout.size)
    if not diverged:
        metrics.update(_observe(train, test, w, settings.observables, child(seed, "sharpness")))
    metrics["seconds"] = time.perf_counter() - start
    return metrics


def _split(
    layout: "Layout", p: int, train_share: float, seed: int, device: "torch.device"
) -> tuple[_Pairs, _Pairs]:
    import torch

    numbers = torch.cartesian_prod(torch.arange(p), torch.arange(p))
    order = torch.randperm(len(numbers), generator=torch.Generator().manual_seed(seed))
    size = min(max(round(train_share * len(numbers)), 1), len(numbers) - 1)
    parts = [numbers[order[:size]].to(device), numbers[order[size:]].to(device)]
    train, test = (_Pairs(layout, part[:, 0], part[:, 1], part.sum(dim=1) % p) for part in parts)
    return train, test


def _observe(
    train: _Pairs, test: _Pairs, w: "torch.Tensor", names: tuple[str, ...], seed: int
) -> dict[str, Metric]:
    import torch

    from physai_inverse.trainers.observables import activations, curvature, gradients, weights

    E = train.layout.views(w.detach())["embedding"].double()
    found: dict[str, Metric] = {"weight_norm": weights.weight_norm(w.detach())}
    found["effective_rank"] = weights.effective_rank(E - E.mean(dim=0))
    found["fourier_concentration"] = weights.fourier_concentration(E, num_frequencies=STRONGEST_FREQUENCIES)
    if {"dead_units", "nonlinear_units"} & set(names):
        Z = torch.cat([train.hidden_inputs(w.detach()), test.hidden_inputs(w.detach())])
        states = activations.unit_states(Z, torch.relu)
        found["dead_units"], found["nonlinear_units"] = states.dead / Z.shape[1], states.nonlinear / Z.shape[1]
    if "gradient_norm" in names:
        (gradient,) = torch.autograd.grad(train.loss(w), w)
        found["gradient_norm"] = gradients.gradient_norm(gradient)
    if {"sharpness", "sharpness_converged"} & set(names):
        top = curvature.sharpness(
            train.loss, w, seed=seed, tolerance=SHARPNESS_TOLERANCE, max_products=SHARPNESS_PRODUCTS
        )
        found["sharpness"], found["sharpness_converged"] = top.value, float(top.converged)
    return {name: found[name] for name in names}


def _float(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _integer(value: object) -> int:
    assert isinstance(value, int)
    return value
