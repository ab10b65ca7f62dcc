"""A study file to its study; says what to do where there is no database yet."""

from collections.abc import Sequence
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


def open_new(
    path: Path,
    *,
    grow: bool = False,
    beliefs: Sequence[str] | None = None,
    earlier: Sequence[str] | None = None,
) -> "tuple[Spec, Study]":
    """Open a study for writing; made where it is not there."""
    spec = informed(load(path), beliefs or (), earlier or ())
    return spec, spec.open_study(grow=grow)


def informed(spec: "Spec", beliefs: Sequence[str], earlier: Sequence[str]) -> "Spec":
    """Add what the command line says to what the file says.

    Args:
        spec: the study.
        beliefs: texts as `read_belief` takes them.
        earlier: study files or databases.

    Raises:
        InvalidInput: a text that is no belief, or a study file that cannot be read.
        NotFound: there is no such study file.
    """
    from dataclasses import replace

    from physai_inverse.space.beliefs import read_belief
    from physai_inverse.spec import place_of

    places = [
        place_of(Path(text)) if text.endswith((".yaml", ".yml")) else (text if "://" in text else Path(text), None)
        for text in earlier
    ]
    return replace(
        spec,
        beliefs=(*spec.beliefs, *(read_belief(text) for text in beliefs)),
        earlier=(*spec.earlier, *places),
    )


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
