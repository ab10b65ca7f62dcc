import math

import pytest
import torch

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Curve
from physai_inverse.trainers import load_task


def test_a_matrix_with_negative_directions_is_what_lets_it_walk() -> None:
    train = load_task("circle_walk", {"steps": 500, "device": "cpu"})
    configs = [{}, {"matrix": "minus"}, {"matrix": "plus", "dimension": 8}]
    free, minus, plus = train(configs, [0, 0, 0])
    assert isinstance(free, dict)
    assert isinstance(minus, dict)
    assert isinstance(plus, dict)
    assert float(free["perplexity"]) < 2.02
    assert float(free["negative_eigenvalues"]) >= 2
    assert float(minus["perplexity"]) < 2.02
    assert (minus["negative_eigenvalues"], plus["negative_eigenvalues"]) == (4, 0)
    assert float(plus["perplexity"]) > 4


def test_the_excess_is_above_the_entropy_of_a_step() -> None:
    train = load_task("circle_walk", {"steps": 1, "device": "cpu"})
    entropy = -(0.8 * math.log(0.8) + 0.2 * math.log(0.2))
    metrics = train({"right": 0.8, "init_scale": 1e-6, "vocabulary": 12}, 0)
    curves = metrics["perplexity_curve"], metrics["excess_loss_curve"]
    assert isinstance(curves[0], Curve)
    assert isinstance(curves[1], Curve)
    assert curves[0].values[0] == pytest.approx(12)
    assert curves[1].values[0] == pytest.approx(math.log(12) - entropy, abs=1e-5)


def test_a_walk_that_only_goes_right_is_certain() -> None:
    metrics = load_task("circle_walk", {"steps": 50, "device": "cpu"})({"right": 1.0}, 0)
    assert float(metrics["excess_loss"]) == pytest.approx(math.log(float(metrics["perplexity"])), abs=1e-6)
    with pytest.raises(InvalidInput, match="`right` must be at most 1"):
        load_task("circle_walk", {"steps": 1, "device": "cpu"})({"right": 1.2}, 0)


def test_models_of_other_dimensions_share_a_stack_and_of_other_circles_do_not() -> None:
    trainer = load_task("circle_walk", {"device": "cpu"}).batched()
    (line,) = trainer.plan([{"dimension": dimension} for dimension in (2, 3, 4, 8)], range(4))
    assert line.startswith("together")
    (line,) = trainer.plan([{"dimension": dimension, "matrix": "mixed"} for dimension in (2, 3, 4, 8)], range(4))
    assert line.startswith("together")
    lines = trainer.plan([{"vocabulary": size} for size in (10, 10, 10, 20, 20, 20)], range(6))
    assert len(lines) == 2


def test_latents_are_neighbours_on_a_circle() -> None:
    views = load_task("circle_walk").batched().views
    assert views is not None
    assert views.latents is not None
    assert callable(views.rows)
    places = views.latents(views.rows({"vocabulary": 8}, 0))
    apart = (places - places.roll(1, 0)).norm(dim=1)
    torch.testing.assert_close(apart, torch.full((8,), 2 * math.sin(math.pi / 8)))
