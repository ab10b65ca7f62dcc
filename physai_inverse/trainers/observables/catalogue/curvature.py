"""The Hessian of the loss.

Symbols: `H` [P, P] the Hessian of the mean loss on the views' rows for curvature, at the model's parameters.
"""

from typing import TYPE_CHECKING

from physai_inverse.trainers.observables.registry import observable

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.observables.view import View

LARGE = 0.1
FLAT = 1e-6


@observable("curvature", "loss / parameter^2", cost=3, needs=("top",))
def sharpness(view: "View") -> "torch.Tensor":
    """Give the largest Hessian eigenvalue of the loss on the views' rows for curvature (Lanczos, tolerance 1 %).

    At most 40 products, with full reorthogonalisation. `2 / lr` at the edge of stability of gradient descent. For
    ReLU the Hessian of the smooth piece in which the parameters lie.

    Source: Cohen et al. 2021, https://arxiv.org/abs/2103.00065.
    """
    return view.top.value


@observable("curvature", "1", cost=3, needs=("top",))
def sharpness_converged(view: "View") -> "torch.Tensor":
    """Give 1 where the sharpness is within its tolerance after at most 40 products, else 0.

    Source: the residual bound of Lanczos, in Parlett 1998, "The symmetric eigenvalue problem", section 13.2.
    """
    return view.top.converged


@observable("curvature", "1 / lr", cost=3, needs=("top", "scale"))
def preconditioned_sharpness(view: "View") -> "torch.Tensor":
    """Give the largest eigenvalue of `P^-1 H`, `P` what the optimiser divides a gradient by (Lanczos, 1 %).

    For Adam `P = (1 - beta1^t) (sqrt(v / (1 - beta2^t)) + epsilon)`; about `38 / lr` at its edge of stability with
    `beta1 = 0.9` on full batches. For `sgd` `P` is 1.

    Source: Cohen et al. 2022, https://arxiv.org/abs/2207.14484, equation 2 of its second version.
    """
    return view.scaled_top.value


@observable("curvature", "loss / parameter^2", cost=3, needs=("trace",))
def hessian_trace(view: "View") -> "torch.Tensor":
    """Give an estimate of the trace of the Hessian from 16 random sign vectors.

    Unbiased; exact for a diagonal Hessian.

    Source: Hutchinson 1989, "A stochastic estimator of the trace of the influence matrix for Laplacian smoothing
    splines", https://doi.org/10.1080/03610918908812806.
    """
    return view.trace


@observable("curvature", "cycles / line", cost=4, needs=("hessian", "line"), summary="last")
def direction_frequency(view: "View") -> "dict[str, torch.Tensor]":
    """Give the strongest frequency of what changes along the ten sharpest directions; of the sharpest.

    The change of the outputs on a line through the inputs, `(f(w + a v) - f(w - a v)) / 2a`, for each unit
    eigenvector `v` of the Hessian, `a` the cube root of the rounding unit times `max(1, |w|)`; of its Fourier
    powers, summed over outputs and without the mean, the largest. For at most 2000 parameters. Layers are the
    ranks of the eigenvalues, from `10` to `1`, the largest; those below a millionth of it are missing.

    Source: "Depth 4" (kindxiaoming.github.io), where flat directions have high frequencies; here by central
    differences.
    """
    import torch

    w, V = view.flat, view.directions
    a = torch.finfo(w.dtype).eps ** (1 / 3) * w.norm().clamp(min=1)
    found = {}
    for rank in range(len(V), 0, -1):
        v = V[rank - 1].to(w.dtype)
        change = (view.along(w + a * v) - view.along(w - a * v)) / (2 * a)
        powers = torch.fft.rfft(change - change.mean(dim=0), dim=0).abs().square().sum(dim=1)[1:]
        sharp = view.hessian[rank - 1] > FLAT * view.hessian[0]
        found[str(rank)] = torch.where(sharp & (powers.sum() > 0), powers.argmax() + 1.0, torch.nan)
    return found


@observable("curvature", "eigenvalues", cost=4, needs=("hessian",))
def hessian_gap(view: "View") -> "torch.Tensor":
    """Give the number of Hessian eigenvalues above the largest ratio of neighbours among those that are positive.

    Of all eigenvalues; for at most 2000 parameters. Those below a millionth of the largest are left out.

    Source: "Depth 3" (kindxiaoming.github.io).
    """
    import torch

    values = view.hessian
    ratios = values[:-1] / values[1:]
    usable = values[1:] > 1e-6 * values[0]
    return torch.where(usable, ratios, -torch.inf).argmax() + 1


@observable("curvature", "eigenvalues", cost=4, needs=("hessian",))
def large_eigenvalues(view: "View") -> "torch.Tensor":
    """Give the number of Hessian eigenvalues above a tenth of the largest.

    Of all eigenvalues; for at most 2000 parameters. The cut is ours.

    Source: Sagun et al. 2017, https://arxiv.org/abs/1706.04454, for the observable.
    """
    return (view.hessian > LARGE * view.hessian[0]).sum()


@observable("curvature", "1", cost=4, needs=("hessian",))
def negative_curvature(view: "View") -> "torch.Tensor":
    """Give the share of the Hessian's eigenvalues, by absolute size, that is negative, in [0, 1].

    Of all eigenvalues; for at most 2000 parameters. 0 at a minimum.

    Source: Dauphin et al. 2014, https://arxiv.org/abs/1406.2572, for the observable.
    """
    return -view.hessian.clamp(max=0).sum() / view.hessian.abs().sum()
