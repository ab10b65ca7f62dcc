"""How one model is trained: optimiser, rates and their schedule, batch size, scale of the first weights.

Every model of a stack has a recipe of its own.
"""

import math
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "muon")
SCHEDULES = ("constant", "cosine", "linear")
MUON_MOMENTUM = 0.95


@dataclass(frozen=True)
class Recipe:
    """How one model is trained; names and defaults are those of `torch.optim`.

    Args:
        lr: learning rate, at least 0.
        optimizer: `sgd` (with `momentum` above 0: heavy ball), `adam`, `adamw`, `rmsprop` or `muon`: then matrices
            are trained by Muon and all else by AdamW with `rest_lr`.
        weight_decay: decoupled for `adamw` and `muon`, added to the gradient for the others.
        momentum: of `sgd` (0 by default) and `muon` (0.95).
        betas: of `adam` and `adamw`.
        alpha: of `rmsprop`.
        epsilon: of `adam`, `adamw` and `rmsprop`.
        rest_lr: learning rate of AdamW for what `muon` leaves; `lr` by default.
        schedule: `constant`, or `cosine` or `linear` from `lr` to `final * lr` at the end of the training.
        warmup: steps over which the rate rises in a straight line from `lr / warmup` to `lr`.
        final: share of `lr` at which `cosine` and `linear` end.
        batch_size: rows a step; None for all.
        init_scale: factor on the first values of every parameter with at least two dimensions.
        factors: patterns of parameter names (`*` for anything) with a factor each on the learning rate, as of
            parameter groups; the first pattern that fits counts, and 1 where none does.
        decays: likewise with a weight decay each, in place of `weight_decay`.

    Raises:
        InvalidInput: a value that cannot be meant.
    """

    lr: float
    optimizer: str = "adamw"
    weight_decay: float = 0.0
    momentum: float | None = None
    betas: tuple[float, float] = (0.9, 0.999)
    alpha: float = 0.99
    epsilon: float = 1e-8
    rest_lr: float | None = None
    schedule: str = "constant"
    warmup: int = 0
    final: float = 0.0
    batch_size: int | None = None
    init_scale: float = 1.0
    factors: tuple[tuple[str, float], ...] = ()
    decays: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for name, word, known in (
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("schedule", self.schedule, SCHEDULES),
        ):
            if word not in known:
                listed = ", ".join(f"`{other}`" for other in known)
                raise InvalidInput(f"`{name}` must be one of {listed}, not {word!r}.")
        least = {
            "lr": self.lr,
            "weight_decay": self.weight_decay,
            "momentum": self.momentum or 0.0,
            "rest_lr": self.rest_lr or 0.0,
            "warmup": self.warmup,
            "final": self.final,
            "epsilon": self.epsilon,
            "init_scale": self.init_scale,
            **{f"factors` of `{pattern}": factor for pattern, factor in self.factors},
            **{f"decays` of `{pattern}": decay for pattern, decay in self.decays},
        }
        for name, value in least.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise InvalidInput(f"`{name}` must be a finite number of at least 0, not {value!r}.")
        for name, value in (("betas", self.betas[0]), ("betas", self.betas[1]), ("alpha", self.alpha)):
            if not 0 <= value < 1:
                raise InvalidInput(f"`{name}` must be at least 0 and below 1, not {value!r}.")
        size = self.batch_size
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise InvalidInput(f"`batch_size` must be a whole number of at least 1 or None, not {size!r}.")

    @property
    def own_momentum(self) -> float:
        """The momentum, with the optimiser's default where none is given."""
        if self.momentum is not None:
            return self.momentum
        return MUON_MOMENTUM if self.optimizer == "muon" else 0.0

    def factor(self, step: int, steps: int) -> float:
        """Give the factor on the learning rate at a step.

        Source of the cosine: Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983, equation 5, one period.

        Args:
            step: from 0.
            steps: of the whole training.
        """
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.schedule == "constant":
            return 1.0
        progress = (step - self.warmup) / max(steps - self.warmup, 1)
        left = 1 - progress if self.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * progress))
        return self.final + (1 - self.final) * left

    def factor_of(self, parameter: str) -> float:
        """Give the factor on the learning rate of the parameter of this name."""
        return _first(self.factors, parameter, 1.0)

    def decay_of(self, parameter: str) -> float:
        """Give the weight decay of the parameter of this name."""
        return _first(self.decays, parameter, self.weight_decay)


def _first(values: tuple[tuple[str, float], ...], parameter: str, default: float) -> float:
    """Give the value of the first pattern that fits a parameter's name."""
    return next((value for pattern, value in values if fnmatchcase(parameter, pattern)), default)


READ = frozenset(item.name for item in fields(Recipe)) - {"betas", "factors", "decays"}


def recipe_of(config: Config) -> Recipe:
    """Read a recipe out of a configuration: every parameter that is called like a field of `Recipe`.

    `beta1` and `beta2` are read, too. `momentum` is read for the optimisers that have one. The learning rate must
    be there.

    Raises:
        InvalidInput: there is no `lr`, or a value cannot be meant.
    """
    if "lr" not in config:
        raise InvalidInput(
            "`config` has no `lr`. Call the learning rate so, or give `recipe=`, a function from a configuration "
            "to a `Recipe`."
        )
    found: dict[str, object] = {name: value for name, value in config.items() if name in READ}
    if found.get("optimizer", "adamw") not in ("sgd", "muon"):
        found.pop("momentum", None)
    if "beta1" in config or "beta2" in config:
        found["betas"] = (config.get("beta1", 0.9), config.get("beta2", 0.999))
    return Recipe(**found)  # type: ignore[arg-type]  # checked by the class itself
