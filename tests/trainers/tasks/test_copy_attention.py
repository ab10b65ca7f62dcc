import math
from itertools import product

import pytest
import torch

from physai_inverse.observations import Measurement
from physai_inverse.trainers import load_task
from physai_inverse.trainers.tasks.catalogue.copy_attention import TARGETS, least_loss, sequences
from physai_inverse.trainers.tasks.networks.attention import Copier


def source() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("target", TARGETS)
def test_an_answer_stands_at_its_place(target: str) -> None:
    tokens, answers, places = sequences({"target": target, "context": 5}, 200, source())
    assert torch.equal(tokens[torch.arange(200), places], answers)
    if target == "nearest":
        apart = (tokens[:, :-1] - tokens[:, -1:]).abs()
        assert torch.equal((answers - tokens[:, -1]).abs(), apart.min(dim=1).values)
    else:
        assert set(places.tolist()) == {{"current": 4, "previous": 3, "first": 0}[target]}


def test_a_nearest_token_does_not_depend_on_the_order() -> None:
    tokens, answers, _ = sequences({"target": "nearest", "vocabulary": 10, "context": 6}, 300, source())
    turned = torch.cat([tokens[:, :-1].flip(1), tokens[:, -1:]], dim=1)
    distance = 2 * (turned[:, :-1] - turned[:, -1:]).abs() + (turned[:, :-1] > turned[:, -1:])
    assert torch.equal(turned.gather(1, distance.argmin(dim=1, keepdim=True)).squeeze(1), answers)


def test_the_least_loss_without_places_is_what_the_counts_of_the_others_leave_open() -> None:
    size, others = 3, 3
    total = 0.0
    for drawn in product(range(size), repeat=others):
        counts = [drawn.count(token) / others for token in range(size)]
        total -= sum(share * math.log(share) for share in counts if share)
    expected = total / size**others
    config = {"vocabulary": size, "context": others + 1}
    assert least_loss(config) == pytest.approx(expected)
    assert least_loss({**config, "context": 2}) == 0
    assert least_loss({**config, "positions": True}) == 0
    assert least_loss({**config, "target": "current"}) == 0
    assert least_loss({"vocabulary": 100000, "context": 6}) == pytest.approx(math.log(5), abs=1e-3)


def test_a_head_that_looks_back_by_place_copies_the_previous_token() -> None:
    module = Copier(5, 3, 8, 1.0, positions=True, tied=False)
    assert module.positions is not None
    assert module.unembedding is not None
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.embedding[:, :5] = torch.eye(5)
        module.positions[:, 5:] = torch.eye(3)
        module.query.weight[7, 7] = module.key.weight[7, 6] = 10.0
        module.value.weight[:5, :5] = torch.eye(5)
        module.unembedding[:, :5] = 20 * torch.eye(5)
    batch = sequences({"vocabulary": 5, "context": 3}, 100, source())
    measure = load_task("copy_attention").batched().measure
    assert measure is not None
    with torch.no_grad():
        found = measure(module, batch)
    assert float(found["test_accuracy"]) == 1
    assert float(found["attention_to_target"]) == pytest.approx(1)
    assert float(found["perplexity"]) == pytest.approx(1, abs=1e-6)


def test_places_let_it_learn_what_cannot_be_learned_without() -> None:
    train = load_task("copy_attention", {"steps": 400, "judged": 1024, "device": "cpu"})
    config = {"vocabulary": 10, "context": 3, "dimension": 4, "batch_size": 64}
    without, place = train([config, {**config, "positions": True}], [0, 0])
    assert isinstance(without, dict)
    assert isinstance(place, dict)
    assert float(place["test_accuracy"]) > 0.9
    assert place["steps_to_threshold"] == Measurement(float(place["steps_to_threshold"]))
    assert float(without["test_loss"]) > 0.95 * float(without["least_loss"]) > 0.5
    assert without["steps_to_threshold"] == Measurement(400, censored="above")


def test_models_of_other_dimensions_and_targets_share_a_stack() -> None:
    configs = [
        {"dimension": dimension, "target": target, "batch_size": 64}
        for dimension in (2, 6, 3)
        for target in ("previous", "current")
    ]
    (line,) = load_task("copy_attention", {"device": "cpu"}).batched().plan(configs, range(6))
    assert line.startswith("together")
