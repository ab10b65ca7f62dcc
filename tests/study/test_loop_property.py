"""The whole loop over random spaces: nothing that it proposes is inactive, out of range or breaks a constraint."""

import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from physai_inverse import Minimize, Space, Study
from tests.strategies import spaces


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(spaces(max_size=5), st.integers(0, 2**32), st.lists(st.sampled_from(["ok", "nan", "fail"]), min_size=14))
def test_the_loop_never_proposes_what_the_space_does_not_allow(space: Space, seed: int, ends: list[str]) -> None:
    study = Study(space, Minimize("loss"), seed=seed)
    for end in ends[:14]:
        [trial] = study.suggest(1)
        assert space.check(trial.config) == trial.config  # active, in range, constraints kept, nothing else
        if end == "fail":
            study.fail(trial, "out_of_memory")
        else:
            value = float(space.encode(trial.config).sum())
            study.observe(trial, {"loss": math.nan if end == "nan" else value})
    for trial in study.suggest(3):
        assert space.check(trial.config) == trial.config
    if any(trial.status == "done" for trial in study.trials):
        assert space.check(study.recommend().config, constraints=False)
        for config in study.invert(Minimize("loss"), n=3):
            assert space.check(config) == config
