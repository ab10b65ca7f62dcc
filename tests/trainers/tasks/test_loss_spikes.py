from itertools import pairwise
from statistics import median

import pytest
import torch

from physai_inverse.errors import TrialFailed
from physai_inverse.observations import Curve, Measurement
from physai_inverse.trainers import load_task
from physai_inverse.trainers.batched import AbstractBatched, Finished
from physai_inverse.trainers.tasks.catalogue.loss_spikes import TASK, _finish, highest
from physai_inverse.trainers.tasks.networks.valley import Valley


def finished(spikes: tuple[int, ...]) -> Finished:
    heights = {start + delay: 2.0**-delay for start in spikes for delay in range(10)}
    values = tuple(1e-3 + heights.get(step, 0.0) for step in range(1, 1001))
    loss = Curve(tuple(map(float, range(1, 1001))), values)
    return Finished({}, 0, torch.nn.Identity(), {"loss": loss}, 1000, None, 1.0)


def test_spikes_are_counted_and_their_median_gap_is_given() -> None:
    metrics = _finish(finished((200, 205, 400, 640, 900)), 1000)
    assert set(metrics) == set(TASK.metrics)
    assert metrics["spikes"] == 4  # the second is an echo of the first
    assert metrics["first_spike"] == Measurement(200)
    assert metrics["spike_gap"] == Measurement(240)
    assert metrics["spikes_curve"] == Curve((0, 200, 400, 640, 900, 1000), (0, 1, 2, 3, 4, 4))


@pytest.mark.parametrize(("spikes", "bound"), [((), 1000), ((300,), 700)])
def test_a_gap_that_was_not_seen_is_censored_at_what_was_left(spikes: tuple[int, ...], bound: float) -> None:
    assert _finish(finished(spikes), 1000)["spike_gap"] == Measurement(bound, censored="above")


def test_no_spike_is_lost_where_the_curve_is_thinned() -> None:
    thin = highest(finished((203,)).curves["loss"])
    assert len(thin) == 100
    assert dict(zip(thin.steps, thin.values, strict=True))[210] == pytest.approx(1.001)


def test_the_model_is_even_and_starts_flat() -> None:
    model = Valley(0.0)
    x = torch.linspace(-1, 1, 5)
    assert not bool(model(x).any())
    with torch.no_grad():
        model.height.fill_(2.0)
        model.scale.fill_(3.0)
    torch.testing.assert_close(model(x), 2 * 3 * x * torch.tanh(3 * x / 2))  # s(z) + s(-z) = z tanh(z / 2)


def test_the_loss_spikes_at_even_distances() -> None:
    train = load_task("loss_spikes", {"steps": 2000, "device": "cpu"})
    assert isinstance(train, AbstractBatched)
    gaps = []
    for metrics in train([{"lr": 0.26 + 0.01 * step, "beta2": 0.998} for step in range(9)], [0] * 9):
        assert not isinstance(metrics, TrialFailed)
        counted = metrics["spikes_curve"]
        assert isinstance(counted, Curve)
        gaps.append([later - earlier for earlier, later in pairwise(counted.steps[1:-1])])
    assert min(map(len, gaps)) >= 3
    every = [gap for of_one in gaps for gap in of_one]
    assert median(every) == pytest.approx(240, rel=0.1)
    near = [gap for gap in every if gap == pytest.approx(240, rel=0.2)]
    assert len(near) >= 0.8 * len(every)  # a single one, mostly the first, hangs on the last digits


def test_all_recipes_share_a_stack() -> None:
    train = load_task("loss_spikes", {"steps": 20, "device": "cpu"})
    assert isinstance(train, AbstractBatched)
    configs = [{"beta1": 0.1 * index, "beta2": 0.99 + 0.002 * index, "lr": 0.1 + index / 50} for index in range(4)]
    (line,) = train.batched().plan(configs, [0, 1, 2, 3])
    assert line.startswith("together")
