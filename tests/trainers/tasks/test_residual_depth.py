import pytest
import torch

from physai_inverse.observations import Config
from physai_inverse.trainers import load_task
from physai_inverse.trainers.batched.devices import isolated
from physai_inverse.trainers.tasks.catalogue.residual_depth import KNOBS, teacher
from physai_inverse.trainers.tasks.knobs import complete
from physai_inverse.trainers.tasks.networks.residual import Block, Residual


def built(config: Config) -> Residual:
    with isolated(0):
        module = load_task("residual_depth").batched().build(config)
    assert isinstance(module, Residual)
    return module


def first(config: Config, **settings: object) -> dict[str, float]:
    metrics = load_task("residual_depth", {"steps": 1, "device": "cpu", **settings})(config, 0)
    return {name: float(value) for name, value in metrics.items()}


def test_a_block_adds_its_branch_less_the_offset() -> None:
    with isolated(0):
        block, X = Block(4, 2, "relu", "none", 0.5, 0.2), torch.randn(6, 4)
    expected = X + 0.5 * ((X @ block.into.weight.T).relu() - 0.2) @ block.out.weight.T
    torch.testing.assert_close(block(X), expected)


@pytest.mark.parametrize(("normalisation", "fixed"), [("post", True), ("pre", False), ("none", False)])
def test_the_stream_keeps_its_norm_only_with_normalisation_behind_the_blocks(
    normalisation: str, fixed: bool
) -> None:
    module = built({"normalisation": normalisation, "depth": 3, "branch_scale": 5.0})
    norms = module(torch.randn(5, 10, generator=torch.Generator().manual_seed(0))).norm(dim=1)
    assert bool(torch.allclose(norms, torch.full((5,), 10**0.5), atol=1e-2)) is fixed


def test_a_student_with_the_weights_of_its_teacher_has_no_loss() -> None:
    trainer = load_task("residual_depth").batched()
    assert callable(trainer.rows)
    batch = trainer.rows({"depth": 2}, 3)
    student = teacher(complete({"depth": 2}, KNOBS), 10, 3)
    with torch.no_grad():
        assert float(trainer.loss(student, batch).max()) == 0
        assert float(trainer.loss(built({"depth": 2}), batch).mean()) > 0.01
    assert sum(part.numel() for part in student.parameters()) == 8 * 10**2 * 2


def test_with_normalisation_before_strong_blocks_the_stream_grows_as_the_root_of_the_depth() -> None:
    strong = first({"depth": 32, "branch_scale": 10.0}, dimension=30, samples=100)
    assert strong["initial_growth"] == pytest.approx(0.5, abs=0.07)
    weak = first({"depth": 32, "branch_scale": 0.1}, dimension=30, samples=100)
    assert weak["initial_growth"] < 0.05
    assert weak["initial_turn"] < strong["initial_turn"]


def test_an_offset_behind_a_relu_takes_away_the_common_shift() -> None:
    config: Config = {"depth": 10, "normalisation": "post", "activation": "relu"}
    shifts = [first({**config, "offset": offset}, dimension=20)["initial_shift"] for offset in (0.0, 0.2)]
    assert shifts[1] < 0.5 * shifts[0]


def test_what_compares_blocks_is_absent_with_one() -> None:
    assert not {"initial_growth", "initial_turn"} & set(first({"depth": 1}, samples=20))


def test_models_that_differ_in_scale_and_offset_train_together_and_depths_apart() -> None:
    configs: list[Config] = [
        {"depth": depth, "offset": 0.1 * place, "branch_scale": 1.0 + place}
        for depth in (1, 2)
        for place in (0, 1)
    ]
    plan = load_task("residual_depth", {"samples": 32}).batched().plan(configs, [0] * 4)
    assert plan == ["together by vmap: 0, 1", "together by vmap: 2, 3"]
