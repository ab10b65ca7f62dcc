"""SGD, AdamW and RMSprop on one flat vector, with the update rules and defaults of `torch.optim`.

Written out because the first step of a `torch.optim` optimiser imports the compiler (seconds a process),
and because one vector needs no loop over tensors. A test holds them to `torch.optim`.

Symbols: `w` parameters, `g` gradient, `v` velocity or first moment, `s` second moment, all [P].
"""

from dataclasses import dataclass, field
from typing import Protocol

import torch


class Optimizer(Protocol):
    """Changes a vector in place, given the gradient there."""

    def step(self, w: torch.Tensor, g: torch.Tensor) -> None:
        """Take one step."""


@dataclass
class SGD:
    """Stochastic gradient descent with heavy-ball momentum; weight decay is added to the gradient."""

    lr: float
    weight_decay: float = 0.0
    momentum: float = 0.0
    v: torch.Tensor | None = field(default=None, init=False)

    @torch.no_grad()
    def step(self, w: torch.Tensor, g: torch.Tensor) -> None:
        """Take one step."""
        g = g.add(w, alpha=self.weight_decay)
        self.v = g if self.v is None else self.v.mul_(self.momentum).add_(g)
        w.add_(self.v, alpha=-self.lr)


@dataclass
class AdamW:
    """Adam with decoupled weight decay.

    Source: Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101, algorithm 2.
    """

    lr: float
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    steps: int = field(default=0, init=False)
    v: torch.Tensor | None = field(default=None, init=False)
    s: torch.Tensor | None = field(default=None, init=False)

    @torch.no_grad()
    def step(self, w: torch.Tensor, g: torch.Tensor) -> None:
        """Take one step."""
        if self.v is None or self.s is None:
            self.v, self.s = torch.zeros_like(w), torch.zeros_like(w)
        self.steps += 1
        first, second = self.betas
        self.v.lerp_(g, 1 - first)
        self.s.mul_(second).addcmul_(g, g, value=1 - second)
        w.mul_(1 - self.lr * self.weight_decay)
        scale = (self.s.sqrt() / (1 - second**self.steps) ** 0.5).add_(self.epsilon)
        w.addcdiv_(self.v, scale, value=-self.lr / (1 - first**self.steps))


@dataclass
class RMSprop:
    """Gradient over the root of its running mean square; weight decay is added to the gradient."""

    lr: float
    weight_decay: float = 0.0
    alpha: float = 0.99
    epsilon: float = 1e-8
    s: torch.Tensor | None = field(default=None, init=False)

    @torch.no_grad()
    def step(self, w: torch.Tensor, g: torch.Tensor) -> None:
        """Take one step."""
        g = g.add(w, alpha=self.weight_decay)
        if self.s is None:
            self.s = torch.zeros_like(w)
        self.s.mul_(self.alpha).addcmul_(g, g, value=1 - self.alpha)
        w.addcdiv_(g, self.s.sqrt().add_(self.epsilon), value=-self.lr)
