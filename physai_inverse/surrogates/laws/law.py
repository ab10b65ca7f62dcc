"""One law, to be read and evaluated: a floor (or ceiling) and powers of amounts.

y = E + A N^-0.34 + B D^-0.28
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Term:
    """A coefficient times a product of powers.

    Args:
        coefficient: what the term amounts to where every input is one.
        powers: input to its power.
    """

    coefficient: float
    powers: Mapping[str, float]

    def __call__(self, inputs: Mapping[str, Sequence[float] | np.ndarray | float]) -> np.ndarray:
        """Give the term's value at inputs ``[n]``, each above zero."""
        logs = sum(power * np.log(np.asarray(inputs[name], dtype=float)) for name, power in self.powers.items())
        return np.asarray(np.sign(self.coefficient) * np.exp(np.log(abs(self.coefficient)) + logs))

    def __str__(self) -> str:
        factors = " ".join(f"{name}^{power:.3g}" for name, power in self.powers.items())
        return f"{abs(self.coefficient):.4g} {factors}"


@dataclass(frozen=True)
class Law:
    """A sum of powers.

    Args:
        floor: what is left where every term has vanished.
        terms: at least one.

    Example:
        >>> law = Law(1.69, (Term(406.4, {"params": -0.34}), Term(410.7, {"tokens": -0.28})))
        >>> print(law)
        1.69 + 406.4 params^-0.34 + 410.7 tokens^-0.28
        >>> round(float(law({"params": 7e10, "tokens": 1.4e12})), 3)
        1.937
    """

    floor: float
    terms: tuple[Term, ...]

    def __call__(self, inputs: Mapping[str, Sequence[float] | np.ndarray | float]) -> np.ndarray:
        """Give the law's value at inputs by name, ``[n]`` each, above zero."""
        return np.asarray(self.floor + sum(term(inputs) for term in self.terms))

    def __str__(self) -> str:
        text = f"{self.floor:.4g}"
        for term in self.terms:
            text += f" {'-' if term.coefficient < 0 else '+'} {term}"
        return text
