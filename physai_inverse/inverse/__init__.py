"""The way back: from what is wanted to configurations, through any forward map."""

from physai_inverse.inverse.answers import Answered, Chance, Shortfall, answer
from physai_inverse.inverse.conviction import conviction
from physai_inverse.inverse.cost import CostModel, ForeseenCost
from physai_inverse.inverse.derived import with_derived
from physai_inverse.inverse.judging import check_robust, judged
from physai_inverse.inverse.pareto import ParetoFront, pareto
from physai_inverse.inverse.portfolio import agreement, portfolio
from physai_inverse.inverse.posterior import ConfigPosterior, Correlation, Marginal, Ridge
from physai_inverse.inverse.proposals import MODELLED, Proposed, num_initial, propose, start_point
from physai_inverse.inverse.reasons import KINDS, Reason, reasons
from physai_inverse.inverse.recommendation import Recommended, recommend
from physai_inverse.inverse.tolerance import Tolerance

__all__ = [
    "KINDS",
    "MODELLED",
    "Answered",
    "Chance",
    "ConfigPosterior",
    "Correlation",
    "CostModel",
    "ForeseenCost",
    "Marginal",
    "ParetoFront",
    "Proposed",
    "Reason",
    "Recommended",
    "Ridge",
    "Shortfall",
    "Tolerance",
    "agreement",
    "answer",
    "check_robust",
    "conviction",
    "judged",
    "num_initial",
    "pareto",
    "portfolio",
    "propose",
    "reasons",
    "recommend",
    "start_point",
    "with_derived",
]
