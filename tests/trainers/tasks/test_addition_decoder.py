import math
from collections.abc import Mapping

import pytest
import torch

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Curve, Measurement
from physai_inverse.trainers import load_task
from physai_inverse.trainers.batched.devices import isolated
from physai_inverse.trainers.tasks.catalogue import addition_decoder as task


def metrics(config: Mapping[str, object], seed: int = 0, **settings: object) -> dict[str, float]:
    found = load_task("addition_decoder", {"device": "cpu", **settings})(config, seed)
    return {name: float(value) for name, value in found.items()}


def test_a_representation_that_learns_fast_becomes_a_line_and_one_that_stands_still_does_not() -> None:
    narrow = {"width": 50, "lr": 0.003}
    fast = metrics({**narrow, "representation_lr": 0.003}, steps=600)
    slow = metrics({**narrow, "representation_lr": 1e-5}, steps=600)
    assert fast["rqi"] > 0.95 > 0.3 > slow["rqi"]
    assert fast["test_accuracy"] > 0.9
    assert slow["test_accuracy"] < 0.5
    assert fast["degrees_of_freedom"] == slow["degrees_of_freedom"] == 2
    assert fast["pace"] == slow["pace"] > 0
    assert fast["accuracy"] == pytest.approx(fast["predicted_accuracy"], abs=0.04)


def test_representation_and_decoder_have_rates_and_decays_of_their_own() -> None:
    config = {"lr": 0.002, "weight_decay": 3.0, "representation_lr": 0.01, "representation_decay": 0.5}
    recipe = load_task("addition_decoder").batched().recipe(config)
    assert recipe.lr * recipe.factor_of("embedding") == pytest.approx(0.01)
    assert recipe.factor_of("decoder.0.weight") == 1
    assert (recipe.decay_of("embedding"), recipe.decay_of("decoder.2.bias")) == (0.5, 3.0)


def test_the_loss_of_a_decoder_that_says_nothing_is_the_variance_of_the_answers() -> None:
    train = load_task("addition_decoder", {"outputs": 2000}).batched()
    with isolated(0):
        module = train.build({})
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        assert callable(train.rows)
        assert float(train.loss(module, train.rows({}, 0)).mean()) == pytest.approx(1, rel=0.02)


def test_pairs_of_a_sum_that_is_never_trained_on_are_not_asked_for() -> None:
    train = load_task("addition_decoder").batched()
    assert callable(train.given)
    assert train.views is not None
    assert train.views.labels is not None
    for seed in range(5):
        counts, _, trained, judged, *_ = train.given({"train_pairs": 30}, seed)
        sums = train.views.labels((counts,))
        assert int(trained.sum()) == 30
        assert not bool((trained & judged).any())
        assert set(sums[judged].tolist()) <= set(sums[trained].tolist())
    alone = torch.ones(55, dtype=torch.bool)
    alone[0] = False  # 0 + 0, the only pair of its sum
    assert task._judged(10, alone).nonzero().tolist() == [[0]]


def test_times_that_are_not_reached_are_censored_and_too_many_training_pairs_refused() -> None:
    found = load_task("addition_decoder", {"steps": 3, "device": "cpu"})({}, 0)
    assert found["steps_to_rqi_95"] == found["steps_to_test_90"] == Measurement(3, censored="above")
    assert "grokking_delay" not in found
    with pytest.raises(InvalidInput, match="`train_pairs` must be at most 14 for `p` = 5, not 15"):
        metrics({"train_pairs": 15}, p=5)


def test_a_training_ends_when_it_has_been_settled_for_long_enough() -> None:
    def curves(since: float, until: float) -> dict[str, Curve]:
        steps = tuple(map(float, range(0, int(until) + 1, 10)))
        curve = Curve(steps, tuple(1.0 if step >= since else 0.0 for step in steps))
        return {"test_accuracy": curve, "rqi": curve}

    assert not task._ended(curves(100, 140), 0.9, 1.5)
    assert task._ended(curves(100, 150), 0.9, 1.5)
    assert not task._ended(curves(100, 150), 0.9, 0.0)
    assert not task._ended({**curves(100, 150), "rqi": Curve((0.0, 150.0), (1.0, 0.9))}, 0.9, 1.5)


def test_configurations_that_differ_in_everything_train_together() -> None:
    configs = [
        {"width": width, "train_pairs": pairs, "batch_size": size, "lr": 1e-4 * width}
        for width, pairs, size in ((50, 20, 54), (60, 40, 10), (70, 50, 54))
    ]
    train = load_task("addition_decoder", {"steps": 20, "outputs": 5, "device": "cpu"})
    (line,) = train.batched().plan(configs, [0, 1, 2])
    assert line.startswith("together")
    for seed, found in enumerate(train(configs, [0, 1, 2])):
        assert isinstance(found, dict)
        alone = train(configs[seed], seed)
        for name in ("loss", "test_loss", "accuracy", "rqi"):
            assert math.isclose(float(found[name]), float(alone[name]), rel_tol=1e-3, abs_tol=1e-6), name
