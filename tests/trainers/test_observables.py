import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from physai_inverse.observations import Curve, Measurement
from physai_inverse.trainers.observables import activations, curvature, curves, gradients, weights


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(size: int, seed: int = 0) -> torch.Tensor:
    Q: torch.Tensor = torch.linalg.qr(normal(size, size, seed=seed)).Q
    return Q


# Weights


def test_ranks_of_the_identity_are_its_size() -> None:
    identity = torch.eye(7)
    assert weights.stable_rank(identity) == pytest.approx(7)
    assert weights.effective_rank(identity) == pytest.approx(7)
    assert weights.effective_rank(identity, squared=False) == pytest.approx(7)


def test_ranks_of_one_direction_are_one() -> None:
    matrix = torch.outer(normal(5), normal(4, seed=1))
    assert weights.stable_rank(matrix) == pytest.approx(1)
    assert weights.effective_rank(matrix) == pytest.approx(1)


def test_ranks_of_nothing_are_zero() -> None:
    assert weights.stable_rank(torch.zeros(3, 3)) == weights.effective_rank(torch.zeros(3, 3)) == 0


def test_the_two_forms_of_effective_rank_differ_as_defined() -> None:
    matrix = torch.diag(torch.tensor([2.0, 1.0]))
    assert weights.effective_rank(matrix) == pytest.approx(math.exp(-0.8 * math.log(0.8) - 0.2 * math.log(0.2)))
    shares = (2 / 3, 1 / 3)
    expected = math.exp(-sum(share * math.log(share) for share in shares))
    assert weights.effective_rank(matrix, squared=False) == pytest.approx(expected)


def test_an_isotropic_cloud_has_the_rank_of_its_dimension() -> None:
    cloud = normal(20_000, 6)
    assert weights.effective_rank(cloud) == pytest.approx(6, rel=0.01)
    assert activations.participation_ratio(cloud) == pytest.approx(6, rel=0.01)


def test_a_random_matrix_ends_at_the_marchenko_pastur_edge() -> None:
    matrix = normal(400, 100)
    assert weights.spectral_norm(matrix) == pytest.approx(math.sqrt(400) + math.sqrt(100), rel=0.02)
    assert weights.marchenko_pastur_outliers(matrix) <= 1
    assert weights.marchenko_pastur_outliers(matrix + 2 * torch.ones(400, 100) / 10) == 1


def test_the_weight_norm_is_the_root_of_the_sum_of_squares() -> None:
    assert weights.weight_norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]])) == 5


def test_the_gini_coefficient_runs_from_equal_to_all_in_one() -> None:
    assert weights.gini(torch.ones(10)) == pytest.approx(0)
    assert weights.gini(torch.eye(10)[3]) == pytest.approx(0.9)


@pytest.mark.parametrize("p", [23, 24])
def test_a_single_frequency_is_fully_concentrated(p: int) -> None:
    angles = 2 * math.pi * 5 * torch.arange(p) / p
    wave = torch.stack([angles.cos(), angles.sin()], dim=1) + 3
    assert weights.fourier_concentration(wave, num_frequencies=1) == pytest.approx(1)


@pytest.mark.parametrize("p", [23, 24])
def test_all_frequencies_hold_all_power(p: int) -> None:
    E = normal(p, 5)
    assert weights.fourier_concentration(E, num_frequencies=p) == pytest.approx(1)
    # Parseval: half of the frequencies of random tokens hold about half of the power, and the strongest more.
    assert 0.5 < weights.fourier_concentration(E, num_frequencies=p // 4) < 0.9


def test_a_linear_embedding_closes_every_parallelogram_and_a_random_one_none() -> None:
    line = torch.arange(10.0)[:, None] * torch.tensor([1.0, -2.0, 0.5])
    assert weights.parallelogram_quality(line) == 1
    assert weights.parallelogram_quality(normal(10, 30)) < 0.05


def test_the_number_of_parallelograms_of_ten_numbers_is_the_published_one() -> None:
    # 55 pairs i <= j with sums 0 to 18; pairs of pairs with equal sums by direct counting.
    pairs = [(i, j) for i in range(10) for j in range(i, 10)]
    total = sum(sum(left) == sum(right) for index, left in enumerate(pairs) for right in pairs[index + 1 :])
    embedding = torch.arange(10.0)[:, None].clone()
    embedding[9] = 100.0  # breaks every parallelogram with a 9 in it
    with_nine = sum(
        sum(left) == sum(right) and 9 in left + right
        for index, left in enumerate(pairs)
        for right in pairs[index + 1 :]
    )
    # Without the 9 the line, squeezed by the standardisation, closes all others.
    assert weights.parallelogram_quality(embedding, tolerance=1e-9) == pytest.approx((total - with_nine) / total)


def test_features_share_dimensions_as_defined() -> None:
    assert weights.feature_dimensionality(rotation(4)).tolist() == pytest.approx([1] * 4)
    pair = torch.tensor([[1.0, 2.0], [-1.0, -2.0]])
    assert weights.feature_dimensionality(pair).tolist() == pytest.approx([0.5, 0.5])


def test_random_rows_overlap_by_one_over_the_dimension() -> None:
    assert weights.mean_overlap(normal(400, 50)) == pytest.approx(1 / 50, rel=0.05)


# Activations


def test_hand_made_units_are_counted_by_their_state() -> None:
    slopes = torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]])  # of ReLU: never, always, sometimes, never
    states = activations.unit_states(slopes)
    assert [int(states.dead), int(states.linear), int(states.nonlinear)] == [2, 1, 1]


def test_a_saturated_tanh_unit_is_dead_and_a_small_one_linear() -> None:
    Z = torch.tensor([[9.0, 0.01, 2.0], [-9.0, -0.01, 0.0]])
    states = activations.unit_states(1 - Z.tanh().square())
    assert [int(states.dead), int(states.linear), int(states.nonlinear)] == [1, 1, 1]


def test_random_relu_units_are_active_half_of_the_time() -> None:
    assert activations.active_rate(normal(20_000, 3).relu()).tolist() == pytest.approx([0.5] * 3, abs=0.02)


def test_one_direction_has_a_participation_ratio_of_one() -> None:
    assert activations.participation_ratio(torch.outer(normal(50), normal(4, seed=1))) == pytest.approx(1)


def test_relu_makes_a_representation_anisotropic_and_tanh_does_not() -> None:
    hidden = normal(10_000, 100) @ normal(100, 400, seed=1) / 10
    assert activations.anisotropy(hidden.relu()) == pytest.approx(5.3, rel=0.1)  # 5.3 in our catalogue
    assert activations.anisotropy(hidden.tanh()) == pytest.approx(1, abs=0.05)


def test_the_mean_shift_is_the_spread_of_the_unit_means() -> None:
    assert activations.mean_shift(torch.tensor([[1.0, -1.0], [1.0, -1.0]])) == 1


def test_a_power_law_spectrum_gives_its_exponent() -> None:
    values = torch.arange(1, 41, dtype=torch.float64).pow(-1.5)
    columns = rotation(200)[:, :40]
    columns = torch.linalg.qr(columns - columns.mean(dim=0)).Q  # centred and orthonormal
    H = columns * values.sqrt() @ rotation(40, seed=1)
    assert activations.spectrum_exponent(H, first=2, last=30) == pytest.approx(1.5)


def test_a_linear_block_is_fully_linear_and_noise_is_not() -> None:
    X = normal(2000, 5)
    assert activations.effective_linearity(X, X @ normal(5, 3, seed=1) + 2) == pytest.approx(1)
    assert activations.effective_linearity(X, normal(2000, 3, seed=2)) == pytest.approx(0, abs=0.01)


def test_layers_align_by_one_minus_their_cosine() -> None:
    H = normal(10, 4)
    assert activations.layer_alignment(H, 3 * H) == pytest.approx(0)
    assert activations.layer_alignment(H, -H) == pytest.approx(2)


def test_linear_cka_does_not_see_rotation_and_scale() -> None:
    X = normal(100, 8)
    assert activations.linear_cka(X, 3 * X @ rotation(8) + 1) == pytest.approx(1)
    assert activations.linear_cka(X, normal(100, 8, seed=5)) < 0.3


def test_collapsed_features_have_no_distance_from_collapse() -> None:
    K = 4
    simplex = torch.eye(K) - 1 / K
    labels = torch.arange(40) % K
    found = activations.neural_collapse(simplex[labels], labels, 5 * simplex, labels)
    for value in (found.within, found.norms, found.angles, found.duality, found.nearest):
        assert float(value) == pytest.approx(0, abs=1e-9)


def test_within_class_scatter_is_measured_against_between() -> None:
    # Two classes at +-1 on the first axis with deviations +-0.5 there: 0.25 / 1 / K.
    H = torch.tensor([[1.5, 0.0], [0.5, 0.0], [-1.5, 0.0], [-0.5, 0.0]])
    labels = torch.tensor([0, 0, 1, 1])
    found = activations.neural_collapse(H, labels, torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), labels)
    assert found.within == pytest.approx(0.125)


# Gradients


def test_gradients_of_orthogonal_tasks_have_no_cosine() -> None:
    left, right = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])
    assert gradients.gradient_cosine(left, right) == 0
    assert gradients.gradient_cosine(left, left) == 1
    assert gradients.gradient_norm(right) == 2


def test_the_noise_scale_is_variance_over_squared_mean() -> None:
    samples = normal(50_000, 3) * 2 + torch.tensor([1.0, 0.0, 0.0])
    assert gradients.noise_scale(samples) == pytest.approx(12, rel=0.05)


def test_updates_are_measured_relative_to_what_they_change() -> None:
    assert gradients.update_ratio(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 5.0])) == pytest.approx(0.2)
    quarter = gradients.angular_update(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 7.0]))
    assert quarter == pytest.approx(math.pi / 2)
    tiny = gradients.angular_update(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1e-6]))
    assert tiny == pytest.approx(1e-6, rel=1e-6)


# Curvature


def quadratic(spectrum: torch.Tensor, seed: int = 0) -> tuple[torch.Tensor, curvature.Loss]:
    basis = rotation(len(spectrum), seed=seed)
    H = basis * spectrum.double() @ basis.T
    return H, lambda w: 0.5 * w @ H @ w


@settings(deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=1, max_size=12), st.integers(0, 2**32))
def test_the_sharpness_of_a_quadratic_is_its_largest_eigenvalue(spectrum: list[float], seed: int) -> None:
    _, loss = quadratic(torch.tensor(spectrum))
    found = curvature.sharpness(loss, normal(len(spectrum), seed=1), seed=seed, tolerance=1e-6)
    assert found.converged
    assert found.value == pytest.approx(max(spectrum), abs=1e-4 + 2 * found.residual)


def test_the_sharpness_is_the_largest_and_not_the_largest_in_size() -> None:
    _, loss = quadratic(torch.tensor([-50.0, 1.0, 3.0]))
    assert curvature.sharpness(loss, normal(3), seed=0).value == pytest.approx(3, rel=0.01)


def test_the_stated_residual_bounds_the_error_of_the_sharpness() -> None:
    spectrum = torch.linspace(0, 1, 200).double() ** 4
    H, loss = quadratic(spectrum)
    found = curvature.sharpness(loss, normal(200), seed=3, max_products=6, tolerance=1e-9)
    assert (found.converged, found.products) == (False, 6)
    assert (torch.linalg.eigvalsh(H) - found.value).abs().min() <= found.residual


def test_a_curvature_that_is_not_finite_is_not_converged() -> None:
    found = curvature.sharpness(lambda w: w.square().sum() * math.nan, torch.ones(3), seed=0)
    assert math.isnan(found.value)
    assert not found.converged


def test_a_linear_loss_has_no_curvature() -> None:
    found = curvature.sharpness(lambda w: w.sum(), torch.ones(3), seed=0)
    assert (found.value, found.converged) == (0, True)


def test_preconditioned_sharpness_is_that_of_the_scaled_hessian() -> None:
    H, loss = quadratic(torch.tensor([1.0, 2.0, 5.0, 7.0]))
    D = torch.tensor([1.0, 2.0, 4.0, 8.0], dtype=torch.float64)
    expected = torch.linalg.eigvals(H / D[:, None]).real.max()
    found = curvature.sharpness(loss, normal(4), seed=0, tolerance=1e-8, preconditioner=D)
    assert found.value == pytest.approx(float(expected))


def test_the_trace_of_a_diagonal_hessian_is_exact_and_of_another_near() -> None:
    diagonal = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
    assert curvature.hessian_trace(lambda w: 0.5 * (diagonal * w * w).sum(), normal(3), seed=0) == pytest.approx(7)
    _, loss = quadratic(torch.arange(1, 21))
    assert curvature.hessian_trace(loss, normal(20), seed=0, num_probes=200) == pytest.approx(210, rel=0.05)


def test_the_whole_spectrum_and_its_largest_gap_are_those_of_the_quadratic() -> None:
    spectrum = torch.tensor([0.1, 8.0, 9.0, 0.2, -1.0])
    _, loss = quadratic(spectrum)
    found = curvature.hessian_eigenvalues(loss, normal(5))
    assert found.tolist() == pytest.approx([9, 8, 0.2, 0.1, -1], abs=1e-6)
    assert curvature.largest_gap(found) == 2


# Curves


def test_the_first_step_at_a_threshold_is_found_or_censored() -> None:
    curve = Curve((0, 10, 20, 30), (0.1, 0.5, 0.95, 0.4))
    assert curves.first_reaching(curve, 0.5) == Measurement(10)
    assert curves.first_reaching(curve, 0.99) == Measurement(30, censored="above")
    assert curves.first_reaching(curve, 0.99, budget=100) == Measurement(100, censored="above")


def test_a_curve_is_settled_since_it_last_came_back_to_its_threshold() -> None:
    curve = Curve((0, 10, 20, 30, 40), (0.9, 0.4, 0.9, 0.8, 0.95))
    assert curves.settled_since(curve, 0.8) == 20
    assert curves.settled_since(curve, 0.3) == 0
    assert curves.settled_since(curve, 0.96) == math.inf


def test_a_delay_is_censored_with_the_late_event_and_unknown_without_the_early_one() -> None:
    reached, censored = Measurement(100), Measurement(3000, censored="above")
    assert curves.delay(reached, Measurement(700)) == Measurement(600)
    assert curves.delay(reached, censored) == Measurement(2900, censored="above")
    assert curves.delay(censored, censored) is None


@pytest.mark.parametrize(
    ("train", "test", "label"),
    [
        (Measurement(100), Measurement(200), "comprehension"),
        (Measurement(100), Measurement(5000), "grokking"),
        (Measurement(100), Measurement(9000, censored="above"), "memorisation"),
        (Measurement(9000, censored="above"), Measurement(9000, censored="above"), "confusion"),
    ],
)
def test_the_four_phases_have_their_names(train: Measurement, test: Measurement, label: str) -> None:
    assert curves.phase(train, test, longest_delay=1000) == label


def test_a_planted_plateau_is_found_with_its_level() -> None:
    steps = tuple(float(step) for step in range(1, 301))
    values = tuple(3.0 if 50 <= step <= 200 else 3.0 * (50 / step if step < 50 else 200 / step) for step in steps)
    level, length = curves.plateau(Curve(steps, values))
    assert (level, length) == pytest.approx((3, 150))
    assert math.isnan(curves.plateau(Curve((1, 2), (1, 0.5)))[0])


@settings(deadline=None)
@given(st.floats(-3, 3), st.floats(0.1, 10), st.floats(0, 2))
def test_the_exponent_of_a_power_law_is_exact(exponent: float, factor: float, floor: float) -> None:
    steps = tuple(float(2**power) for power in range(8))
    curve = Curve((0, *steps), (9, *(floor + factor * step**exponent for step in steps)))
    found = curves.local_exponent(curve, low=1, high=128, floor=floor)
    assert found == pytest.approx(exponent, abs=1e-3)


def test_planted_spikes_are_found() -> None:
    values = [1.0] * 100
    values[30], values[60], values[80] = 50.0, 30.0, 5.0
    curve = Curve(tuple(range(100)), tuple(values))
    assert curves.spikes(curve) == (30, 60)


def test_spikes_near_each_other_can_count_as_their_highest() -> None:
    values = [1.0] * 100
    values[30], values[33], values[36], values[60] = 30.0, 50.0, 40.0, 30.0
    curve = Curve(tuple(range(100)), tuple(values))
    assert curves.spikes(curve, apart=5) == (33, 60)
    assert curves.spikes(curve) == (30, 33, 36, 60)


def test_memorised_bits_run_from_nothing_to_all() -> None:
    assert curves.memorised_bits(math.log(8), 8, 100) == pytest.approx(0)
    assert curves.memorised_bits(0, 8, 100) == pytest.approx(300)
