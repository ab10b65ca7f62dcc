"""What gradients and updates say: norm, agreement between batches, noise scale, size of an update.

Every gradient is one flat vector [P].
"""

import torch


def gradient_norm(gradient: torch.Tensor) -> float:
    """Give the Euclidean norm of a gradient. Cost 2; unit: loss over parameter."""
    return float(gradient.double().norm())


def gradient_cosine(left: torch.Tensor, right: torch.Tensor) -> float:
    """Give the cosine between two gradients, for example of two tasks; NaN where one is zero. Cost 2.

    Source: "gradient conflict", Yu et al. 2020, https://arxiv.org/abs/2001.06782.
    """
    left, right = left.double(), right.double()
    return float(left @ right / (left.norm() * right.norm()))


def noise_scale(gradients: torch.Tensor) -> float:
    """Estimate the simple gradient noise scale `tr(S) / |G|^2`, in samples.

    `S` is the covariance of the gradient of one sample, `G` the mean gradient. Variant: from per-sample
    gradients, with `|G|^2` corrected for the noise in the mean; infinite where noise hides the mean. Cost 3.

    Source: McCandlish et al. 2018, https://arxiv.org/abs/1812.06162, equation 2.9 and appendix A.1.

    Args:
        gradients: [n, P] one row a sample, n at least 2.
    """
    gradients = gradients.double()
    trace = float(gradients.var(dim=0, unbiased=True).sum())
    squared = float(gradients.mean(dim=0).square().sum()) - trace / len(gradients)
    return trace / squared if squared > 0 else float("inf")


def update_ratio(before: torch.Tensor, after: torch.Tensor) -> float:
    """Give the norm of an update over the norm of what is updated, no unit. Cost 0."""
    return float((after - before).double().norm() / before.double().norm())


def angular_update(before: torch.Tensor, after: torch.Tensor) -> float:
    """Give the angle between parameters before and after an update, in radians. Cost 0.

    Source: Kosson et al. 2023, https://arxiv.org/abs/2305.17212. Variant: by the half-angle formula, which
    keeps its digits at small angles where the arc cosine loses them.
    """
    a, b = before.double(), after.double()
    a, b = a / a.norm(), b / b.norm()
    return float(2 * torch.atan2((a - b).norm(), (a + b).norm()))
