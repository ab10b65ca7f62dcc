"""Cross-entropy over a stack: torch's own has no rule for `vmap` and falls back to one model after another.

While `Classes` is on, calls of `cross_entropy` and `nll_loss` with one class a row are computed for all models at
once; all else, and every other form of these two, goes the usual way.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy, log_softmax, nll_loss
from torch.overrides import TorchFunctionMode

from physai_inverse.trainers.batched.physical import Streams, on_rows

LOSSES = (cross_entropy, nll_loss)
PLAIN = {
    "weight": None,
    "size_average": None,
    "ignore_index": -100,
    "reduce": None,
    "label_smoothing": 0.0,
}


class Classes(TorchFunctionMode):
    """Computes losses over classes for a whole stack.

    Args:
        streams: of the stack, which know where in it the code is.
    """

    def __init__(self, streams: Streams) -> None:
        super().__init__()
        self._streams = streams

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Compute what is known, and pass all else on."""
        given = dict(kwargs or {})
        if function not in LOSSES or not self._known(args, given):
            return function(*args, **given)
        scores, classes = (*args, *(given[name] for name in ("input", "target") if name in given))
        assert self._streams.row is not None
        losses = on_rows(pick if function is nll_loss else surprise, self._streams.row, scores, classes)
        reduction = given.get("reduction", "mean")
        return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()

    def _known(self, args: tuple[Any, ...], given: dict[str, Any]) -> bool:
        tensors = (*args, *(given[name] for name in ("input", "target") if name in given))
        return (
            self._streams.row is not None
            and len(tensors) == 2
            and all(given.get(name, plain) == plain for name, plain in PLAIN.items())
            and tensors[0].dim() == 2
            and tensors[1].dim() == 1
            and not tensors[1].is_floating_point()
        )


def pick(logs: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Give minus the logarithm [k, B] of each row's class, out of [k, B, C]."""
    return -logs.gather(2, classes.unsqueeze(2)).squeeze(2)


def surprise(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Give the cross-entropy [k, B] of logits [k, B, C]."""
    return pick(log_softmax(logits, dim=2), classes)
