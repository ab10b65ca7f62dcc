import pytest
import torch

from physai_inverse.errors import InvalidInput
from physai_inverse.trainers import load_task
from physai_inverse.trainers.batched.devices import isolated
from physai_inverse.trainers.tasks.catalogue.associative_recall import sequences
from physai_inverse.trainers.tasks.networks.attention import Recaller


def test_the_answer_is_the_value_that_followed_the_key_asked_for() -> None:
    tokens, answers, places = sequences(torch.arange(500), 6, 16, 3)
    keys, values, asked = tokens[:, :-1:2], tokens[:, 1:-1:2], tokens[:, -1:]
    assert all(len(set(row)) == 6 for row in keys.tolist())
    assert torch.equal(values[keys == asked], answers)
    assert torch.equal(tokens.gather(1, places.unsqueeze(1)).squeeze(1), answers)


def test_a_sequence_is_known_by_its_number_and_the_seed() -> None:
    numbers = torch.arange(300)
    first, again, other = (sequences(numbers, 4, 16, seed)[0] for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert len({tuple(row) for row in first.tolist()}) == 300
    assert (first == other).double().mean() < 0.1


def test_sequences_are_evenly_drawn() -> None:
    tokens, answers, places = sequences(torch.arange(40_000), 4, 8, 0)
    for drawn, size in ((tokens[:, 0], 8), (tokens[:, 1], 8), (tokens[:, -1], 8), (answers, 8), (places // 2, 4)):
        counts = torch.bincount(drawn, minlength=size).double()
        statistic = ((counts - 40_000 / size).square() / (40_000 / size)).sum()
        assert statistic < 30  # chi squared with at most 7 degrees of freedom: one in ten thousand
    pairs = torch.bincount(8 * tokens[:, 1] + tokens[:, 3], minlength=64).double()
    assert ((pairs - 625).square() / 625).sum() < 115  # of 63, likewise


def test_attention_is_causal() -> None:
    with isolated(0):
        module = Recaller(8, 5, 6, 2, 1.0)
    tokens, _, _ = sequences(torch.arange(3), 2, 8, 0)
    with torch.no_grad():
        first, second, _ = module.read(tokens)
    assert first.shape == (3, 2, 5, 5)
    assert second.shape == (3, 2, 1, 5)
    assert float(first.triu(1).abs().max()) == 0
    torch.testing.assert_close(first.sum(dim=3), torch.ones(3, 2, 5))
    torch.testing.assert_close(second.sum(dim=3), torch.ones(3, 2, 1))


def test_recall_appears_with_the_heads_that_do_it() -> None:
    train = load_task("associative_recall", {"steps": 400, "vocabulary": 8, "judged": 256, "device": "cpu"})
    metrics = train({"pairs": 2, "dimension": 16, "lr": 0.006}, 0)
    assert float(metrics["test_accuracy"]) > 0.9
    assert float(metrics["induction_score"]) > 0.7
    assert float(metrics["previous_token_score"]) > 0.7


def test_models_of_other_widths_and_numbers_of_heads_share_a_stack() -> None:
    configs = [
        {"dimension": dimension, "heads": heads, "pairs": 2, "batch_size": 8}
        for dimension in (8, 12, 16)
        for heads in (1, 2)
    ]
    trainer = load_task("associative_recall", {"device": "cpu", "judged": 16}).batched()
    (line,) = trainer.plan(configs, range(6))
    assert line.startswith("together")


def test_noise_on_the_embeddings_is_drawn_anew_for_each_batch() -> None:
    trainer = load_task("associative_recall", {"device": "cpu"}).batched()
    source = torch.Generator().manual_seed(0)
    config = {"embedding_noise": 0.5}
    assert trainer.draw is not None
    first, second = trainer.draw(config, source)[3], trainer.draw(config, source)[3]
    assert first.shape == (32, 32)
    assert not torch.equal(first, second)
    assert float(first.std()) == pytest.approx(0.5, rel=0.1)
    assert len(trainer.draw({}, source)) == 3


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"dimension": 10, "heads": 4}, "`dimension` must be a multiple of `heads`, not 10 for 4 heads"),
        ({"pairs": 40}, "`pairs` must be at most the 32 tokens of `vocabulary`, not 40"),
    ],
)
def test_what_does_not_fit_together_is_refused(config: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        load_task("associative_recall", {"device": "cpu"})(config, 0)
