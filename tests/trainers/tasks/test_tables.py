import math
from itertools import product

import numpy as np
import pytest
import torch

from physai_inverse.observations import Curve
from physai_inverse.trainers import describe, load_task
from physai_inverse.trainers.tasks.catalogue import breast_cancer, diabetes, wine
from physai_inverse.trainers.tasks.tables import Table

TABLES = {
    name: Table(name, read, columns, classes)
    for name, read, columns, classes in (
        ("breast_cancer", breast_cancer._read, 30, 2),
        ("diabetes", diabetes._read, 10, 0),
        ("wine", wine._read, 13, 3),
    )
}


@pytest.fixture(params=TABLES)
def table(request: pytest.FixtureRequest) -> Table:
    return TABLES[str(request.param)]


def test_every_row_is_in_one_part_and_the_columns_are_standardised_by_the_training_rows(table: Table) -> None:
    parts, rows = table.parts(), len(table.read()[1])
    sizes = [len(y) for _, y in parts.values()]
    assert sum(sizes) == rows
    assert sizes[0] / rows == pytest.approx(0.6, abs=0.01)
    assert sizes[1] / rows == pytest.approx(0.2, abs=0.02)
    X, _ = parts["train"]
    assert X.shape[1] == table.columns
    torch.testing.assert_close(X.mean(dim=0), torch.zeros(table.columns), atol=1e-5, rtol=0)
    torch.testing.assert_close(X.std(dim=0, unbiased=False), torch.ones(table.columns), atol=1e-4, rtol=0)
    joined = torch.cat([part for part, _ in parts.values()])
    original = torch.tensor(table.read()[0])
    assert len(torch.unique(joined, dim=0)) == len(torch.unique(original, dim=0))


@pytest.mark.parametrize("name", ["breast_cancer", "wine"])
def test_classes_have_equal_shares_in_all_parts(name: str) -> None:
    parts = TABLES[name].parts()
    expected = torch.bincount(parts["train"][1]).double() / len(parts["train"][1])
    for _, y in parts.values():
        assert (torch.bincount(y).double() / len(y) - expected).abs().max() < 0.03


def test_a_target_is_standardised_and_spread_alike_over_the_parts() -> None:
    parts = TABLES["diabetes"].parts()
    assert float(parts["train"][1].mean()) == pytest.approx(0, abs=1e-5)
    assert float(parts["train"][1].std(unbiased=False)) == pytest.approx(1, abs=1e-5)
    for _, y in parts.values():
        assert abs(float(y.mean())) < 0.1


def test_a_narrow_network_predicts_as_well_as_least_squares() -> None:
    parts = TABLES["diabetes"].parts()
    (X, y), (V, v) = (tuple(tensor.double().numpy() for tensor in parts[name]) for name in ("train", "val"))
    found = np.linalg.lstsq(X, y, rcond=None)[0]
    least_squares = float(np.mean((V @ found - v) ** 2))
    config = {"width": 4, "depth": 1, "weight_decay": 1.0}
    metrics = load_task("diabetes")(config, 0)
    assert float(metrics["val_loss"]) == pytest.approx(least_squares, rel=0.15)
    assert float(metrics["val_r2"]) == pytest.approx(1 - float(metrics["val_loss"]) / float(v.var()), rel=1e-4)


@pytest.mark.parametrize(("name", "accuracy"), [("wine", 0.9), ("breast_cancer", 0.93)])
def test_classes_are_learned(name: str, accuracy: float) -> None:
    metrics = load_task(name, {"epochs": 20})({}, 0)
    assert float(metrics["val_accuracy"]) > accuracy
    curve = metrics["val_loss_curve"]
    assert isinstance(curve, Curve)
    assert (curve.steps, curve.values[-1]) == (tuple(range(1, 21)), metrics["val_loss"])


def test_a_wide_network_learns_noise_by_heart() -> None:
    metrics = load_task("diabetes")({"width": 128, "lr": 0.01}, 0)
    assert float(metrics["train_loss"]) < 0.2
    assert float(metrics["val_loss"]) > 0.45


def test_a_training_that_diverges_has_no_value_at_its_end() -> None:
    config = {"optimizer": "sgd", "lr": 1.0, "momentum": 0.99, "init_scale": 4.0}
    metrics = load_task("diabetes", {"epochs": 10})(config, 0)
    assert math.isnan(float(metrics["val_loss"]))
    assert math.isnan(float(metrics["val_r2_curve"]))
    assert set(metrics) == set(describe("diabetes").metrics)


def test_configurations_of_one_depth_train_together() -> None:
    train = load_task("wine", {"epochs": 2, "device": "cpu"}).batched()
    configs = [
        {
            "width": 8 + place,
            "lr": 0.01 / (place + 1),
            "batch_size": size,
            "activation": activation,
            "dropout": 0.1,
        }
        for place, (size, activation) in enumerate(product((16, 32), ("relu", "tanh", "gelu")))
    ]
    (line,) = train.plan(configs, list(range(6)))
    assert line.startswith("together")
