"""The way back: from what is wanted to configurations, through any forward map."""

from physai_inverse.inverse.answers import Answered, answer
from physai_inverse.inverse.proposals import MODELLED, Proposed, propose, start_point
from physai_inverse.inverse.recommendation import Recommended, recommend

__all__ = ["MODELLED", "Answered", "Proposed", "Recommended", "answer", "propose", "recommend", "start_point"]
