"""Recipes for a forward map."""

from physai_inverse.surrogates.gp import GaussianProcess

__all__ = ["GaussianProcess"]
