import math
from collections import Counter

import pytest
import torch

from physai_inverse.errors import InvalidInput
from physai_inverse.trainers import load_task
from physai_inverse.trainers.tasks.catalogue.characters import (
    ALPHABET,
    HELD_OUT,
    part,
    spread,
    text,
    unigram_entropy,
    windows,
)


def test_the_text_is_english_in_the_alphabet() -> None:
    assert set(text()) == set(ALPHABET)
    assert "  " not in text()
    assert " the " in text()
    assert len(text()) > 250_000


def test_windows_are_runs_of_the_text_and_what_follows() -> None:
    seen, following = windows(3, 200)
    assert len(seen) == len(following) == 197
    assert "".join(ALPHABET[number] for number in (*seen[5].tolist(), int(following[5]))) == part(200)[5:9]
    fewer, _ = spread(3, 200, 10)
    assert torch.equal(fewer[[0, -1]], seen[[0, -1]])


def test_what_is_held_out_is_never_trained_on() -> None:
    longest = len(text()) - HELD_OUT
    assert part(longest) + part(-HELD_OUT) == text()
    with pytest.raises(InvalidInput, match=f"`text` must be at most {longest} in this Python"):
        load_task("characters", {"device": "cpu", "steps": 1})({"text": longest + 1}, 0)


def test_a_model_that_sees_one_character_comes_near_the_entropy_of_pairs_and_not_below() -> None:
    train = load_task("characters", {"steps": 400, "judged": 1999, "device": "cpu"})
    metrics = train({"context": 1, "text": 2000, "lr": 0.02, "width": 64, "schedule": "linear"}, 0)
    seen, following = (column.flatten().tolist() for column in windows(1, 2000))
    pairs, firsts = Counter(zip(seen, following, strict=True)), Counter(seen)
    floor = -sum(count * math.log(count / firsts[first]) for (first, _), count in pairs.items()) / len(seen)
    assert floor <= float(metrics["train_loss"]) < floor + 0.1
    assert floor < float(metrics["unigram_entropy"]) == unigram_entropy(2000)
    assert metrics["bits"] == pytest.approx(float(metrics["val_loss"]) / math.log(2))
    assert float(metrics["generalisation_gap"]) > 0.1


def test_models_of_other_widths_and_embeddings_share_a_stack() -> None:
    configs = [
        {"dimension": dimension, "width": width, "batch_size": 32, "text": 1000 * width}
        for dimension in (2, 5, 4)
        for width in (8, 6)
    ]
    (line,) = load_task("characters", {"device": "cpu", "judged": 64}).batched().plan(configs, range(6))
    assert line.startswith("together")
