"""The way back: from what is wanted to configurations, through any forward map."""

from physai_inverse.inverse.answers import Answered, answer
from physai_inverse.inverse.cost import CostModel
from physai_inverse.inverse.derived import with_derived
from physai_inverse.inverse.judging import check_robust, judged
from physai_inverse.inverse.pareto import ParetoFront, pareto
from physai_inverse.inverse.proposals import Proposed, propose, start_point
from physai_inverse.inverse.recommendation import Recommended, recommend

__all__ = [
    "Answered",
    "CostModel",
    "ParetoFront",
    "Proposed",
    "Recommended",
    "answer",
    "check_robust",
    "judged",
    "pareto",
    "propose",
    "recommend",
    "start_point",
    "with_derived",
]
