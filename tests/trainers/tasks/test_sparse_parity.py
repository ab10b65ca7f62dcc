import math

import pytest
import torch

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Curve, Measurement
from physai_inverse.trainers import load_task
from physai_inverse.trainers.tasks.catalogue import sparse_parity as task

QUICK = {"bits": 12, "order": 2, "width": 64, "batch_size": 64}


def test_a_network_stays_on_a_plateau_then_finds_the_bits_that_count() -> None:
    found = load_task("sparse_parity", {"device": "cpu", "steps": 1000})({"bits": 20, "width": 64}, 0)
    reached = found["steps_to_90"]
    assert isinstance(reached, Measurement)
    assert reached.censored is None
    accuracy, share = found["test_accuracy_curve"], found["relevant_share_curve"]
    assert isinstance(accuracy, Curve)
    assert isinstance(share, Curve)
    early = [
        value for step, value in zip(accuracy.steps, accuracy.values, strict=True) if step < reached.value / 4
    ]
    assert max(early) < 0.6  # lost until shortly before
    assert share.values[0] == pytest.approx(3 / 20, abs=0.05)  # by chance
    assert share.values[-1] > 2 * share.values[0]


def test_a_network_of_zeros_knows_nothing_and_four_units_know_a_parity_of_two() -> None:
    train = load_task("sparse_parity", {"test_rows": 400}).batched()
    module = train.build(QUICK)
    assert callable(train.given)
    assert train.measure is not None
    given = train.given(QUICK, 0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    parameters = dict(module.named_parameters())
    assert float(train.measure(module, given)["test_loss"].detach()) == pytest.approx(math.log(2))
    # x y = relu(x + y) / 2 + relu(-x - y) / 2 - relu(x - y) / 2 - relu(y - x) / 2, for signs x and y
    with torch.no_grad():
        parameters["0.weight"][:4, :2] = torch.tensor([[1, 1], [-1, -1], [1, -1], [-1, 1]])
        parameters["2.weight"][0, :4] = torch.tensor([5.0, 5.0, -5.0, -5.0])
        found = train.measure(module, given)
    assert float(found["test_accuracy"]) == float(found["relevant_share"]) == 1
    assert float(found["test_loss"]) == pytest.approx(math.log1p(math.exp(-10)))


def test_rows_are_signs_and_their_answer_the_product_of_the_first() -> None:
    signs, answers = task._rows(task._values(QUICK), 200, torch.Generator().manual_seed(0))
    assert set(signs.flatten().tolist()) == {-1.0, 1.0}
    assert torch.equal(answers, signs[:, 0] * signs[:, 1])
    assert abs(float(answers.mean())) < 0.3


def test_more_counting_bits_than_bits_are_refused() -> None:
    with pytest.raises(InvalidInput, match="`order` must be at most `bits`, not 4 of 3"):
        load_task("sparse_parity")({"bits": 3, "order": 4}, 0)


def test_configurations_of_one_shape_of_rows_train_together() -> None:
    configs = [
        {**QUICK, "width": 32 + 16 * index, "lr": 0.01 * (1 + index), "order": 1 + index} for index in range(3)
    ]
    (line,) = load_task("sparse_parity").batched().plan(configs, [0, 1, 2])
    assert line.startswith("together")
