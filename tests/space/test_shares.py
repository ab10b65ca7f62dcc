"""Shares: they add up to one, in configurations, in the cube and on every way between."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from physai_inverse.errors import InvalidInput
from physai_inverse.space import Choice, Constant, Float, Shares, Space, misfits
from physai_inverse.space.alignment import aligned
from physai_inverse.space.beliefs import Belief, Beliefs
from physai_inverse.space.features import Features
from physai_inverse.space.sampling import sample_units
from physai_inverse.space.shares import KEPT, cumulative, even
from tests.strategies import shares

quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
weights = st.lists(st.floats(0.0, 1.0), min_size=7, max_size=7).filter(lambda found: sum(found[:2]) > 0.1)


def example() -> Space:
    return Space(mixture=Shares(["web", "code", "books"]), lr=Float(1e-4, 1.0, log=True))


def many(count: int = 17) -> Space:
    return Space(mixture=Shares([f"part_{place}" for place in range(count)]))


def total(config: dict[str, object]) -> float:
    return math.fsum(float(value) for name, value in config.items() if name != "lr")


@quick
@given(shares(), weights, st.sampled_from([3, 6, 15]))
def test_rounded_shares_are_kept_in_proportion_and_from_then_on_exactly(
    group: Shares, weights: list[float], digits: int
) -> None:
    space = Space(mixture=group)
    lows = np.array([part.low for part in group.floats.values()])
    given = np.array(weights[: len(lows)])
    given = np.round(lows + group.room * given / given.sum(), digits)
    kept = space.check(dict(zip(group.parts, given.tolist(), strict=True)))
    assert abs(total(kept) - 1.0) <= KEPT * len(lows)
    assert np.array(list(kept.values())) == pytest.approx(given, abs=10.0**-digits * len(lows) + 1e-11)
    assert space.check(kept) == kept == space.decode(space.encode(kept))
    assert space.key(kept) == space.key(space.decode(space.snap(space.encode([kept])))[0])


def test_decimal_shares_stay_as_they_are_written() -> None:
    assert example().check({"web": 0.7, "code": 0.2, "books": 0.1, "lr": 0.1})["code"] == 0.2
    assert example().check({"web": 0.3333, "code": 0.3333, "books": 0.3334, "lr": 0.1})["books"] == 0.3334


def test_shares_that_are_off_by_rounding_keep_their_ratios() -> None:
    kept = example().check({"web": 0.798, "code": 0.198, "books": 0, "lr": 0.1})
    assert kept["books"] == 0.0
    assert float(kept["web"]) / float(kept["code"]) == pytest.approx(0.798 / 0.198)
    assert example().check({"web": 1.003, "code": 0, "books": 0, "lr": 0.1})["web"] == 1.0


def test_no_share_is_a_negative_zero() -> None:
    zero, negative = (
        example().check({"web": 1.0, "code": share, "books": 0.0, "lr": 0.1}) for share in (0.0, -0.0)
    )
    assert example().key(zero) == example().key(negative)
    assert "-0.0" not in repr(negative)


BAD_SHARES = [
    (lambda: Shares("web"), "must be a list of names"),
    (lambda: Shares(["web"]), "at least two different names"),
    (lambda: Shares(["web", "web"]), "at least two different names"),
    (lambda: Shares(["web", ""]), "part name"),
    (lambda: Shares(["a", "b"], least=-0.1), "`least` must be a number in"),
    (lambda: Shares(["a", "b"], least="0.1"), "`least` must be a number in"),
    (lambda: Shares(["a", "b"], least=0.5), "leaves nothing to vary"),
    (lambda: Shares(["a", "b"], least={"c": 0.1}), "`least` speaks of \\['c'\\]"),
    (lambda: Shares(["a", "b"], default={"a": 0.5}), "`default`: `b` is missing"),
    (lambda: Shares(["a", "b"], default={"a": 0.5, "b": 0.4}), "`default`: `a`, `b` must add up to 1"),
    (lambda: Space(m=Shares(["a", "b"]), a=Float(0.0, 1.0)), "\\['a'\\] stand twice"),
    (lambda: Space(m=Shares(["a", "b"]), n=Shares(["b", "c"])), "\\['b'\\] stand twice"),
    (lambda: Space(a=Shares(["a", "b"])), "\\['a'\\] stand twice"),
]


@pytest.mark.parametrize(("make", "message"), BAD_SHARES)
def test_shares_that_cannot_be_meant_are_refused(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInput, match=message):
        make()


BAD_MIXTURES: list[tuple[dict[str, object], str]] = [
    ({"web": 0.5, "code": 0.3, "books": 0.1}, "`web`, `code`, `books` must add up to 1, .* add up to 0.9"),
    ({"web": 0.5, "code": 0.5}, "`books` is missing; write 0 where a part is absent"),
    ({"web": 50, "code": 30, "books": 20}, "are percent; divide by 100"),
    ({"web": 1.2, "code": -0.2, "books": 0.0}, "`web`: expected a share in \\[0, 1\\], got 1.2"),
    ({"web": "0.5", "code": 0.5, "books": 0.0}, "`web`: expected a share in \\[0, 1\\], got '0.5'"),
    ({"web": float("nan"), "code": 0.5, "books": 0.5}, "got nan"),
]


@pytest.mark.parametrize(("mixture", "message"), BAD_MIXTURES)
def test_a_mixture_that_does_not_add_up_is_refused(mixture: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        example().check({**mixture, "lr": 0.1})


def test_the_plain_form_holds_the_group_and_no_part_by_itself() -> None:
    group = Shares(["a", "b", "c"], {"b": 0.1}, default={"a": 0.5, "b": 0.3, "c": 0.2})
    space = Space(x=Float(0.0, 1.0), mixture=group, y=Float(0.0, 1.0))
    assert list(space.as_plain()["parameters"]) == ["x", "mixture", "y"]
    assert space.names == ("x", "a", "b", "c", "y")
    assert Space.from_plain(space.as_plain()) == space
    assert space.decode(space.rest)["b"] == 0.3
    with pytest.raises(InvalidInput, match=r"of type shares: .*unexpected keyword"):
        Space.from_plain({"parameters": {"m": {"type": "shares", "parts": ["a", "b"], "most": 1.0}}})


def test_equal_shares_are_where_a_mixture_without_a_default_rests() -> None:
    assert set(many(8).decode(many(8).rest).values()) == {0.125}


def test_a_mixture_under_a_condition_comes_and_goes_as_a_whole() -> None:
    space = Space(
        kind=Choice(["mixed", "plain"]),
        mixture=Shares(["a", "b"], when={"kind": "mixed"}),
        c=Float(0.0, 1.0, when="a > 0.5"),
    )
    assert space.check({"kind": "plain"}) == {"kind": "plain"}
    assert space.check({"kind": "mixed", "a": 0.6, "b": 0.4, "c": 0.1})["c"] == 0.1
    with pytest.raises(InvalidInput, match="`a` is only active when kind = mixed"):
        space.check({"kind": "plain", "a": 0.5, "b": 0.5})
    with pytest.raises(InvalidInput, match="`a`, `b` must add up to 1"):
        space.check({"kind": "mixed", "a": 0.6, "b": 0.2, "c": 0.1})
    configs = space.sample(64, seed=0)
    assert space.decode(space.encode(configs)) == configs


def test_a_constraint_caps_a_share() -> None:
    space = Space(mixture=Shares(["a", "b", "c"]), constraints=["a <= 0.2", "b + c <= 0.9"])
    for config in space.sample(64, seed=1):
        assert 0.1 - 1e-11 <= float(config["a"]) <= 0.2


@pytest.mark.parametrize("count", [2, 3, 5, 17])
def test_the_distribution_of_one_share_is_the_one_that_is_drawn(count: int) -> None:
    drawn = np.sort(even(np.random.default_rng(0).random((4000, count)))[:, 0])
    assert np.abs(cumulative(drawn, count) - (np.arange(4000) + 0.5) / 4000).max() < 0.035
    assert cumulative(np.array([0.0, 1.0]), count) == pytest.approx([0.0, 1.0])


@pytest.mark.parametrize("count", [4, 5, 17, 40])
def test_mixtures_of_many_parts_are_dominated_by_few(count: int) -> None:
    drawn = even(np.random.default_rng(0).random((4000, count)))
    assert (drawn**2).sum(axis=1).mean() == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize("method", ["uniform", "sobol", "additive"])
def test_samples_hold_mixtures_without_some_parts_unless_asked_for_even_ones(method: str) -> None:
    space = many()
    sparse = sample_units(space, 256, seed=0, method=method)
    assert 0.3 < (sparse == 0).any(axis=1).mean() < 0.65
    whole = sample_units(space, 256, seed=0, method=method, sparse=False)
    assert np.allclose(whole.sum(axis=1), 1.0)
    assert (whole > 1e-9).sum(axis=1).min() > (sparse > 1e-9).sum(axis=1).min()


@quick
@given(shares(), st.integers(0, 2**32))
def test_shares_that_were_not_moved_give_way_in_proportion(group: Shares, seed: int) -> None:
    space = Space(mixture=group)
    rng = np.random.default_rng(seed)
    before = sample_units(space, 8, seed=seed, sparse=False)
    after = before.copy()
    place = int(rng.integers(space.dimension))
    after[:, place] = rng.random(8)
    moved = space.moved(before, after)
    assert moved[:, place] == pytest.approx(after[:, place], abs=1e-9)
    assert moved.sum(axis=1) == pytest.approx(np.ones(8), abs=1e-8)
    others = np.delete(before, place, axis=1)
    expected = others / others.sum(axis=1, keepdims=True) * (1.0 - after[:, [place]])
    assert np.delete(moved, place, axis=1) == pytest.approx(expected, abs=1e-8)
    assert np.array_equal(space.moved(before, before), before)


def test_a_share_that_leaves_a_mixture_of_itself_alone_is_taken_by_the_others_equally() -> None:
    space = many(3)
    moved = space.moved(np.array([[1.0, 0.0, 0.0]]), np.array([[0.4, 0.0, 0.0]]))
    assert moved[0] == pytest.approx([0.4, 0.3, 0.3])


def test_a_mixture_may_gain_parts_that_old_trials_did_not_have() -> None:
    old = Space(mixture=Shares(["web", "code"], least=0.1))
    new = Space(data=Shares(["web", "code", "books"]), lr=Float(0.0, 1.0, default=0.5))
    assert misfits(new, old) == []
    assert new.complete({"web": 0.7, "code": 0.3}) == {"web": 0.7, "code": 0.3, "books": 0.0, "lr": 0.5}
    assert new.complete({"web": 0.7, "code": 0.3, "lr": 0.1})["books"] == 0.0


def test_a_new_mixture_needs_a_default() -> None:
    old, default = Space(lr=Float(0.0, 1.0)), {"web": 0.7, "code": 0.3}
    assert len(misfits(Space(lr=Float(0.0, 1.0), mixture=Shares(["web", "code"])), old)) == 2
    new = Space(lr=Float(0.0, 1.0), mixture=Shares(["web", "code"], default=default))
    assert misfits(new, old) == []
    assert new.complete({"lr": 0.1}) == {"lr": 0.1, **default}


def test_a_mixture_may_not_lose_what_old_trials_have() -> None:
    old = Space(mixture=Shares(["web", "code", "books"], least=0.1))
    for new, problem in [
        (Space(mixture=Shares(["web", "code"])), "`books` is gone"),
        (Space(mixture=Shares(["web", "code", "books"], least=0.2)), "`web` no longer takes 0.1"),
        (Space(mixture=Shares(["web", "code", "books", "wiki"], least=0.01)), "`wiki` is new and needs a default"),
        (Space(one=Shares(["web", "code"]), books=Float(0.0, 1.0)), "were not shares of one whole"),
    ]:
        assert any(problem in text for text in misfits(new, old)), problem
    free = Space(web=Float(0.0, 1.0), code=Float(0.0, 1.0))
    assert any("were not shares of one whole" in text for text in misfits(Space(m=Shares(["web", "code"])), free))
    constant = Space(web=Constant(1.0), x=Float(0.0, 1.0))
    assert misfits(Space(m=Shares(["web", "code"]), x=Float(0.0, 1.0)), constant) != []


def test_mixtures_of_another_space_have_a_place_where_their_parts_are_known() -> None:
    space = Space(mixture=Shares(["web", "code", "books"], least={"code": 0.2}))
    units, placed = aligned(
        space,
        [
            {"web": 0.5, "code": 0.5},
            {"web": 0.5, "code": 0.3, "wiki": 0.2},
            {"web": 0.9, "code": 0.1, "books": 0.0},
            {"lr": 0.1},
            {"web": "much", "code": 0.1},
        ],
    )
    assert placed.tolist() == [True, False, True, True, False]
    assert units[0] == pytest.approx([0.625, 0.375, 0.0])
    assert units[2] == pytest.approx([1.125, -0.125, 0.0])  # keeps its distance from the range
    assert units[3] == pytest.approx(space.rest)


def test_a_belief_about_a_share_leaves_the_rest_to_the_others() -> None:
    space = many()
    beliefs = Beliefs(space, (Belief("part_3", near=0.6, spread=0.05),))
    assert beliefs.centre[3] == pytest.approx(0.6)
    assert np.delete(beliefs.centre, 3) == pytest.approx(np.full(16, 0.025))
    drawn = beliefs.drawn(sample_units(space, 256, seed=0, method="additive", sparse=False))
    assert drawn.sum(axis=1) == pytest.approx(np.ones(256))
    assert drawn[:, 3].mean() == pytest.approx(0.6, abs=0.01)
    assert drawn[:, 3].std() == pytest.approx(0.05, abs=0.01)
    near, far = beliefs.log_density(
        space.moved(beliefs.centre[None], beliefs.centre + np.eye(17)[[3, 3]] * [[0.01], [0.3]])
    )
    assert near > far


def test_the_slopes_of_features_are_those_of_finite_differences() -> None:
    space = Space(kind=Choice(["a", "b"]), mixture=Shares(["x", "y", "z"]), lr=Float(0.0, 1.0))
    features = Features(space)
    units = sample_units(space, 6, seed=0, sparse=False)
    for column in range(1, space.dimension):
        step = np.zeros(space.dimension)
        step[column] = 1e-7
        found = (features.encode(units + step) - features.encode(units - step)) / 2e-7
        own = np.array(features.groups) == column
        assert found[:, own] == pytest.approx(features.slopes(units)[:, own], rel=1e-4)
        assert not found[:, ~own].any()
    assert not features.slopes(units)[:, :2].any()


def test_only_spaces_with_shares_have_rival_encodings() -> None:
    assert Features(Space(lr=Float(0.0, 1.0))).rivals == ()
    assert [rival.exponent for rival in Features(many()).rivals] == [1.0, 0.25]
    assert all(rival.rivals == () for rival in Features(many()).rivals)
