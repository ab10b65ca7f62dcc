"""Laws of the field, each with the trainings that show it: measured anew, held against what is published."""

from physai_inverse.reproduction.catalogue import all_laws, chosen_laws
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture
from physai_inverse.reproduction.running import Reproduced, Standing, reproduce

__all__ = [
    "Check",
    "Law",
    "Line",
    "Outcome",
    "Picture",
    "Reproduced",
    "Standing",
    "all_laws",
    "chosen_laws",
    "reproduce",
]
