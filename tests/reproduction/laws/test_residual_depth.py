from dataclasses import replace

import pytest
import torch

from physai_inverse.reproduction.laws.residual_depth import DIMENSION, LAWS, SHOWN, eigenvalues, outcome, sharpness
from physai_inverse.trainers import load_task
from physai_inverse.trainers.batched import Finished
from physai_inverse.trainers.tasks.networks.residual import Residual


def spectrum(drop: float) -> list[float]:
    return [1.0 / (1 + place) / (1 if place < DIMENSION**2 else drop) for place in range(SHOWN)]


@pytest.mark.parametrize(
    ("power", "drop", "holds"),
    [(1.0, 4.0, [True, True]), (0.5, 4.0, [False, True]), (1.0, 2.0, [True, False])],
)
def test_the_law_asks_for_growth_with_the_depth_and_a_drop_behind_the_square(
    power: float, drop: float, holds: list[bool]
) -> None:
    table = {depth: [0.2 * depth**power, 0.3 * depth**power] for depth in (1, 2, 4, 8)}
    found = outcome(table, [spectrum(drop)] * 3)
    assert [check.holds for check in found.checks] == holds
    assert found.checks[0].measured == pytest.approx(2**power)


def test_a_sharpness_that_was_not_found_does_not_hold() -> None:
    table = {depth: [0.2 * depth, float("nan") if depth == 4 else 1.0] for depth in (1, 2, 4, 8)}
    assert not outcome(table, [spectrum(4.0)]).holds


def test_sharpness_and_spectrum_are_those_of_the_training_loss() -> None:
    trainer = load_task(
        "residual_depth", {"dimension": 3, "samples": 12, "steps": 2, "precision": "float64", "device": "cpu"}
    ).batched()
    seen: list[Finished] = []

    def finish(finished: Finished) -> dict[str, float]:
        seen.append(finished)
        return {}

    replace(trainer, finish=finish)({"depth": 1}, 0)
    values = eigenvalues(trainer, seen[0])
    assert sharpness(trainer, seen[0]) == pytest.approx(values[0], rel=0.02)
    module = seen[0].module
    assert isinstance(module, Residual)
    assert callable(trainer.rows)
    X = trainer.rows({"depth": 1}, 0)[0].double()
    into = module.blocks[0].get_parameter("into.weight")
    hidden = torch.nn.functional.silu(torch.nn.functional.layer_norm(X, (3,)) @ into.T).detach()
    own = torch.linalg.eigvalsh(2 / 3 * hidden.T @ hidden / len(X))  # of the last layer alone, for each output
    assert values[0] >= float(own[-1])


def test_the_law_names_its_task() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(21, "residual_depth")]
