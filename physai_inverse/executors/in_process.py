"""An executor that runs each job in the calling process, one at a time: for tests, debuggers and notebooks."""

import time
from collections.abc import Callable, Hashable
from functools import partial
from types import TracebackType
from typing import Self

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.executors.notes import Listener, heard_by
from physai_inverse.executors.outcome import Job, Outcome, explain


class InProcess:
    """Run jobs one after another, each within a call of `poll`.

    Any callable will do, also a lambda or a function of a notebook. A timeout is not enforced: nothing
    can stop a function from within its own thread. Ctrl-C during a job is raised to the caller of `poll`
    and the job stays submitted, so that it can be cancelled or run again.

    Example:
        >>> with InProcess() as executor:
        ...     executor.submit("sum", sum, [1, 2, 3])
        ...     [executor.collect(key).value for key in executor.poll()]
        [6]
    """

    capacity = 1

    def __init__(self) -> None:
        self._waiting: dict[Hashable, Job] = {}
        self._finished: dict[Hashable, Outcome] = {}
        self._closed = False
        self._listener: Listener | None = None

    @property
    def running(self) -> tuple[Hashable, ...]:
        """Keys that were submitted and are not finished."""
        return tuple(self._waiting)

    def submit(
        self, key: Hashable, function: Callable[..., object], *arguments: object, timeout: float | None = None
    ) -> None:
        """Queue `function(*arguments)`.

        Raises:
            InvalidInput: the key is in use, or the executor is closed.
        """
        if self._closed:
            raise InvalidInput("The executor is closed; make a new one.")
        if key in self._waiting or key in self._finished:
            raise InvalidInput(f"`key` {key!r} is in use; collect or cancel its job first.")
        self._waiting[key] = Job(key, function, arguments, timeout)

    def listen(self, listener: Listener | None) -> None:
        """Hand what running jobs tell (see `notes`) to a function, with the key of the job; None for nobody."""
        self._listener = listener

    def poll(self, wait_seconds: float = 0.0) -> list[Hashable]:  # noqa: ARG002 - the contract of all executors
        """Run the next queued job, and list the keys that are finished and not collected."""
        if self._waiting:
            job = next(iter(self._waiting.values()))
            with heard_by(partial(self._hear, job.key)):
                outcome = run(job)
            self._waiting.pop(job.key, None)
            self._finished[job.key] = outcome
        return list(self._finished)

    def _hear(self, key: Hashable, value: object) -> None:
        if self._listener is not None:
            self._listener(key, value)

    def collect(self, key: Hashable) -> Outcome:
        """Give the outcome of a finished job and forget the job.

        Raises:
            NotFound: there is no finished job of that key.
        """
        if key not in self._finished:
            raise NotFound(f"No finished job has the key {key!r}; `poll` lists those that are finished.")
        return self._finished.pop(key)

    def cancel(self, key: Hashable) -> bool:
        """Forget a job and its outcome; tell whether there was one."""
        return (self._waiting.pop(key, None) or self._finished.pop(key, None)) is not None

    def close(self) -> None:
        """Forget all jobs; nothing can be submitted any more."""
        self._closed = True
        self._waiting.clear()
        self._finished.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def run(job: Job) -> Outcome:
    """Call a job's function here; everything that it raises becomes an outcome, except Ctrl-C."""
    start = time.perf_counter()
    try:
        value = job.function(*job.arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the boundary of foreign code: anything may come
        text, kind = explain(error)
        return Outcome(job.key, None, text, kind, time.perf_counter() - start)
    return Outcome(job.key, value, seconds=time.perf_counter() - start)
