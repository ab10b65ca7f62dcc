"""The probability of success, and of each way of failing: a Gaussian process whose sign is the label.

What says something about a configuration (diverged, out of memory, timed out, unknown) shapes one region: a
process of labels, above zero for a success and below for a failure, whose constant learns the base rate, to which
the probability tends far from all rows. Its lengthscales are found by regression on the labels, in closed form and
in a few steps; given them, the posterior of the labels is that of expectation propagation, since every label is
a value of which only a bound is known. That is three times as fast as climbing the evidence of the labels, and
on cliffs, corners and chance failures its held-out log loss was as low or lower.

A failure at a point is shared out among the classes by a vote of the failures around it, weighed by the
correlation at half the lengthscales. Bugs are mostly the program's own: they count at their rate, the same
everywhere, unless there are several and their place predicts them; then they have a region of their own.

Source: Rasmussen & Williams (2006), sections 3.6 (labels) and 6.5 (regression on labels).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from physai_inverse.forward import AbstractSuccessModel
from physai_inverse.normal import ndtr
from physai_inverse.seeds import generator
from physai_inverse.space.features import Features
from physai_inverse.surrogates.fit import Priors, climb, starts
from physai_inverse.surrogates.kernel import Covariance, distances, matern
from physai_inverse.surrogates.likelihood import Posterior, Rows
from physai_inverse.surrogates.metric import CENTRE
from physai_inverse.surrogates.threads import one_thread

BLAMELESS = "bug"
"""The class of failure that is not laid to the configuration."""
MAX_ROWS = 600
"""Rows of the classifier; beyond, a random part, which keeps the base rate."""
MAX_CLIMB_ROWS = 150
MAX_STEPS = 8
LABEL_RATIO_CENTRE = -4.0
"""Centre of the log noise ratio of labels: configurations fail or do not, seeds seldom decide."""
LABEL_SCALE = 2.0
"""Variance of the latent label. With the ratio above it is held: so few labels do not know it."""
LEAST_BUGS, LEAST_EXPLAINED = 3, 0.25
"""How many bugs, and what share of the variance of their labels must be predicted from the other rows (left out
one by one), for them to have a region."""
VOTE = 0.03
"""Weight of the counts of the classes beside the failures around a point, which vote with at most one each."""


@dataclass(frozen=True)
class Region:
    """Where one kind of label is negative.

    Args:
        posterior: the process given the labels.
    """

    posterior: Posterior

    def holds(self, features: np.ndarray) -> np.ndarray:
        """Give the probability ``[n]`` of a positive label at features ``[n, f]`` (equation 3.82)."""
        mean, variance = self.posterior.moments(features)
        return np.asarray(ndtr(mean / np.sqrt(variance + self.posterior.covariance.noise)))


@dataclass(frozen=True)
class FailureProcess(AbstractSuccessModel):
    """The model of failing.

    Args:
        features: the encoding.
        region: where trainings fail; None where only bugs did.
        votes: class to the features ``[k, f]`` of its failures.
        bugs: where bugs are, where that is known.
        bug_rate: share of the trainings that a bug ended, where it is not.
    """

    features: Features
    region: Region | None
    votes: Mapping[str, np.ndarray]
    bugs: Region | None
    bug_rate: float

    def probability(self, units: np.ndarray) -> np.ndarray:
        """Give the probability ``[n]`` that a training at points ``[n, d]`` succeeds."""
        endures, runs = self._chances(self.features.encode(units) - CENTRE)
        return np.asarray(endures * runs)

    def by_class(self, units: np.ndarray) -> dict[str, np.ndarray]:
        """Give for each class that occurred the probability ``[n]`` of failing by it."""
        encoded = self.features.encode(units) - CENTRE
        endures, runs = self._chances(encoded)
        found = {}
        if self.region is not None:
            posterior = self.region.posterior
            lengths = posterior.covariance.lengthscales[posterior.groups]
            near = {
                kind: matern(2.0 * distances(encoded / lengths, places / lengths)).sum(axis=1) + VOTE * len(places)
                for kind, places in self.votes.items()
            }
            total = np.sum(list(near.values()), axis=0)
            found = {kind: (1.0 - endures) * vote / total for kind, vote in near.items()}
        if self.bugs is not None or self.bug_rate > 0:
            found[BLAMELESS] = endures * (1.0 - runs)
        return found

    def _chances(self, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        endures = np.ones(len(encoded)) if self.region is None else self.region.holds(encoded)
        runs = np.full(len(encoded), 1.0 - self.bug_rate) if self.bugs is None else self.bugs.holds(encoded)
        return endures, runs


def fit_success(
    features: Features, units: np.ndarray, failed: np.ndarray, kinds: Sequence[str | None] = (), *, seed: int
) -> FailureProcess:
    """Fit the model of failing.

    Args:
        features: the encoding.
        units: ``[n, d]`` snapped points, at least one.
        failed: ``[n]`` booleans.
        kinds: ``n`` classes of failure; all count as unknown where it is left out.
        seed: of the rows that are left out where there are very many.

    Raises:
        np.linalg.LinAlgError: no covariance could be factored.
    """
    named = np.array([kind or "unknown" for kind in kinds] or ["unknown"] * len(units), dtype=object)
    kept = generator(seed, "failures").permutation(len(units))[:MAX_ROWS]
    encoded, failed, named = features.encode(units[kept]) - CENTRE, failed[kept], named[kept]
    groups = np.array(features.groups, dtype=int)
    bug = failed & (named == BLAMELESS)
    with one_thread():
        told, bad = encoded[~bug], failed[~bug]  # a bug is neither a success nor a failure of its configuration
        region = None
        if bad.any():
            region = _region(told, groups, bad, _regression(told, groups, bad)[0])
        bugs = None
        if bug.sum() >= LEAST_BUGS:
            covariance, explained = _regression(encoded, groups, bug)
            if explained >= LEAST_EXPLAINED:
                bugs = _region(encoded, groups, bug, covariance)
    votes = {kind: encoded[failed & (named == kind)] for kind in sorted({*named[failed & ~bug]})}
    return FailureProcess(features, region, votes, bugs, float(bug.sum()) / (len(kept) + 1))


def _regression(encoded: np.ndarray, groups: np.ndarray, bad: np.ndarray) -> tuple[Covariance, float]:
    """Find the lengthscales as if labels were values; give them, and what the other rows explain of each."""
    judged = slice(0, MAX_CLIMB_ROWS)
    nothing = np.zeros(len(bad))
    labels = Rows(encoded, groups, np.where(bad, -1.0, 1.0), nothing, nothing.astype(int)).take(
        np.arange(len(bad))[judged]
    )
    priors = Priors(labels.num_groups, ratio_centre=0.5 * LABEL_RATIO_CENTRE)
    found = climb(labels, priors, starts(priors)[0], max_steps=MAX_STEPS).covariance
    error, _ = Posterior.given(labels, found).leave_one_out()
    spread = float(np.sum((labels.values - labels.values.mean()) ** 2))
    explained = 1.0 - float(error @ error) / spread if spread > 0 else 0.0
    return Covariance(found.lengthscales, LABEL_SCALE, float(np.exp(LABEL_RATIO_CENTRE))), explained


def _region(encoded: np.ndarray, groups: np.ndarray, bad: np.ndarray, covariance: Covariance) -> Region:
    nothing = np.zeros(len(bad))
    return Region(Posterior.given(Rows(encoded, groups, nothing, nothing, np.where(bad, -1, 1)), covariance))
