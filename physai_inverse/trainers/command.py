"""Any program as trainer: a command line with placeholders, and the metrics that it prints or writes.

No shell is involved: the line is split first, then values are put into its arguments, so that no value can
become an argument of its own or a command.
"""

import contextlib
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from physai_inverse.errors import InvalidInput, TrialFailed
from physai_inverse.files import write_text
from physai_inverse.observations import Config, Metric, Scalar
from physai_inverse.trainers.report_lines import Lines, Reports
from physai_inverse.trainers.template import Template, check_names, fill_text, read_template, text_names

OWN_NAMES = ("seed", "config", "out", "checkpoint", "resume_from", "python")
STDOUT = "stdout"
PIECE_BYTES = 2**16
ERROR_LINES = 20
DRAIN_SECONDS = 1.0  # for output that is still in the pipe when the command has ended
STOP_SECONDS = 5.0  # for the supervisor to end a process group
MEMORY_WORDS = re.compile(r"out of memory|MemoryError|can(?:no|')t allocate memory", re.IGNORECASE)
SUPERVISOR = Path(__file__).with_name("supervisor.py")


@dataclass(frozen=True)
class CommandTrainer:
    """Train by running a command.

    Placeholders: `{name}` for each parameter, `{seed}`, `{config}` (path of a JSON file with the whole
    configuration), `{out}` (an empty folder of this trial, removed when its metrics have been read) and `{python}`
    (the interpreter that runs this program, so that a script finds the packages installed beside it). Arguments in
    square brackets, `[--momentum {momentum}]`, are left out when a parameter in them is inactive; an
    inactive parameter outside of brackets is an error. In a study with a fidelity `{epochs}` (its name) is how
    much the training is given; `{checkpoint}` is a folder of this configuration and seed that stays from one rung
    to the next, and `{resume_from}` the number of the trial to go on from, so that `[--resume {resume_from}]` is
    left out where there is none. Floats are written by `repr`, booleans as `true` and
    `false`.

    The command runs in a process group of its own, which is ended when the command ends, when the time is
    over, and when this process dies, also by `kill -9`. It gets no standard input, this process's environment,
    and `PHYSAI_SEED` and `PHYSAI_OUT`.

    Args:
        command: one line, split like a shell does, or the arguments.
        timeout: seconds; None for no limit.
        metrics: `"stdout"`: JSON objects among the printed lines (see `report_lines`); else a path like
            `"{out}/metrics.json"` of one JSON object or of such lines, relative to `folder`.
        environment: variables to add.
        folder: where the command runs.
        fidelity: the name of the study's fidelity.
        stop_early: whether it is ended once the curves that it prints look hopeless.

    Raises:
        InvalidInput: the command or `metrics` cannot be read, or the timeout is not positive.

    Example:
        >>> trainer = CommandTrainer(["echo", '{{"loss": {x}}}'])
        >>> trainer({"x": 0.25}, seed=1)
        {'loss': 0.25}
    """

    command: str | Sequence[str]
    timeout: float | None = None
    metrics: str = STDOUT
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str = "."
    fidelity: str | None = None
    stop_early: bool = False

    def __post_init__(self) -> None:
        timeout = self.timeout
        if timeout is not None and (
            isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0
        ):
            raise InvalidInput(f"`timeout` must be a positive number of seconds or None, not {timeout!r}.")
        if not isinstance(self.metrics, str) or not self.metrics:
            raise InvalidInput(f"`metrics` must be `stdout` or a path, not {self.metrics!r}.")
        for name, value in self.environment.items():
            if not isinstance(name, str) or not isinstance(value, str) or "=" in name or "\0" in name + value:
                raise InvalidInput(f"`environment` must map names to texts, not {name!r} to {value!r}.")
        _ = self.template
        if self.metrics != STDOUT:
            text_names(self.metrics)
            if self.stop_early:
                raise InvalidInput(
                    "`stop_early` reads what the command prints; leave `metrics` at `stdout` for it."
                )

    @cached_property
    def template(self) -> Template:
        """The command line, read."""
        return read_template(self.command)

    @property
    def takes(self) -> frozenset[str]:
        """The extras that it takes; see `extras`."""
        names = {*self.template.names, *(() if self.metrics == STDOUT else text_names(self.metrics))}
        takes = {
            "checkpoint": "checkpoint" in names,
            "resume_from": "resume_from" in names,
            "fidelity": self.fidelity in names,
            "report": self.metrics == STDOUT,
        }
        return frozenset(name for name, does in takes.items() if does)

    def check(self, names: Collection[str], conditional: Collection[str] = ()) -> None:
        """Check the placeholders against the parameters of a space.

        Args:
            names: every parameter.
            conditional: those that are sometimes inactive.

        Raises:
            InvalidInput: a placeholder is no parameter, a parameter has the name of one of our own placeholders,
                or a conditional one stands outside of square brackets.
        """
        taken = [name for name in names if name in OWN_NAMES]
        if taken:
            raise InvalidInput(
                f"A parameter cannot be called `{taken[0]}` with a command: {{{taken[0]}}} is taken."
            )
        known = (*names, *OWN_NAMES, *([self.fidelity] if self.fidelity else []))
        check_names(self.template.names, known, where="`command`")
        if self.metrics != STDOUT:
            check_names(text_names(self.metrics), known, where="`metrics`")
        for name in self.template.required:
            if name in conditional:
                raise InvalidInput(
                    f"`{name}` is not active in every configuration; put its arguments in square brackets, "
                    f"which are left out then: `[--{name} {{{name}}}]`."
                )

    def __call__(
        self,
        config: Config,
        seed: int,
        *,
        fidelity: float | None = None,
        checkpoint: Path | None = None,
        resume_from: int | None = None,
        report: Callable[[float, Mapping[str, float]], bool] | None = None,
    ) -> dict[str, Metric]:
        """Run the command once.

        Args:
            config: active parameters.
            seed: of the training.
            fidelity: how much it is given.
            checkpoint: a folder that stays.
            resume_from: the number of the trial to go on from.
            report: takes what is printed with a step; once it says so, the command is ended.

        Raises:
            InvalidInput: a placeholder that this configuration cannot fill.
            TrialFailed: the command cannot be started, fails, is killed, is too slow, or gives no metrics.
            StoreUnavailable: the folder for temporary files cannot be written.
        """
        with _folder() as out:
            path = out.parent / "config.json"
            write_text(path, json.dumps(dict(config), indent=1))
            values: dict[str, Scalar] = {
                **config,
                "seed": seed,
                "config": str(path),
                "out": str(out),
                "python": sys.executable,
            }
            told = {self.fidelity or "": fidelity, "checkpoint": checkpoint, "resume_from": resume_from}
            values |= {
                name: str(value) if isinstance(value, Path) else value
                for name, value in told.items()
                if value is not None
            }
            arguments = self.template.fill(values)
            environment = {
                **os.environ,
                **self.environment,
                "PHYSAI_SEED": str(seed),
                "PHYSAI_OUT": str(out),
            }
            run = _Run(self.metrics == STDOUT, report)
            code = run.wait(arguments, environment, self.folder, out.parent, self.timeout)
            if code != 0 and not run.stopped:
                raise _failure(arguments[0], code, run.errors.last_lines(ERROR_LINES))
            if self.metrics != STDOUT:
                check_names(text_names(self.metrics), tuple(values), where="`metrics`")
                _read_file(Path(self.folder) / fill_text(self.metrics, values), run.reports)
            try:
                metrics = run.reports.metrics()
            except InvalidInput as error:
                raise TrialFailed(f"The command reported what is no metric: {error}") from error
        if not metrics:
            where = "to standard output" if self.metrics == STDOUT else f"into `{self.metrics}`"
            last = run.output.last_lines(1) or "nothing"
            raise TrialFailed(
                f"The command ended well and reported no metric. It should write a line like "
                f'{{"val_loss": 0.31}} {where}. The last line it printed: {last}'
            )
        return metrics


class _Run:
    """One run of a command: its output, in bounded memory."""

    def __init__(
        self, from_stdout: bool, report: Callable[[float, Mapping[str, float]], bool] | None = None
    ) -> None:
        self.reports = Reports(report)
        self.stopped = False
        self.output = Lines()
        self.errors = Lines()
        self._from_stdout = from_stdout
        self._answer = b""

    def wait(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: str,
        out: Path,
        timeout: float | None,
    ) -> int:
        """Run a command to its end.

        Returns:
            The exit code; minus the signal where one killed it.

        Raises:
            TrialFailed: it could not be started, or was stopped after its time.
        """
        reading, writing = os.pipe()
        with open(reading, "rb", buffering=0) as status:
            try:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(SUPERVISOR), str(writing)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    bufsize=0,
                    cwd=folder,
                    env=environment,
                    pass_fds=[writing],
                    process_group=0,
                )
            except OSError as error:
                raise TrialFailed(f"The command cannot run in the folder `{folder}`: {error.strerror}.") from error
            finally:
                os.close(writing)
            with process:
                assert process.stdin is not None
                assert process.stdout is not None
                assert process.stderr is not None
                try:
                    order = json.dumps({"arguments": list(arguments), "out": str(out)}) + "\n"
                    with contextlib.suppress(BrokenPipeError):  # then it was killed, and gives no answer
                        process.stdin.write(order.encode())
                    in_time = self._read(process, status, timeout)
                finally:  # closing the line ends what still runs, also when Ctrl-C brought us here
                    process.stdin.close()
                    try:
                        process.wait(STOP_SECONDS)
                    except subprocess.TimeoutExpired:
                        process.kill()
        if self.stopped:
            return 0
        if not in_time:
            raise TrialFailed(f"The command was stopped after its time limit of {timeout:g} s.", "timeout")
        try:
            answer = json.loads(self._answer)
        except ValueError as error:
            raise TrialFailed(
                "The command and its supervisor were killed, perhaps by the system for lack of memory.", "unknown"
            ) from error
        if "error" in answer:
            raise TrialFailed(
                f"The command cannot be started: {answer['error']}. Is `{arguments[0]}` installed, executable "
                "and on the PATH?"
            )
        code: int = answer["code"]
        return code

    def _read(self, process: "subprocess.Popen[bytes]", status: object, timeout: float | None) -> bool:
        """Read until the command has ended, and tell whether it did in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        ended = False
        with selectors.DefaultSelector() as selector:
            for stream in (process.stdout, process.stderr, status):
                selector.register(stream, selectors.EVENT_READ)  # type: ignore[arg-type]  # they are files
            while selector.get_map():
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    # When the command has ended, a process that left its group keeps its output open.
                    return ended
                for key, _ in selector.select(left):
                    data = os.read(key.fd, PIECE_BYTES)
                    if key.fileobj is status:
                        self._answer += data
                        if not data:
                            ended = True
                            deadline = time.monotonic() + DRAIN_SECONDS
                    elif key.fileobj is process.stdout:
                        self._take_output(data)
                    else:
                        for _line in self.errors.feed(data):
                            continue
                    if not data:
                        selector.unregister(key.fileobj)
                if self.reports.hopeless and not ended:
                    self.stopped = True
                    return True
        self._take_output(b"\n")
        return True

    def _take_output(self, data: bytes) -> None:
        for line in self.output.feed(data):
            if self._from_stdout:
                self.reports.add_line(line)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Give an empty folder inside one of the trial's own, and remove both."""
    outer = Path(tempfile.mkdtemp(prefix="physai-inverse-trial-"))
    try:
        out = outer / "out"
        out.mkdir()
        yield out
    finally:
        shutil.rmtree(outer, ignore_errors=True)


def _read_file(path: Path, reports: Reports) -> None:
    try:
        with path.open("rb") as stream:
            lines = Lines()
            whole = bytearray()
            while piece := stream.read(PIECE_BYTES):
                if len(whole) < 16 * 2**20:
                    whole += piece
                for line in lines.feed(piece):
                    reports.add_line(line)
            reports.add_line(lines.rest())
    except OSError as error:
        raise TrialFailed(
            f"The command ended well, but its metrics cannot be read from `{path}`: {error.strerror}."
        ) from error
    with contextlib.suppress(ValueError, RecursionError):  # then it was lines
        document = json.loads(whole)
        if isinstance(document, dict):
            reports.add(document)


def _failure(program: str, code: int, errors: str) -> TrialFailed:
    said = f" The end of its standard error:\n{errors}" if errors else " It wrote nothing to standard error."
    number = -code if code < 0 else code - 128 if code - 128 in (signal.SIGKILL, signal.SIGTERM) else 0
    if MEMORY_WORDS.search(errors):
        return TrialFailed(f"`{program}` ran out of memory (exit code {code}).{said}", "out_of_memory")
    if number == signal.SIGKILL:
        text = f"`{program}` was killed (signal 9), perhaps by the system for lack of memory."
        return TrialFailed(text + said, "unknown")
    if number:
        name = signal.Signals(number).name if number in set(signal.Signals) else "unnamed"
        kind = "preempted" if number in (signal.SIGTERM, signal.SIGHUP) else "bug"
        return TrialFailed(f"`{program}` was ended by signal {number} ({name}).{said}", kind)
    return TrialFailed(f"`{program}` failed with exit code {code}.{said}")
