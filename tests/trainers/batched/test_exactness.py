"""A stack gives what an ordinary loop of `torch.optim` gives for each of its models."""

import pytest
import torch
from torch import nn

from benchmarks.trainer import OPTIMIZERS, exactness
from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe
from physai_inverse.trainers.batched.devices import isolated
from physai_inverse.trainers.batched.layout import flat


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("precision", "steps", "limit"), [("float64", 60, 1e-10), ("float32", 20, 1e-5)])
def test_stacked_models_of_mixed_widths_have_the_losses_of_ordinary_loops(
    optimizer: str, precision: str, steps: int, limit: float
) -> None:
    found = exactness(optimizer, precision, steps, models=6)
    assert found["stacked"] == 6
    assert found["median"] < limit


STEPS = 40
X = torch.linspace(-2, 2, 32, dtype=torch.float64)[:, None]


def factors(width: int) -> dict[str, float]:
    return {"0.*": 1.0, "2.*": 8 / width}


def build(config: Config) -> nn.Module:
    width = config["width"]
    assert isinstance(width, int)
    return nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1))


def loss(module: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    found: torch.Tensor = (module(batch[0]) - batch[0].sin()).square().mean(dim=1)
    return found


def with_factors(found: dict[int, torch.Tensor], **more: float) -> BatchedTrainer:
    """Train with a factor on the rate of the last layer, and keep the last parameters of each width in `found`."""

    def recipe(config: Config) -> Recipe:
        width = config["width"]
        assert isinstance(width, int)
        return Recipe(0.01, "adamw", 0.1, factors=tuple({**factors(width), **more}.items()))

    def finish(finished: Finished) -> dict[str, float]:
        width = finished.config["width"]
        assert isinstance(width, int)
        found[width] = flat(finished.module)
        return {}

    return BatchedTrainer(
        build, loss, (X,), steps=STEPS, recipe=recipe, finish=finish, precision="float64", device="cpu"
    )


@pytest.mark.parametrize("widths", [(8, 16, 24), (16,)])
def test_models_with_factors_on_their_rates_are_those_of_loops_with_parameter_groups(
    widths: tuple[int, ...],
) -> None:
    found: dict[int, torch.Tensor] = {}
    with_factors(found)([{"width": width} for width in widths], [3] * len(widths))
    for width in widths:
        with isolated(child(3, "initial")):
            module = build({"width": width}).double()
        groups = [
            {"params": list(layer.parameters()), "lr": 0.01 * factor}
            for layer, factor in zip((module[0], module[2]), factors(width).values(), strict=True)  # type: ignore[index]
        ]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.1)
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss(module, (X,)).mean().backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            optimizer.step()
        torch.testing.assert_close(found[width], flat(module), rtol=1e-9, atol=1e-10)


def test_a_pattern_that_fits_no_parameter_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"pattern `head\.\*`, which fits none of `0\.weight`, `0\.bias`"):
        with_factors({}, **{"head.*": 2.0})({"width": 8}, 0)
