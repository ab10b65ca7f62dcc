import math

import pytest
import torch
from torch import nn

from physai_inverse.errors import InvalidInput
from physai_inverse.trainers import load_task
from physai_inverse.trainers.tasks.catalogue.structured_labels import KNOBS, draw, structural_fraction
from physai_inverse.trainers.tasks.knobs import complete


def test_what_fills_the_memory_of_both_sets_alike_leaves_the_share_of_structure() -> None:
    memory, classes, structure = 700.0, 8, 0.3
    known = [memory + structure * rows * math.log2(classes) for rows in (1000, 2500)]
    assert structural_fraction(known[1], known[0], 1500, classes) == pytest.approx(structure)


@pytest.mark.parametrize("structure", [0.0, 0.3, 0.5, 1.0])
def test_rows_in_clusters_have_their_share_in_every_leading_part(structure: float) -> None:
    X, labels, clustered = draw(complete({"structure": structure, "samples": 1000}, KNOBS), 6, 4, 0.01, 3)
    for first in (10, 500, 1000):
        assert abs(int(clustered[:first].sum()) - structure * first) <= 1
    for label in range(4):
        group = X[clustered & (labels == label)]
        if len(group):
            assert float(group.std(dim=0).max()) < 0.03  # all at one centre
    others = X[~clustered]
    if len(others):
        assert float(others.std()) == pytest.approx(1, abs=0.05)


def test_the_two_networks_train_as_if_each_were_alone() -> None:
    train = load_task("structured_labels", {"steps": 5, "precision": "float64"}).batched()
    config, seed = {"samples": 60, "width": 6, "lr": 0.05}, 4
    assert callable(train.rows)
    X, labels, weights = train.rows(config, seed)
    X = X.double()
    first = int((weights > 0).sum())
    assert first == 30
    torch.manual_seed(0)
    module = train.build(config).double()
    smaller = module.smaller
    assert isinstance(smaller, nn.Module)
    both = train.loss(module, (X, labels, weights.double())).mean()
    alone = nn.functional.cross_entropy(smaller(X[:first]), labels[:first])
    gradients = torch.autograd.grad(both, list(smaller.parameters()))
    for found, expected in zip(gradients, torch.autograd.grad(alone, list(smaller.parameters())), strict=True):
        torch.testing.assert_close(found, expected)


def test_clusters_are_known_for_any_number_of_rows_and_random_labels_are_not() -> None:
    train = load_task("structured_labels", {"steps": 200})
    found = train(
        [
            {"structure": 0.0, "samples": 600, "width": 5, "lr": 0.05},
            {"structure": 1.0, "samples": 400, "width": 20, "lr": 0.05},
        ],
        [0, 0],
    )
    noise, clusters = (metrics for metrics in found if isinstance(metrics, dict))
    assert abs(float(noise["structural_fraction"])) < 0.1
    assert float(clusters["structural_fraction"]) == pytest.approx(1, abs=0.05)
    assert "structured_loss" not in noise
    assert "random_loss" not in clusters


def test_configurations_train_together() -> None:
    configs = [{"structure": 0.2 * place, "samples": 400 + place, "width": 8 + place} for place in range(4)]
    plan = load_task("structured_labels", {"steps": 20, "device": "cpu"}).batched().plan(configs, [0, 1, 2, 3])
    assert [line.split(":")[0] for line in plan] == ["together by vmap"]


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(InvalidInput, match="`structure` must be between 0 and 1"):
        load_task("structured_labels")({"structure": 1.5}, 0)
    with pytest.raises(InvalidInput, match="`smaller` must be a number between 0 and 1"):
        load_task("structured_labels", {"smaller": 1.0})
