"""What goes into an executor and what comes out, and how an exception becomes a class of failure."""

import traceback
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from physai_inverse.errors import TrialFailed

TRACEBACK_LINES = 12
TEXT_LIMIT = 4000  # characters of an error; a message may hold a whole tensor
MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
)  # torch, its CPU allocator, Linux


@dataclass(frozen=True)
class Job:
    """One call to be run.

    Args:
        key: how the caller names it.
        function: called once.
        arguments: positional.
        timeout: seconds from its start; None for no limit.
    """

    key: Hashable
    function: Callable[..., object]
    arguments: tuple[object, ...] = ()
    timeout: float | None = None


@dataclass(frozen=True)
class Outcome:
    """How one job ended.

    Args:
        key: of the job.
        value: what the function returned; None where it failed.
        error: one line, or the end of a traceback; None where it returned.
        kind: class of failure: `bug`, `timeout`, `out_of_memory`, `unknown`, `preempted` or the `kind` of a
            raised `TrialFailed`; None where it returned.
        seconds: wall time of the job.
    """

    key: Hashable
    value: object | None = None
    error: str | None = None
    kind: str | None = None
    seconds: float = 0.0


def explain(error: BaseException) -> tuple[str, str]:
    """Give text and class of failure of what a job raised.

    Args:
        error: caught around the job, so that its first frame is ours and is left out.
    """
    if isinstance(error, TrialFailed):
        return error.reason[-TEXT_LIMIT:], error.kind
    text = str(error)
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or any(words in text.lower() for words in MEMORY_WORDS)
    ):
        return f"{type(error).__name__}: {text}"[:TEXT_LIMIT].rstrip(": "), "out_of_memory"
    if isinstance(error, SystemExit):
        return f"the function called sys.exit({error.code!r})", "bug"
    if isinstance(error, KeyboardInterrupt):
        return "the function was interrupted (KeyboardInterrupt)", "preempted"
    own = error.__traceback__.tb_next if error.__traceback__ else None
    lines = "".join(traceback.format_exception(type(error), error, own)).rstrip().splitlines()
    return "\n".join(lines[-TRACEBACK_LINES:])[-TEXT_LIMIT:], "bug"
