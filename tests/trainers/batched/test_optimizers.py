from collections.abc import Callable
from functools import partial

import pytest
import torch

from benchmarks.ordinary_loop import own_precision
from physai_inverse.trainers.batched import optimizers
from physai_inverse.trainers.batched.layout import Layout
from physai_inverse.trainers.batched.muon import is_matrix, orthogonalize
from physai_inverse.trainers.batched.optimizers import Optimizer
from physai_inverse.trainers.batched.recipe import Recipe

STEPS = 12
LAYOUT = Layout({"weight": (3, 4), "bias": (3,)})


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slope(W: torch.Tensor) -> torch.Tensor:
    return W.cos() * W.square() + 2 * W * W.sin()


def by_torch(recipe: Recipe, start: torch.Tensor, make: Callable[..., torch.optim.Optimizer]) -> torch.Tensor:
    w = start.clone().requires_grad_()
    optimizer = make([w], recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: recipe.factor(step, STEPS))
    for _ in range(STEPS):
        w.grad = slope(w.detach())
        optimizer.step()
        schedule.step()
    return w.detach()


Case = tuple[list[Recipe], list[Callable[..., torch.optim.Optimizer]]]
CASES: list[Case] = [
    (
        [Recipe(0.1, "sgd"), Recipe(0.05, "sgd", 0.1, momentum=0.9), Recipe(0.2, "sgd", 0.01, momentum=0.5)],
        [
            torch.optim.SGD,
            partial(torch.optim.SGD, momentum=0.9),
            partial(torch.optim.SGD, momentum=0.5),
        ],
    ),
    (
        [Recipe(0.1, "adam", 0.1), Recipe(0.02, "adam", betas=(0.8, 0.98), epsilon=1e-4)],
        [torch.optim.Adam, partial(torch.optim.Adam, betas=(0.8, 0.98), eps=1e-4)],
    ),
    ([Recipe(0.1, "adamw", 0.1), Recipe(0.02, "adamw", 0.5)], [torch.optim.AdamW] * 2),
    (
        [Recipe(0.01, "rmsprop", 0.1), Recipe(0.02, "rmsprop", alpha=0.9)],
        [torch.optim.RMSprop, partial(torch.optim.RMSprop, alpha=0.9)],
    ),
    (
        [Recipe(0.1, "adamw", schedule="cosine", warmup=4), Recipe(0.1, "sgd", schedule="linear", final=0.1)],
        [torch.optim.AdamW, torch.optim.SGD],
    ),
]


@pytest.mark.parametrize("row_by_row", [False, True])
@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize(("recipes", "makes"), CASES)
def test_each_row_steps_like_an_optimiser_of_torch(
    recipes: list[Recipe],
    makes: list[Callable[..., torch.optim.Optimizer]],
    alone: bool,
    row_by_row: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(optimizers, "FUSED_ROWS", len(recipes) if row_by_row else 0)
    start = normal(len(recipes), LAYOUT.size)
    for rows in [[row] for row in range(len(recipes))] if alone else [list(range(len(recipes)))]:
        W = start[rows].clone()
        chosen = [recipes[row] for row in rows]
        ours = Optimizer(chosen, [STEPS] * len(rows), W, LAYOUT, [LAYOUT] * len(rows))
        for _ in range(STEPS):
            ours.step(W, slope(W))
        for place, row in enumerate(rows):
            expected = by_torch(recipes[row], start[row], makes[row])
            torch.testing.assert_close(W[place], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("others", [0, 2])
def test_decays_of_their_own_are_those_of_parameter_groups(optimizer: str, others: int) -> None:
    recipe = Recipe(0.05, optimizer, 0.1, momentum=0.9, factors=(("w*", 0.25),), decays=(("bias", 0.3),))
    recipes = [recipe, *(Recipe(0.05, optimizer, 0.2) for _ in range(others))]
    W = normal(len(recipes), LAYOUT.size)
    weight, bias = (LAYOUT.views(W)[name][0].clone().requires_grad_() for name in ("weight", "bias"))
    kinds: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "sgd": partial(torch.optim.SGD, momentum=0.9),
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "rmsprop": torch.optim.RMSprop,
    }
    theirs = kinds[optimizer](
        [
            {"params": [weight], "lr": 0.0125, "weight_decay": 0.1},
            {"params": [bias], "lr": 0.05, "weight_decay": 0.3},
        ]
    )
    ours = Optimizer(recipes, [STEPS] * len(recipes), W, LAYOUT, [LAYOUT] * len(recipes))
    for step in range(STEPS):
        if step == STEPS // 2 and others:
            ours.keep([0, 2])
            W = W[[0, 2]]
        ours.step(W, slope(W))
        weight.grad, bias.grad = slope(weight.detach()), slope(bias.detach())
        theirs.step()
    found = LAYOUT.views(W)
    torch.testing.assert_close(found["weight"][0], weight.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found["bias"][0], bias.detach(), rtol=1e-12, atol=1e-12)


def test_muon_gives_matrices_and_the_rest_decays_of_their_own() -> None:
    recipes = {
        "both": Recipe(0.05, "muon", 0.1, rest_lr=0.01, decays=(("w*", 0.5), ("bias", 0.3))),
        "weight": Recipe(0.05, "muon", 0.5, rest_lr=0.01),
        "bias": Recipe(0.05, "muon", 0.3, rest_lr=0.01),
    }
    found: dict[str, dict[str, torch.Tensor]] = {}
    for name, recipe in recipes.items():
        W = normal(1, LAYOUT.size)
        optimizer = Optimizer([recipe], [STEPS], W, LAYOUT, [LAYOUT])
        for _ in range(STEPS):
            optimizer.step(W, slope(W))
        found[name] = LAYOUT.views(W)
    for name in ("weight", "bias"):
        torch.testing.assert_close(found["both"][name], found[name][name], rtol=1e-12, atol=1e-12)


def test_rows_that_leave_do_not_change_the_others() -> None:
    recipes = [
        *(Recipe(0.1 + 0.1 * row, "adamw", betas=(0.8 + 0.05 * row, 0.99)) for row in range(3)),
        Recipe(0.1, "muon", 0.1),
        Recipe(0.2, "muon", momentum=0.5, rest_lr=0.01),
        *(Recipe(0.1, "rmsprop", alpha=0.9 + 0.01 * row) for row in range(2)),
        *(Recipe(0.1, "sgd", momentum=0.1 * row, schedule="cosine") for row in range(3)),
    ]
    W = normal(len(recipes), LAYOUT.size)
    whole, part, left = W.clone(), W.clone(), [0, 2, 4, 6, 7, 9]
    first, second = (
        Optimizer(recipes, [STEPS] * len(recipes), W, LAYOUT, [LAYOUT] * len(recipes)) for _ in range(2)
    )
    for step in range(STEPS):
        first.step(whole, slope(whole))
        if step == 5:
            second.keep(left)
            part = part[left]
        second.step(part, slope(part))
    torch.testing.assert_close(part, whole[left], rtol=1e-12, atol=1e-12)


def test_muon_steps_like_that_of_torch_on_matrices_and_adamw_on_the_rest() -> None:
    recipe = Recipe(0.05, "muon", 0.1, rest_lr=0.01)
    W = normal(2, LAYOUT.size)
    weight, bias = (LAYOUT.views(W)[name][1].clone().requires_grad_() for name in ("weight", "bias"))
    muon = torch.optim.Muon([weight], 0.05, weight_decay=0.1)
    adam = torch.optim.AdamW([bias], 0.01, weight_decay=0.1)
    ours = Optimizer([Recipe(0.1, "muon"), recipe], [STEPS] * 2, W, LAYOUT, [LAYOUT] * 2)
    for _ in range(STEPS):
        ours.step(W, slope(W))
        weight.grad, bias.grad = slope(weight.detach()), slope(bias.detach())
        with own_precision():
            muon.step()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        adam.step()
    found = LAYOUT.views(W)
    torch.testing.assert_close(found["weight"][1], weight.detach(), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found["bias"][1], bias.detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (6, 6)])
def test_in_bfloat16_matrices_become_orthogonal_to_the_bit_as_in_torch(shape: tuple[int, int]) -> None:
    X = normal(4, *shape).float()
    theirs = torch.optim._muon._zeropower_via_newtonschulz
    expected = torch.stack([theirs(x, (3.4445, -4.7750, 2.0315), 5, 1e-7) for x in X])
    assert torch.equal(orthogonalize(X, bfloat16=True), expected)


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    values = torch.linalg.svdvals(orthogonalize(normal(3, 6, 10)))
    assert 0.65 < float(values.min()) <= float(values.max()) < 1.3


def test_muon_trains_matrices_and_leaves_embeddings_and_biases() -> None:
    assert is_matrix("0.weight", (3, 4))
    assert not is_matrix("embedding.weight", (3, 4))
    assert not is_matrix("embedding", (3, 4))
    assert not is_matrix("0.bias", (3,))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop", "muon"])
def test_factors_on_the_rate_are_those_of_parameter_groups(optimizer: str) -> None:
    recipe = Recipe(0.05, optimizer, 0.1, momentum=0.9, factors=(("w*", 0.25), ("*", 3.0), ("bias", 7.0)))
    W = normal(2, LAYOUT.size)
    parts = {name: LAYOUT.views(W)[name][1].clone().requires_grad_() for name in ("weight", "bias")}
    weight, bias = ({"params": [parts[name]], "lr": lr} for name, lr in (("weight", 0.0125), ("bias", 0.15)))
    groups = [weight, bias]
    theirs: list[torch.optim.Optimizer] = []
    if optimizer == "muon":
        theirs.append(torch.optim.Muon([weight], momentum=0.9, weight_decay=0.1))
        groups = [bias]
    kinds: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "sgd": partial(torch.optim.SGD, momentum=0.9),
        "adam": torch.optim.Adam,
        "rmsprop": torch.optim.RMSprop,
    }
    theirs.append(kinds.get(optimizer, torch.optim.AdamW)(groups, weight_decay=0.1))
    ours = Optimizer([Recipe(0.1, optimizer), recipe], [STEPS] * 2, W, LAYOUT, [LAYOUT] * 2)
    for step in range(STEPS):
        ours.step(W, slope(W))
        if step == 5:
            ours.keep([1])
            W = W[1:]
        for part in parts.values():
            part.grad = slope(part.detach())
        with own_precision():
            for one in theirs:
                one.step()
    found = LAYOUT.views(W[0 if len(W) == 1 else 1])
    for name, part in parts.items():
        torch.testing.assert_close(found[name], part.detach(), rtol=1e-10, atol=1e-12)
