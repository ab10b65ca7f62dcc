"""The probability that a training succeeds: a Gaussian process whose sign, with noise, is the label.

Each row is a censored value (above zero for a success, below for a failure), so that the classifier is the process
of `likelihood` and `censoring` with nothing but bounds. Its constant learns the base rate, to which the
probability tends far from all rows.

Source: Rasmussen & Williams (2006), section 3.6, with the noise of the process as the slope of the probit.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from physai_inverse.forward import AbstractSuccessModel
from physai_inverse.seeds import generator
from physai_inverse.space.features import Features
from physai_inverse.surrogates.fit import Priors, climb, starts
from physai_inverse.surrogates.likelihood import Posterior, Rows
from physai_inverse.surrogates.metric import CENTRE
from physai_inverse.surrogates.threads import one_thread

MAX_ROWS = 600
"""Rows of the classifier; beyond, a random part, which keeps the base rate."""
MAX_CLIMB_ROWS = 150
MAX_STEPS = 25
LABEL_RATIO_CENTRE = -4.0
"""Centre of the log noise ratio of labels: configurations fail or do not, seeds seldom decide."""


@dataclass(frozen=True)
class SuccessProcess(AbstractSuccessModel):
    """The model of failing.

    Args:
        features: the encoding.
        posterior: the process given the labels.
    """

    features: Features
    posterior: Posterior

    def probability(self, units: np.ndarray) -> np.ndarray:
        """Give the probability ``[n]`` that a training at points ``[n, d]`` succeeds (equation 3.82)."""
        mean, variance = self.posterior.moments(self.features.encode(units) - CENTRE)
        return np.asarray(ndtr(mean / np.sqrt(variance + self.posterior.covariance.noise)))


def fit_success(features: Features, units: np.ndarray, failed: np.ndarray, *, seed: int) -> SuccessProcess:
    """Fit the model of failing.

    Args:
        features: the encoding.
        units: ``[n, d]`` snapped points, at least one.
        failed: ``[n]`` booleans.
        seed: of the rows that are left out where there are very many.

    Raises:
        np.linalg.LinAlgError: no covariance could be factored.
    """
    order = generator(seed, "failures").permutation(len(units))
    kept = order[:MAX_ROWS]
    side = np.where(failed[kept], -1, 1)
    encoded = features.encode(units[kept]) - CENTRE
    nothing = np.zeros(len(kept))
    rows = Rows(encoded, np.array(features.groups, dtype=int), nothing, nothing, side)
    judged = rows.take(np.arange(min(len(kept), MAX_CLIMB_ROWS)))
    priors = Priors(rows.num_groups, ratio_centre=LABEL_RATIO_CENTRE)
    with one_thread():
        fitted = climb(judged, priors, starts(priors)[0], max_steps=MAX_STEPS)
        return SuccessProcess(features, Posterior.given(rows, fitted.covariance))
