import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.trainers.batched import Recipe, recipe_of


def test_a_recipe_is_read_from_the_parameters_that_are_called_like_its_fields() -> None:
    config = {"lr": 0.1, "beta2": 0.99, "optimizer": "muon", "momentum": 0.8, "batch_size": 8, "width": 64}
    assert recipe_of(config) == Recipe(0.1, "muon", momentum=0.8, betas=(0.9, 0.99), batch_size=8)
    assert recipe_of({"lr": 0.1, "momentum": 0.8}).momentum is None
    with pytest.raises(InvalidInput, match="has no `lr`"):
        recipe_of({"learning_rate": 0.1})


def test_the_first_pattern_that_fits_a_parameter_gives_its_decay() -> None:
    recipe = Recipe(0.1, weight_decay=0.2, decays=(("2.weight", 0.5), ("*.weight", 0.0)))
    names = ("0.weight", "2.weight", "2.bias")
    assert [recipe.decay_of(name) for name in names] == [0.0, 0.5, 0.2]


def test_a_schedule_warms_up_and_falls_to_its_end() -> None:
    cosine = Recipe(1.0, schedule="cosine", warmup=4, final=0.1)
    assert [cosine.factor(step, 14) for step in (0, 1, 3, 4)] == [0.25, 0.5, 1.0, 1.0]
    assert cosine.factor(9, 14) == pytest.approx(0.55)
    assert cosine.factor(14, 14) == pytest.approx(0.1)
    linear = Recipe(1.0, schedule="linear")
    assert [linear.factor(step, 4) for step in range(5)] == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert Recipe(1.0).factor(99, 100) == 1.0


def test_the_first_pattern_that_fits_a_parameter_gives_its_factor() -> None:
    recipe = Recipe(0.1, factors=(("2.weight", 0.5), ("*.weight", 0.25)))
    names = ("0.weight", "2.weight", "2.bias")
    assert [recipe.factor_of(name) for name in names] == [0.25, 0.5, 1.0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lr": -1.0}, "`lr` must be a finite number"),
        ({"lr": float("nan")}, "`lr` must be a finite number"),
        ({"lr": 0.1, "optimizer": "lion"}, "`optimizer` must be one of `sgd`, `adam`"),
        ({"lr": 0.1, "schedule": "step"}, "`schedule` must be one of `constant`"),
        ({"lr": 0.1, "betas": (0.9, 1.0)}, "`betas` must be at least 0 and below 1"),
        ({"lr": 0.1, "batch_size": 0}, "`batch_size` must be a whole number"),
        ({"lr": 0.1, "decays": (("0.*", -1.0),)}, r"`decays` of `0\.\*` must be a finite number"),
        ({"lr": 0.1, "factors": (("0.*", -1.0),)}, r"`factors` of `0\.\*` must be a finite number"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Recipe(**values)
