"""One contract for every executor."""

import time
from collections.abc import Callable, Hashable, Iterator

import pytest

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.executors import InProcess, LocalProcesses, Outcome
from tests.executors import jobs

Executor = InProcess | LocalProcesses


def two_workers() -> LocalProcesses:
    return LocalProcesses(workers=2)


@pytest.fixture(params=[InProcess, two_workers])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    make: Callable[[], Executor] = request.param
    with make() as made:
        yield made


def finish(executor: Executor, *keys: Hashable) -> list[Outcome]:
    limit = time.monotonic() + 60
    while not set(keys) <= set(executor.poll(0.1)):
        assert time.monotonic() < limit, f"only {executor.poll()} finished"
    return [executor.collect(key) for key in keys]


def test_a_job_gives_its_value_under_its_key(executor: Executor) -> None:
    executor.submit(("trial", 7), jobs.add, 1.5, 2.0)
    (outcome,) = finish(executor, ("trial", 7))
    assert (outcome.key, outcome.value, outcome.error, outcome.kind) == (("trial", 7), 3.5, None, None)
    assert outcome.seconds >= 0


def test_more_jobs_than_capacity_all_finish(executor: Executor) -> None:
    for number in range(5):
        executor.submit(number, jobs.add, number, 10)
    assert [outcome.value for outcome in finish(executor, *range(5))] == [10, 11, 12, 13, 14]
    assert executor.running == ()


@pytest.mark.parametrize(
    ("function", "kind", "text"),
    [
        (jobs.fail, "bug", "ValueError: the number 37 is not welcome"),
        (jobs.fail_trial, "preempted", "no GPU was free"),
        (jobs.use_too_much_memory, "out_of_memory", "MemoryError"),
        (jobs.use_too_much_device_memory, "out_of_memory", "CUDA out of memory"),
        (jobs.leave, "bug", "sys.exit(3)"),
    ],
)
def test_what_a_job_raises_is_an_outcome_with_its_class(
    executor: Executor, function: Callable[..., object], kind: str, text: str
) -> None:
    executor.submit(1, function)
    (outcome,) = finish(executor, 1)
    assert (outcome.value, outcome.kind) == (None, kind)
    assert outcome.error is not None
    assert text in outcome.error


def test_a_traceback_shows_the_job_and_not_the_executor(executor: Executor) -> None:
    executor.submit(1, jobs.fail)
    (outcome,) = finish(executor, 1)
    assert outcome.error is not None
    assert "jobs.py" in outcome.error
    assert "physai_inverse/executors" not in outcome.error


def test_running_lists_what_is_submitted_and_not_finished(executor: Executor) -> None:
    executor.submit("a", jobs.add, 1, 1)
    executor.submit("b", jobs.add, 1, 1)
    executor.submit("c", jobs.add, 1, 1)
    assert set(executor.running) == {"a", "b", "c"}


def test_a_finished_job_stays_listed_until_it_is_collected(executor: Executor) -> None:
    executor.submit(1, jobs.add, 1, 1)
    limit = time.monotonic() + 60
    while executor.poll(0.1) != [1]:
        assert time.monotonic() < limit
    assert executor.poll() == [1]
    executor.collect(1)
    assert executor.poll() == []


def test_a_key_cannot_be_used_twice_before_it_is_collected(executor: Executor) -> None:
    executor.submit(1, jobs.add, 1, 1)
    with pytest.raises(InvalidInput, match="in use"):
        executor.submit(1, jobs.add, 1, 1)
    finish(executor, 1)
    executor.submit(1, jobs.add, 2, 2)
    assert finish(executor, 1)[0].value == 4


def test_what_a_job_tells_reaches_the_listener_with_its_key_and_in_order(executor: Executor) -> None:
    heard: list[tuple[Hashable, object]] = []
    executor.listen(lambda key, value: heard.append((key, value)))
    executor.submit("a", jobs.tells, 1, {"b": 2.0})
    assert finish(executor, "a")[0].value == 2
    assert heard == [("a", 1), ("a", {"b": 2.0})]
    executor.listen(None)
    executor.submit("a", jobs.tells, 3)
    assert finish(executor, "a")[0].value == 1
    assert len(heard) == 2
    jobs.tells("outside of a job, to nobody")


def test_a_job_that_is_not_finished_cannot_be_collected(executor: Executor) -> None:
    with pytest.raises(NotFound, match="No finished job"):
        executor.collect("nothing")


def test_a_cancelled_job_has_no_outcome(executor: Executor) -> None:
    executor.submit(1, jobs.add, 1, 1)
    executor.submit(2, jobs.add, 1, 1)
    assert executor.cancel(1)
    finish(executor, 2)
    assert executor.poll() == []
    assert not executor.cancel(1)


def test_a_closed_executor_takes_no_jobs(executor: Executor) -> None:
    executor.close()
    executor.close()
    with pytest.raises(InvalidInput, match="closed"):
        executor.submit(1, jobs.add, 1, 1)
