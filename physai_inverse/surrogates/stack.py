"""A process whose mean is a weighted sum of the maps of earlier studies; the weights are found with the rest.

    z(x) = sum over k of w_k mu_k(x) + g(x) + noise

`mu_k` are the posterior means of the earlier studies, each on the latent scale of its own study (so that levels
and units do not matter), `g` is the process of `kernel`. Weights and hyper-parameters climb the same evidence;
where an earlier study does not help, its weight ends at zero.

Symbols: as in `likelihood`; M ``[k, n]`` the means mu at the rows; w ``[k]``; t = values - M'w;
d evidence / d w_k = b' M_k.

Priors: weights w_k ~ N(`WEIGHT_SUM` / k, `WEIGHT_SPREAD`^2) cut at zero; the median of each log-lengthscale moves
from its usual place to where earlier studies found it, as far as those predicted anything (`shifts`).

Source: the residual stack of Golovin et al. 2017, "Google Vizier", section 3.3, with all levels judged at once by
the evidence (Rasmussen & Williams 2006, section 2.7); weights that vanish as in Feurer et al. 2018,
arXiv 1802.02219; hyper-priors by parameter as in Wang et al. 2021, arXiv 2109.08215.
"""

from dataclasses import dataclass, replace

import numpy as np

from physai_inverse.surrogates.ascent import ascend
from physai_inverse.surrogates.censoring import Sites
from physai_inverse.surrogates.fit import (
    LEAST_RISE,
    LEAST_SLOPE,
    LENGTHSCALE_RANGE,
    MAX_STEPS,
    RATIO_RANGE,
    SCALE_RANGE,
    SITE_TOLERANCE,
    Priors,
)
from physai_inverse.surrogates.kernel import Covariance
from physai_inverse.surrogates.likelihood import Rows, evidence
from physai_inverse.surrogates.pairs import Pairs

WEIGHT_SUM, WEIGHT_SPREAD = 0.8, 0.4
WEIGHT_RANGE = (0.0, 3.0)
MOST_SHIFTED = 2.0
"""How far, in nats, earlier studies may move the median of a log-lengthscale."""


@dataclass(frozen=True)
class Stacked:
    """Hyper-parameters and weights that were found.

    Args:
        covariance: the hyper-parameters of what the earlier studies do not explain.
        weights: ``[k]``.
        value: log-density of data, hyper-parameters and weights.
        sites: of the censored rows; None where there are none.
    """

    covariance: Covariance
    weights: np.ndarray
    value: float
    sites: Sites | None


def shifts(lengths: np.ndarray, skills: np.ndarray, centre: float) -> np.ndarray:
    """Say how far the medians of the log-lengthscales move, ``[g]``.

    Args:
        lengths: ``[k, g]`` log-lengthscales that the earlier studies found.
        skills: ``[k]`` share of the variance that each explains of what it did not see, from 0 to 1.
        centre: the usual median; it counts as one more study.
    """
    moved = np.clip(lengths - centre, -MOST_SHIFTED, MOST_SHIFTED)
    return np.asarray(skills @ moved / (1.0 + skills.sum()))


def climb_stack(
    rows: Rows, priors: Priors, shift: np.ndarray, means: np.ndarray, start: np.ndarray, weights: np.ndarray
) -> Stacked:
    """Climb from one start to a maximum of the posterior of hyper-parameters and weights.

    Args:
        rows: the data of the study itself.
        priors: of the hyper-parameters, without earlier studies.
        shift: ``[g]`` see `shifts`.
        means: ``[k, n]`` what the earlier studies expect at the rows.
        start: ``[g + 2]`` logarithms.
        weights: ``[k]`` to start from.
    """
    num = len(weights)
    rows = replace(rows, pairs=Pairs.of(rows.features, rows.groups))
    moved = np.concatenate([shift, np.zeros(2)])
    found: list[Stacked] = []

    def density(place: np.ndarray) -> tuple[float, np.ndarray]:
        logs, weights = place[:-num], place[-num:]
        covariance = Covariance.from_logs(logs)
        residual = replace(rows, values=rows.values - weights @ means)
        try:
            judged = evidence(residual, covariance, found[-1].sites if found else None, tolerance=SITE_TOLERANCE)
            pull = means @ judged.weights
        except np.linalg.LinAlgError:
            return -np.inf, np.zeros_like(place)
        prior, slope = priors(logs - moved)
        offset = (weights - WEIGHT_SUM / num) / WEIGHT_SPREAD
        value = judged.value + prior - 0.5 * float(offset @ offset)
        if not np.isfinite(value):
            return -np.inf, np.zeros_like(place)
        if not found or value > found[-1].value:
            found[:] = [Stacked(covariance, weights.copy(), value, judged.sites)]
        return value, np.concatenate([judged.gradient + slope, pull - offset / WEIGHT_SPREAD])

    ranges = [LENGTHSCALE_RANGE] * rows.num_groups + [SCALE_RANGE, RATIO_RANGE]
    low, high = np.log(np.array(ranges)).T
    low = np.concatenate([low, np.full(num, WEIGHT_RANGE[0])])
    high = np.concatenate([high, np.full(num, WEIGHT_RANGE[1])])
    place = np.concatenate([start, weights])
    ascend(density, place, low, high, max_steps=MAX_STEPS, rise=LEAST_RISE, slope=LEAST_SLOPE)
    if not found:
        raise np.linalg.LinAlgError("The covariance cannot be factored at the start of the climb.")
    return found[-1]
