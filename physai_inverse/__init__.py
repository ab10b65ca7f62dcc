"""Learn the map from training configurations to metrics, and use it in both directions.

    from physai_inverse import Choice, Float, Integer, Minimize, Space, Study

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from physai_inverse.errors import PhysaiInverseError, TrialFailed
    from physai_inverse.fidelity import Fidelity
    from physai_inverse.objective import AtLeast, AtMost, Between, Maximize, Minimize, Objective, Target
    from physai_inverse.observations import Curve, Measurement, Observation
    from physai_inverse.space import Boolean, Choice, Constant, Float, Integer, Ordinal, Shares, Space
    from physai_inverse.space.beliefs import Belief
    from physai_inverse.store import Store
    from physai_inverse.study import Study

__version__ = "0.1.0"

_HOMES = {
    "AtLeast": "objective",
    "AtMost": "objective",
    "Belief": "space.beliefs",
    "Between": "objective",
    "Boolean": "space",
    "Choice": "space",
    "Constant": "space",
    "Curve": "observations",
    "Fidelity": "fidelity",
    "Float": "space",
    "Integer": "space",
    "Maximize": "objective",
    "Measurement": "observations",
    "Minimize": "objective",
    "Objective": "objective",
    "Observation": "observations",
    "Ordinal": "space",
    "PhysaiInverseError": "errors",
    "Shares": "space",
    "Space": "space",
    "Store": "store",
    "Study": "study",
    "Target": "objective",
    "TrialFailed": "errors",
}

__all__ = [
    "AtLeast",
    "AtMost",
    "Belief",
    "Between",
    "Boolean",
    "Choice",
    "Constant",
    "Curve",
    "Fidelity",
    "Float",
    "Integer",
    "Maximize",
    "Measurement",
    "Minimize",
    "Objective",
    "Observation",
    "Ordinal",
    "PhysaiInverseError",
    "Shares",
    "Space",
    "Store",
    "Study",
    "Target",
    "TrialFailed",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(f"physai_inverse.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'physai_inverse' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
