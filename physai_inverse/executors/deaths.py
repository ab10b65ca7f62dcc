"""How a worker process died, as a reason for people and a class of failure.

A process that is killed by signal 9 was either preempted, which says nothing about its job, or killed by the
system for lack of memory, which does. Linux counts the latter.
"""

import signal
from pathlib import Path

COUNTERS = Path("/proc/vmstat")
MEMORY_KILLS = "oom_kill"


def memory_kills() -> int | None:
    """Count the processes that the system has killed for lack of memory; None where it keeps no count."""
    try:
        lines = COUNTERS.read_text().splitlines()
    except OSError:
        return None
    return next((int(count) for name, count in map(str.split, lines) if name == MEMORY_KILLS), None)


def explain_exit(code: int, kills_before: int | None) -> tuple[str, str]:
    """Give text and class of failure of a worker that ended in the middle of a job.

    Args:
        code: its exit code; minus the signal where one killed it.
        kills_before: what `memory_kills` gave when the job began.
    """
    if code >= 0:
        return f"the worker process ended with exit code {code} in the middle of the job", "bug"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unnamed"
    text = f"the worker process was killed by signal {-code} ({name})"
    if -code == signal.SIGKILL:
        kills = memory_kills()
        if kills is None or kills_before is None:
            return f"{text}, perhaps by the system for lack of memory", "unknown"
        if kills > kills_before:
            return f"{text} while the system ended processes for lack of memory", "out_of_memory"
        return f"{text}, and not for lack of memory", "preempted"
    return text, "preempted" if -code in (signal.SIGTERM, signal.SIGHUP) else "bug"
