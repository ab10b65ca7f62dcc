"""Gradients and updates.

Symbols: `g` [P] the gradient of the mean loss, `w` [P] the parameters.
"""

from typing import TYPE_CHECKING

from physai_inverse.trainers.observables.registry import observable

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.observables.view import View


@observable("gradients", "loss / parameter", cost=2, needs=("gradient",))
def gradient_norm(view: "View") -> "torch.Tensor":
    """Give the Euclidean norm of the gradient of the loss on the views' rows.

    Source: Pascanu, Mikolov and Bengio 2013, https://arxiv.org/abs/1211.5063, for the observable.
    """
    from physai_inverse.trainers.observables import gradients

    return gradients.gradient_norm(view.gradient)


@observable("gradients", "1", cost=2, needs=("rows",))
def gradient_cosine(view: "View") -> "torch.Tensor":
    """Give the cosine between the gradients of the two halves of the views' rows.

    Near 1 where all rows pull one way, near 0 where noise rules.

    Source: Yu et al. 2020, https://arxiv.org/abs/2001.06782, there between tasks.
    """
    from physai_inverse.trainers.observables import gradients

    return gradients.gradient_cosine(view.halves[0], view.halves[1])


@observable("gradients", "rows", cost=3, needs=("rows",))
def gradient_noise_scale(view: "View") -> "torch.Tensor":
    """Give the simple gradient noise scale `tr(S) / |g|^2`, of the order of the largest useful batch.

    `S` is the covariance of the gradient of one row. From the gradients of the first 128 of the views' rows, one
    by one, with `|g|^2` corrected for the noise in the mean; missing where noise hides the mean.

    Source: McCandlish et al. 2018, https://arxiv.org/abs/1812.06162, equation 2.9 and appendix A.1.
    """
    from physai_inverse.trainers.observables import gradients
    from physai_inverse.trainers.observables.view import Missing

    if len(view.rows[0]) < 2:
        raise Missing("there is only one row")
    return gradients.noise_scale(view.row_gradients)


@observable("gradients", "1", cost=0, needs=("before",), summary="last")
def update_ratio(view: "View") -> "dict[str, torch.Tensor]":
    """Give the norm of the last update of each parameter over the parameter's norm; of all together.

    Source: Karpathy 2015, CS231n, "Ratio of weights:updates", https://cs231n.github.io/neural-networks-3/.
    """
    from physai_inverse.trainers.observables import gradients

    before = view.model.layout.views(view.before)
    found = {name: gradients.update_ratio(before[name], W) for name, W in view.parameters.items()}
    return {**found, "all": gradients.update_ratio(view.before, view.flat)}


@observable("gradients", "radian", cost=0, needs=("before",), summary="last")
def angular_update(view: "View") -> "dict[str, torch.Tensor]":
    """Give the angle between each matrix before and after the last step; of all parameters together.

    Source: Kosson et al. 2023, https://arxiv.org/abs/2305.17212; by the half-angle formula, which keeps its digits
    at small angles.
    """
    from physai_inverse.trainers.observables import gradients

    before = view.model.layout.views(view.before)
    found = {
        name: gradients.angular_update(before[name].reshape(-1), W.reshape(-1))
        for name, W in view.matrices.items()
    }
    return {**found, "all": gradients.angular_update(view.before, view.flat)}
