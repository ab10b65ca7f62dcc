import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.executors import LocalProcesses, Outcome, deaths
from physai_inverse.trainers import CommandTrainer
from tests.executors import jobs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def executor() -> Iterator[LocalProcesses]:
    with LocalProcesses(workers=1) as made:
        yield made


def finish(executor: LocalProcesses, key: object) -> Outcome:
    wait_for(lambda: key in executor.poll(0.1))
    return executor.collect(key)


def wait_for(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


def alive(process: int) -> bool:
    """Tell whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def processes(path: Path) -> list[int]:
    wait_for(path.exists)
    return [int(word) for word in path.read_text().split()]


def started(path: Path) -> list[int]:
    """Read process ids where the job got so far before its time was over; a loaded machine may be too slow."""
    return processes(path) if path.exists() else []


@pytest.mark.parametrize(
    ("number", "kind"), [(signal.SIGKILL, "preempted"), (signal.SIGTERM, "preempted"), (signal.SIGSEGV, "bug")]
)
def test_a_killed_worker_is_an_outcome_that_names_the_signal(
    executor: LocalProcesses, number: signal.Signals, kind: str
) -> None:
    executor.submit(1, jobs.send_signal, int(number))
    executor.submit(2, jobs.add, 1, 2)
    outcome = finish(executor, 1)
    assert outcome.kind == kind
    assert number.name in (outcome.error or "")
    assert finish(executor, 2).value == 3


@pytest.mark.parametrize(
    ("after", "kind"), [("oom_kill 3", "preempted"), ("oom_kill 4", "out_of_memory"), ("pgfault 9", "unknown")]
)
def test_a_kill_for_lack_of_memory_is_told_from_any_other_by_the_count_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str, kind: str
) -> None:
    counters = tmp_path / "vmstat"
    counters.write_text("nr_free_pages 7\noom_kill 3\n")
    monkeypatch.setattr(deaths, "COUNTERS", counters)
    before = deaths.memory_kills()
    counters.write_text(f"nr_free_pages 7\n{after}\n")
    assert deaths.explain_exit(-signal.SIGKILL, before)[1] == kind


def test_a_worker_that_exits_in_the_middle_of_a_job_is_a_bug(executor: LocalProcesses) -> None:
    executor.submit(1, jobs.vanish)
    outcome = finish(executor, 1)
    assert (outcome.kind, "exit code 5" in (outcome.error or "")) == ("bug", True)


def test_what_a_worker_told_before_it_was_killed_is_heard(executor: LocalProcesses) -> None:
    heard: list[object] = []
    executor.listen(lambda key, value: heard.append((key, value)))
    executor.submit(1, jobs.tells_and_dies, "so far")
    assert finish(executor, 1).kind == "preempted"
    assert heard == [(1, "so far")]


def test_an_interrupt_raised_by_a_job_does_not_stop_the_worker(executor: LocalProcesses) -> None:
    executor.submit(1, jobs.interrupt)
    assert finish(executor, 1).kind == "preempted"


def test_a_worker_leaves_ctrl_c_to_its_parent(executor: LocalProcesses) -> None:
    executor.submit(1, jobs.ignores_interrupt)
    assert finish(executor, 1).value == "still here"


def test_a_hanging_job_is_killed_with_its_children_at_its_time(executor: LocalProcesses, tmp_path: Path) -> None:
    executor.submit(1, jobs.hang, str(tmp_path / "pids"), timeout=3)
    outcome = finish(executor, 1)
    assert (outcome.kind, outcome.error) == ("timeout", "stopped after its time limit of 3 s")
    wait_for(lambda: not any(map(alive, started(tmp_path / "pids"))))


def test_a_job_past_its_time_is_killed_also_when_nobody_polls(executor: LocalProcesses, tmp_path: Path) -> None:
    executor.submit(1, jobs.hang, str(tmp_path / "pids"), timeout=3)
    pids = processes(tmp_path / "pids")
    wait_for(lambda: not any(map(alive, pids)))
    assert finish(executor, 1).kind == "timeout"


def test_a_cancelled_job_is_killed_with_its_children(executor: LocalProcesses, tmp_path: Path) -> None:
    executor.submit(1, jobs.hang, str(tmp_path / "pids"))
    pids = processes(tmp_path / "pids")
    assert executor.cancel(1)
    wait_for(lambda: not any(map(alive, pids)))
    executor.submit(1, jobs.add, 1, 1)
    assert finish(executor, 1).value == 2


def test_a_worker_is_kept_for_the_next_job(executor: LocalProcesses) -> None:
    seen = set()
    for number in range(3):
        executor.submit(number, jobs.process)
        seen.add(finish(executor, number).value)
    assert len(seen) == 1
    assert seen != {os.getpid()}


def test_a_worker_that_died_at_rest_is_replaced(executor: LocalProcesses) -> None:
    executor.submit(1, jobs.process)
    process = finish(executor, 1).value
    assert isinstance(process, int)
    os.kill(process, signal.SIGKILL)
    wait_for(lambda: not alive(process))
    executor.submit(2, jobs.process)
    assert finish(executor, 2).value not in (None, process)


def test_numerical_libraries_in_a_worker_use_one_thread(executor: LocalProcesses) -> None:
    executor.submit(1, jobs.environment, "OMP_NUM_THREADS")
    assert finish(executor, 1).value == "1"


@pytest.mark.parametrize("function", [jobs.unsendable, jobs.unreadable])
def test_a_result_that_cannot_travel_is_explained(
    executor: LocalProcesses, function: Callable[[], object]
) -> None:
    executor.submit(1, function)
    outcome = finish(executor, 1)
    assert outcome.kind == "bug"
    assert "Return plain numbers" in (outcome.error or "")
    executor.submit(2, jobs.add, 1, 1)
    assert finish(executor, 2).value == 2


def test_a_function_that_cannot_travel_is_refused_at_submit(executor: LocalProcesses) -> None:
    with pytest.raises(InvalidInput, match="workers=1"):
        executor.submit(1, lambda: 1)
    assert executor.running == ()


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_the_number_of_workers_is_checked(workers: int) -> None:
    with pytest.raises(InvalidInput, match="`workers` must be"):
        LocalProcesses(workers)


def test_a_timeout_that_is_not_positive_is_refused(executor: LocalProcesses) -> None:
    with pytest.raises(InvalidInput, match="`timeout` must be"):
        executor.submit(1, jobs.add, 1, 1, timeout=0)


def run_script(folder: Path, text: str, *, wait: bool = True) -> subprocess.Popen[str]:
    script = folder / "script.py"
    script.write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(script)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if wait:
        process.wait(60)
    return process


def output(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate()
    return out.strip(), err.strip()


SCRIPT = """
from physai_inverse.executors import LocalProcesses, Outcome, deaths
def train(x):
    print("a print of the trainer")
    return x + 1
def main():
    executor = LocalProcesses(workers=1)
    executor.submit(1, train, 41)
    while not executor.poll(1):
        pass
    outcome = executor.collect(1)
    print(outcome.value, outcome.error)
"""


def test_a_function_of_the_running_script_works_and_leaves_nothing_behind(tmp_path: Path) -> None:
    process = run_script(tmp_path, SCRIPT + 'if __name__ == "__main__":\n    main()\n')
    assert output(process) == ("42 None", "a print of the trainer")
    assert process.returncode == 0


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    process = run_script(tmp_path, SCRIPT + "main()\n")
    assert 'if __name__ == "__main__"' in output(process)[0]


def test_a_function_typed_at_standard_input_is_refused_with_advice() -> None:
    text = "if 1:" + (SCRIPT + "main()\n").replace("\n", "\n    ")
    process = subprocess.run(
        [sys.executable], input=text, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    assert "workers=1" in process.stderr


@pytest.mark.parametrize("signals", [[signal.SIGKILL], [signal.SIGINT]])
def test_workers_and_their_children_end_with_the_parent(tmp_path: Path, signals: list[signal.Signals]) -> None:
    process = run_script(
        tmp_path,
        "from physai_inverse.executors import LocalProcesses\n"
        "from tests.executors import jobs\n"
        "executor = LocalProcesses(workers=1)\n"
        f"executor.submit(1, jobs.hang, {str(tmp_path / 'pids')!r})\n"
        # Ends by itself once whoever started it is gone, so that a killed test run leaves nothing behind.
        f"import os\nwhile os.getppid() == {os.getpid()}:\n    executor.poll(1)\n",
        wait=False,
    )
    pids = processes(tmp_path / "pids")
    for number in signals:
        process.send_signal(number)
    process.communicate(timeout=60)
    wait_for(lambda: not any(map(alive, pids)))


@pytest.mark.parametrize("way", ["cancel", "timeout", "close"])
def test_a_command_ends_with_the_worker_that_runs_it(
    executor: LocalProcesses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code = f"from tests.executors import jobs; jobs.hang({str(tmp_path / 'pids')!r})"
    trainer = CommandTrainer([sys.executable, "-c", code], folder=str(ROOT))
    executor.submit(1, trainer, {}, 0, timeout=3 if way == "timeout" else None)
    if way == "timeout":
        assert finish(executor, 1).kind == "timeout"
        pids = started(tmp_path / "pids")
    else:
        pids = processes(tmp_path / "pids")
        if way == "cancel":
            executor.cancel(1)
        else:
            executor.close()
    wait_for(lambda: not any(map(alive, pids)))
    wait_for(lambda: not list(tmp_path.glob("physai-inverse-trial-*")))


def test_a_failed_trial_keeps_its_class_on_the_way_from_the_worker(executor: LocalProcesses) -> None:
    executor.submit(1, CommandTrainer([sys.executable, "-c", "raise MemoryError"]), {}, 0)
    outcome = finish(executor, 1)
    assert outcome.kind == "out_of_memory"
    assert "ran out of memory" in (outcome.error or "")
