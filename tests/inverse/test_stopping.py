"""Stopping trainings early: when, with what probability, and when never."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.inverse.stopping import LEAST_RUNS, THRESHOLD, Expected, HalvingRule, Reporter, StoppingRule
from physai_inverse.observations import Curve
from physai_inverse.surrogates.warp import Linear, Warp

STEPS = tuple(float(step) for step in range(1, 11))


def curve(final: float, noise: float = 0.0, seed: int = 0) -> Curve:
    rng = np.random.default_rng([seed, 5])
    values = final + 1.0 / np.array(STEPS) - 0.1 + noise * rng.standard_normal(len(STEPS))
    return Curve(STEPS, tuple(values.tolist()))


def rule(
    finals: list[float], *, noise: float = 0.01, audited: bool = False, maximize: bool = False
) -> StoppingRule:
    curves = [curve(final, noise, seed) for seed, final in enumerate(finals)]
    if maximize:
        curves = [Curve(item.steps, tuple(-value for value in item.values)) for item in curves]
    return StoppingRule("loss", maximize, tuple(curves), tuple(c.values[-1] for c in curves), audited)


def part(of: Curve, num: int) -> Curve:
    return Curve(of.steps[:num], of.values[:num])


FINALS = [0.1 * place for place in range(1, 13)]


def test_a_hopeless_training_is_stopped_and_a_promising_one_is_not() -> None:
    judge = rule(FINALS)
    assert judge.bar == sorted(judge.finals)[2]
    bad, good = judge.judge(part(curve(2.0), 4)), judge.judge(part(curve(0.05), 4))
    assert bad
    assert bad.probability is not None
    assert bad.probability < THRESHOLD
    assert "beats" in bad.reason
    assert not good
    assert good.probability is not None
    assert good.probability > 0.9


def test_the_rule_is_the_same_upside_down() -> None:
    high = [5.0 + final for final in FINALS]  # within a decade, where no logarithms are taken
    down, up = rule(high), rule(high, maximize=True)
    seen = part(curve(5.5), 4)
    mirrored = Curve(seen.steps, tuple(-value for value in seen.values))
    assert up.judge(mirrored).probability == pytest.approx(down.judge(seen).probability)


def test_nothing_is_stopped_before_five_runs_have_finished() -> None:
    assert not rule(FINALS[: LEAST_RUNS - 1]).judge(part(curve(9.0), 4))
    assert rule(FINALS[:LEAST_RUNS], noise=0.0).judge(part(curve(9.0), 4))


def test_runs_that_never_reached_the_step_do_not_count() -> None:
    longer = Curve((11.0, 12.0), (9.0, 9.0))
    assert rule(FINALS).judge(longer).probability is None


def test_an_audited_training_is_finished_all_the_same() -> None:
    verdict = rule(FINALS, audited=True).judge(part(curve(2.0), 4))
    assert not verdict
    assert verdict.probability is not None
    assert verdict.probability < THRESHOLD


def test_curves_that_cross_stop_nobody() -> None:
    rng = np.random.default_rng(0)
    curves = tuple(Curve(STEPS, tuple(rng.standard_normal(len(STEPS)).tolist())) for _ in range(20))
    judge = StoppingRule("loss", False, curves, tuple(item.values[-1] for item in curves))
    stopped = [
        bool(judge.judge(part(Curve(STEPS, tuple(rng.standard_normal(10).tolist())), 3))) for _ in range(50)
    ]
    assert sum(stopped) <= 3


def test_probabilities_are_honest_on_runs_that_were_not_seen() -> None:
    """Of trainings that would have been the third best or better, at most a few are stopped."""
    stopped = wrong = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        finals = rng.uniform(0.0, 1.0, 12).tolist()
        judge = rule(finals, noise=0.1)
        truth = curve(float(rng.uniform(0.0, 1.0)), 0.1, seed + 1000)
        if judge.judge(part(truth, 5)):
            stopped += 1
            wrong += truth.values[-1] < (judge.bar or 0.0)
    assert stopped > 10
    assert wrong <= 2


def test_a_reporter_keeps_curves_and_asks_to_stop_once_for_all() -> None:
    report = Reporter(rule(FINALS))
    bad = curve(2.0)
    answers = [report(step, {"loss": value, "other": 1.0}) for step, value in zip(STEPS, bad.values, strict=True)]
    assert answers[-1]
    assert answers == sorted(answers)
    assert report.curves["loss"] == bad
    assert report.stopped is not None
    with pytest.raises(InvalidInput, match="`steps` of a curve"):
        Reporter()(-1.0, {"loss": 1.0})


def halving(finals: list[float], end: float | None = 10.0) -> HalvingRule:
    return HalvingRule("loss", False, tuple(curve(final) for final in finals), end)


def test_halving_lets_one_of_three_go_on_at_each_rung() -> None:
    judge = halving(FINALS[:11])  # with the one that is judged twelve, of which four go on
    seen = [bool(judge.judge(part(curve(final), 4))) for final in (0.05, 0.35, 0.45, 2.0)]
    assert seen == [False, False, True, True]
    verdict = judge.judge(part(curve(2.0), 4))
    assert (verdict.probability, verdict.reason) == (
        None,
        "`loss` is number 12 of 12 at step 3.33333, and 4 go on",
    )


def test_halving_judges_at_rungs_and_not_between_them_or_at_the_end() -> None:
    judge = halving(FINALS)
    steady, late = curve(0.05), curve(2.0)
    caught_up = Curve(STEPS[:9], (*steady.values[:4], *late.values[4:9]))  # bad only after the rung at 10 / 3
    assert not judge.judge(caught_up)
    assert judge.judge(part(late, 2))  # the rung at 10 / 9
    assert not judge.judge(late)
    assert not halving(FINALS, end=None).judge(part(late, 4))
    assert not halving(FINALS[:1]).judge(part(late, 4))


def test_a_training_that_has_come_to_its_end_is_not_stopped() -> None:
    assert rule(FINALS).judge(part(curve(2.0), 9))
    assert not rule(FINALS).judge(curve(2.0))


def watched(num: int, seed: int) -> tuple[list[Curve], list[Curve], list[float]]:
    """Losses that start in noise, what shows that noise, and the ends."""
    rng = np.random.default_rng(seed)
    ends, noise = rng.uniform(5.0, 6.0, num), rng.standard_normal(num)
    fading = 1.0 - np.array(STEPS) / STEPS[-1]
    losses = [Curve(STEPS, tuple((end + luck * fading).tolist())) for end, luck in zip(ends, noise, strict=True)]
    shown = [Curve(STEPS, (float(luck),) * len(STEPS)) for luck in noise]
    return losses, shown, ends.tolist()


def test_a_mediator_tells_bad_luck_from_a_bad_end() -> None:
    losses, shown, ends = watched(30, 0)
    alone = StoppingRule("loss", False, tuple(losses), tuple(ends))
    both = replace(alone, mediators={"luck": tuple(shown)})
    steps, early = STEPS[:3], np.array(STEPS[:3])
    good = Curve(steps, tuple((5.0 + 2.5 * (1.0 - early / STEPS[-1])).tolist()))
    luck = Curve(steps, (2.5, 2.5, 2.5))
    assert (both.judge(good, {"luck": luck}).probability or 0.0) > 0.9 > (alone.judge(good).probability or 0.0)
    assert both.judge(good, {"luck": luck}).reason.endswith(", also by `luck`")
    assert both.judge(good).probability == alone.judge(good).probability  # it was not reported


def test_what_the_forward_map_expects_takes_part_on_its_own_scale() -> None:
    losses, _, ends = watched(30, 0)
    warp = Warp.fitted(Linear(), np.array(ends))
    assert warp is not None
    *latent, this = warp.forward(np.array([*ends, 5.99])).tolist()
    expected = Expected(warp, tuple(latent), this)
    judge = StoppingRule("loss", False, tuple(losses), tuple(ends), expected=expected)
    verdict = judge.judge(Curve(STEPS[:2], (5.0, 5.0)))
    assert verdict
    assert "also by the forward map" in verdict.reason


def test_a_rule_with_all_that_is_known_travels_to_another_process() -> None:
    losses, shown, ends = watched(12, 0)
    warp = Warp.fitted(Linear(), np.array(ends))
    assert warp is not None
    judge = StoppingRule(
        "loss", False, tuple(losses), tuple(ends), False, {"luck": tuple(shown)}, Expected(warp, tuple(ends), 0.0)
    )
    told = pickle.loads(pickle.dumps(judge))  # noqa: S301 - our own bytes
    seen = Curve((1.0,), (9.0,)), {"luck": shown[0]}
    assert told.judge(*seen) == judge.judge(*seen)
