import numpy as np
import pytest

from physai_inverse import Choice, Float, Integer, Space
from physai_inverse.forward import Dataset
from physai_inverse.observations import Observation, TrialState
from physai_inverse.study.fitted import Fitted

SPACE = Space(
    rate=Float(1e-5, 1.0, log=True),
    kind=Choice(["a", "b", "c"]),
    width=Integer(3, 900, log=True),
    momentum=Float(0.0, 0.99, when={"kind": ["a"]}),
)


def observations(numbers: list[int]) -> list[Observation]:
    """Draw trials, each by its number."""
    configs = SPACE.sample(40, seed=0)
    return [
        Observation(
            configs[number],
            {"loss": float(number)},
            state=TrialState.FAILED if number % 7 == 3 else TrialState.DONE,
            kind="preempted" if number % 7 == 3 else None,
            number=number,
        )
        for number in numbers
    ]


def fitted(numbers: list[int], earlier: Fitted | None = None) -> Fitted:
    """Take the state of a study."""
    return Fitted(SPACE, observations(numbers), surrogate=None, seed=0, earlier=earlier)


def test_points_taken_over_from_an_earlier_state_are_those_of_a_fresh_one() -> None:
    some, more = [0, 1, 2, 5, 9, 10], [0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 30]
    earlier = fitted(some)
    assert len(earlier.data) == 5  # one was preempted
    found, expected = fitted(more, earlier).data, fitted(more).data
    np.testing.assert_array_equal(found.units, expected.units)
    np.testing.assert_array_equal(found.columns["loss"].values, expected.columns["loss"].values)
    assert found.numbers == expected.numbers


def test_only_new_trials_are_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = fitted([0, 1, 2])
    assert len(earlier.data) == 3
    completed: list[int] = []
    complete = Space.complete
    monkeypatch.setattr(Space, "complete", lambda space, config: completed.append(1) or complete(space, config))  # type: ignore[func-returns-value]
    assert len(fitted([0, 1, 2, 4], earlier).data) == 4
    assert len(completed) == 1


def test_a_dataset_of_nothing_has_no_rows_but_every_column_of_the_space() -> None:
    assert Dataset.from_observations(SPACE, []).units.shape == (0, 4)
