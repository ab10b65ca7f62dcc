"""The study: suggest, observe, run, predict, invert, recommend."""

from physai_inverse.study.campaign import Campaign, Confirmation, baseline_study, run_campaign
from physai_inverse.study.results import Answer, Estimate, PredictionTable, Recommendation
from physai_inverse.study.run import Progress, best_measured, run
from physai_inverse.study.study import Study

__all__ = [
    "Answer",
    "Campaign",
    "Confirmation",
    "Estimate",
    "PredictionTable",
    "Progress",
    "Recommendation",
    "Study",
    "baseline_study",
    "best_measured",
    "run",
    "run_campaign",
]
