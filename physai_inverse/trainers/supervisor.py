"""A small process between a trainer and the command it runs, which lets no command outlive its trainer.

It reads one line of JSON from standard input, starts the command in a process group of its own, and
writes how it ended to a descriptor. When standard input closes, which the system does also for a trainer that is
killed, it kills the group and removes the trial's folder. Run as a file, without the package.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading


def main(status: int) -> None:
    """Supervise one command.

    Args:
        status: descriptor for the answer, `{"code": int}` or `{"error": text}`.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # no SIG_IGN, which the command would inherit
    order = b""
    while not order.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece:
            os._exit(1)
        order += piece
    request = json.loads(order)
    try:
        command = subprocess.Popen(request["arguments"], stdin=subprocess.DEVNULL, process_group=0)
    except (OSError, ValueError) as error:
        os.write(status, json.dumps({"error": str(error)}).encode())
        os._exit(1)
    abandoned = threading.Event()

    def watch() -> None:
        while os.read(0, 65536):
            continue
        abandoned.set()
        kill_group(command.pid)

    threading.Thread(target=watch, daemon=True).start()
    if hasattr(os, "waitid"):  # look without reaping: the process id, and so the group, stays ours
        os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOWAIT)
        kill_group(command.pid)
        code = command.wait()
    else:
        code = command.wait()
        kill_group(command.pid)
    if abandoned.is_set():
        shutil.rmtree(request["out"], ignore_errors=True)
    with contextlib.suppress(OSError):  # the trainer may be gone
        os.write(status, json.dumps({"code": code}).encode())
    os._exit(0)


def kill_group(process: int) -> None:
    """Kill a process group; one that is gone, or on macOS gone and not reaped, is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
