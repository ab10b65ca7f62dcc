"""Recipes for a forward map."""

from physai_inverse.surrogates.gp import GaussianProcess
from physai_inverse.surrogates.mixture import Mixture
from physai_inverse.surrogates.transfer import Earlier, Transferred

__all__ = ["Earlier", "GaussianProcess", "Mixture", "Transferred"]
