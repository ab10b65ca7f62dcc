"""The way back: from what is wanted to configurations, through any forward map."""

from physai_inverse.inverse.answers import Answered, answer
from physai_inverse.inverse.conviction import conviction
from physai_inverse.inverse.portfolio import agreement, portfolio
from physai_inverse.inverse.proposals import Proposed, num_initial, propose, start_point
from physai_inverse.inverse.recommendation import Recommended, recommend

__all__ = [
    "Answered",
    "Proposed",
    "Recommended",
    "agreement",
    "answer",
    "conviction",
    "num_initial",
    "portfolio",
    "propose",
    "recommend",
    "start_point",
]
