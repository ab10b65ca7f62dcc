"""An executor over worker processes on this machine.

Each worker is a fresh Python (never a fork, which breaks threads and CUDA), runs one job at a time, keeps
what it imported, and is replaced when it dies. The parent reads what became of a worker from the operating
system, so that a kill, a crash and a hang are outcomes like any other.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Self

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.executors.deaths import explain_exit, memory_kills
from physai_inverse.executors.notes import Listener
from physai_inverse.executors.outcome import Job, Outcome
from physai_inverse.executors.worker import NOTE, TAKEN, loading_main

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
SLICE_SECONDS = 0.1  # how long `poll` sleeps before it looks after dead and overdue workers
START_SECONDS = 60.0  # that a fresh Python may need before it takes its first job, on a slow disk
ATTEMPTS = 3  # workers that may die before they take a job; the job has not run then and is offered again
START = (
    "import json, sys; path, descriptor, parent = json.loads(sys.argv.pop()); sys.path[:] = path; "
    "from physai_inverse.executors.worker import main; main(descriptor, parent)"
)


class LocalProcesses:
    """Run jobs in `workers` processes of this machine.

    A function and its arguments travel by pickle: a function must be importable in a fresh process. A function
    that stands in the running script is found by importing the script again, which therefore needs the usual
    `if __name__ == "__main__":`. What a job prints goes to standard error. Jobs beyond `workers` wait in line.

    Args:
        workers: number of processes, at least 1. They start when the first jobs need them.
        threads: threads of numerical libraries in each; more than one per core is slower.

    Raises:
        InvalidInput: `workers` or `threads` is below 1, or a worker itself reached this line while it imported
            a script without the guard.
    """

    def __init__(self, workers: int = 2, *, threads: int = 1) -> None:
        if loading_main():
            raise InvalidInput(
                'The script that starts the workers must guard its own work with `if __name__ == "__main__":`, '
                "because each worker imports the script to find the trainer."
            )
        for name, value in (("workers", workers), ("threads", threads)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidInput(f"`{name}` must be a whole number of at least 1, not {value!r}.")
        self.capacity = workers
        self._threads = threads
        self._waiting: dict[Hashable, _Parcel] = {}
        self._workers: list[_Worker] = []
        self._finished: dict[Hashable, Outcome] = {}
        self._closed = False
        self._listener: Listener | None = None

    @property
    def running(self) -> tuple[Hashable, ...]:
        """Keys that were submitted and are not finished."""
        return (*(worker.parcel.job.key for worker in self._workers if worker.parcel is not None), *self._waiting)

    def submit(
        self, key: Hashable, function: Callable[..., object], *arguments: object, timeout: float | None = None
    ) -> None:
        """Start `function(*arguments)` in a free worker, or queue it.

        Args:
            key: how to call the job; not in use.
            function: importable in a fresh process.
            arguments: can be pickled.
            timeout: seconds from the job's start, then its process and all it started in its process group are
                killed.

        Raises:
            InvalidInput: the key is in use, function or arguments cannot be sent to another process, the
                timeout is not positive, or the executor is closed.
        """
        if self._closed:
            raise InvalidInput("The executor is closed; make a new one.")
        if key in self._finished or key in self.running:
            raise InvalidInput(f"`key` {key!r} is in use; collect or cancel its job first.")
        if timeout is not None and not timeout > 0:
            raise InvalidInput(f"`timeout` must be a positive number of seconds or None, not {timeout!r}.")
        payload, main_path = _pack(function, arguments)
        self._waiting[key] = _Parcel(Job(key, function, arguments, timeout), payload, main_path)
        self._dispatch()

    def listen(self, listener: Listener | None) -> None:
        """Hand what running jobs tell (see `notes`) to a function, with the key of the job; None for nobody."""
        self._listener = listener

    def poll(self, wait_seconds: float = 0.0) -> list[Hashable]:
        """List the keys that are finished and not collected.

        Args:
            wait_seconds: how long to wait for the first one; 0 to look only.
        """
        deadline = time.monotonic() + wait_seconds
        while True:
            self._look()
            self._dispatch()
            left = deadline - time.monotonic()
            busy = [worker.connection for worker in self._workers if worker.parcel is not None]
            if self._finished or left <= 0 or not busy:
                return list(self._finished)
            wait(busy, min(left, SLICE_SECONDS))

    def collect(self, key: Hashable) -> Outcome:
        """Give the outcome of a finished job and forget the job.

        Raises:
            NotFound: there is no finished job of that key.
        """
        if key not in self._finished:
            raise NotFound(f"No finished job has the key {key!r}; `poll` lists those that are finished.")
        return self._finished.pop(key)

    def cancel(self, key: Hashable) -> bool:
        """Kill or forget a job; it will have no outcome. Tell whether there was one."""
        found = (self._waiting.pop(key, None) or self._finished.pop(key, None)) is not None
        for worker in list(self._workers):
            if worker.parcel is not None and worker.parcel.job.key == key:
                self._remove(worker)
                found = True
        self._dispatch()
        return found

    def close(self) -> None:
        """Kill all workers and forget all jobs; nothing can be submitted any more."""
        self._closed = True
        self._waiting.clear()
        self._finished.clear()
        for worker in list(self._workers):
            self._remove(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            self.close()

    def _dispatch(self) -> None:
        while self._waiting:
            idle = next((worker for worker in self._workers if worker.parcel is None), None)
            if idle is None:
                if len(self._workers) >= self.capacity:
                    return
                idle = _Worker(self._threads)
                self._workers.append(idle)
            key = next(iter(self._waiting))
            if idle.start(self._waiting[key]):
                del self._waiting[key]
            else:  # it died while it had nothing to do
                self._remove(idle)

    def _look(self) -> None:
        for worker in list(self._workers):
            outcome = worker.look(self._listener)
            if outcome is not None:
                self._finished[outcome.key] = outcome
            if worker.dead:
                if worker.lost is not None:
                    self._waiting = {worker.lost.job.key: worker.lost, **self._waiting}
                self._remove(worker)

    def _remove(self, worker: "_Worker") -> None:
        self._workers.remove(worker)
        worker.kill()


@dataclass(frozen=True)
class _Parcel:
    """A job, ready to be sent."""

    job: Job
    payload: bytes
    main_path: str | None
    attempt: int = 1


class _Worker:
    """The parent's view of one worker process."""

    def __init__(self, threads: int) -> None:
        ours, theirs = Pipe()
        path = [entry for entry in sys.path if isinstance(entry, str)]
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", START, json.dumps([path, theirs.fileno(), os.getpid()])],
                stdin=subprocess.DEVNULL,
                stdout=2,  # standard output is for the caller's own answers
                env=environment,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        self.connection: Connection = ours
        self.parcel: _Parcel | None = None
        self.lost: _Parcel | None = None
        self.dead = False
        self._taken = False
        self._started = 0.0
        self._kills: int | None = None

    def start(self, parcel: _Parcel) -> bool:
        """Send a job; tell whether the worker was there to take it."""
        if self._process.poll() is not None:
            return False
        try:
            self.connection.send_bytes(pickle.dumps((parcel.payload, parcel.main_path, parcel.job.timeout)))
        except OSError:
            return False
        self.parcel = parcel
        self._taken = False
        self._started = time.monotonic()
        self._kills = memory_kills()
        return True

    def look(self, listener: Listener | None) -> Outcome | None:
        """Give the outcome of the job if it has ended, in whatever way; pass on what it has told."""
        if self.parcel is None:
            return None
        ended = self._process.poll() is not None  # asked first: what was sent before the end is still readable
        while self.connection.poll():
            try:
                message = self.connection.recv_bytes()
            except (EOFError, OSError):
                ended = True
                break
            if message.startswith(NOTE):
                if listener is not None:
                    told = pickle.loads(message.removeprefix(NOTE))  # noqa: S301 - from our worker
                    listener(self.parcel.job.key, told)
                continue
            if not message.startswith(TAKEN):
                return self._read(message, self.parcel.job)
            self._taken = True
            self._started = float(message.removeprefix(TAKEN))
        limit = self.parcel.job.timeout
        seconds = time.monotonic() - self._started
        if limit is not None and seconds > limit + (0.0 if self._taken else START_SECONDS):
            return self._ended(f"stopped after its time limit of {limit:g} s", "timeout")
        return self._death() if ended else None

    def kill(self) -> None:
        """End the process and all that it started, and reap it."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # gone; macOS says so by a refusal
            self._process.kill()
        self._process.wait()
        self.connection.close()

    def _read(self, message: bytes, job: Job) -> Outcome:
        self.parcel = None
        try:
            value, error, kind, seconds = pickle.loads(message)  # noqa: S301 - from our worker, over a private pipe
        except Exception as caught:  # whatever a foreign `__setstate__` or a missing module raises
            text = f"the result could not be read: {type(caught).__name__}: {caught}. Return plain numbers."
            return Outcome(job.key, None, text, "bug", time.monotonic() - self._started)
        return Outcome(job.key, value, error, kind, seconds)

    def _death(self) -> Outcome | None:
        try:
            code = self._process.wait(timeout=SLICE_SECONDS)
        except subprocess.TimeoutExpired:  # it closed the connection and lives on
            return self._ended("the worker process closed its connection in the middle of the job", "bug")
        parcel = self.parcel
        assert parcel is not None
        if not self._taken and parcel.attempt < ATTEMPTS:
            self.parcel, self.dead = None, True
            self.lost = replace(parcel, attempt=parcel.attempt + 1)
            return None
        text, kind = explain_exit(code, self._kills)
        if not self._taken:
            text = f"no worker process could be started: {text}"
        return self._ended(text, kind)

    def _ended(self, error: str, kind: str) -> Outcome:
        assert self.parcel is not None
        key = self.parcel.job.key
        self.parcel, self.dead = None, True
        return Outcome(key, None, error, kind, time.monotonic() - self._started)


def _pack(function: Callable[..., object], arguments: tuple[object, ...]) -> tuple[bytes, str | None]:
    """Pickle a call, and give the script to import first where something in it is defined there."""
    advice = "Use workers=1, which runs in this process, or a function of a module that can be imported."
    try:
        payload = pickle.dumps((function, arguments))
    except Exception as error:  # whatever a foreign `__reduce__` raises
        raise InvalidInput(
            "`function` or its arguments cannot be sent to another process: "
            f"{type(error).__name__}: {error}. {advice}"
        ) from error
    if b"__main__" not in payload:
        return payload, None
    path = getattr(sys.modules["__main__"], "__file__", None)
    if path is None or not os.path.isfile(path) or getattr(sys, "ps1", None) is not None:
        raise InvalidInput(
            f"`function` {getattr(function, '__qualname__', function)!r} is defined in a notebook or at the "
            f"prompt and cannot be sent to another process. {advice}"
        )
    return payload, os.path.abspath(path)
