"""SGD, Adam, AdamW and RMSprop on a stack: the update rules of `torch.optim`, with every rate a column.

Written out because `torch.optim` knows one rate for all rows, and because its first step imports the compiler
(seconds a process). Tests hold them to `torch.optim`.

Symbols, all [k, P] unless said: `W` parameters, `G` gradients (may be overwritten), `V` velocities or first
moments, `S` second moments, `T` room for what is in between; a column is [k, 1], or a number where all are equal.
A rate or a decay is a column, or [k, P] where parameters of one model have different ones.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import torch

from physai_inverse.trainers.batched.columns import Column, column, decays, factors, kept, numbers
from physai_inverse.trainers.batched.layout import Layout
from physai_inverse.trainers.batched.muon import Muon
from physai_inverse.trainers.batched.recipe import Recipe

Row: TypeAlias = tuple[torch.Tensor, torch.Tensor, float, float, tuple[float, float]]
"""First and second moment, decay, epsilon and both betas of one model."""

FUSED_FROM = 2**12
"""Parameters from which each model of a stack is stepped by a kernel of its own, which reads and writes everything
once: below, the calls cost more than the ten passes over a stack that they save."""

FUSED_ROWS = 4
"""Models up to which these calls cost less than ten operations on small tensors, whatever their size."""

SCHEDULED = 128
"""Steps for which the rates are written down at once."""


class Rule(Protocol):
    """An update rule over rows that share it."""

    def step(self, W: torch.Tensor, G: torch.Tensor, lr: Column, number: int) -> None:
        """Take step `number`, from 1, in place."""

    def scale(self, number: int) -> torch.Tensor | None:
        """Give what a gradient is divided by after step `number`, [k, P]; None where it is not."""

    def keep(self, rows: torch.Tensor) -> None:
        """Keep these rows only."""

    def state(self, row: int) -> dict[str, torch.Tensor]:
        """Give what is kept of one row from step to step, [P] each; views where that can be."""

    def go_on(self, row: int, state: Mapping[str, torch.Tensor]) -> None:
        """Put back what was kept of one row."""


def subtract(W: torch.Tensor, D: torch.Tensor, lr: Column) -> None:
    """Subtract `lr * D`; a column overwrites `D`."""
    if isinstance(lr, torch.Tensor):
        W.sub_(D.mul_(lr))
    else:
        W.sub_(D, alpha=lr)


def average(A: torch.Tensor, G: torch.Tensor, weight: Column) -> None:
    """Move a running mean by `weight` towards `G`."""
    if isinstance(weight, torch.Tensor):
        A.add_((G - A).mul_(weight))
    else:
        A.lerp_(G, weight)


def average_square(S: torch.Tensor, G: torch.Tensor, share: Column, weight: Column, T: torch.Tensor) -> None:
    """Move a running mean of squares towards `G^2`; `share` is `1 - weight`, without its rounding."""
    S.mul_(share)
    if isinstance(weight, torch.Tensor):
        S.add_(torch.mul(G, G, out=T).mul_(weight))
    else:
        S.addcmul_(G, G, value=weight)


def decay_gradient(W: torch.Tensor, G: torch.Tensor, decay: Column, T: torch.Tensor) -> None:
    """Add `decay * W` to the gradient."""
    if isinstance(decay, torch.Tensor):
        G.add_(torch.mul(W, decay, out=T))
    elif decay:
        G.add_(W, alpha=decay)


class SGD:
    """Stochastic gradient descent with heavy-ball momentum; weight decay is added to the gradient."""

    def __init__(self, recipes: Sequence[Recipe], W: torch.Tensor, decay: Column) -> None:
        self._decay = decay
        self._momentum = column([recipe.own_momentum for recipe in recipes], W)
        plain = all(not recipe.own_momentum for recipe in recipes)
        self._V = None if plain else torch.zeros_like(W)
        self._T = torch.empty_like(W)

    def step(self, W: torch.Tensor, G: torch.Tensor, lr: Column, number: int) -> None:  # noqa: ARG002 - the contract
        """Take one step."""
        decay_gradient(W, G, self._decay, self._T)
        D = G
        if self._V is not None:
            V = self._V.mul_(self._momentum).add_(G)
            D = self._T.copy_(V) if isinstance(lr, torch.Tensor) else V
        subtract(W, D, lr)

    def scale(self, number: int) -> torch.Tensor:  # noqa: ARG002 - the contract
        """Give ones."""
        return torch.ones_like(self._T)

    def keep(self, rows: torch.Tensor) -> None:
        """Keep these rows only."""
        self._decay, self._momentum = kept(self._decay, rows), kept(self._momentum, rows)
        self._T = self._T[rows]
        if self._V is not None:
            self._V = self._V[rows]

    def state(self, row: int) -> dict[str, torch.Tensor]:
        """Give the velocity, where there is one."""
        return {} if self._V is None else {"V": self._V[row]}

    def go_on(self, row: int, state: Mapping[str, torch.Tensor]) -> None:
        """Put the velocity back."""
        if self._V is not None:
            self._V[row] = state["V"]


class Adam:
    """Adam, or with decoupled weight decay AdamW.

    Source: Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1; Loshchilov and Hutter 2019,
    https://arxiv.org/abs/1711.05101, algorithm 2.
    """

    def __init__(self, recipes: Sequence[Recipe], W: torch.Tensor, decay: Column, *, decoupled: bool) -> None:
        self._decay = decay
        self._epsilon = column([recipe.epsilon for recipe in recipes], W)
        self._betas = [recipe.betas for recipe in recipes]
        self._decoupled = decoupled
        self._averages(W)
        self._V, self._S, self._T = torch.zeros_like(W), torch.zeros_like(W), torch.empty_like(W)
        self._rows: list[Row] | None = None

    def step(self, W: torch.Tensor, G: torch.Tensor, lr: Column, number: int) -> None:
        """Take one step."""
        V, S, T = self._V, self._S, self._T
        if self._row_by_row(W, lr):
            self._fused(W, G, lr, number)
            return
        if self._decoupled:
            W.mul_(1 - lr * self._decay)
        else:
            decay_gradient(W, G, self._decay, T)
        average(V, G, self._weight)
        average_square(S, G, self._second, self._second_weight, T)
        # In double precision, as `torch.optim` has it: 1 - beta^t loses digits in float32.
        left = column([(1 - second**number) ** 0.5 for _, second in self._betas], W)
        torch.sqrt(S, out=T).div_(left).add_(self._epsilon)
        rate = lr / column([1 - first**number for first, _ in self._betas], W)
        if isinstance(rate, torch.Tensor):
            subtract(W, torch.div(V, T, out=T), rate)
        else:
            W.addcdiv_(V, T, value=-rate)

    def scale(self, number: int) -> torch.Tensor:
        """Give the root of the second moment and epsilon, both corrected for their start.

        Source: Cohen et al. 2022, https://arxiv.org/abs/2207.14484, equation 2 of its second version.
        """
        left = column([(1 - second**number) ** 0.5 for _, second in self._betas], self._S)
        return (self._S.sqrt() / left + self._epsilon) * column(
            [1 - first**number for first, _ in self._betas], self._S
        )

    def keep(self, rows: torch.Tensor) -> None:
        """Keep these rows only."""
        self._decay, self._epsilon = kept(self._decay, rows), kept(self._epsilon, rows)
        self._V, self._S, self._T = self._V[rows], self._S[rows], self._T[rows]
        self._rows = None
        self._betas = [self._betas[int(row)] for row in rows]
        self._averages(self._V)

    def state(self, row: int) -> dict[str, torch.Tensor]:
        """Give both moments."""
        return {"V": self._V[row], "S": self._S[row]}

    def go_on(self, row: int, state: Mapping[str, torch.Tensor]) -> None:
        """Put both moments back."""
        self._V[row], self._S[row] = state["V"], state["S"]

    def _row_by_row(self, W: torch.Tensor, lr: Column) -> bool:
        """Say whether every row is stepped by torch's own kernel, which knows one rate and one decay."""
        rates = all(not isinstance(value, torch.Tensor) or value.shape[1] == 1 for value in (lr, self._decay))
        if W.device.type != "cpu":  # where a call is a launch, and a pass over a small stack as short as one
            return rates and len(W) == 1 and W.shape[1] >= FUSED_FROM
        return rates and (W.shape[1] >= FUSED_FROM or len(W) <= FUSED_ROWS)

    def _fused(self, W: torch.Tensor, G: torch.Tensor, lr: Column, number: int) -> None:
        """Take the step row by row."""
        rule = torch._fused_adamw_ if self._decoupled else torch._fused_adam_
        count = [torch.tensor(float(number), device=W.device)]
        if self._rows is None:
            columns = [numbers(value, len(W)) for value in (self._decay, self._epsilon)]
            self._rows = list(zip(self._V, self._S, *columns, self._betas, strict=True))
        for w, g, rate, (v, s, decay, epsilon, (first, second)) in zip(
            W.unbind(), G.unbind(), numbers(lr, len(W)), self._rows, strict=True
        ):
            rule(
                [w],
                [g],
                [v],
                [s],
                [],
                count,
                lr=rate,
                beta1=first,
                beta2=second,
                weight_decay=decay,
                eps=epsilon,
                amsgrad=False,
                maximize=False,
            )

    def _averages(self, like: torch.Tensor) -> None:
        self._weight = column([1 - first for first, _ in self._betas], like)
        self._second = column([second for _, second in self._betas], like)
        self._second_weight = column([1 - second for _, second in self._betas], like)


class RMSprop:
    """Gradient over the root of its running mean square; weight decay is added to the gradient.

    Source: Tieleman and Hinton 2012, lecture 6.5 of "Neural networks for machine learning".
    """

    def __init__(self, recipes: Sequence[Recipe], W: torch.Tensor, decay: Column) -> None:
        self._decay = decay
        self._alpha = column([recipe.alpha for recipe in recipes], W)
        self._weight = column([1 - recipe.alpha for recipe in recipes], W)
        self._epsilon = column([recipe.epsilon for recipe in recipes], W)
        self._S, self._T = torch.zeros_like(W), torch.empty_like(W)

    def step(self, W: torch.Tensor, G: torch.Tensor, lr: Column, number: int) -> None:  # noqa: ARG002 - the contract
        """Take one step."""
        decay_gradient(W, G, self._decay, self._T)
        average_square(self._S, G, self._alpha, self._weight, self._T)
        torch.sqrt(self._S, out=self._T).add_(self._epsilon)
        if isinstance(lr, torch.Tensor):
            subtract(W, torch.div(G, self._T, out=self._T), lr)
        else:
            W.addcdiv_(G, self._T, value=-lr)

    def scale(self, number: int) -> torch.Tensor:  # noqa: ARG002 - the contract
        """Give the root of the running mean square and epsilon."""
        return self._S.sqrt() + self._epsilon

    def keep(self, rows: torch.Tensor) -> None:
        """Keep these rows only."""
        self._decay, self._alpha = kept(self._decay, rows), kept(self._alpha, rows)
        self._weight, self._epsilon = kept(self._weight, rows), kept(self._epsilon, rows)
        self._S, self._T = self._S[rows], self._T[rows]

    def state(self, row: int) -> dict[str, torch.Tensor]:
        """Give the mean square."""
        return {"S": self._S[row]}

    def go_on(self, row: int, state: Mapping[str, torch.Tensor]) -> None:
        """Put the mean square back."""
        self._S[row] = state["S"]


class Optimizer:
    """Steps every row of a stack by its own recipe.

    Rows of one optimiser must be neighbours: each kind then works on a slice, without a copy.

    Args:
        recipes: one a row.
        steps: number of steps that each row will take, for its schedule.
        W: [k, P] the parameters; their type and device count.
        layout: of the padded network.
        layouts: of each row's own network, for Muon, whose matrices are not padded.
        bfloat16: iterate Muon in bfloat16, not in the type of the parameters.
        number: of steps that have been taken before.
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        steps: Sequence[int],
        W: torch.Tensor,
        layout: Layout,
        layouts: Sequence[Layout],
        *,
        bfloat16: bool = False,
        number: int = 0,
    ) -> None:
        make: dict[str, Callable[[Sequence[Recipe], torch.Tensor, Column, Sequence[Layout]], Rule]] = {
            "sgd": lambda chosen, rows, decay, _: SGD(chosen, rows, decay),
            "adam": lambda chosen, rows, decay, _: Adam(chosen, rows, decay, decoupled=False),
            "adamw": lambda chosen, rows, decay, _: Adam(chosen, rows, decay, decoupled=True),
            "rmsprop": lambda chosen, rows, decay, _: RMSprop(chosen, rows, decay),
            "muon": lambda chosen, rows, decay, own: Muon(
                chosen,
                rows,
                decay,
                layout,
                own,
                lambda some, columns, part: Adam(some, columns, part, decoupled=True),
                bfloat16=bfloat16,
            ),
        }
        self._recipes, self._steps, self._number = list(recipes), list(steps), number
        self._parts: list[tuple[Rule, slice]] = []
        self._factors = factors(recipes, layout, layouts, W)
        self._rates: torch.Tensor | None = None
        start = 0
        while start < len(recipes):
            kind = recipes[start].optimizer
            end = start + 1
            while end < len(recipes) and recipes[end].optimizer == kind:
                end += 1
            place = slice(start, end)
            decay = decays(recipes[place], layout, layouts[place], W)
            self._parts.append((make[kind](recipes[place], W[place], decay, layouts[place]), place))
            start = end

    @torch.no_grad()
    def step(self, W: torch.Tensor, G: torch.Tensor) -> None:
        """Take one step in place; `G` may be overwritten."""
        lr = self._rate(W)
        self._number += 1
        for rule, place in self._parts:
            rate = lr[place] if isinstance(lr, torch.Tensor) else lr
            if self._factors is not None:
                rate = rate * self._factors[place]
            rule.step(W[place], G[place], rate, self._number)

    def scales(self) -> list[torch.Tensor | None]:
        """Give for each row what its gradient is divided by, [P]; None where it has no such thing."""
        found: list[torch.Tensor | None] = []
        for rule, place in self._parts:
            scale = rule.scale(self._number) if self._number else None
            found += [None] * (place.stop - place.start) if scale is None else list(scale)
        return found

    def state(self, row: int) -> dict[str, torch.Tensor]:
        """Give what is kept of one row from step to step, [P] each."""
        rule, place = self._rule(row)
        return rule.state(place)

    def go_on(self, row: int, state: Mapping[str, torch.Tensor]) -> None:
        """Put back what was kept of one row."""
        rule, place = self._rule(row)
        rule.go_on(place, state)

    def _rule(self, row: int) -> tuple[Rule, int]:
        """Give the rule of a row, and its number there."""
        return next((rule, row - place.start) for rule, place in self._parts if place.start <= row < place.stop)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows only, in their order."""
        parts: list[tuple[Rule, slice]] = []
        start = 0
        for rule, place in self._parts:
            inside = [row - place.start for row in rows if place.start <= row < place.stop]
            if inside:
                rule.keep(torch.tensor(inside))
                parts.append((rule, slice(start, start + len(inside))))
                start += len(inside)
        self._parts = parts
        if self._factors is not None:
            self._factors = self._factors[list(rows)]
        self._recipes = [self._recipes[row] for row in rows]
        self._steps = [self._steps[row] for row in rows]
        self._rates = None

    def _rate(self, W: torch.Tensor) -> Column:
        """The learning rates of this step."""
        first = self._recipes[0]
        same = all(recipe.lr == first.lr for recipe in self._recipes)
        plain = all(recipe.schedule == "constant" and not recipe.warmup for recipe in self._recipes)
        if same and plain:
            return first.lr
        if len(self._recipes) == 1:
            return first.lr * first.factor(self._number, self._steps[0])
        place = self._number % SCHEDULED
        if self._rates is None or (place == 0 and not plain):
            start = self._number - place
            table = [
                [
                    recipe.lr * (1.0 if plain else recipe.factor(step, steps))
                    for recipe, steps in zip(self._recipes, self._steps, strict=True)
                ]
                for step in range(start, start + (1 if plain else SCHEDULED))
            ]
            self._rates = torch.tensor(table, dtype=torch.float64).to(W).unsqueeze(2)
        return self._rates[0 if plain else place]
