"""One contract over every store: a file, memory, and PostgreSQL where `PHYSAI_TEST_POSTGRES` names one."""

import dataclasses
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from physai_inverse.errors import Conflict, InvalidInput, LeaseLost, NotFound
from physai_inverse.observations import Curve, Measurement, Observation, TrialState
from physai_inverse.store import Proposal, Stale, Store, Trial
from tests.store.places import file, memory, postgres


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[file, memory, pytest.param(postgres, marks=pytest.mark.server)])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    place: Callable[[Path], str] = request.param
    with Store(place(tmp_path), clock=clock) as made:
        made.create_study("s", space={"x": [0, 1]}, objective={"minimize": "loss"}, seed=7)
        yield made
        assert made.check() == []


def ask(store: Store, count: int = 1, worker: str = "w", seconds: float = 10.0) -> list[Trial]:
    proposals = [Proposal({"x": index / 10}, seed=index) for index in range(count)]
    return store.propose("s", proposals, worker=worker, lease_seconds=seconds)


def test_a_study_is_created_once_and_kept(store: Store) -> None:
    again = store.create_study("s", space={"y": 1}, objective={}, seed=8)
    assert (again.seed, again.spaces, again.objective) == (7, ({"x": [0, 1]},), {"minimize": "loss"})
    assert again == store.study("s")
    assert store.studies() == ("s",)


def test_an_unknown_study_is_refused_with_the_names_of_those_that_exist(store: Store) -> None:
    with pytest.raises(NotFound, match="no study `t`; there are `s`"):
        store.study("t")


def test_a_space_grows_in_versions_and_trials_name_theirs(store: Store) -> None:
    ask(store)
    assert store.add_space("s", {"x": [0, 2]}) == 2
    ask(store)
    assert [trial.space_version for trial in store.trials("s")] == [1, 2]
    assert store.study("s").spaces == ({"x": [0, 1]}, {"x": [0, 2]})


def test_an_objective_can_be_replaced(store: Store) -> None:
    store.set_objective("s", {"maximize": "score"})
    assert store.study("s").objective == {"maximize": "score"}


def test_numbers_are_without_gaps(store: Store) -> None:
    assert [trial.number for trial in [*ask(store, 2), *ask(store, 3)]] == [0, 1, 2, 3, 4]


def test_a_proposal_comes_back_as_it_was_given(store: Store) -> None:
    config = {"rate": 1e-3, "depth": 3, "bias": True, "kind": "a'b\"\u00e4\U0001f600\0", "zero": -0.0}
    given = Proposal(config, seed=2**63 - 1, origin="baseline", note={"mean": [0.1, None]})
    (made,) = store.propose("s", [given], worker="w", lease_seconds=5)
    kept = store.trial("s", 0)
    assert kept == dataclasses.replace(made, token=None)
    assert (kept.config, kept.seed, kept.origin, kept.note) == (
        config,
        2**63 - 1,
        "baseline",
        {"mean": [0.1, None]},
    )
    assert list(kept.config) == list(config)
    assert math.copysign(1, float(kept.config["zero"])) == -1
    assert isinstance(kept.config["bias"], bool)
    assert isinstance(kept.config["depth"], int)


def test_a_proposal_from_too_few_trials_is_stale(store: Store) -> None:
    ask(store)
    with pytest.raises(Stale, match="from 0 trials of study `s`, there are 1"):
        store.propose("s", [Proposal({"x": 1.0})], worker="w", lease_seconds=5, seen=0)
    assert len(store.propose("s", [Proposal({"x": 1.0})], worker="w", lease_seconds=5, seen=1)) == 1


def test_a_result_finishes_its_trial(store: Store) -> None:
    (trial,) = ask(store)
    metrics = {"loss": 0.1, "acc": Measurement(0.9, 0.01, "above"), "curve": Curve((1, 2), (0.5, 0.25))}
    seen = store.observe("s", 0, metrics, token=trial.token, seconds=1.5)
    assert (seen.state, seen.metrics, seen.seconds, seen.late) == (TrialState.DONE, metrics, 1.5, False)
    assert store.trial("s", 0).metrics == metrics
    assert store.trials("s")[0].metrics == {**metrics, "curve": 0.25}
    assert store.trials("s", curves=True)[0].metrics == metrics
    assert seen.observation() == Observation({"x": 0.0}, metrics, seed=0, seconds=1.5, number=0)


def test_a_finished_trial_never_changes(store: Store) -> None:
    (trial,) = ask(store)
    store.observe("s", 0, {"loss": 1}, token=trial.token)
    before = store.version("s")
    for token in (trial.token, None):
        with pytest.raises(Conflict, match=r"already done \(observed .*1.0.*\); a finished trial never changes"):
            store.observe("s", 0, {"loss": 2}, token=token)
    with pytest.raises(Conflict, match="already done"):
        store.heartbeat("s", 0, str(trial.token), lease_seconds=5)
    assert store.version("s") == before
    assert store.trial("s", 0).metrics == {"loss": 1.0}


def test_a_failure_keeps_its_reason(store: Store) -> None:
    ask(store)
    failed = store.observe(
        "s", 0, {}, state=TrialState.FAILED, reason="out of \0 memory\ud800", kind="out_of_memory"
    )
    assert (failed.state, failed.kind) == (TrialState.FAILED, "out_of_memory")
    assert failed.reason == "out of \\x00 memory\\ud800"


@pytest.mark.parametrize("number", [-1, 1, 2**70])
def test_an_unknown_trial_is_not_found(store: Store, number: int) -> None:
    ask(store)
    with pytest.raises(NotFound, match="no trial"):
        store.observe("s", number, {"loss": 1})
    with pytest.raises(NotFound, match="no trial"):
        store.trial("s", number)


def test_the_queue_is_handed_out_in_order_and_once(store: Store) -> None:
    queued = store.enqueue(
        "s", [Proposal({"x": 0.1}, origin="queued"), Proposal({"x": 0.2}), Proposal({"x": 0.3})]
    )
    assert [trial.state for trial in queued] == [TrialState.PROPOSED] * 3
    first = store.claim("s", 2, worker="a", lease_seconds=5)
    second = store.claim("s", 2, worker="b", lease_seconds=5)
    assert [trial.number for trial in first + second] == [0, 1, 2]
    assert store.claim("s", 2, worker="c", lease_seconds=5) == []
    assert all(trial.attempt == 1 and trial.state is TrialState.RUNNING for trial in first + second)


def test_a_proposal_without_lease_waits_for_a_person(store: Store) -> None:
    (trial,) = store.propose("s", [Proposal({"x": 0.1})], worker="w", lease_seconds=None)
    assert (trial.state, trial.token, trial.attempt) == (TrialState.PROPOSED, None, 0)
    assert store.claim("s", 1, worker="a", lease_seconds=5) == []
    assert store.observe("s", 0, {"loss": 1}).state is TrialState.DONE


def test_an_ended_lease_is_offered_again_first(store: Store, clock: Clock) -> None:
    (old,) = ask(store, seconds=10)
    store.enqueue("s", [Proposal({"x": 0.9})])
    clock.seconds += 9.9
    assert [trial.number for trial in store.claim("s", 1, worker="b", lease_seconds=10)] == [1]
    clock.seconds += 0.2
    (new,) = store.claim("s", 1, worker="b", lease_seconds=10)
    assert (new.number, new.config, new.seed, new.attempt) == (old.number, old.config, old.seed, 2)
    assert new.token != old.token


def test_a_heartbeat_keeps_the_lease(store: Store, clock: Clock) -> None:
    (trial,) = ask(store, seconds=10)
    for _ in range(3):
        clock.seconds += 8
        assert store.heartbeat("s", 0, str(trial.token), lease_seconds=10) == 10
    assert store.claim("s", 1, worker="b", lease_seconds=10) == []
    assert store.leases("s") == [(0, "w", 10.0)]


def test_a_heartbeat_with_an_old_token_says_that_the_lease_is_lost(store: Store, clock: Clock) -> None:
    (old,) = ask(store)
    clock.seconds += 11
    (new,) = store.claim("s", 1, worker="b", lease_seconds=10)
    with pytest.raises(LeaseLost, match="lease of trial 0"):
        store.heartbeat("s", 0, str(old.token), lease_seconds=10)
    assert store.heartbeat("s", 0, str(new.token), lease_seconds=5) == 5


def test_a_late_result_finishes_an_open_trial_and_the_second_one_is_kept(store: Store, clock: Clock) -> None:
    (old,) = ask(store)
    clock.seconds += 11
    (new,) = store.claim("s", 1, worker="b", lease_seconds=10)
    first = store.observe("s", 0, {"loss": 1}, token=old.token)
    assert (first.state, first.late, first.metrics) == (TrialState.DONE, True, {"loss": 1.0})
    second = store.observe("s", 0, {"loss": 2, "c": {1: 2, 2: 3}}, token=new.token)
    assert (second.late, second.metrics) == (True, {"loss": 1.0})
    (kept,) = store.late_observations("s")
    assert (kept.number, kept.metrics) == (0, {"loss": 2.0, "c": Curve((1, 2), (2, 3))})
    assert store.trial("s", 0).metrics == {"loss": 1.0}
    for token in (old.token, new.token):
        with pytest.raises(Conflict, match="never changes"):
            store.observe("s", 0, {"loss": 3}, token=token)


def test_a_result_after_the_lease_ended_is_not_late_while_nobody_took_the_trial(
    store: Store, clock: Clock
) -> None:
    (trial,) = ask(store)
    clock.seconds += 100
    assert not store.observe("s", 0, {"loss": 1}, token=trial.token).late


def test_a_token_of_another_trial_is_refused(store: Store) -> None:
    first, _ = ask(store, 2)
    with pytest.raises(LeaseLost, match="never given for trial 1"):
        store.observe("s", 1, {"loss": 1}, token=first.token)


def test_a_trial_fails_after_its_last_attempt(store: Store, clock: Clock) -> None:
    ask(store)
    for attempt in (2, 3):
        clock.seconds += 11
        assert [trial.attempt for trial in store.claim("s", 1, worker="b", lease_seconds=10)] == [attempt]
    clock.seconds += 11
    assert store.claim("s", 1, worker="b", lease_seconds=10) == []
    failed = store.trial("s", 0)
    assert (failed.state, failed.kind) == (TrialState.FAILED, "unknown")
    assert failed.reason == "given up after 3 attempts: worker b did not report"


def test_the_result_of_a_given_up_trial_is_still_kept(store: Store, clock: Clock) -> None:
    store.create_study("one", space={}, objective={}, seed=0, settings={"max_attempts": 1})
    (trial,) = store.propose("one", [Proposal({})], worker="w", lease_seconds=10)
    clock.seconds += 11
    assert store.claim("one", 1, worker="b", lease_seconds=10) == []
    assert store.observe("one", 0, {"loss": 1}, token=trial.token).late
    assert [late.metrics for late in store.late_observations("one")] == [{"loss": 1.0}]


def test_the_trials_of_dead_workers_wait_at_once(store: Store) -> None:
    ask(store, 2, worker="dead")
    ask(store, 1, worker="alive")
    assert store.release("s", ["dead", "other"]) == [0, 1]
    assert [number for number, _, _ in store.leases("s")] == [2]
    assert [trial.number for trial in store.claim("s", 5, worker="b", lease_seconds=10)] == [0, 1]


def test_imports_are_finished_trials(store: Store) -> None:
    given = [
        Observation({"x": 0.1}, {"loss": math.inf}, TrialState.DIVERGED, 3, 1.0, "inf", "diverged"),
        Observation({"x": 0.2}, {"loss": Curve((1, 2), (1, 2))}),
    ]
    assert store.import_observations("s", given) == [0, 1]
    kept = [trial.observation() for trial in store.trials("s", curves=True)]
    assert kept == [dataclasses.replace(one, number=number) for number, one in enumerate(given)]
    with pytest.raises(InvalidInput, match=r"observations\[0\].*`state` must be one of"):
        store.import_observations("s", [Observation({}, {}, TrialState.RUNNING)])
    with pytest.raises(InvalidInput, match="no other"):
        store.import_observations("s", given, space_version=2)


def test_only_what_changed_is_read(store: Store) -> None:
    first, _, third = ask(store, 3)
    version = store.version("s")
    assert store.trials("s", since=version) == []
    store.observe("s", 2, {"loss": 1}, token=third.token)
    assert [trial.number for trial in store.trials("s", since=version)] == [2]
    store.heartbeat("s", 0, str(first.token), lease_seconds=9)
    assert store.version("s") == version + 1


def test_every_write_is_an_event(store: Store) -> None:
    (trial,) = ask(store)
    store.enqueue("s", [Proposal({})])
    store.observe("s", 0, {"loss": 1}, token=trial.token)
    events = store.events("s")
    assert [event.kind for event in events] == ["created", "proposed", "queued", "observed"]
    assert [event.seq for event in events] == list(range(1, store.version("s") + 1))
    assert [event.numbers for event in events] == [[], [0], [1], [0]]
    assert store.events("s", 3) == events[3:]


def test_a_claim_of_certain_numbers_leaves_the_others_waiting(store: Store) -> None:
    store.enqueue("s", [Proposal({"x": place / 4}) for place in range(4)])
    claimed = store.claim("s", [3, 1], worker="w", lease_seconds=5)
    assert [trial.number for trial in claimed] == [1, 3]
    assert store.claim("s", [1], worker="w", lease_seconds=5) == []
    assert [trial.number for trial in store.claim("s", 4, worker="w", lease_seconds=5)] == [0, 2]


def test_a_lost_trial_is_claimed_again_by_its_number_only(store: Store, clock: Clock) -> None:
    store.enqueue("s", [Proposal({"x": 0.1}), Proposal({"x": 0.2})])
    store.claim("s", 2, worker="w", lease_seconds=5)
    clock.seconds += 6
    assert [trial.number for trial in store.claim("s", [1], worker="v", lease_seconds=5)] == [1]
    assert store.trial("s", 0).attempt == 1


def test_a_repeated_request_gets_the_same_answer(store: Store, clock: Clock) -> None:
    proposals = [Proposal({"x": 0.5})]
    verbs: list[Callable[[], object]] = [
        lambda: store.propose("s", proposals, worker="w", lease_seconds=5, seen=0, request="propose"),
        lambda: store.enqueue("s", proposals, request="enqueue"),
        lambda: store.claim("s", 1, worker="v", lease_seconds=5, request="claim"),
        lambda: store.observe("s", 1, {"loss": {1: 2, 2: 3}}, request="observe"),
        lambda: store.import_observations("s", [Observation({"x": 1})], request="import"),
    ]
    answers = [verb() for verb in verbs]
    version = store.version("s")
    clock.seconds += 100
    assert [verb() for verb in verbs] == answers
    assert store.version("s") == version


def test_a_key_serves_one_request_only(store: Store) -> None:
    store.enqueue("s", [Proposal({"x": 0.5})], request="key")
    with pytest.raises(Conflict, match="`request` 'key' was already used for another `enqueue`"):
        store.enqueue("s", [Proposal({"x": 0.6})], request="key")
    with pytest.raises(Conflict, match="already used"):
        store.observe("s", 0, {"loss": 1}, request="key")


def test_bad_input_changes_nothing(store: Store) -> None:
    ask(store)
    version = store.version("s")
    bad: list[Callable[[], object]] = [
        lambda: store.observe("s", 0, {"loss": "1"}),
        lambda: store.observe("s", 0, {"loss": 1}, state=TrialState.RUNNING),
        lambda: store.observe("s", 0, {"loss": 1}, seconds=math.nan),
        lambda: store.observe("s", 0, {"loss": 1}, kind="odd"),
        lambda: store.observe("s", 0, {"loss": 1}, request=""),
        lambda: store.observe("s", "0", {"loss": 1}),
        lambda: store.propose("s", [Proposal({"x": math.nan})], worker="w", lease_seconds=5),
        lambda: store.propose("s", [Proposal({"x": None})], worker="w", lease_seconds=5),
        lambda: store.propose("s", [Proposal({}, seed=2**63)], worker="w", lease_seconds=5),
        lambda: store.propose("s", [Proposal({}, note={"f": print})], worker="w", lease_seconds=5),
        lambda: store.propose("s", [Proposal({})], worker="", lease_seconds=5),
        lambda: store.propose("s", [Proposal({})], worker="w", lease_seconds=0),
        lambda: store.claim("s", -1, worker="w", lease_seconds=5),
        lambda: store.claim("s", 1, worker="w", lease_seconds=math.inf),
        lambda: store.add_space("s", {1: 2}),
        lambda: store.create_study("t", space={}, objective={}, seed=0, settings={"max_attempts": 0}),
        lambda: store.create_study(" t", space={}, objective={}, seed=0),
    ]
    for call in bad:
        with pytest.raises(InvalidInput):
            call()
    assert store.version("s") == version
    assert store.studies() == ("s",)


def test_threads_share_one_store(store: Store) -> None:
    def work(worker: str) -> None:
        for _ in range(5):
            (trial,) = store.propose("s", [Proposal({"x": 0.5})], worker=worker, lease_seconds=60)
            store.observe("s", trial.number, {"loss": 1}, token=trial.token)

    threads = [threading.Thread(target=work, args=(f"w{index}",)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trials = store.trials("s")
    assert [trial.number for trial in trials] == list(range(20))
    assert {trial.state for trial in trials} == {TrialState.DONE}
