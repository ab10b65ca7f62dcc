import pytest
import torch

from physai_inverse.trainers import load_task
from physai_inverse.trainers.tasks.catalogue.low_rank_bigram import language
from physai_inverse.trainers.tasks.networks.bigram import Bigram


def test_a_language_has_the_rank_that_was_asked_for_and_a_steady_state() -> None:
    _, following, weights = language(12, 3, 1.0, 5)
    torch.testing.assert_close(following.sum(dim=1), torch.ones(12))
    torch.testing.assert_close(weights @ following, weights)
    assert float(weights.mean()) == pytest.approx(1)
    logs = following.double().log()
    centred = logs - logs.mean(dim=1, keepdim=True)
    values = torch.linalg.svdvals(centred)
    assert values[2] > 0.1
    assert values[3] < 1e-5


def test_a_model_that_holds_the_language_has_no_gap() -> None:
    rows = language(12, 3, 1.0, 5)
    module = Bigram(12, 12, 1.0, tied=False)
    assert module.unembedding is not None
    with torch.no_grad():
        module.embedding.copy_(rows[1].log())
        module.unembedding.copy_(torch.eye(12))
    trainer = load_task("low_rank_bigram").batched()
    assert trainer.measure is not None
    assert trainer.views is not None
    assert trainer.views.floor is not None
    with torch.no_grad():
        excess, loss = trainer.measure(module, rows)["excess_loss"], trainer.loss(module, rows).mean()
    assert float(excess) == pytest.approx(0, abs=1e-6)
    assert float(loss) == pytest.approx(trainer.views.floor({"vocabulary": 12, "rank": 3}, 5), abs=1e-5)


def test_the_gap_vanishes_once_the_dimension_is_the_rank() -> None:
    train = load_task("low_rank_bigram", {"steps": 800, "device": "cpu"})
    configs = [{"vocabulary": 10, "rank": 3, "dimension": dimension} for dimension in (1, 2, 3)]
    gaps = [float(metrics["excess_loss"]) for metrics in train(configs, [0, 0, 0])]  # type: ignore[index]
    assert gaps[0] > gaps[1] > 1e-3
    assert gaps[2] == pytest.approx(0, abs=1e-3)


def test_models_of_other_dimensions_ranks_and_rates_share_a_stack() -> None:
    configs = [
        {"dimension": dimension, "rank": rank, "lr": 0.01 * rank} for dimension in (2, 5, 9) for rank in (3, 4)
    ]
    (line,) = load_task("low_rank_bigram", {"device": "cpu"}).batched().plan(configs, range(6))
    assert line.startswith("together")
