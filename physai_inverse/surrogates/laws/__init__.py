"""Laws: sums of powers of sizes, as means that extrapolate and as formulas to read.

Names are loaded when they are first used: a recipe is made without numpy.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from physai_inverse.surrogates.laws.fitted import FittedLaw, fit_law
    from physai_inverse.surrogates.laws.law import Law, Term
    from physai_inverse.surrogates.laws.links import Link, fit_link
    from physai_inverse.surrogates.laws.process import LawProcess

_HOMES = {
    "FittedLaw": "fitted",
    "Law": "law",
    "LawProcess": "process",
    "Link": "links",
    "Term": "law",
    "fit_law": "fitted",
    "fit_link": "links",
}

__all__ = ["FittedLaw", "Law", "LawProcess", "Link", "Term", "fit_law", "fit_link"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(f"physai_inverse.surrogates.laws.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'physai_inverse.surrogates.laws' has no attribute {name!r}")
