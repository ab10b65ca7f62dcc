"""Curvature of a loss: eigenvalues and trace of its Hessian, by Hessian-vector products.

Symbols: `w` parameters [P], `H` the Hessian of the loss at `w` [P, P], `q` Lanczos vectors [P], `T` the
tridiagonal matrix of their coefficients.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

Loss = Callable[[torch.Tensor], torch.Tensor]
BREAKDOWN = 1e-7  # of the scale of T: below, the Lanczos vectors span an invariant subspace (float32 rounding)


@dataclass(frozen=True)
class Eigenvalue:
    """An eigenvalue found by iteration.

    Args:
        value: the estimate.
        residual: norm of `H q - value q` for the unit vector `q` found; an eigenvalue lies that near.
        converged: the residual is within the tolerance.
        products: number of Hessian-vector products used.
    """

    value: float
    residual: float
    converged: bool
    products: int


def hessian_vector_product(loss: Loss, w: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """Give the map `q -> H q` at `w`; one backward pass a call, after one forward and backward pass here."""
    point = w.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(point), point, create_graph=True)

    def product(q: torch.Tensor) -> torch.Tensor:
        if not gradient.requires_grad:  # a loss that is linear in w
            return torch.zeros_like(point)
        (result,) = torch.autograd.grad(gradient, point, q, retain_graph=True, allow_unused=True)
        return torch.zeros_like(point) if result is None else result.detach()

    return product


def sharpness(
    loss: Loss,
    w: torch.Tensor,
    *,
    seed: int,
    tolerance: float = 1e-2,
    max_products: int = 40,
    preconditioner: torch.Tensor | None = None,
) -> Eigenvalue:
    """Find the largest (most positive) eigenvalue of the Hessian by Lanczos with full reorthogonalisation.

    Cost 3. Unit: loss over squared parameter. For a network with ReLU the Hessian is that of the smooth piece
    in which `w` lies.

    Source: observable as in Cohen et al. 2021, https://arxiv.org/abs/2103.00065; method: Lanczos 1950. With a
    preconditioner as in Cohen et al. 2022, https://arxiv.org/abs/2207.14484.

    Args:
        loss: a function of the flat parameter vector, without randomness.
        w: [P] where.
        seed: of the starting vector.
        tolerance: relative to the eigenvalue, of the residual.
        max_products: budget of Hessian-vector products.
        preconditioner: [P] positive diagonal `D`; then the eigenvalue is that of `D^-1/2 H D^-1/2`, which is
            that of `D^-1 H`.

    Returns:
        The eigenvalue; NaN and not converged where the Hessian is not finite.
    """
    product = hessian_vector_product(loss, w)
    scale = None if preconditioner is None else preconditioner.rsqrt()
    start = torch.randn(w.numel(), generator=torch.Generator().manual_seed(seed)).to(w)

    def of_rows(Q: torch.Tensor) -> torch.Tensor:
        return product(Q[0]).unsqueeze(0) if scale is None else (scale * product(scale * Q[0])).unsqueeze(0)

    found = lanczos(of_rows, start.unsqueeze(0), tolerance, max_products)
    return Eigenvalue(
        float(found.values[0]), float(found.residuals[0]), bool(found.converged[0]), int(found.products[0])
    )


@dataclass(frozen=True)
class Eigenvalues:
    """The largest eigenvalue of each of some matrices, [k] each; see `Eigenvalue`."""

    values: torch.Tensor
    residuals: torch.Tensor
    converged: torch.Tensor
    products: torch.Tensor


def lanczos(
    product: Callable[[torch.Tensor], torch.Tensor], starts: torch.Tensor, tolerance: float, max_products: int
) -> Eigenvalues:
    """Find the largest eigenvalue of each of `k` symmetric matrices, all at once; each as if it were alone.

    Args:
        product: of vectors [k, P] to the matrices times them; what one is times does not touch the others.
        starts: [k, P] starting vectors.
        tolerance: relative to the eigenvalue, of the residual.
        max_products: budget for each.
    """
    k, size = starts.shape
    values = torch.full((k,), math.nan, dtype=torch.float64, device=starts.device)
    residuals = torch.full_like(values, math.inf)
    done = torch.zeros(k, dtype=torch.bool, device=starts.device)
    converged, products = done.clone(), torch.zeros(k, dtype=torch.int64, device=starts.device)
    basis = [starts / starts.norm(dim=1, keepdim=True)]
    last = min(max_products, size)
    T = torch.zeros(k, last, last, dtype=torch.float64, device=starts.device)
    for step in range(last):
        q = basis[-1]
        image = product(q)
        T[:, step, step] = (image * q).sum(dim=1)
        span = torch.stack(basis, dim=1)
        for _ in range(2):  # twice is enough: the second pass removes what rounding left
            image = image - (span.transpose(1, 2) @ (span @ image.unsqueeze(2))).squeeze(2)
        norm = image.norm(dim=1).double()
        bad = ~(torch.isfinite(norm) & torch.isfinite(T[:, step, step]))
        now = T[:, : step + 1, : step + 1].clone()
        now[bad | done] = 0.0
        found, vectors = torch.linalg.eigh(now)
        value, residual = found[:, -1], norm * vectors[:, -1, -1].abs()
        broken = norm <= BREAKDOWN * found.abs().amax(dim=1).clamp(min=1e-30)
        reached = (residual <= tolerance * value.abs()) | broken | (step + 1 == size)
        values = torch.where(done, values, torch.where(bad, math.nan, value))
        residuals = torch.where(done, residuals, torch.where(bad, math.nan, residual))
        products += (~done).long()
        converged |= reached & ~bad & ~done
        done |= reached | bad
        if bool(done.all()):
            break
        if step + 1 < last:
            T[:, step, step + 1] = T[:, step + 1, step] = norm
        left = done.unsqueeze(1)
        image = torch.where(left, 0.0, image)  # of those that are done, whose numbers no longer count
        basis.append(image / torch.where(left, 1.0, norm.to(image).unsqueeze(1)))
    return Eigenvalues(values, residuals, converged, products)


def hessian_trace(loss: Loss, w: torch.Tensor, *, seed: int, num_probes: int = 16) -> float:
    """Estimate the trace of the Hessian from random sign vectors.

    Cost 3. Unbiased; exact for a diagonal Hessian.

    Source: Hutchinson 1989; variant: signs, mean over `num_probes`.
    """
    product = hessian_vector_product(loss, w)
    source = torch.Generator().manual_seed(seed)
    total = 0.0
    for _ in range(num_probes):
        signs = (torch.randint(0, 2, (w.numel(),), generator=source) * 2 - 1).to(w)
        total += float(signs @ product(signs))
    return total / num_probes


def hessian_eigenvalues(loss: Loss, w: torch.Tensor) -> torch.Tensor:
    """Give all eigenvalues, largest first, [P] float64. Cost 4: for some thousand parameters at most."""
    product = hessian_vector_product(loss, w)
    columns = [product(unit) for unit in torch.eye(w.numel()).to(w)]
    matrix = torch.stack(columns).double()
    eigenvalues: torch.Tensor = torch.linalg.eigvalsh((matrix + matrix.T) / 2)
    return eigenvalues.flip(0)


def largest_gap(eigenvalues: torch.Tensor) -> int:
    """Count the eigenvalues above the largest ratio between neighbours; positive ones, largest first. Cost 0."""
    positive = eigenvalues[eigenvalues > 0]
    if len(positive) < 2:
        return len(positive)
    return int((positive[:-1] / positive[1:]).argmax()) + 1
