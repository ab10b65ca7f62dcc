"""Where one model stands, kept in its folder so that its training goes on from there as if it had never stopped.

Kept are parameters, buffers, the optimiser's averages, where the random streams stand, and the curves so far; only
tensors, numbers and texts, read with `weights_only`. A state of another model or recipe is passed over, and the
model trains anew.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from physai_inverse.errors import StoreUnavailable
from physai_inverse.files import atomic_write

FILE = "model.pt"
SAVE_SECONDS = 60.0
"""Between two states of a training that is under way; the state at its end is always kept."""

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """Where one model stands after some steps.

    Args:
        step: how many.
        parameters: [p] in the model's own layout.
        buffers: of its module.
        optimizer: name to [p], what the optimiser keeps.
        dropout: state of its stream of dropout.
        draws: state of its stream of batches, where these are drawn; where rows are given it follows from `step`.
        points: curve to step to value.
        total: sum of the losses since the last point.
        since: number of steps since then.
        start: [p] its first parameters, where an observable asks for them.
        seen: observable to step to value.
    """

    step: int
    parameters: torch.Tensor
    buffers: Mapping[str, torch.Tensor] = field(default_factory=dict)
    optimizer: Mapping[str, torch.Tensor] = field(default_factory=dict)
    dropout: torch.Tensor | None = None
    draws: torch.Tensor | None = None
    points: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    total: float = 0.0
    since: int = 0
    start: torch.Tensor | None = None
    seen: Mapping[str, Mapping[int, float]] = field(default_factory=dict)


class Checkpoints:
    """The folders of the models of one call.

    Args:
        folders: one a model; None where nothing is kept.
    """

    def __init__(self, folders: Sequence[Path] | None) -> None:
        self._folders = folders

    def __bool__(self) -> bool:
        return self._folders is not None

    def load(self, index: int, identity: str) -> State | None:
        """Give the state of a model; None where there is none that fits.

        Args:
            index: of the model.
            identity: what the model is; see `Member.identity`.
        """
        if self._folders is None:
            return None
        path = self._folders[index] / FILE
        try:
            plain: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever a damaged or foreign file raises
            LOG.warning("`%s` cannot be read, so its training begins anew: %s", path, error)
            return None
        if not isinstance(plain, dict) or plain.pop("identity", None) != identity:
            LOG.warning("`%s` is of another model or recipe, so the training begins anew", path)
            return None
        return State(**plain)

    def save(self, index: int, identity: str, state: State) -> None:
        """Keep the state of a model: all of it or, where the disk is full, the one before."""
        if self._folders is None:
            return
        plain = {"identity": identity, **vars(state)}
        for name in ("points", "seen"):
            plain[name] = {key: dict(points) for key, points in getattr(state, name).items()}
        try:
            with atomic_write(self._folders[index] / FILE) as stream:
                torch.save(plain, stream)
        except StoreUnavailable as error:  # the training has a result all the same
            LOG.warning("the state of a training could not be kept: %s", error)
