import math

import pytest
import torch

from physai_inverse.trainers import load_task
from physai_inverse.trainers.tasks.catalogue.neural_collapse import KNOBS, blobs, collapse
from physai_inverse.trainers.tasks.knobs import complete


def simplex(classes: int) -> torch.Tensor:
    """Give the corners of a simplex about the origin, [K, K + 2]."""
    corners = torch.eye(classes, classes + 2, dtype=torch.float64)
    return corners - corners.mean(dim=0)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_corners_of_a_simplex_are_collapsed(classes: int) -> None:
    M = simplex(classes)
    y = torch.arange(classes).repeat(4)
    H = 3 * M[y] + 7  # wherever their centre is
    found = collapse(H, y, 2 * M, H @ M.T)
    assert float(found["nc2_cosine"]) == pytest.approx(-1 / (classes - 1))
    for name in ("nc1", "nc2_norms", "nc2_angles", "nc3", "nc4"):
        assert float(found[name]) == pytest.approx(0, abs=1e-12), name


def test_the_spread_within_classes_is_measured_against_that_of_their_means() -> None:
    source = torch.Generator().manual_seed(0)
    y = torch.arange(3).repeat(50)
    H = simplex(3)[y] + 0.2 * torch.randn(150, 5, generator=source, dtype=torch.float64)
    found = collapse(H, y, simplex(3), H @ simplex(3).T)
    means = torch.stack([H[y == label].mean(dim=0) for label in range(3)])
    M = means - means.mean(dim=0)
    within = (H - means[y]).T @ (H - means[y]) / len(y)
    expected = torch.trace(within @ torch.linalg.pinv(M.T @ M / 3, rtol=1e-9)) / 3
    assert float(found["nc1"]) == pytest.approx(float(expected))


def test_weights_that_are_not_the_means_and_answers_that_are_not_the_nearest_are_told() -> None:
    M, y = simplex(3), torch.arange(3)
    found = collapse(M, y, -M, -M @ M.T)
    assert float(found["nc3"]) == pytest.approx(4)
    assert float(found["nc4"]) == 1


def test_blobs_are_balanced_and_keep_their_centres_from_training_to_test() -> None:
    values = complete({"classes": 3, "noise": 0.1}, KNOBS)
    (X, y), (Z, z) = (blobs(values, 40, 6, 2, name) for name in ("samples", "test"))
    assert torch.equal(y.bincount(), torch.tensor([40, 40, 40]))
    assert not torch.equal(X, Z)
    for label in range(3):
        centres = X[y == label].mean(dim=0), Z[z == label].mean(dim=0)
        torch.testing.assert_close(*centres, atol=6 * 0.1 / math.sqrt(40), rtol=0)


def test_training_on_draws_the_classes_together_after_every_sample_is_right() -> None:
    metrics = load_task("neural_collapse", {"steps": 300, "samples": 20, "device": "cpu"})({"noise": 0.2}, 0)
    curves = {name: metrics[f"{name}_curve"] for name in ("train_accuracy", "nc1", "nc3", "nc4")}
    values = {name: curve.values for name, curve in curves.items()}  # type: ignore[union-attr]
    right = values["train_accuracy"].index(1.0)
    assert right < len(values["nc1"]) // 2
    assert values["nc1"][-1] < 0.5 * values["nc1"][0]
    assert values["nc3"][-1] < 0.5 * values["nc3"][right]
    assert metrics["nc4"] == 0


def test_models_of_as_many_classes_train_together() -> None:
    configs = [{"noise": 0.3, "classes": 3}, {"weight_decay": 1e-4, "classes": 3}]
    plan = load_task("neural_collapse", {"samples": 10}).batched().plan(configs, [0, 1])
    assert [line.split(":")[0] for line in plan] == ["together by vmap"]
