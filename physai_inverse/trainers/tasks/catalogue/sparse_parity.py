"""Sparse parity: the product of a few of many signs, which a network finds suddenly after a long plateau."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Curve, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.batched.problem import last_values
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete, share
from physai_inverse.trainers.tasks.steps import log_steps
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "One hidden ReLU layer learns the product of the first `order` of `bits` random signs, from fresh rows at "
    "every step, by the logistic loss. A network that is lost answers half of the rows; all others than the "
    "first bits are noise. One training takes some seconds on one CPU core."
)
PHENOMENON = (
    "A sudden transition after a plateau (`steps_to_90`) that grows fast with `bits` and `order`, while below "
    "it the weights turn to the bits that count (`relevant_share`, by chance `order` / `bits`)."
)
SOURCE = "Barak et al. 2022, https://arxiv.org/abs/2207.08799"
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True, "default": 0.01},
    "weight_decay": {"type": "float", "low": 1e-4, "high": 1.0, "log": True, "default": 0.01},
    "optimizer": {"type": "choice", "values": ["adamw", "sgd", "rmsprop"], "default": "adamw"},
    "bits": {"type": "integer", "low": 10, "high": 80, "log": True, "default": 30, "least": 1},
    "order": {"type": "integer", "low": 1, "high": 4, "default": 3, "least": 1},
    "width": {"type": "integer", "low": 16, "high": 512, "log": True, "default": 128},
    "batch_size": {"type": "integer", "low": 16, "high": 512, "log": True, "default": 64, "least": 1},
    "init_scale": {"type": "float", "low": 0.3, "high": 3.0, "log": True, "default": 1.0},
}
SETTINGS: dict[str, Setting] = {"steps": 3000, "test_rows": 1000, "threshold": 0.9, "settle": 1.2}
METRICS: dict[str, str] = {
    "loss": "mean logistic loss over the training batches since the point before, in nats",
    "loss_curve": "the same over steps (about 20 a decade)",
    "test_loss": "mean logistic loss on fresh rows at the end, in nats; log 2 where nothing is known",
    "test_loss_curve": "the same over steps",
    "test_accuracy": "share of fresh rows answered correctly at the end, in [0, 1]",
    "test_accuracy_curve": "the same over steps",
    "relevant_share": "share of the squared first weights that lie on the bits that count, in [0, 1]",
    "relevant_share_curve": "the same over steps",
    "steps_to_90": "first logged step with the test accuracy at the threshold; censored at the budget",
    "parameters": "number of trained parameters",
    "seconds": "wall time of the training, in seconds",
}


def _trainer(settings: Values) -> BatchedTrainer:
    steps, threshold, wait = settings.whole("steps"), share("threshold", settings["threshold"]), settings["settle"]
    assert isinstance(wait, float)
    if 0 < wait < 1:
        raise InvalidInput(f"`settle` must be 0 or a number of at least 1, not {wait!r}.")

    def rows(config: Config, seed: int, number: int) -> "tuple[torch.Tensor, ...]":
        import torch

        return _rows(_values(config), number, torch.Generator().manual_seed(child(seed, "test")))

    def given(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        import torch

        values = _values(config)
        counting = torch.arange(values.whole("bits")) < values.whole("order")
        return (*rows(config, seed, settings.whole("test_rows")), counting)

    return BatchedTrainer(
        build=_build,
        loss=_loss,
        draw=lambda config, source: _rows(_values(config), _values(config).whole("batch_size"), source),
        steps=steps,
        recipe=_recipe,
        measure=_measure,
        given=given,
        log=log_steps(steps),
        ended=lambda curves: _ended(curves, threshold, wait),
        finish=lambda finished: _finish(finished, threshold, steps),
        views=Views(
            lambda config, seed: rows(config, seed, settings.whole("test_rows")),
            labels=lambda batch: (batch[1] > 0).long(),
            latents=lambda batch: batch[0],
            floor=lambda config, seed: 0.0,  # noqa: ARG005 - of any: the answer is a function of the row
        ),
    )


def _values(config: Config) -> Values:
    values = complete(config, KNOBS)
    if values.whole("order") > values.whole("bits"):
        raise InvalidInput(f"`order` must be at most `bits`, not {values['order']} of {values['bits']}.")
    return values


def _rows(values: Values, number: int, source: "torch.Generator") -> "tuple[torch.Tensor, ...]":
    """Draw rows of signs [n, bits], and the products of their first ones [n]."""
    import torch

    signs = torch.randint(2, (number, values.whole("bits")), generator=source).float() * 2 - 1
    return signs, signs[:, : values.whole("order")].prod(dim=1)


def _build(config: Config) -> "torch.nn.Module":
    from torch import nn

    from physai_inverse.trainers.tasks.networks.mlp import MLP

    values = _values(config)
    bits, width, scale = values.whole("bits"), values.whole("width"), values.number("init_scale")
    return nn.Sequential(MLP.linear(bits, width, scale), nn.ReLU(), MLP.linear(width, 1, scale))


def _recipe(config: Config) -> Recipe:
    values = _values(config)
    return Recipe(values.number("lr"), values.word("optimizer"), values.number("weight_decay"))


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    from torch.nn.functional import softplus

    signs, answers = batch
    return softplus(-answers * module(signs)[:, 0])


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    from torch.nn.functional import softplus

    signs, answers, counting = given
    margins = answers * module(signs)[:, 0]
    squares = dict(module.named_parameters())["0.weight"].square()
    return {
        "test_loss": softplus(-margins).mean(),
        "test_accuracy": (margins > 0).to(margins.dtype).mean(),
        "relevant_share": squares.where(counting, 0.0).sum() / squares.sum(),
    }


def _ended(curves: Mapping[str, Curve], threshold: float, wait: float) -> bool:
    """Say whether the accuracy has been at the threshold since a `wait`-th of the steps."""
    from physai_inverse.trainers.observables.curves import settled_since

    curve = curves["test_accuracy"]
    return bool(wait) and curve.steps[-1] >= wait * max(settled_since(curve, threshold), 1)


def _finish(finished: Finished, threshold: float, budget: int) -> dict[str, Metric]:
    from physai_inverse.trainers.batched.layout import layout_of
    from physai_inverse.trainers.observables.curves import first_reaching

    metrics: dict[str, Metric] = dict(last_values(finished))  # type: ignore[arg-type]  # numbers and curves
    metrics["steps_to_90"] = first_reaching(
        finished.curves["test_accuracy"], threshold, budget=finished.watched(budget)
    )
    metrics["parameters"] = float(layout_of(finished.module).size)
    return metrics


TASK = Task("sparse_parity", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
