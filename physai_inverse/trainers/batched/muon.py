"""Muon on a stack: momentum whose matrices are made orthogonal by a few Newton-Schulz steps, all at once.

Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks",
https://kellerjordan.github.io/posts/muon/; constants and order of operations as in `torch.optim.Muon`.

Symbols: `X` [k, m, n] the momenta of one matrix in k models.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch

from physai_inverse.trainers.batched.layout import Layout
from physai_inverse.trainers.batched.recipe import Recipe

QUINTIC = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
SMALLEST_NORM = 1e-7


class Rest(Protocol):
    """The rule for what is no matrix."""

    def step(self, W: torch.Tensor, G: torch.Tensor, lr: float | torch.Tensor, number: int) -> None:
        """Take one step."""

    def keep(self, rows: torch.Tensor) -> None:
        """Keep these rows only."""

    def state(self, row: int) -> dict[str, torch.Tensor]:
        """Give what is kept of one row."""

    def go_on(self, row: int, state: Mapping[str, torch.Tensor]) -> None:
        """Put back what was kept of one row."""


def orthogonalize(X: torch.Tensor, *, bfloat16: bool = False) -> torch.Tensor:
    """Bring the singular values of each matrix near 1, by the quintic Newton-Schulz iteration.

    Args:
        X: [k, m, n].
        bfloat16: iterate in bfloat16, as published; else in the type of `X`.

    Returns:
        [k, m, n], of the type that was iterated in.
    """
    a, b, c = QUINTIC
    Y = X.bfloat16() if bfloat16 else X
    tall = X.shape[1] > X.shape[2]
    if tall:
        Y = Y.transpose(1, 2)
    Y = Y / Y.norm(dim=(1, 2), keepdim=True).clamp(min=SMALLEST_NORM)
    for _ in range(ITERATIONS):
        gram = torch.bmm(Y, Y.transpose(1, 2))
        Y = torch.baddbmm(Y, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), Y, beta=a)
    return Y.transpose(1, 2) if tall else Y


class Muon:
    """Muon for the matrices of a network, and another rule for all else.

    Matrices are the parameters with two dimensions whose name does not end in `embedding.weight` or `embedding`:
    embeddings, biases and gains are no hidden layers. Narrower models of a stack are made orthogonal in
    their own shape, so that padding changes nothing, not even the rounding.

    Args:
        recipes: one a row.
        W: [k, P] the parameters.
        decay: of the weights: one for all, or [k, 1], or [k, P].
        layout: of the padded network.
        layouts: of each row's own network.
        rest: makes the rule for all else out of recipes, columns and their decay.
        bfloat16: see `orthogonalize`.
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        W: torch.Tensor,
        decay: float | torch.Tensor,
        layout: Layout,
        layouts: Sequence[Layout],
        rest: Callable[[Sequence[Recipe], torch.Tensor, float | torch.Tensor], Rest],
        *,
        bfloat16: bool,
    ) -> None:
        def tensor(values: list[float]) -> torch.Tensor:
            return torch.tensor(values, dtype=torch.float64).to(W).unsqueeze(1)

        self._layout, self._layouts, self._bfloat16 = layout, list(layouts), bfloat16
        self._names = [name for name, shape in layout.shapes.items() if is_matrix(name, shape)]
        self._others = [place for name, place in layout.slices.items() if name not in self._names]
        self._decay = decay if isinstance(decay, torch.Tensor) else W.new_full((len(W), 1), decay)
        self._momentum = tensor([recipe.own_momentum for recipe in recipes])
        self._weight = tensor([1 - recipe.own_momentum for recipe in recipes])
        self._ratio = tensor(
            [1.0 if recipe.rest_lr is None or not recipe.lr else recipe.rest_lr / recipe.lr for recipe in recipes]
        )
        self._B = torch.zeros_like(W)
        self._rest = rest(recipes, self._part(W), self._own(decay)) if self._others else None
        self._shapes = self._groups()

    def step(self, W: torch.Tensor, G: torch.Tensor, lr: float | torch.Tensor, number: int) -> None:
        """Take one step.

        Args:
            W: [k, P].
            G: [k, P].
            lr: one for all, or [k, 1], or [k, P].
            number: of the step.
        """
        if self._rest is not None:
            part = self._part(W)
            self._rest.step(part, self._part(G), self._own(lr) * self._ratio, number)
        self._B.lerp_(G, self._weight.expand_as(G))
        U = torch.lerp(G, self._B, self._momentum.expand_as(G))
        all_rates = lr.expand_as(W) if isinstance(lr, torch.Tensor) else W.new_full((1, 1), lr).expand_as(W)
        views, updates = self._layout.views(W), self._layout.views(U)
        for name, groups in self._shapes.items():
            rates = all_rates[:, self._layout.slices[name]][:, :1]  # one for the whole matrix
            decay = self._decay.expand_as(W)[:, self._layout.slices[name]][:, :1]
            views[name].mul_((1 - rates * decay).unsqueeze(2))
            for (rows, columns), chosen in groups.items():
                scale = math.sqrt(max(1.0, rows / columns))
                D = orthogonalize(updates[name][chosen, :rows, :columns], bfloat16=self._bfloat16)
                views[name][chosen, :rows, :columns] -= D.to(W.dtype) * (rates[chosen] * scale).unsqueeze(2)
        if self._rest is not None:
            self._put(W, part)

    def scale(self, number: int) -> None:  # noqa: ARG002 - the contract of a rule
        """Give none: matrices are not scaled entry by entry."""
        return

    def keep(self, rows: torch.Tensor) -> None:
        """Keep these rows only."""
        self._decay, self._ratio = self._decay[rows], self._ratio[rows]
        self._momentum, self._weight = self._momentum[rows], self._weight[rows]
        self._B = self._B[rows]
        self._layouts = [self._layouts[int(row)] for row in rows]
        self._shapes = self._groups()
        if self._rest is not None:
            self._rest.keep(rows)

    def state(self, row: int) -> dict[str, torch.Tensor]:
        """Give the velocity, and what the other rule keeps of its part, in the place of that part."""
        found = {"B": self._B[row]}
        if self._rest is not None:
            for name, part in self._rest.state(row).items():
                whole = torch.zeros_like(self._B[:1])
                self._put(whole, part.unsqueeze(0))
                found[f"rest {name}"] = whole[0]
        return found

    def go_on(self, row: int, state: Mapping[str, torch.Tensor]) -> None:
        """Put all of it back."""
        self._B[row] = state["B"]
        if self._rest is not None:
            kept = {name.removeprefix("rest "): whole for name, whole in state.items() if name != "B"}
            self._rest.go_on(row, {name: self._part(whole.unsqueeze(0))[0] for name, whole in kept.items()})

    def _groups(self) -> dict[str, dict[tuple[int, int], torch.Tensor]]:
        """Matrix to own shape to the rows that have it."""
        found: dict[str, dict[tuple[int, int], torch.Tensor]] = {}
        for name in self._names:
            rows: dict[tuple[int, int], list[int]] = {}
            for row, own in enumerate(self._layouts):
                if name in own.names:
                    first, second = own.shapes[own.names[name]]
                    rows.setdefault((first, second), []).append(row)
            found[name] = {shape: torch.tensor(some) for shape, some in rows.items()}
        return found

    def _own(self, value: float | torch.Tensor) -> float | torch.Tensor:
        """Give a rate or a decay of all else."""
        return self._part(value) if isinstance(value, torch.Tensor) and value.shape[1] > 1 else value

    def _part(self, matrix: torch.Tensor) -> torch.Tensor:
        return torch.cat([matrix[:, place] for place in self._others], dim=1)

    def _put(self, W: torch.Tensor, part: torch.Tensor) -> None:
        lengths = [place.stop - place.start for place in self._others]
        for place, piece in zip(self._others, torch.split(part, lengths, dim=1), strict=True):
            W[:, place] = piece


def is_matrix(name: str, shape: tuple[int, ...]) -> bool:
    """Say whether Muon trains a parameter, by its name and shape."""
    return len(shape) == 2 and not name.endswith(("embedding", "embedding.weight"))
