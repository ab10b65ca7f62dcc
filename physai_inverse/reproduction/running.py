"""Measuring laws, several at a time in processes of their own."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from physai_inverse.errors import InvalidInput
from physai_inverse.executors import LocalProcesses
from physai_inverse.reproduction.catalogue import chosen_laws
from physai_inverse.reproduction.law import Law, Outcome

WAIT_SECONDS = 0.5


@dataclass(frozen=True)
class Reproduced:
    """A law with what came out.

    Args:
        law: the law.
        outcome: None where it could not be measured.
        error: why it could not.
        seconds: that it took.
    """

    law: Law
    outcome: Outcome | None
    error: str | None
    seconds: float

    @property
    def verdict(self) -> str:
        """`holds`, `does not hold` or `not measured`."""
        if self.outcome is None:
            return "not measured"
        return "holds" if self.outcome.holds else "does not hold"


@dataclass(frozen=True)
class Standing:
    """Where a reproduction stands.

    Args:
        finished: laws that are done.
        running: laws that are being measured, with the seconds so far.
        waiting: how many have not begun.
        last: the one that has just ended; None between two ends.
    """

    finished: tuple[Reproduced, ...]
    running: tuple[tuple[Law, float], ...]
    waiting: int
    last: Reproduced | None = None


def measure(number: int, seed: int) -> Outcome:
    """Measure one law; importable, so that it travels to a process of its own."""
    (law,) = chosen_laws([number])
    return law.measure(seed)


def reproduce(
    numbers: Sequence[int] = (),
    *,
    seed: int = 0,
    workers: int | None = None,
    on_progress: Callable[[Standing], None] | None = None,
) -> list[Reproduced]:
    """Measure laws anew.

    Args:
        numbers: of the laws; all where empty.
        seed: of every training. Another seed is another attempt at the same laws.
        workers: laws at a time, each in a process of one thread; as many as there are cores where left out.
        on_progress: called at every end and twice a second between.

    Returns:
        The laws in order of their numbers. One that raises stands there with its error; the others go on.

    Raises:
        InvalidInput: a number that is no law, a seed or a number of workers that cannot be.
    """
    laws = chosen_laws(numbers)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InvalidInput(f"`seed` must be a whole number of at least 0, not {seed!r}.")
    results: dict[int, Reproduced] = {}
    with LocalProcesses(min(workers or os.cpu_count() or 1, len(laws))) as executor:
        # The dearest first, so that none is left to run alone at the end.
        waiting = sorted(laws, key=lambda law: (-law.seconds, law.number))
        running: dict[int, tuple[Law, float]] = {}

        def tell(last: Reproduced | None) -> None:
            if on_progress is not None:
                now = time.monotonic()
                at_work = tuple((law, now - begun) for law, begun in running.values())
                on_progress(Standing(tuple(results.values()), at_work, len(waiting), last))

        while waiting or running:
            while waiting and len(running) < executor.capacity:
                law = waiting.pop(0)
                running[law.number] = (law, time.monotonic())
                executor.submit(law.number, measure, law.number, seed)
            tell(None)
            for number in executor.poll(WAIT_SECONDS):
                assert isinstance(number, int)
                law, _ = running.pop(number)
                ended = executor.collect(number)
                outcome = ended.value if isinstance(ended.value, Outcome) else None
                results[number] = Reproduced(law, outcome, ended.error, ended.seconds)
                tell(results[number])
    return [results[law.number] for law in laws]
