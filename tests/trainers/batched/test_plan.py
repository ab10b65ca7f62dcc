import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physai_inverse.trainers.batched.plan import CPU, Work, bill, cut, largest_stack, seconds
from physai_inverse.trainers.bills import Bill

WORKS = st.lists(
    st.builds(Work, st.integers(1, 400), st.sampled_from([1e5, 1e6, 1e7, 1e8]), st.integers(1, 10**6)),
    min_size=1,
    max_size=7,
)


@settings(deadline=None, max_examples=20)
@given(WORKS, st.integers(1, 3 * 10**6))
def test_a_cut_holds_every_model_once_and_no_stack_is_larger_than_memory(works: list[Work], memory: int) -> None:
    stacks = cut(works, CPU, memory)
    assert sorted(itertools.chain(*stacks)) == list(range(len(works)))
    for stack in stacks:
        largest = max((works[place] for place in stack), key=lambda work: work.bytes)
        assert len(stack) <= largest_stack(largest, CPU, memory)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([1e5, 1e6, 1e7, 1e8]), min_size=1, max_size=6))
def test_no_other_cut_of_models_in_the_order_of_their_work_is_cheaper(flops: list[float]) -> None:
    works = [Work(100, number, 1) for number in sorted(flops)]
    found = sum(seconds([works[place] for place in stack], CPU) for stack in cut(works, CPU, 10**9))
    for bars in itertools.product([False, True], repeat=len(works) - 1):
        stacks: list[list[Work]] = [[works[0]]]
        for bar, work in zip(bars, works[1:], strict=True):
            if bar:
                stacks.append([work])
            else:
                stacks[-1].append(work)
        assert found <= sum(seconds(stack, CPU) for stack in stacks) * (1 + 1e-12)


def test_small_models_are_stacked_and_large_ones_are_not() -> None:
    assert cut([Work(100, 1e6, 10**5)] * 8, CPU, 10**9) == [list(range(8))]
    assert cut([Work(100, 1e10, 10**7)] * 3, CPU, 10**9) == [[0], [1], [2]]


def test_a_stack_stays_within_the_cache_unless_it_is_small() -> None:
    costs = replace(CPU, cache=10**6, least=4)
    assert largest_stack(Work(1, 1, 10**4), costs, 10**9) == 100
    assert largest_stack(Work(1, 1, 10**6), costs, 10**9) == 4
    assert largest_stack(Work(1, 1, 10**6), costs, 2 * 10**6) == 2


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 400), st.sampled_from([1e5, 1e7, 1e9]), st.integers(2, 6))
def test_the_bills_of_equal_models_add_up_to_what_their_stack_takes(steps: int, flops: float, count: int) -> None:
    work = Work(steps, flops, 1)
    own = bill(work, CPU, stacked=True)
    assert count * own.own + own.shared == pytest.approx(seconds([work] * count, CPU))
    assert own.alone == pytest.approx(seconds([work], CPU))
    assert bill(work, CPU, stacked=False) == Bill(own.alone, own.alone, 0.0)
