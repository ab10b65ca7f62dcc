"""How a training ended, in the words of other tools."""

from dataclasses import dataclass

from physai_inverse.importers.naming import vocabulary
from physai_inverse.observations import FAILURES, TrialState

DONE = vocabulary("complete completed finished ok success succeeded done terminated passed status_success")
STOPPED = vocabulary("stopped pruned stopped_early early_stopped truncated")
FAILED = vocabulary("error errored crashed fail failed failure status_failure")
DIVERGED = vocabulary("diverged nan exploded")
KILLED = vocabulary("killed cancelled canceled aborted interrupted preempted preempting timeout out_of_memory oom")
OPEN = vocabulary("running waiting pending scheduled queued proposed paused created status_running")
WORDS = DONE | STOPPED | FAILED | DIVERGED | KILLED | OPEN
KINDS = {"timeout": "timeout", "out_of_memory": "out_of_memory", "oom": "out_of_memory"}


@dataclass(frozen=True)
class Ending:
    """How a training ended.

    Args:
        state: the state; None where it has not ended.
        kind: class of failure.
        reason: for people.
    """

    state: TrialState | None
    kind: str | None = None
    reason: str | None = None


def is_ending(word: object) -> bool:
    """Whether a text says how a training ended, or that it runs."""
    return _plain(word) in WORDS


def read_ending(word: object, *, measured: bool, reason: str | None = None) -> Ending:
    """Read a word of another tool.

    A training that was killed by hand or by a scheduler says little about its configuration: with metrics it
    counts as stopped early, without as failed for a reason that is not its own (`preempted`).

    Args:
        word: the word; the empty text stands for a training that ended well.
        measured: whether it gave metrics.
        reason: why, where the source says so.
    """
    plain = _plain(word)
    if plain in OPEN:
        return Ending(None, reason=f"it has not ended ({plain})")
    if plain in DIVERGED:
        return Ending(TrialState.DIVERGED, "diverged", reason or plain)
    if plain in FAILED:
        return Ending(TrialState.FAILED, failure_kind(reason or ""), reason or plain)
    if plain in KILLED:
        if measured and plain not in KINDS:
            return Ending(TrialState.STOPPED_EARLY, None, reason or plain)
        return Ending(TrialState.FAILED, KINDS.get(plain, "preempted"), reason or plain)
    return Ending(TrialState.STOPPED_EARLY if plain in STOPPED else TrialState.DONE, None, reason)


def failure_kind(reason: str) -> str:
    """Tell the class of a failure from what was written about it."""
    text = reason.lower()
    if text in FAILURES:
        return text
    if "out of memory" in text or "outofmemory" in text or "oom" in text.split():
        return "out_of_memory"
    if any(word in text for word in ("nan", "diverge", "overflow", "inf ")):
        return "diverged"
    return "timeout" if "timeout" in text or "timed out" in text else "unknown"


def _plain(word: object) -> str:
    return str(word).strip().lower().rpartition(".")[2].replace(" ", "_").replace("-", "_")
