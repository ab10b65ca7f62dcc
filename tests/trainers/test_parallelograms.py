import pytest
import torch

from physai_inverse.trainers.observables.parallelograms import (
    all_pairs,
    chance_of_a_line,
    degrees_of_freedom,
    equations,
    pace,
    predicted_accuracy,
    quality,
)

P = 10
PAIRS = all_pairs(P)
EVERY = torch.ones(len(PAIRS), dtype=torch.bool)
ODD = torch.randn(P, 2, generator=torch.Generator().manual_seed(0)).double()


def test_there_are_as_many_equations_as_pairs_of_pairs_of_one_sum() -> None:
    ends, A = equations(P)
    assert len(PAIRS) == 55
    assert A.shape == (70, 10)  # sums 0 to 18 with 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, ... pairs, two at a time
    assert torch.equal(PAIRS[ends[:, 0]].sum(dim=1), PAIRS[ends[:, 1]].sum(dim=1))
    assert bool((A.abs().sum(dim=1) > 0).all())
    assert bool((A @ torch.arange(P).double() == 0).all())


def test_a_line_fulfils_every_equation_in_any_dimension_and_a_cloud_none() -> None:
    _, A = equations(P)
    line = torch.arange(P).double()[:, None]
    assert float(quality(3 - 0.2 * line, A)) == 1
    assert float(quality(line * torch.tensor([1.0, -2.0]).double(), A)) == 1
    assert float(quality(ODD, A)) < 0.05


def test_all_pairs_leave_a_shift_and_a_scale_and_no_pair_leaves_everything() -> None:
    assert int(degrees_of_freedom(P, EVERY)) == 2
    assert int(degrees_of_freedom(P, ~EVERY)) == P
    both = degrees_of_freedom(P, torch.stack([EVERY, ~EVERY]))
    assert both.tolist() == [2, P]


def test_few_pairs_never_force_a_line_and_nearly_all_always_do() -> None:
    few, most = (chance_of_a_line(P, size, draws=50, seed=0) for size in (10, 53))
    assert (few, most) == (0, 1)
    assert 0.2 < chance_of_a_line(P, 22, draws=200, seed=0) < 0.6


def test_three_numbers_become_a_line_at_the_rate_of_their_only_equation() -> None:
    every = torch.ones(len(all_pairs(3)), dtype=torch.bool)
    # E_0 + E_2 = 2 E_1: the eigenvalues of its square are 0, 0 and 1 + 4 + 1; twice over p - 1 = 2.
    assert float(pace(3, every)) == pytest.approx(6)
    assert float(pace(3, ~every)) == 0


def test_what_is_predicted_is_trained_on_or_lies_where_its_sum_is() -> None:
    half = torch.zeros(len(PAIRS), dtype=torch.bool)
    half[::2] = True
    sums = PAIRS.sum(dim=1)
    known = half | torch.isin(sums, sums[half])
    assert predicted_accuracy(torch.arange(P).double()[:, None], half) == pytest.approx(
        float(known.double().mean())
    )
    assert predicted_accuracy(ODD, half) == pytest.approx(float(half.double().mean()))
