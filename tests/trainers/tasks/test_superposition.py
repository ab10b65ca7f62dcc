import math

import pytest
import torch

from physai_inverse.errors import InvalidInput
from physai_inverse.trainers import load_task
from physai_inverse.trainers.batched.devices import isolated
from physai_inverse.trainers.tasks.catalogue import superposition as task
from physai_inverse.trainers.tasks.networks.superposition import Superposition

FEATURES = 30
CONFIG = {"dimensions": 6, "exponent": 1.0, "activity": 1.0}


def test_a_dimension_for_each_of_the_most_frequent_features_loses_the_variance_of_the_others() -> None:
    train = load_task("superposition", {"features": FEATURES, "test_rows": 40000}).batched()
    module = train.build(CONFIG)
    assert isinstance(module, Superposition)
    assert callable(train.given)
    assert train.measure is not None
    with torch.no_grad():
        module.weight.copy_(torch.eye(FEATURES, 6))
        module.bias[6:] = torch.tensor(task.chances(CONFIG, FEATURES)[6:])  # their means
        found = train.measure(module, train.given(CONFIG, 0))
    assert float(found["test_loss"]) == pytest.approx(task.loss_without_superposition(CONFIG, FEATURES), rel=0.03)
    assert float(found["represented_share"]) == pytest.approx(6 / FEATURES)


def test_features_are_there_as_often_as_their_rank_says_and_even_up_to_two() -> None:
    probable = task.chances(CONFIG, FEATURES)
    assert math.fsum(probable) == pytest.approx(1)
    assert probable[0] / probable[9] == pytest.approx(10)
    (x,) = task._rows(probable, 40000, torch.Generator().manual_seed(0))
    often = x[:, 0]
    assert float((often > 0).float().mean()) == pytest.approx(probable[0], abs=0.01)
    there = often[often > 0]
    assert float(there.mean()) == pytest.approx(1, abs=0.03)
    assert float(there.square().mean()) == pytest.approx(4 / 3, abs=0.06)
    assert float(there.max()) <= 2


def test_random_rows_overlap_by_one_over_the_dimensions() -> None:
    train = load_task("superposition", {"features": 400, "test_rows": 10}).batched()
    assert callable(train.given)
    assert train.measure is not None
    for norms in ("free", "unit"):
        config = {"dimensions": 20, "norms": norms}
        with torch.no_grad(), isolated(0):
            found = train.measure(train.build(config), train.given(config, 0))
        assert float(found["mean_overlap"]) == pytest.approx(1 / 20, rel=0.05)
        assert float(found["represented_share"]) == 1


def test_more_features_than_dimensions_are_given_back() -> None:
    train = load_task("superposition", {"features": 60, "steps": 300, "device": "cpu"})
    free, unit = train([{"dimensions": 8, "norms": norms, "lr": 0.02} for norms in ("free", "unit")], [0, 0])
    assert isinstance(free, dict)
    assert isinstance(unit, dict)
    assert float(free["test_loss"]) < 0.8 * float(free["loss_without_superposition"])
    assert 8 / 60 < float(free["represented_share"]) <= float(unit["represented_share"]) == 1


def test_only_the_weights_decay() -> None:
    recipe = load_task("superposition").batched().recipe({"weight_decay": 0.5})
    assert (recipe.decay_of("weight"), recipe.decay_of("bias")) == (0.5, 0.0)


def test_a_feature_that_would_be_more_than_certain_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"`activity` must be at most 1\.5 for 2 features"):
        load_task("superposition", {"features": 2})({"activity": 2.0}, 0)


def test_dimensions_and_frequencies_of_one_batch_size_train_together() -> None:
    configs = [
        {"dimensions": 4 + index, "exponent": 0.5 * index, "weight_decay": 0.1 * index} for index in range(3)
    ]
    train = load_task("superposition", {"features": 40, "steps": 10, "test_rows": 20, "device": "cpu"})
    (line,) = train.batched().plan(configs, [0, 1, 2])
    assert line.startswith("together")
    for seed, found in enumerate(train(configs, [0, 1, 2])):
        assert isinstance(found, dict)
        alone = train(configs[seed], seed)
        assert float(found["test_loss"]) == pytest.approx(float(alone["test_loss"]), rel=1e-4)
