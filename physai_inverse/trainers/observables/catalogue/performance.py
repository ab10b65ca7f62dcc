"""What the losses say at the end.

Symbols: `L` the last value of the loss by which the model is judged: test, validation or training loss.
"""

import math
from typing import TYPE_CHECKING

from physai_inverse.trainers.observables.registry import observable, of_ending

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.observables.ending import Ending
    from physai_inverse.trainers.observables.view import View


@of_ending("performance", "classes", needs=("curves", "test_loss"))
def perplexity(ending: "Ending") -> float:
    """Give the perplexity `exp(L)`, for a loss that is a cross-entropy in nats; V for a uniform guess among V.

    Source: Jelinek et al. 1977, "Perplexity: a measure of the difficulty of speech recognition tasks",
    https://doi.org/10.1121/1.2016299.
    """
    return math.exp(float(ending.test_loss))


@of_ending("performance", "loss", needs=("curves", "gap"))
def loss_gap(ending: "Ending") -> float:
    """Give the loss on other data minus that on training data, at the end.

    Source: the generalisation gap, for example Zhang et al. 2016, https://arxiv.org/abs/1611.03530.
    """
    return float(ending.test_loss) - float(ending.train_loss)


@of_ending("performance", "loss", needs=("curves", "test_loss", "floor"))
def excess_loss(ending: "Ending") -> float:
    """Give `L` minus the least loss that any model can reach, which is known from the generator of the data.

    Source: the excess risk; Shannon 1948, https://doi.org/10.1002/j.1538-7305.1948.tb01338.x, for a
    cross-entropy.
    """
    assert ending.floor is not None
    return float(ending.test_loss) - ending.floor


@observable("performance", "loss", cost=1, needs=("rows",))
def rows_loss(view: "View") -> "torch.Tensor":
    """Give the mean loss on the views' rows.

    Source: empirical risk, Vapnik 1991, "Principles of risk minimization for learning theory", NeurIPS.
    """
    return view.loss()


@observable("performance", "bit", cost=1, needs=("labels",))
def memorised_bits(view: "View") -> "torch.Tensor":
    """Give the information that the network stores of random labels, `(log V - loss) n / log 2`.

    `loss` is the mean cross-entropy of the `n` labels of the views' rows for activations, in nats, `V` the number
    of classes. Only for labels without structure, and rows that are the whole training set.

    Source: "Memory 2" (kindxiaoming.github.io); Morris et al. 2025, https://arxiv.org/abs/2505.24832.
    """
    return _bits(view)


def _bits(view: "View") -> "torch.Tensor":
    from physai_inverse.trainers.observables.activations import surprises
    from physai_inverse.trainers.observables.view import Missing

    V = view.outputs.shape[-1]
    scores, labels = view.outputs.reshape(-1, V), view.labels.reshape(-1)
    if V < 2 or len(scores) != len(labels):
        raise Missing("the outputs are no scores over the classes of each label")
    return (math.log(V) - surprises(scores, labels).mean()) * len(labels) / math.log(2)


@observable("performance", "bit / parameter", cost=1, needs=("labels",))
def bits_per_parameter(view: "View") -> "torch.Tensor":
    """Give the memorised bits over the number of parameters.

    Source: Morris et al. 2025, https://arxiv.org/abs/2505.24832, which finds 3.6 for language models.
    """
    return _bits(view) / len(view.flat)
