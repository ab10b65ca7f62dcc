"""What may be configured: typed, conditional, constrained parameters, and their way to the unit cube and back."""

from physai_inverse.space.conditions import Condition
from physai_inverse.space.growth import misfits
from physai_inverse.space.parameters import (
    Boolean,
    Choice,
    Constant,
    Float,
    FreeParameter,
    Integer,
    Ordinal,
    Parameter,
)
from physai_inverse.space.plain import Declared
from physai_inverse.space.shares import Shares
from physai_inverse.space.space import Space

__all__ = [
    "Boolean",
    "Choice",
    "Condition",
    "Constant",
    "Declared",
    "Float",
    "FreeParameter",
    "Integer",
    "Ordinal",
    "Parameter",
    "Shares",
    "Space",
    "misfits",
]
