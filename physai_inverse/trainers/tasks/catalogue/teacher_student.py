"""A student imitates a teacher of its own form from few rows; the size of its first weights decides how well."""

from typing import TYPE_CHECKING

from physai_inverse.observations import Config, Curve, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.batched.problem import last_values
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete, share
from physai_inverse.trainers.tasks.steps import log_steps
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.tasks.networks.imitator import Imitator

DESCRIPTION = (
    "A tanh network of two hidden layers learns what a random one of the same form gives for normal rows, "
    "from few of them, by AdamW on the full batch and the mean square. Its first weights are scaled by "
    "`init_scale`; `norm` says whether their length is free or held. One training takes a few seconds on one "
    "CPU core."
)
PHENOMENON = (
    "Grokking without algebra: where weights start large and decay, the test loss falls long after the "
    "training loss (`grokking_delay`). With the length held (`norm` fixed), `loss` over `init_scale` has the "
    "form of an L and `test_loss` that of a U: only near one length does the student generalise."
)
SOURCE = "Liu, Michaud and Tegmark 2023, https://arxiv.org/abs/2210.01117, section 2"
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-4, "high": 0.03, "log": True, "default": 3e-3},
    "weight_decay": {"type": "float", "low": 1e-3, "high": 3.0, "log": True, "default": 0.3},
    "init_scale": {"type": "float", "low": 0.1, "high": 6.0, "log": True, "default": 3.0},
    "norm": {"type": "choice", "values": ["free", "fixed"], "default": "free"},
    "train_rows": {"type": "integer", "low": 20, "high": 1000, "log": True, "default": 100, "least": 1},
    "width": {"type": "integer", "low": 20, "high": 400, "log": True, "default": 100},
}
SETTINGS: dict[str, Setting] = {
    "inputs": 5,
    "outputs": 5,
    "teacher_width": 100,
    "steps": 3000,
    "test_rows": 500,
    "threshold": 0.1,
}
METRICS: dict[str, str] = {
    "loss": "mean square per output on the training rows, mean over the steps since the point before",
    "loss_curve": "the same over steps (about 20 a decade)",
    "test_loss": "mean square per output on other rows at the end",
    "test_loss_curve": "the same over steps",
    "unexplained": "test_loss over the variance of the teacher's outputs on those rows",
    "steps_to_train": "first logged step with the training loss at `threshold` variances; censored at the budget",
    "steps_to_test": "first logged step with the test loss at `threshold` variances; censored at the budget",
    "grokking_delay": "steps_to_test - steps_to_train; censored with it; absent without a training time",
    "parameters": "number of trained parameters",
    "seconds": "wall time of the training, in seconds",
}


def _trainer(settings: Values) -> BatchedTrainer:
    inputs, outputs, steps = settings.whole("inputs"), settings.whole("outputs"), settings.whole("steps")
    threshold = share("threshold", settings["threshold"])

    def build(config: Config) -> "torch.nn.Module":
        from physai_inverse.trainers.tasks.networks.imitator import Imitator

        values = complete(config, KNOBS)
        width = values.whole("width")
        fixed = values.word("norm") == "fixed"
        return Imitator((inputs, width, width, outputs), values.number("init_scale"), fixed)

    def rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        return _rows(settings, complete(config, KNOBS).whole("train_rows"), seed, "rows")

    def given(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":  # noqa: ARG001 - the same for every one
        return _rows(settings, settings.whole("test_rows"), seed, "test")

    return BatchedTrainer(
        build=build,
        loss=_loss,
        rows=rows,
        steps=steps,
        recipe=_recipe,
        measure=lambda module, test: {"test_loss": _loss(module, test).mean()},
        given=given,
        log=log_steps(steps),
        finish=lambda finished: _finish(finished, given(finished.config, finished.seed)[1], threshold, steps),
        views=Views(rows, latents=lambda batch: batch[0], head="weight2", floor=lambda *_: 0.0),
    )


def teacher(settings: Values, seed: int) -> "Imitator":
    """Draw the teacher of a seed."""
    from physai_inverse.trainers.batched.devices import isolated
    from physai_inverse.trainers.tasks.networks.imitator import Imitator

    width = settings.whole("teacher_width")
    with isolated(child(seed, "teacher")):
        return Imitator((settings.whole("inputs"), width, width, settings.whole("outputs")), 1.0, False)


def _rows(settings: Values, number: int, seed: int, name: str) -> "tuple[torch.Tensor, ...]":
    """Draw rows [n, inputs] and what the teacher gives for them [n, outputs]."""
    import torch

    X = torch.randn(number, settings.whole("inputs"), generator=torch.Generator().manual_seed(child(seed, name)))
    with torch.no_grad():
        return X, teacher(settings, seed)(X)


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    return Recipe(values.number("lr"), "adamw", values.number("weight_decay"))


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    X, Y = batch
    loss: torch.Tensor = (module(X) - Y).square().mean(dim=1)
    return loss


def _finish(finished: Finished, Y: "torch.Tensor", threshold: float, budget: int) -> dict[str, Metric]:
    from physai_inverse.trainers.batched.layout import layout_of
    from physai_inverse.trainers.observables.curves import delay, first_reaching

    metrics: dict[str, Metric] = dict(last_values(finished))  # type: ignore[arg-type]  # numbers and curves
    variance = float(Y.double().var(dim=0, correction=0).mean())
    metrics["unexplained"] = float(metrics["test_loss"]) / variance
    early, late = (
        first_reaching(_negative(finished.curves[name]), -threshold * variance, budget=budget)
        for name in ("loss", "test_loss")
    )
    metrics["steps_to_train"], metrics["steps_to_test"] = early, late
    between = delay(early, late)
    if between is not None:
        metrics["grokking_delay"] = between
    metrics["parameters"] = float(layout_of(finished.module).size)
    return metrics


def _negative(curve: Curve) -> Curve:
    """Turn a curve over, so that a fall below a value is a rise to it."""
    return Curve(curve.steps, tuple(-value for value in curve.values))


TASK = Task("teacher_student", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
