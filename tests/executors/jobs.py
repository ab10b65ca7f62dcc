"""Functions that the executor tests run, importable in a worker process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from physai_inverse.errors import TrialFailed


def add(left: float, right: float) -> float:
    return left + right


def fail() -> None:
    raise ValueError("the number 37 is not welcome")


def fail_trial() -> None:
    raise TrialFailed("no GPU was free", "preempted")


def use_too_much_memory() -> None:
    raise MemoryError


def use_too_much_device_memory() -> None:
    raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")


def leave() -> None:
    sys.exit(3)


def vanish() -> None:
    os._exit(5)


def interrupt() -> None:
    raise KeyboardInterrupt


def send_signal(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


def hang(path: str) -> None:
    """Start a child that would live on, write both process ids and wait."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    temporary = Path(path + ".part")
    temporary.write_text(f"{os.getpid()} {child.pid}")
    temporary.rename(path)
    time.sleep(600)


def process() -> int:
    return os.getpid()


def environment(name: str) -> str | None:
    return os.environ.get(name)


def ignores_interrupt() -> str:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.05)
    return "still here"


def unsendable() -> Callable[[], int]:
    return lambda: 1


class Unreadable:
    """An object whose sending works and whose reading does not."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return int, ("no number",)


def unreadable() -> Unreadable:
    return Unreadable()


def shout() -> int:
    print("printed by a job")
    return 1


def tells(*values: object) -> int:
    from physai_inverse.executors import note

    for value in values:
        note(value)
    return len(values)


def tells_and_dies(value: object) -> None:
    tells(value)
    os.kill(os.getpid(), signal.SIGKILL)
