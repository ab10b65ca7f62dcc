"""The study: suggest, observe, run, predict, invert, recommend."""

from physai_inverse.study.campaign import Campaign, Confirmation, baseline_study, past_campaign, run_campaign
from physai_inverse.study.questions import turned_around
from physai_inverse.study.results import (
    Answer,
    Estimate,
    ParetoPoint,
    ParetoSet,
    PredictionTable,
    Recommendation,
)
from physai_inverse.study.run import Progress, best_measured, comparable, run
from physai_inverse.study.study import Study
from physai_inverse.study.upcoming import upcoming
from physai_inverse.study.validation import FitReport, MetricFit
from physai_inverse.study.verification import Verification, Verified

__all__ = [
    "Answer",
    "Campaign",
    "Confirmation",
    "Estimate",
    "FitReport",
    "MetricFit",
    "ParetoPoint",
    "ParetoSet",
    "PredictionTable",
    "Progress",
    "Recommendation",
    "Study",
    "Verification",
    "Verified",
    "baseline_study",
    "best_measured",
    "comparable",
    "past_campaign",
    "run",
    "run_campaign",
    "turned_around",
    "upcoming",
]
