import math

import pytest
import torch

from physai_inverse.trainers import describe, load_task
from physai_inverse.trainers.tasks.catalogue.unigram import shares
from physai_inverse.trainers.tasks.language import entropy
from physai_inverse.trainers.tasks.networks.bigram import Bigram


@pytest.mark.parametrize(("tokens", "expected"), [(10, 1.994), (100, 3.681), (50304, 7.57)])
def test_the_least_loss_is_the_entropy_of_zipfs_frequencies(tokens: int, expected: float) -> None:
    assert entropy(shares(tokens, 1.0)) == pytest.approx(expected, abs=6e-3)


def test_a_model_that_gives_the_frequencies_has_no_excess_loss() -> None:
    module = Bigram(20, 1, 1.0, tied=False)
    p = torch.tensor(shares(20, 1.3))
    assert module.unembedding is not None
    with torch.no_grad():
        module.embedding.fill_(1.0)
        module.unembedding.copy_(p.log().unsqueeze(1))
    measure = load_task("unigram").batched().measure
    assert measure is not None
    with torch.no_grad():
        excess = measure(module, (p,))["excess_loss"]
    assert float(excess) == pytest.approx(0, abs=1e-6)


def test_a_model_at_zero_lacks_what_frequencies_tell() -> None:
    train = load_task("unigram", {"steps": 1, "device": "cpu"})
    curve = train({"init_scale": 1e-6, "vocabulary": 50, "alpha": 1.5}, 0)["excess_loss_curve"]
    floor = entropy(shares(50, 1.5))
    assert curve.values[0] == pytest.approx(math.log(50) - floor, abs=1e-4)  # type: ignore[union-attr]


def test_the_early_fall_is_faster_for_steeper_frequencies() -> None:
    train = load_task("unigram", {"steps": 300, "device": "cpu"})
    configs = [{"vocabulary": 10, "alpha": alpha} for alpha in (0.5, 1.0, 1.5)]
    exponents = [float(metrics["decay_exponent"]) for metrics in train(configs, [0, 0, 0])]  # type: ignore[index]
    assert exponents == sorted(exponents)
    assert exponents[0] > 0.5


def test_models_of_other_dimensions_and_frequencies_share_a_stack() -> None:
    configs = [
        {"dimension": dimension, "alpha": alpha, "lr": 0.01 * alpha}
        for dimension in (4, 7)
        for alpha in (0.5, 1.0, 1.5)
    ]
    (line,) = load_task("unigram", {"device": "cpu"}).batched().plan(configs, range(6))
    assert line.startswith("together")


def test_the_floor_that_observables_see_is_the_one_that_is_told() -> None:
    views = load_task("unigram").batched().views
    assert views is not None
    assert views.floor is not None
    metrics = load_task("unigram", {"steps": 1, "device": "cpu"})({"vocabulary": 30}, 0)
    assert views.floor({"vocabulary": 30}, 0) == metrics["entropy"]
    assert "entropy" in describe("unigram").metrics
