"""Use of experts and codes, quality of samples and rollouts.

Symbols: `p` [K] the mean share of each expert or code over the rows.
"""

from typing import TYPE_CHECKING

from physai_inverse.trainers.observables.registry import observable

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.observables.view import View


@observable("parts", "nat", cost=1, needs=("gates",))
def usage_entropy(view: "View") -> "torch.Tensor":
    """Give the entropy of how often each expert or code is the strongest: `log K` where all are used alike.

    Source: "MOE 1" (kindxiaoming.github.io).
    """
    import torch

    found: torch.Tensor = torch.special.entr(_dominant(view)).sum()
    return found


@observable("parts", "experts", cost=1, needs=("gates",))
def usage_perplexity(view: "View") -> "torch.Tensor":
    """Give the exponential of the entropy of the experts' or codes' use: as how many that are used alike.

    Source: van den Oord et al. 2017, https://arxiv.org/abs/1711.00937, for codebooks.
    """
    import torch

    found: torch.Tensor = torch.special.entr(_dominant(view)).sum().exp()
    return found


@observable("parts", "experts", cost=1, needs=("gates",))
def used_parts(view: "View") -> "torch.Tensor":
    """Give the number of experts or codes that are the strongest for at least one row.

    Source: van den Oord et al. 2017, https://arxiv.org/abs/1711.00937, for codebooks.
    """
    return (_dominant(view) > 0).sum()


@observable("parts", "squared distance", cost=1, needs=("samples",))
def energy_distance(view: "View") -> "torch.Tensor":
    """Give the energy distance `2 E|x - y| - E|x - x'| - E|y - y'|` of generated and true samples.

    0 for data against themselves (means over all pairs, each with itself, too).

    Source: Szekely and Rizzo 2013, https://doi.org/10.1016/j.jspi.2013.03.018.
    """
    x, y = view.samples
    return 2 * _mean_distance(x, y) - _mean_distance(x, x) - _mean_distance(y, y)


@observable("parts", "distance", cost=1, needs=("samples",))
def nearest_distance(view: "View") -> "torch.Tensor":
    """Give the mean distance of a generated sample from the nearest true one.

    Source: the "precision" half of Sajjadi et al. 2018, https://arxiv.org/abs/1806.00035, as a distance.
    """
    import torch

    x, y = view.samples
    return torch.cdist(x, y).amin(dim=1).mean()


@observable("parts", "1", cost=1, needs=("rollout",))
def conservation_drift(view: "View") -> "torch.Tensor":
    """Give the mean over rollouts of the largest departure of a conserved quantity from its first value, relative.

    0 for an exact integrator.

    Source: "Physics 2" (kindxiaoming.github.io); as for integrators in Hairer, Lubich and Wanner 2006, "Geometric
    numerical integration".
    """
    first = view.rollout[:, :1]
    return ((view.rollout - first).abs().amax(dim=1) / first[:, 0].abs()).mean()


def _dominant(view: "View") -> "torch.Tensor":
    import torch

    gates = view.gates.reshape(-1, view.gates.shape[-1])
    strongest = gates.argmax(dim=1, keepdim=True) == torch.arange(gates.shape[1], device=gates.device)
    return strongest.double().mean(dim=0)


def _mean_distance(x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
    # Not by `cdist`, which rounds small distances away where there are many rows.
    return (x.unsqueeze(1) - y.unsqueeze(0)).square().sum(dim=2).sqrt().mean()
