"""The engine inside other people's loops: an Optuna sampler and an Ax generation node.

Names are loaded when they are first used; each needs its package, which an extra of the same name installs.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from physai_inverse.adapters.ax_node import EngineNode, register_engine, use_engine
    from physai_inverse.adapters.optuna_sampler import PhysaiSampler

__all__ = ["EngineNode", "PhysaiSampler", "register_engine", "use_engine"]

_HOMES = {
    "EngineNode": "ax_node",
    "PhysaiSampler": "optuna_sampler",
    "register_engine": "ax_node",
    "use_engine": "ax_node",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(f"physai_inverse.adapters.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'physai_inverse.adapters' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
