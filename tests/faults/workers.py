"""What the processes of the fault tests do; they come from a fork server that has everything imported."""

import multiprocessing
import os
import random
import resource
import signal
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from physai_inverse.store import Proposal, Store
from tests.faults.history import Log


def without_fsync(path: Path) -> str:
    return f"sqlite:///{path}?synchronous=NORMAL"


def context() -> ForkServerContext:
    chosen = multiprocessing.get_context("forkserver")
    chosen.set_forkserver_preload(["pytest", "tests.faults.steps", "sqlalchemy.dialects.sqlite"])
    return chosen


def start(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    process = context().Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def join(processes: list[ForkServerProcess], seconds: float = 240.0) -> list[int | None]:
    limit = time.monotonic() + seconds
    for process in processes:
        process.join(max(0.0, limit - time.monotonic()))
    return [process.exitcode for process in processes]


def work(url: str, log: str, seed: int, lease_seconds: float, stop: str) -> None:
    """Ask and tell until the file `stop` is there."""
    say, draw = Log(Path(log)).say, random.Random(seed)
    worker = Path(log).stem
    with Store(url) as store:
        while not Path(stop).exists():
            say("asking")
            trials = store.claim("s", 1, worker=worker, lease_seconds=lease_seconds)
            trials = trials or store.propose(
                "s", [Proposal({"x": draw.random()}, seed=seed)], worker=worker, lease_seconds=lease_seconds
            )
            (trial,) = trials
            say("asked", trial)
            time.sleep(draw.random() * 0.01)
            value = draw.random()
            say("telling", trial, value)
            seen = store.observe("s", trial.number, {"loss": value}, token=trial.token)
            say("told", trial, value, seen.late)


def drain(url: str, log: str) -> None:
    """Claim and tell until the queue is empty."""
    say, worker = Log(Path(log)).say, Path(log).stem
    with Store(url) as store:
        while True:
            say("asking")
            trials = store.claim("s", 1, worker=worker, lease_seconds=600)
            if not trials:
                return
            say("asked", trials[0])
            store.observe("s", trials[0].number, {"loss": 0.5}, token=trials[0].token)
            say("told", trials[0], 0.5)


def tell(url: str, log: str, count: int) -> None:
    """Make and tell trials of one's own."""
    say, worker = Log(Path(log)).say, Path(log).stem
    with Store(url) as store:
        for index in range(count):
            say("asking")
            (trial,) = store.propose("s", [Proposal({"x": index})], worker=worker, lease_seconds=600)
            say("asked", trial)
            store.observe("s", trial.number, {"loss": float(index)}, token=trial.token)
            say("told", trial, float(index))


def create(url: str, at: float) -> None:
    """Open a store that may not be there yet, together with others, and create the same study."""
    time.sleep(max(0.0, at - time.monotonic()))
    with Store(url) as store:
        store.create_study("s", space={"x": 1}, objective={}, seed=0)
        store.enqueue("s", [Proposal({"x": 1})])


def freeze(url: str, log: str) -> None:
    """Claim, stop oneself like a machine that hangs, and tell after being continued."""
    say = Log(Path(log)).say
    with Store(url) as store:
        (trial,) = store.claim("s", 1, worker="frozen", lease_seconds=0.2)
        say("asked", trial)
        os.kill(os.getpid(), signal.SIGSTOP)
        seen = store.observe("s", trial.number, {"loss": 1.0}, token=trial.token)
        say("told", trial, 1.0, seen.late)


def fill(url: str, log: str, num_bytes: int) -> None:
    """Tell until files may not grow any more; exit with 3 when the error is the one that it should be."""
    from physai_inverse.errors import StoreUnavailable

    say = Log(Path(log)).say
    with Store(url) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, resource.RLIM_INFINITY))
        try:
            for index in range(10_000):
                (trial,) = store.propose("s", [Proposal({"x": index})], worker="w", lease_seconds=600)
                say("asked", trial)
                store.observe("s", trial.number, {"loss": float(index)}, token=trial.token)
                say("told", trial, float(index))
        except StoreUnavailable as error:
            good = str(Path(url.partition("?")[0].removeprefix("sqlite:///"))) in str(error) and "MiB free" in str(
                error
            )
            os._exit(3 if good and "\n" not in str(error) else 4)


def back_up(url: str, target: str) -> None:
    """Write backups until killed."""
    with Store(url) as store:
        while True:
            store.backup(target)
