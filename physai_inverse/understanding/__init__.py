"""What the forward map has understood: how each parameter acts on a metric."""

from physai_inverse.understanding.effects import Effect, main_effects

__all__ = ["Effect", "main_effects"]
