"""Laws of the field, each with the trainings that show it: measured anew, held against what is published."""

from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture

__all__ = ["Check", "Law", "Line", "Outcome", "Picture"]
