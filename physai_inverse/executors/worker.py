"""The other end of `LocalProcesses`: a process that runs one job after another.

It lives in a process group of its own. A second thread ends the whole group when the parent is gone,
however it went, or when a job is past its time: also if the parent is busy or frozen.
"""

import contextlib
import os
import pickle
import runpy
import select
import signal
import sys
import threading
import time
import types
from multiprocessing.connection import Connection
from typing import NoReturn

from physai_inverse.executors.notes import heard_by
from physai_inverse.executors.outcome import explain

WATCH_SECONDS = 0.5
# Sent, with the monotonic clock that all processes share, before a job runs. A job without it has not run and
# can be offered again.
TAKEN = b"taken "
NOTE = b"note "  # before what a running job tells
GRACE_SECONDS = 1.0  # the parent, which words the outcome, is the first to end a job at its time

_main_path: str | None = None
_loading_main = False


def main(descriptor: int, parent: int) -> None:
    """Serve jobs until the parent closes the connection.

    Args:
        descriptor: of the connection.
        parent: process id of the parent.
    """
    # A handler and not SIG_IGN, which the programs that a job starts would inherit.
    signal.signal(signal.SIGINT, lambda *_: None)
    connection = Connection(descriptor)
    watch = _Watch(connection, parent)
    watch.start()
    while True:
        try:
            message = connection.recv_bytes()
        except (EOFError, OSError):
            end_group()
        payload, main_path, timeout = pickle.loads(message)  # noqa: S301 - from our parent, over a private pipe
        try:
            connection.send_bytes(TAKEN + repr(time.monotonic()).encode())
            watch.begin(timeout)
            with heard_by(lambda value: connection.send_bytes(NOTE + pickle.dumps(value))):
                answer = _answer(payload, main_path)
            watch.end()
            connection.send_bytes(answer)
        except OSError:
            end_group()


def end_group() -> NoReturn:
    """End this process and all that it started."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def loading_main() -> bool:
    """Tell whether this process is importing the parent's script just now."""
    return _loading_main


class _Watch(threading.Thread):
    """Ends the process group when the parent is gone or the job is past its time."""

    def __init__(self, connection: Connection, parent: int) -> None:
        super().__init__(daemon=True)
        self._descriptor = connection.fileno()
        self._parent = parent
        self._busy = False
        self._deadline = float("inf")

    def begin(self, timeout: float | None) -> None:
        self._deadline = float("inf") if timeout is None else time.monotonic() + timeout + GRACE_SECONDS
        self._busy = True

    def end(self) -> None:
        self._busy = False
        self._deadline = float("inf")

    def run(self) -> None:
        while True:
            time.sleep(WATCH_SECONDS)
            if os.getppid() != self._parent or time.monotonic() > self._deadline:
                end_group()
            # The parent sends nothing during a job: a readable connection is a closed one.
            if self._busy and select.select([self._descriptor], [], [], 0)[0] and self._closed():
                end_group()

    def _closed(self) -> bool:
        import socket

        with socket.socket(fileno=os.dup(self._descriptor)) as peer:
            try:
                return peer.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True


def _answer(payload: bytes, main_path: str | None) -> bytes:
    start = time.perf_counter()
    try:
        if main_path is not None:
            _load_main(main_path)
        function, arguments = pickle.loads(payload)  # noqa: S301 - as above
        value: object = function(*arguments)
        error, kind = None, None
    except BaseException as caught:  # the boundary of foreign code: anything may come
        value = None
        error, kind = explain(caught)
    seconds = time.perf_counter() - start
    with contextlib.suppress(OSError, ValueError, AttributeError):  # a job may have closed or replaced them
        sys.stdout.flush()
        sys.stderr.flush()
    try:
        return pickle.dumps((value, error, kind, seconds))
    except Exception as caught:  # whatever a foreign `__reduce__` raises
        text = (
            f"the result, of type {type(value).__name__}, cannot be sent from the worker process: "
            f"{type(caught).__name__}: {caught}. Return plain numbers."
        )
        return pickle.dumps((None, text, "bug", seconds))


def _load_main(path: str) -> None:
    """Import the parent's script under another name, so that what is defined in it can be unpickled."""
    global _main_path, _loading_main
    if _main_path == path:
        return
    _loading_main = True
    try:
        content = runpy.run_path(path, run_name="__mp_main__")
    finally:
        _loading_main = False
    module = types.ModuleType("__mp_main__")
    module.__dict__.update(content)
    sys.modules["__main__"] = sys.modules["__mp_main__"] = module
    _main_path = path
