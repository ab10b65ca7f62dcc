"""Hyper-parameters by maximum a posteriori, and the warp that the evidence likes best.

Priors, as densities over the logarithms (a density over the lengthscale itself would pull towards planes):

    log l     N(log 0.3 + log(g) / 2, 0.8^2)     g: number of lengthscales; N(log g, 0.8^2) where rough
    s2        InvGamma(2, 2)
    log rho   N(-4, 2^2)
    log of the noise's variance: N(log of the pooled variance of replicates, (1/2 + sqrt(2 / degrees))^2), where
              configurations were trained more than once

A warp is judged by the evidence of the latent values plus the logarithm of its slopes (the evidence of the metric
itself) plus `SHAPE_PRIOR`.

One maximum knows nothing of the other hyper-parameters that would do; `widened` makes up for it.

Source: Rasmussen & Williams (2006), section 5.4.1; centres and spreads by held-out log density on seven public
tables at 20, 64 and 120 rows (a lengthscale's spread of 1 and log rho ~ N(-6, 2.5^2) lost 0.1 nats at 20 rows).
"""

from dataclasses import dataclass, replace

import numpy as np

from physai_inverse.surrogates.ascent import ascend
from physai_inverse.surrogates.censoring import Sites
from physai_inverse.surrogates.kernel import Covariance
from physai_inverse.surrogates.likelihood import Rows, evidence
from physai_inverse.surrogates.pairs import Pairs

LENGTHSCALE_CENTRE = 0.3
LENGTHSCALE_SPREAD = 0.8
ROUGH_CENTRE = 1.0
"""Median lengthscale of a rough kernel, as a multiple of g: distances add up column by column there."""
SCALE_SHAPE, SCALE_RATE = 2.0, 2.0
RATIO_CENTRE, RATIO_SPREAD = -4.0, 2.0
LENGTHSCALE_RANGE = (1e-3, 1e4)
SCALE_RANGE = (1e-6, 1e4)
RATIO_RANGE = (1e-6, 1e4)
LEAST_RISE, LEAST_SLOPE = 1e-3, 1e-2
"""Where the climb ends, in nats: the data do not know the place of the maximum any better."""
FIRST_CURVATURE = 0.2
"""Inverse of minus the Hessian that a first climb starts from, in each logarithm: that of the prior is 0.64 for a
lengthscale, and the data add to it. From here a climb takes a quarter fewer steps than from the slope alone."""
MAX_STEPS = 60
PARAMETER_COST = 1.5
"""Chosen by coverage: 90 % intervals held 0.81, 0.86, 0.90 of the values at 20, 64, 120 rows without, and
0.90, 0.89, 0.90 with it, at the same or better log density."""
MOST_WIDENED = 2.0
SITE_TOLERANCE = 1e-3
"""Of censored rows during the climb; the evidence then errs by about as much (measured), with half the sweeps."""


@dataclass(frozen=True)
class Priors:
    """Log-densities over the logarithms of the hyper-parameters.

    Args:
        num_groups: number of lengthscales.
        replicates: pooled variance of replicates and its degrees of freedom; None without replicates.
        ratio_centre: the median log noise ratio.
        rough: whether they are priors of a rough kernel.
    """

    num_groups: int
    replicates: tuple[float, int] | None = None
    ratio_centre: float = RATIO_CENTRE
    rough: bool = False

    def __call__(self, logs: np.ndarray) -> tuple[float, np.ndarray]:
        """Give log-density (up to a constant) and gradient ``[g + 2]``."""
        lengths, scale, ratio = logs[:-2], logs[-2], logs[-1]
        offset = (lengths - self.centre) / LENGTHSCALE_SPREAD
        inverse_scale = SCALE_RATE * np.exp(-scale)
        excess = (ratio - self.ratio_centre) / RATIO_SPREAD
        value = -0.5 * float(offset @ offset) - SCALE_SHAPE * scale - inverse_scale - 0.5 * excess**2
        gradient = np.concatenate(
            [-offset / LENGTHSCALE_SPREAD, [inverse_scale - SCALE_SHAPE, -excess / RATIO_SPREAD]]
        )
        if self.replicates is not None:
            variance, degrees = self.replicates
            spread = 0.5 + np.sqrt(2.0 / degrees)
            miss = (scale + ratio - np.log(variance)) / spread
            value -= 0.5 * miss**2
            gradient[-2:] -= miss / spread
        return float(value), gradient

    @property
    def centre(self) -> float:
        """The median log-lengthscale."""
        if self.rough:
            return float(np.log(ROUGH_CENTRE * self.num_groups))
        return float(np.log(LENGTHSCALE_CENTRE) + 0.5 * np.log(self.num_groups))


@dataclass(frozen=True)
class Fitted:
    """Hyper-parameters that were found.

    Args:
        covariance: the hyper-parameters.
        value: log-density of data and hyper-parameters.
        sites: of the censored rows; None where there are none.
        curvature: ``[g + 2, g + 2]`` what the climb learned of the inverse of minus the Hessian.
    """

    covariance: Covariance
    value: float
    sites: Sites | None
    curvature: np.ndarray | None = None


def starts(priors: Priors) -> tuple[np.ndarray, ...]:
    """Give the logarithms ``[g + 2]`` to start from: smooth with little noise, and short with much."""
    smooth = np.full(priors.num_groups + 2, priors.centre)
    smooth[-2:] = 0.0, -4.0
    rough = smooth.copy()
    rough[:-2] -= 1.0
    rough[-1] = -1.0
    return smooth, rough


def climb(
    rows: Rows,
    priors: Priors,
    start: np.ndarray,
    *,
    max_steps: int = MAX_STEPS,
    curvature: np.ndarray | None = None,
) -> Fitted:
    """Climb from one start to a maximum of the posterior of the hyper-parameters.

    Args:
        rows: the data.
        priors: of the hyper-parameters.
        start: ``[g + 2]`` logarithms.
        max_steps: number of steps.
        curvature: of a climb for similar rows, which then takes half the steps;
            `FIRST_CURVATURE` where it is left out.
    """
    if rows.pairs is None:
        rows = replace(rows, pairs=Pairs.of(rows.features, rows.groups, rough=priors.rough))
    best: list[Fitted] = []
    latest: list[Sites] = []

    def density(logs: np.ndarray) -> tuple[float, np.ndarray]:
        covariance = Covariance.from_logs(logs, rough=priors.rough)
        try:
            found = evidence(rows, covariance, latest[-1] if latest else None, tolerance=SITE_TOLERANCE)
        except np.linalg.LinAlgError:
            return -np.inf, np.zeros_like(logs)
        prior, slope = priors(logs)
        value = found.value + prior
        if not np.isfinite(value):
            return -np.inf, np.zeros_like(logs)
        if found.sites is not None:
            latest[:] = [found.sites]
        if not best or value > best[-1].value:
            best[:] = [Fitted(covariance, value, found.sites)]
        return value, found.gradient + slope

    ranges = [LENGTHSCALE_RANGE] * priors.num_groups + [SCALE_RANGE, RATIO_RANGE]
    low, high = np.log(np.array(ranges)).T
    _, _, learned = ascend(
        density,
        start,
        low,
        high,
        max_steps=max_steps,
        rise=LEAST_RISE,
        slope=LEAST_SLOPE,
        curvature=FIRST_CURVATURE * np.eye(len(start)) if curvature is None else curvature,
    )
    if not best:
        return Fitted(Covariance.from_logs(start, rough=priors.rough), -np.inf, None)
    return replace(best[-1], curvature=learned)


def widened(fitted: Fitted, num_rows: int, *, others: float = 0.0) -> Fitted:
    """Widen the variances for what one maximum does not know: times 1 + `PARAMETER_COST` (g + 2 + others) / n.

    Args:
        fitted: the maximum.
        num_rows: n.
        others: numbers that the same rows were fitted by before: those of a mean.
    """
    covariance = fitted.covariance
    ratio = 1.0 + PARAMETER_COST * (len(covariance.lengthscales) + 2 + others) / num_rows
    return replace(fitted, covariance=replace(covariance, scale=covariance.scale * min(ratio, MOST_WIDENED)))


def replicate_variance(units: np.ndarray, values: np.ndarray) -> tuple[float, int] | None:
    """Pool the variance of values ``[n]`` over rows of `units` ``[n, d]`` that are equal.

    Returns:
        The variance and its degrees of freedom, or None where no two rows are equal.
    """
    _, place, count = np.unique(units, axis=0, return_inverse=True, return_counts=True)
    degrees = len(values) - len(count)
    if degrees < 1:
        return None
    place = place.ravel()
    centre = np.bincount(place, weights=values) / count
    return float(np.sum((values - centre[place]) ** 2)) / degrees, int(degrees)
