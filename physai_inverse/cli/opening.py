"""A study file to its study; says what to do where there is no database yet."""

from pathlib import Path
from typing import TYPE_CHECKING

from physai_inverse.errors import NotFound

if TYPE_CHECKING:
    from physai_inverse.spec import Spec
    from physai_inverse.store import Store
    from physai_inverse.study import Study


def load(path: Path) -> "Spec":
    """Read the study file; see `load_spec`."""
    from physai_inverse.spec import load_spec

    return load_spec(path)


def open_existing(path: Path, *, read_only: bool = True) -> "tuple[Spec, Study]":
    """Open a study that must be there.

    Raises:
        NotFound: it has no database yet, or the database does not hold it.
    """
    spec = load(path)
    _require_store(spec)
    return spec, spec.open_study(read_only=read_only)


def open_new(path: Path, *, grow: bool = False) -> "tuple[Spec, Study]":
    """Open a study for writing; made where it is not there."""
    spec = load(path)
    return spec, spec.open_study(grow=grow)


def open_store(path: Path) -> "tuple[Spec, Store]":
    """Open the store of a study for reading, whatever is in it."""
    from physai_inverse.store import Store

    spec = load(path)
    _require_store(spec)
    return spec, Store(spec.store, read_only=True)


def _require_store(spec: "Spec") -> None:
    if isinstance(spec.store, Path) and not spec.store.exists():
        raise NotFound(
            f"There is no database `{spec.store}` yet: nothing was suggested or run. "
            f"Begin with `physai-inverse run {spec.path}` or `physai-inverse suggest {spec.path}`."
        )
