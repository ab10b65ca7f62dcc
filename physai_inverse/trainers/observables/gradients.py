"""What gradients and updates say: norm, agreement between batches, noise scale, size of an update.

Every gradient is one flat vector [P]; every result a 0-dim tensor.
"""

import torch


def gradient_norm(gradient: torch.Tensor) -> torch.Tensor:
    """Give the Euclidean norm of a gradient. Cost 2; unit: loss over parameter."""
    found: torch.Tensor = gradient.double().norm()
    return found


def gradient_cosine(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Give the cosine between two gradients, for example of two tasks; NaN where one is zero. Cost 2.

    Source: "gradient conflict", Yu et al. 2020, https://arxiv.org/abs/2001.06782.
    """
    left, right = left.double(), right.double()
    found: torch.Tensor = left @ right / (left.norm() * right.norm())
    return found


def noise_scale(gradients: torch.Tensor) -> torch.Tensor:
    """Estimate the simple gradient noise scale `tr(S) / |G|^2`, in samples.

    `S` is the covariance of the gradient of one sample, `G` the mean gradient. Variant: from per-sample
    gradients, with `|G|^2` corrected for the noise in the mean; infinite where noise hides the mean. Cost 3.

    Source: McCandlish et al. 2018, https://arxiv.org/abs/1812.06162, equation 2.9 and appendix A.1.

    Args:
        gradients: [n, P] one row a sample, n at least 2.
    """
    gradients = gradients.double()
    trace = gradients.var(dim=0, unbiased=True).sum()
    squared = gradients.mean(dim=0).square().sum() - trace / len(gradients)
    return torch.where(squared > 0, trace / squared, torch.inf)


def update_ratio(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Give the norm of an update over the norm of what is updated, no unit. Cost 0."""
    found: torch.Tensor = (after - before).double().norm() / before.double().norm()
    return found


def angular_update(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Give the angle between parameters before and after an update, in radians. Cost 0.

    Source: Kosson et al. 2023, https://arxiv.org/abs/2305.17212. Variant: by the half-angle formula, which
    keeps its digits at small angles where the arc cosine loses them.
    """
    a, b = before.double(), after.double()
    a, b = a / a.norm(), b / b.norm()
    return 2 * torch.atan2((a - b).norm(), (a + b).norm())
