"""What the forward map has understood: how each parameter acts on a metric, and how far it may be believed."""

from physai_inverse.understanding.effects import Effect, main_effects
from physai_inverse.understanding.mediation import find_mediators
from physai_inverse.understanding.mediators import Association, Mediator, Mediators, Role
from physai_inverse.understanding.misfits import Misfit, misfits
from physai_inverse.understanding.slices import (
    Slice,
    Surface,
    distances_beside,
    one_parameter_slices,
    two_parameter_slices,
)
from physai_inverse.understanding.splits import Split
from physai_inverse.understanding.trust import (
    Noise,
    Outlier,
    Trust,
    Verdict,
    calibration,
    cautions,
    judged,
    noise_of,
    outliers,
)

__all__ = [
    "Association",
    "Effect",
    "Mediator",
    "Mediators",
    "Misfit",
    "Noise",
    "Outlier",
    "Role",
    "Slice",
    "Split",
    "Surface",
    "Trust",
    "Verdict",
    "calibration",
    "cautions",
    "distances_beside",
    "find_mediators",
    "judged",
    "main_effects",
    "misfits",
    "noise_of",
    "one_parameter_slices",
    "outliers",
    "two_parameter_slices",
]
