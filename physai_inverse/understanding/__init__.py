"""What the forward map has understood: how each parameter acts on a metric."""

from physai_inverse.understanding.effects import Effect, main_effects
from physai_inverse.understanding.slices import (
    Slice,
    Surface,
    distances_beside,
    one_parameter_slices,
    two_parameter_slices,
)

__all__ = [
    "Effect",
    "Slice",
    "Surface",
    "distances_beside",
    "main_effects",
    "one_parameter_slices",
    "two_parameter_slices",
]
