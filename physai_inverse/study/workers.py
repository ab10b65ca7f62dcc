"""Who holds a lease, and whether that process still lives.

A worker is named by host, boot, process namespace, process and the moment the process began, so that a number that
the system gave to another process is not taken for the first.
"""

import functools
import os
import socket
from pathlib import Path


@functools.cache
def _home() -> str:
    """This machine, boot and process namespace; processes are only judged within one."""
    boot = _read("/proc/sys/kernel/random/boot_id") or "no-boot-id"
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = "no-namespace"
    return f"{socket.gethostname()}/{boot[:8]}/{namespace}"


def this_worker() -> str:
    """Name this process."""
    return f"{_home()}/{os.getpid()}/{_began(os.getpid())}"


def is_dead(worker: str) -> bool:
    """Say whether a worker is known to be gone; False where it runs elsewhere or nothing can be known."""
    home, _, rest = worker.rpartition("/")
    home, _, process = home.rpartition("/")
    if home != _home() or not process.isdigit() or not rest:
        return False
    return _began(int(process)) != rest


def _began(process: int) -> str:
    """The moment a process began, in clock ticks since the boot; empty where there is no such process."""
    status = _read(f"/proc/{process}/stat")
    if not status:
        return "unknown" if not Path("/proc/self/stat").exists() else ""
    fields = status.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
