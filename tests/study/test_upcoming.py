"""What would be handed out next, without handing it out."""

import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.fidelity import Fidelity
from physai_inverse.space import Float, Space
from physai_inverse.study import Study, upcoming


def study_of(rows: int = 12, **arguments: object) -> Study:
    study = Study(Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0)), "minimize loss", seed=3, **arguments)
    for _ in range(rows):
        [trial] = study.suggest(1)
        x, y = float(trial.config["x"]), float(trial.config["y"])
        study.observe(trial, {"loss": (x - 0.3) ** 2 + (y - 0.6) ** 2})
    return study


@pytest.mark.parametrize("method", ["model", "random"])
def test_it_is_what_suggest_hands_out_then(method: str) -> None:
    study = study_of(method=method)
    told = upcoming(study, 3)
    handed = study.suggest(3)
    assert [(each.number, each.config, each.seed, each.note) for each in told] == [
        (each.number, each.config, each.seed, each.note) for each in handed
    ]


def test_nothing_is_recorded() -> None:
    study = study_of(4)
    upcoming(study, 2)
    assert [trial.number for trial in study.trials] == [0, 1, 2, 3]


def test_what_waits_comes_first() -> None:
    study = study_of(4)
    study.enqueue([{"x": 0.25, "y": 0.5}])
    told = upcoming(study, 2)
    assert told[0].config == {"x": 0.25, "y": 0.5}
    assert [each.number for each in told] == [4, 5]
    assert len(upcoming(study, 1)) == 1


def test_a_study_with_a_fidelity_says_how_much_is_given() -> None:
    study = Study(
        Space(x=Float(0.0, 1.0)), "minimize loss", fidelity=Fidelity("epochs", 1, 9), method="asha", seed=0
    )
    told = upcoming(study, 1)
    assert told[0].fidelity == study.suggest(1)[0].fidelity == 1


def test_none_is_no_number() -> None:
    with pytest.raises(InvalidInput, match="`num`"):
        upcoming(study_of(0), 0)
