import pytest
import torch

from physai_inverse.observations import Curve, Measurement
from physai_inverse.trainers import load_task
from physai_inverse.trainers.batched import AbstractBatched, Finished
from physai_inverse.trainers.batched.layout import flat, layout_of
from physai_inverse.trainers.tasks.catalogue.edge_of_stability import TASK, _finish, _measure, chebyshev
from physai_inverse.trainers.tasks.networks.regressor import Regressor, outputs


def test_the_targets_are_chebyshev_polynomials() -> None:
    x, y = chebyshev(9, 4)
    torch.testing.assert_close(y, 8 * x**4 - 8 * x**2 + 1, atol=1e-5, rtol=0)


def test_the_function_of_the_parameters_is_the_network() -> None:
    torch.manual_seed(0)
    network, (x, _) = Regressor(7), chebyshev(20, 3)
    torch.testing.assert_close(outputs(list(network.parameters()), x), network(x))


def test_sharpness_is_the_largest_eigenvalue_of_the_hessian() -> None:
    torch.manual_seed(1)
    network, (x, y) = Regressor(10).double(), tuple(tensor.double() for tensor in chebyshev(20, 4))
    layout = layout_of(network)

    def loss(w: torch.Tensor) -> torch.Tensor:
        return 0.5 * (outputs(list(layout.views(w).values()), x) - y).square().mean()

    H = torch.func.jacrev(torch.func.grad(loss))(flat(network))
    expected = float(torch.linalg.eigvalsh(H)[-1])
    assert float(_measure(network, (x, y))["sharpness"]) == pytest.approx(expected, rel=1e-4)


def test_widths_share_a_stack_and_keep_their_sharpness() -> None:
    train = load_task("edge_of_stability", {"steps": 8, "device": "cpu"})
    assert isinstance(train, AbstractBatched)
    configs = [
        {"width": width, "lr": lr, "degree": degree, "momentum": momentum}
        for width, lr, degree, momentum in ((12, 0.1, 3, 0.0), (20, 0.4, 5, 0.5))
    ]
    (line,) = train.batched().plan(configs, [0, 1])
    assert line.startswith("together")
    for seed, together in enumerate(train(configs, [0, 1])):
        assert isinstance(together, dict)
        alone = train(configs[seed], seed)
        first, second = (found["edge_ratio_curve"] for found in (together, alone))
        assert isinstance(first, Curve)
        assert isinstance(second, Curve)
        assert first.values == pytest.approx(second.values, rel=1e-3)


def test_gradient_descent_gets_to_the_edge_and_stays() -> None:
    metrics = load_task("edge_of_stability", {"steps": 1000, "device": "cpu"})({"degree": 3, "lr": 0.3}, 0)
    curve = metrics["edge_ratio_curve"]
    assert isinstance(curve, Curve)
    assert curve.values[0] < 0.9
    assert metrics["edge_ratio"] == pytest.approx(1, abs=0.05)
    assert metrics["late_sharpness"] == pytest.approx(2 / 0.3, rel=0.05)


def test_momentum_moves_the_edge() -> None:
    curve = Curve((0, 50, 75, 100), (1.0, 14.0, 15.0, 15.4))
    finished = Finished(
        {"lr": 0.2, "momentum": 0.5},
        0,
        torch.nn.Identity(),
        {"sharpness": curve, "train_loss": curve},
        100,
        None,
        1.0,
    )
    metrics = _finish(finished, 100)
    assert metrics["edge_ratio"] == pytest.approx((15.0 + 15.4) / 2 / 15)
    assert metrics["steps_to_edge"] == Measurement(75)
    assert set(metrics) == set(TASK.metrics)


def test_adam_has_no_edge_of_gradient_descent() -> None:
    metrics = load_task("edge_of_stability", {"steps": 8, "device": "cpu"})({"optimizer": "adam"}, 0)
    assert set(TASK.metrics) - set(metrics) == {"edge_ratio", "edge_ratio_curve", "steps_to_edge"}
    assert float(metrics["late_sharpness"]) > 0
