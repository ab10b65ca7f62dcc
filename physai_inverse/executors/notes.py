"""What a running job tells whoever submitted it, long before it ends.

A job calls `note`; the executor that runs it hands the value to its listener, within a call of `poll`.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

Listener: TypeAlias = Callable[[Hashable, object], None]
"""Takes the key of a job and what it told."""

_heard: ContextVar[Callable[[object], None] | None] = ContextVar("heard", default=None)


def note(value: object) -> None:
    """Tell whoever submitted the job that calls this; nobody hears it outside of a job or from another thread.

    Args:
        value: plain; it may travel to another process.
    """
    listener = _heard.get()
    if listener is not None:
        listener(value)


@contextmanager
def heard_by(listener: Callable[[object], None]) -> Iterator[None]:
    """Hand what is told within the block to a listener."""
    token = _heard.set(listener)
    try:
        yield
    finally:
        _heard.reset(token)
