"""Numbers of recipes as columns of a stack, one a model.

Symbols: k models, P parameters of the padded network; a column is [k, 1], or a number where all are equal. A rate
or a decay is a column, or [k, P] where parameters of one model have different ones.
"""

from collections.abc import Sequence
from typing import TypeAlias

import torch

from physai_inverse.trainers.batched.layout import Layout
from physai_inverse.trainers.batched.recipe import Recipe

Column: TypeAlias = float | torch.Tensor


def column(values: Sequence[float], like: torch.Tensor) -> Column:
    """Give one value a row: a number where all are the same, else [k, 1]."""
    if len(set(values)) == 1:
        return values[0]
    return torch.tensor(values, dtype=torch.float64).to(like).unsqueeze(1)


def numbers(value: Column, rows: int) -> list[float]:
    """Give a column as one number a row."""
    return value.flatten().tolist() if isinstance(value, torch.Tensor) else [value] * rows


def factors(
    recipes: Sequence[Recipe], layout: Layout, layouts: Sequence[Layout], like: torch.Tensor
) -> torch.Tensor | None:
    """Give the factor on the rate of each parameter, [k, P]; None where all are 1.

    Args:
        recipes: one a row.
        layout: of the padded network.
        layouts: of each row's own network, by whose names parameters are meant.
        like: of the type and device that is wanted.
    """
    if not any(recipe.factors for recipe in recipes):
        return None
    table = [
        [recipe.factor_of(own.names.get(name, name)) for name in layout.shapes]
        for recipe, own in zip(recipes, layouts, strict=True)
    ]
    return spread(table, layout, like)


def decays(recipes: Sequence[Recipe], layout: Layout, layouts: Sequence[Layout], like: torch.Tensor) -> Column:
    """Give the weight decays: a column, or [k, P] where a parameter has one of its own; see `factors`."""
    if not any(recipe.decays for recipe in recipes):
        return column([recipe.weight_decay for recipe in recipes], like)
    table = [
        [recipe.decay_of(own.names.get(name, name)) for name in layout.shapes]
        for recipe, own in zip(recipes, layouts, strict=True)
    ]
    return spread(table, layout, like)


def spread(table: Sequence[Sequence[float]], layout: Layout, like: torch.Tensor) -> torch.Tensor:
    """Give one value a tensor [k, tensors] to each of its elements, [k, P]."""
    lengths = torch.tensor(layout.lengths, device=like.device)
    return torch.tensor(table, dtype=torch.float64).to(like).repeat_interleave(lengths, dim=1)


def kept(value: Column, rows: torch.Tensor) -> Column:
    """Keep some rows of a column."""
    return value[rows] if isinstance(value, torch.Tensor) else value
