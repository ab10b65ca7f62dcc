"""Every observable against a value that is known."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
import torch
from torch import nn

from physai_inverse.observations import Curve, Measurement
from physai_inverse.trainers import load_task
from physai_inverse.trainers.batched.activations import Sine, SquaredReLU
from physai_inverse.trainers.batched.layout import flat, layout_of
from physai_inverse.trainers.observables import parallelograms
from physai_inverse.trainers.observables.ending import Ending
from physai_inverse.trainers.observables.registry import observables
from physai_inverse.trainers.observables.stack import Stack, Subject
from physai_inverse.trainers.observables.view import Batch, Batches, Model

Tensor = torch.Tensor


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(size: int, seed: int = 0) -> Tensor:
    Q: Tensor = torch.linalg.qr(normal(size, size, seed=seed)).Q
    return Q


def square(module: nn.Module, batch: Batch) -> Tensor:
    found: Tensor = module(batch[0]).square().flatten(1).mean(dim=1)
    return found


class Case:
    """A network made by hand, with what is told of it, and the observables' values."""

    def __init__(self, module: nn.Module, rows: Batch = (), **told: object) -> None:
        rows = rows or (torch.zeros(2, 1, dtype=torch.float64),)
        subject = {name: told.pop(name) for name in ("start", "before", "scale", "floor") if name in told}
        loss = told.pop("loss", square)
        self.model = Model(module.double(), layout_of(module), loss, **told)  # a table of told things
        self.subject = Subject(0, flat(module), Batches(rows, rows, rows), **subject)

    def __call__(self, name: str) -> float:
        (found,) = Stack(self.model, [self.subject]).measure(observables()[name])
        assert name in found.values, found.missing
        return found.values[name]


def linear(W: Tensor) -> nn.Module:
    """A layer with these weights."""
    layer = nn.Linear(W.shape[1], W.shape[0], bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(W)
    return layer


def matrix(W: Tensor, **told: object) -> Case:
    return Case(linear(W), (torch.zeros(2, W.shape[1], dtype=torch.float64),), **told)


class Table(nn.Module):
    """An embedding alone."""

    def __init__(self, E: Tensor) -> None:
        super().__init__()
        self.E = nn.Parameter(E.double())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.E.sum()


def table(E: Tensor) -> Case:
    return Case(Table(E), embedding="E")


def unit_inputs(Z: Tensor, activation: nn.Module | None = None, **told: object) -> Case:
    """A hidden layer that is fed with these numbers."""
    eye = torch.eye(Z.shape[1], dtype=torch.float64)
    return Case(nn.Sequential(linear(eye), activation or nn.ReLU(), linear(eye)), (Z.double(),), **told)


def layers(X: Tensor, *weights: Tensor, activation: type[nn.Module] = nn.Identity, **told: object) -> Case:
    """A chain of layers with activations that let everything positive through."""
    parts: list[nn.Module] = []
    for W in weights:
        parts += [linear(W), activation()]
    return Case(nn.Sequential(*parts), (X.double(),), **told)


class Passing(nn.ReLU):
    """Counts as an activation, and changes nothing."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Vector(nn.Module):
    """A vector of parameters, times the rows."""

    def __init__(self, w: Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(w.double())

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.w


def slope(module: nn.Module, batch: Batch) -> Tensor:
    """A loss whose gradient for a row is the row."""
    found: Tensor = module(batch[0])
    return found


def gradients(*rows: list[float]) -> Case:
    return Case(Vector(torch.ones(len(rows[0]))), (torch.tensor(rows, dtype=torch.float64),), loss=slope)


def quadratic(spectrum: list[float], **told: object) -> Case:
    """A loss with this Hessian, diagonal."""
    h = torch.tensor(spectrum, dtype=torch.float64)

    def loss(module: nn.Module, batch: Batch) -> Tensor:
        w = next(module.parameters())
        return 0.5 * (h * w * w).sum() + 0 * batch[0][:, 0]

    return Case(Vector(torch.ones(len(spectrum))), (torch.zeros(2, len(spectrum)).double(),), loss=loss, **told)


def attending(a: Tensor, period: int | None = None) -> Case:
    return Case(
        Vector(torch.ones(1)), attention=lambda module, batch: a + 0 * module(batch[0]).sum(), period=period
    )


def gated(gates: Tensor) -> Case:
    return Case(Vector(torch.ones(1)), gates=lambda module, batch: gates + 0 * module(batch[0]).sum())


def sampled(x: Tensor, y: Tensor) -> Case:
    return Case(Vector(torch.ones(1)), samples=lambda module, batch: (x + 0 * module(batch[0]).sum(), y))


def ended(**curves: Curve) -> Ending:
    return Ending(curves, steps=7, seconds=14.0, parameters=11, flops=5.0)


def of_ending(name: str, ending: Ending) -> object:
    return observables()[name].measure(ending)


TWO = torch.tensor([[3.0, 0.0], [0.0, 4.0]], dtype=torch.float64)
RANDOM = normal(400, 100)
PARETO = (torch.arange(1, 401, dtype=torch.float64) / 400).pow(-0.5 / 2.0)  # squares fall as v^-3 in density


def entropy_rank(*shares: float) -> float:
    return math.exp(-sum(share * math.log(share) for share in shares))


def weights_of(W: Tensor) -> Case:
    return matrix(W, start=torch.zeros(W.numel()).double() + 1)


WEIGHTS: dict[str, tuple[Case, float, float]] = {
    "weight_norm": (matrix(TWO), 5, 1e-9),
    "matrix_norm": (matrix(TWO), 5, 1e-9),
    "spectral_norm": (matrix(RANDOM), 30, 0.02),
    "stable_rank": (matrix(TWO), 25 / 16, 1e-9),
    "weight_rank": (matrix(TWO), entropy_rank(9 / 25, 16 / 25), 1e-9),
    "weight_rank_of_values": (matrix(TWO), entropy_rank(3 / 7, 4 / 7), 1e-9),
    "tail_exponent": (matrix(torch.diag(PARETO)), 3, 0.05),
    "random_matrix_outliers": (matrix(RANDOM + 0.2), 1, 1e-9),
    "weight_gini": (matrix(RANDOM), math.sqrt(2) - 1, 0.01),
    "negative_directions": (matrix(torch.diag(torch.tensor([1.0, -1.0, -2.0]))), 2, 1e-9),
    "distance_from_start": (matrix(TWO, start=torch.tensor([3.0, 0, 0, 0]).double()), 4, 1e-9),
    "relative_change": (matrix(TWO, start=torch.tensor([3.0, 0, 0, 2.0]).double()), 0.4, 1e-9),
    "update_ratio": (matrix(TWO, before=torch.tensor([3.0, 0, 0, 5.0]).double()), 1 / math.sqrt(34), 1e-9),
    "angular_update": (matrix(TWO, before=torch.tensor([-4.0, 0, 0, 3.0]).double()), math.pi / 2, 1e-9),
}
ANGLES = 2 * math.pi * 5 * torch.arange(23) / 23
WAVE = torch.stack([ANGLES.cos(), ANGLES.sin()], dim=1)
PAIR = torch.tensor([[1.0, 2.0], [-1.0, -2.0]])
EMBEDDING: dict[str, tuple[Case, float, float]] = {
    "embedding_rank": (table(WAVE + 3), 2, 1e-6),
    "fourier_concentration": (table(WAVE + 3), 1, 1e-9),
    "fourier_gini": (table(WAVE), 1 - 1 / 11, 1e-6),
    "parallelogram_quality": (table(torch.arange(10.0)[:, None] * torch.tensor([1.0, -2.0])), 1, 1e-9),
    "feature_dimensionality": (table(PAIR), 0.5, 1e-9),
    "represented_fraction": (table(torch.diag(torch.tensor([0.4, 0.6, 1.0, 0.1]))), 0.5, 1e-9),
    "mean_overlap": (table(normal(400, 50)), 1 / 50, 0.05),
}
STATES = torch.tensor([[-1.0, 1.0, -1.0, 0.0], [-2.0, 2.0, 3.0, -1.0]])
CLOUD = normal(4000, 6)
POWER = torch.linalg.qr(normal(200, 40) - normal(200, 40).mean(dim=0)).Q * torch.arange(
    1, 41, dtype=torch.float64
).pow(-0.75)
ACTIVATIONS: dict[str, tuple[Case, float, float]] = {
    "dead_units": (unit_inputs(STATES), 0.5, 1e-9),
    "linear_units": (unit_inputs(STATES), 0.25, 1e-9),
    "nonlinear_units": (unit_inputs(STATES), 0.25, 1e-9),
    "active_rate": (unit_inputs(CLOUD), 0.5, 0.02),
    "activation_gini": (unit_inputs(torch.eye(10)), 0.9, 1e-6),
    "coordinate_size": (unit_inputs(torch.tensor([[1.0, -3.0]])), 2, 1e-9),
    "mean_shift": (unit_inputs(torch.tensor([[1.0, -1.0], [1.0, -1.0]]), Passing()), 1, 1e-9),
    "norm_growth": (
        layers(CLOUD, torch.eye(6), 2**0.5 * torch.eye(6), activation=Passing),
        0.5,
        1e-6,
    ),
    "activation_rank": (unit_inputs(CLOUD, Passing()), 6, 0.01),
    "activation_rank_of_values": (unit_inputs(torch.diag(torch.tensor([3.0, 4.0])), Passing()), 1.98, 0.01),
    "participation_ratio": (unit_inputs(CLOUD, Passing()), 6, 0.01),
    "anisotropy": (layers(normal(4000, 100), normal(400, 100, seed=1) / 10, activation=nn.ReLU), 5.3, 0.1),
    "activation_exponent": (unit_inputs(POWER, Passing()), 1.5, 0.01),
}
K = 4
LABELS = torch.arange(40) % K
SIMPLEX = (torch.eye(K) - 1 / K).double()
LATENTS = normal(400, 2)


def collapsed(features: Tensor) -> Case:
    """Features with a head that is their own class means."""
    net = nn.Sequential(linear(torch.eye(K)), Passing(), linear(5 * SIMPLEX))
    return Case(net, (features.double(), LABELS), labels=lambda batch: batch[1], head="2.weight")


def knowing(latents: Tensor, *, activation: nn.Module) -> Case:
    return unit_inputs(LATENTS, activation, latents=lambda batch: latents)


REPRESENTATION: dict[str, tuple[Case, float, float]] = {
    "effective_rank": (unit_inputs(CLOUD, Passing()), 6, 0.01),
    "layer_likeness": (layers(CLOUD, torch.eye(6), 3 * rotation(6), activation=Passing), 1, 1e-6),
    "layer_turn": (layers(CLOUD, torch.eye(6), -torch.eye(6), activation=Passing), 2, 1e-6),
    "effective_linearity": (unit_inputs(CLOUD, Passing()), 1, 1e-6),
    "probe_accuracy": (collapsed(SIMPLEX[LABELS]), 1, 1e-9),
    "probe_r2": (knowing(LATENTS @ rotation(2) + 1, activation=Passing()), 1, 1e-4),
    "linear_baseline": (knowing(LATENTS.square(), activation=nn.ReLU()), 0, 0.1),
    "selectivity": (knowing(LATENTS, activation=Passing()), 1, 1e-6),
    "pure_units": (knowing(LATENTS @ torch.tensor([[1.0, 1], [0, 1]]).double(), activation=Passing()), 0.5, 1e-9),
    "collapse_within": (collapsed(SIMPLEX[LABELS]), 0, 1e-9),
    "collapse_norms": (collapsed(SIMPLEX[LABELS]), 0, 1e-6),
    "collapse_angles": (collapsed(SIMPLEX[LABELS]), 0, 1e-6),
    "collapse_duality": (collapsed(SIMPLEX[LABELS]), 0, 1e-6),
    "collapse_nearest": (collapsed(torch.roll(SIMPLEX, 1, 0)[LABELS]), 1, 1e-9),
}
PLUS = [[2.0, 0.0], [4.0, 0.0], [0.0, 3.0], [0.0, 3.0]]
GRADIENTS: dict[str, tuple[Case, float, float]] = {
    "gradient_norm": (gradients([3.0, 4.0], [3.0, 4.0]), 5, 1e-9),
    "gradient_cosine": (gradients(*PLUS), 0, 1e-9),
    # mean (2, 0), variance 2 over 2 rows: 2 / (4 - 2 / 2).
    "gradient_noise_scale": (gradients([1.0, 0.0], [3.0, 0.0]), 2 / 3, 1e-9),
}
CURVATURE: dict[str, tuple[Case, float, float]] = {
    "sharpness": (quadratic([-50.0, 1.0, 3.0]), 3, 0.01),
    "sharpness_converged": (quadratic([-50.0, 1.0, 3.0]), 1, 1e-9),
    "preconditioned_sharpness": (
        quadratic([1.0, 6.0, 8.0], scale=torch.tensor([1.0, 2.0, 4.0]).double()),
        3,
        0.01,
    ),
    "hessian_trace": (quadratic([1.0, 2.0, 4.0]), 7, 1e-9),
    "hessian_gap": (quadratic([0.1, 8.0, 9.0, 0.2, -1.0]), 2, 1e-9),
    "large_eigenvalues": (quadratic([0.1, 8.0, 9.0, 0.2, -1.0]), 2, 1e-9),
    "negative_curvature": (quadratic([3.0, -1.0]), 0.25, 1e-9),
}
UNIFORM = torch.ones(5, 5).tril().double()
UNIFORM = (UNIFORM / UNIFORM.sum(dim=1, keepdim=True)).expand(2, 3, 5, 5)
FIRST = torch.zeros(1, 2, 5, 5).double()
FIRST[..., 0] = 1
INDUCTION = torch.zeros(
    2, 1, 9, 9
).double()  # one head that finds the successor of the copy, and one that does not
for query in range(9):
    INDUCTION[0, 0, query, max(query - 2, 0)] = 1
    INDUCTION[1, 0, query, query] = 1
ATTENTION: dict[str, tuple[Case, float, float]] = {
    "attention_entropy": (attending(UNIFORM), 1, 1e-9),
    "sink_mass": (attending(FIRST), 1, 1e-9),
    "induction_score": (attending(INDUCTION, period=3), 1, 1e-9),
}
CIRCLE = torch.tensor([[0.0, 0.0], [3.0, 4.0]]).double()
PARTS: dict[str, tuple[Case, float, float]] = {
    "usage_entropy": (gated(torch.eye(4).double()), math.log(4), 1e-9),
    "usage_perplexity": (gated(torch.eye(4).double()), 4, 1e-9),
    "used_parts": (gated(torch.eye(4)[[0, 0, 2]].double()), 2, 1e-9),
    "energy_distance": (sampled(CIRCLE[:1], CIRCLE[1:]), 10, 1e-9),
    "nearest_distance": (sampled(CIRCLE[1:], CIRCLE), 0, 1e-9),
    "conservation_drift": (
        Case(
            Vector(torch.ones(1)),
            rollout=lambda module, batch: (
                torch.tensor([[2.0, 3.0, 1.5], [1.0, 1.0, 1.0]]) + 0 * module(batch[0]).sum()
            ),
        ),
        0.25,
        1e-9,
    ),
}


def guessing(classes: int) -> Case:
    """Scores that know the labels (a large number) or not (zeros)."""
    scores = torch.zeros(100, classes).double()
    return Case(Scores(scores), (scores, torch.zeros(100).long()), labels=lambda batch: batch[1], loss=square)


class Scores(nn.Module):
    """Gives what it gets; has one parameter that does nothing."""

    def __init__(self, _: Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(4).double())

    def forward(self, x: Tensor) -> Tensor:
        return x + 0 * self.w.sum()


KNOWN = torch.eye(8)[torch.arange(100) % 8].double() * 1000
CONTEXT = torch.zeros(2, 20, 4).double()
CONTEXT[:, -2:, 0] = 1000.0  # knows the last tenth, guesses among four before
PERFORMANCE: dict[str, tuple[Case, float, float]] = {
    "rows_loss": (gradients([3.0, 4.0]), 7, 1e-9),
    "memorised_bits": (
        Case(Scores(KNOWN), (KNOWN, torch.arange(100) % 8), labels=lambda batch: batch[1]),
        300,
        1e-9,
    ),
    "bits_per_parameter": (
        Case(Scores(KNOWN), (KNOWN, torch.arange(100) % 8), labels=lambda batch: batch[1]),
        75,
        1e-9,
    ),
    "in_context_score": (
        Case(Scores(CONTEXT), (CONTEXT, torch.zeros(2, 20).long()), labels=lambda batch: batch[1]),
        -math.log(4),
        1e-9,
    ),
}
# Cosines of frequencies 3, 1 and 7 with amplitudes that fall: each weight is an eigenvector of its own.
COSINES = torch.stack(
    [a * (2 * math.pi * f * torch.arange(32) / 32).cos() for f, a in ((3, 3), (1, 2), (7, 1))], 1
)


def waves(module: nn.Module, batch: Batch) -> Tensor:
    found: Tensor = module(batch[0]).square()
    return found


def cosines() -> Case:
    return Case(
        Vector(torch.ones(3)), (COSINES.double(),), loss=waves, line=lambda module, batch: module(batch[0])
    )


def regressed(X: Tensor, Y: Tensor, activation: nn.Module) -> Case:
    return unit_inputs(X, activation, regression=lambda batch: (batch[0], Y.double()))


def added(numbers: int, modulus: int | None = None) -> Case:
    """All pairs of numbers, with their sum as answer."""
    first, second = torch.arange(numbers**2) // numbers, torch.arange(numbers**2) % numbers
    counts = torch.eye(numbers)[first] + torch.eye(numbers)[second]
    answers = (first + second) % (modulus or 2 * numbers)
    return Case(Vector(torch.ones(1)), (counts, answers), terms=lambda batch: (batch[0], batch[1]))


def asked(losses: list[float], places: list[int], positions: int) -> Case:
    """Rows with these losses, whose answers stand at these places."""
    where = torch.eye(positions)[torch.tensor(places)]
    rows = torch.tensor(losses, dtype=torch.float64).unsqueeze(1)
    return Case(Vector(torch.ones(1)), (rows, where), loss=slope, places=lambda batch: batch[1])


MORE: dict[str, tuple[Case, float, float]] = {
    "direction_frequency": (cosines(), 3, 1e-9),
    "linear_loss": (regressed(CLOUD, CLOUD.sum(dim=1, keepdim=True) + 2, nn.ReLU()), 0, 1e-9),
    # The unit is on in two rows of one target; the targets of the two others lie 1 from their mean.
    "feature_loss": (
        regressed(
            torch.tensor([[-1.0], [1.0], [-1.0], [1.0]]), torch.tensor([[3.0], [5.0], [1.0], [5.0]]), nn.ReLU()
        ),
        0.5,
        1e-9,
    ),
    "degrees_of_freedom": (added(7), 2, 1e-9),
    "retrieval_loss": (asked([1.0, 3.0, 4.0, 8.0], [0, 0, 2, 2], 4), 6, 1e-9),
}
CASES = {
    **WEIGHTS, **EMBEDDING, **ACTIVATIONS, **REPRESENTATION, **GRADIENTS, **CURVATURE, **ATTENTION, **PARTS,
    **PERFORMANCE, **MORE,
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_observable_has_its_known_value(name: str) -> None:
    case, expected, tolerance = CASES[name]
    assert case(name) == pytest.approx(expected, rel=tolerance, abs=tolerance if expected == 0 else 1e-9)


def test_the_tail_of_a_power_law_is_fitted_closely_and_a_uniform_one_is_not() -> None:
    assert matrix(torch.diag(PARETO))("tail_distance") < 0.02
    assert matrix(torch.diag(torch.linspace(1, 1.1, 40).double()))("tail_distance") > 0.1


def layered(case: Case, name: str) -> dict[str, float]:
    (found,) = Stack(case.model, [case.subject]).measure(observables()[name], layers=True)
    return {key.removeprefix(f"{name}/"): value for key, value in found.values.items() if "/" in key}


def test_every_direction_has_a_frequency_of_its_own() -> None:
    assert layered(cosines(), "direction_frequency") == {"3": 7, "2": 1, "1": 3}


def test_positions_have_losses_of_their_own_and_those_not_asked_for_none() -> None:
    assert layered(asked([1.0, 3.0, 4.0, 8.0], [0, 0, 2, 2], 4), "retrieval_loss") == {"0": 2, "2": 6}


def test_addition_modulo_a_number_leaves_only_what_all_share() -> None:
    assert added(7, modulus=7)("degrees_of_freedom") == 1


def test_what_training_rows_leave_free_is_the_same_by_pairs_and_by_rows() -> None:
    pairs = parallelograms.all_pairs(8)
    counts = nn.functional.one_hot(pairs, 8).sum(dim=1)
    for seed in range(5):
        trained = torch.rand(len(pairs), generator=torch.Generator().manual_seed(seed)) < 0.2 + 0.1 * seed
        expected = parallelograms.degrees_of_freedom(8, trained)
        assert parallelograms.free_numbers(counts[trained], pairs[trained].sum(dim=1)) == expected


@pytest.mark.parametrize("name", MORE)
def test_a_stack_is_measured_together_as_each_is_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = MORE[name][0]
    others = [replace(case.subject, flat=case.subject.flat * factor) for factor in (1.0, 0.5, 2.0)]
    alone = [
        Stack(case.model, [subject]).measure(observables()[name], layers=True)[0].values for subject in others
    ]
    monkeypatch.setattr(Stack, "_alone", None)  # so that nothing falls back to one after another
    together = [found.values for found in Stack(case.model, others).measure(observables()[name], layers=True)]
    for left, right in zip(together, alone, strict=True):
        assert left == pytest.approx(right)


def test_attention_to_one_key_has_no_entropy_and_attention_to_oneself_no_sink() -> None:
    assert attending(FIRST)("attention_entropy") == 0
    own = torch.eye(5).double().expand(1, 1, 5, 5)
    assert attending(own)("sink_mass") == 0


def test_collapsed_features_are_answered_by_their_nearest_mean() -> None:
    assert collapsed(SIMPLEX[LABELS])("collapse_nearest") == 0


def test_chance_induction_is_the_share_of_matching_keys() -> None:
    n, period = 50, 10
    uniform = torch.ones(n, n).tril().double()
    uniform = (uniform / uniform.sum(dim=1, keepdim=True)).expand(1, 1, n, n)
    assert attending(uniform, period)("induction_score") == pytest.approx(0.1, abs=0.03)


def test_labels_beyond_the_scores_give_no_bits() -> None:
    case = Case(Scores(KNOWN), (KNOWN, torch.arange(100) % 9), labels=lambda batch: batch[1])
    (found,) = Stack(case.model, [case.subject]).measure(observables()["memorised_bits"])
    assert found.missing == {"memorised_bits": "it is nan"}


def test_a_latent_that_does_not_vary_does_not_count() -> None:
    constant = torch.cat([LATENTS, torch.ones(400, 1).double()], dim=1)
    assert knowing(constant, activation=Passing())("probe_r2") == pytest.approx(1, abs=1e-4)


# Slopes `2 relu(z)`: never on; 0 and 4; 2 and 6; 0.04 in both rows, which is not dead.
SQUARED = torch.tensor([[-1.0, -1.0, 1.0, 0.02], [-2.0, 2.0, 3.0, 0.02]])
# Slopes `cos z`: saturated at a crest; 1 and 1; 1 and -1; 0.5 and 0.5.
WAVES = torch.tensor([[0.5, 0.0, 0.0, 1 / 3], [2.5, 2.0, 1.0, -1 / 3]]) * math.pi


@pytest.mark.parametrize(("Z", "activation"), [(SQUARED, SquaredReLU()), (WAVES, Sine())])
def test_units_of_activations_of_our_own_have_states(Z: Tensor, activation: nn.Module) -> None:
    case = unit_inputs(Z, activation)
    states = [case(name) for name in ("dead_units", "linear_units", "nonlinear_units")]
    assert states == ([0.25, 0.25, 0.5] if isinstance(activation, SquaredReLU) else [0.25, 0.5, 0.25])


@pytest.mark.parametrize("activation", ["relu2", "sin"])
def test_a_stack_of_the_memory_task_has_unit_states(activation: str) -> None:
    train = load_task("memorisation", {"steps": 4, "observables": ["dead_units", "nonlinear_units/layers"]})
    configs = [{"activation": activation, "width": 16, "samples": 64, "lr": lr} for lr in (0.01, 0.02)]
    for metrics in train(configs, [0, 1]):
        assert isinstance(metrics, Mapping)
        assert metrics["observe_missing"] == 0
        assert 0 < float(metrics["nonlinear_units/activation0"]) <= 1


def test_a_single_unit_without_a_dimension_is_a_layer() -> None:
    class Single(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.ones(1).double())
            self.activation = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.activation(x[:, 0] * self.w)
            return found

    rows = torch.tensor([[1.0], [-1.0]]).double()
    assert Case(Single(), (rows,), loss=lambda module, batch: module(batch[0]))("nonlinear_units") == 1


def test_random_labels_that_are_guessed_are_not_memorised() -> None:
    assert guessing(8)("memorised_bits") == pytest.approx(0, abs=1e-9)


def test_data_have_no_energy_distance_from_themselves() -> None:
    cloud = normal(100, 2)
    assert sampled(cloud, cloud)("energy_distance") == pytest.approx(0, abs=1e-12)


# What is known at the end

FALLING = Curve(tuple(2.0**power for power in range(8)), tuple(2.0**-power for power in range(8)))
EARLY = Curve((0, 10, 20, 30), (0.1, 0.95, 1, 1))
LATE = Curve((0, 10, 20, 30), (0.1, 0.2, 0.3, 0.9))
NEVER = Curve((0, 10, 20, 30), (0.1, 0.2, 0.3, 0.4))
SPIKY = Curve(tuple(map(float, range(300))), tuple(50.0 if step in (60, 160, 260) else 1.0 for step in range(300)))
FLAT = Curve(
    tuple(map(float, range(1, 101))), tuple(3.0 if 10 <= step <= 60 else 90.0 / step for step in range(1, 101))
)
ZIPF = {10: 1.994, 100: 3.681, 50304: 7.566}


def accuracies(train: Curve, test: Curve) -> Ending:
    return ended(train_accuracy=train, test_accuracy=test)


ENDINGS: dict[str, tuple[Ending, object]] = {
    "perplexity": (ended(val_loss=Curve((1,), (math.log(50),))), 50),
    "loss_gap": (ended(train_loss=Curve((1,), (1.0,)), val_loss=Curve((1,), (1.5,))), 0.5),
    "excess_loss": (replace(ended(loss=Curve((1,), (4.0,))), floor=3.681), 0.319),
    "time_to_threshold": (accuracies(EARLY, NEVER), Measurement(30, censored="above")),
    "time_to_train_threshold": (accuracies(EARLY, NEVER), Measurement(10)),
    "generalisation_delay": (accuracies(EARLY, LATE), Measurement(20)),
    "phase": (accuracies(EARLY, NEVER), 2),
    "plateau_level": (ended(loss=FLAT), 3),
    "plateau_length": (ended(loss=FLAT), 50),
    "local_exponent": (ended(loss=FALLING), -1),
    "spike_count": (ended(loss=SPIKY), 3),
    "spike_period": (ended(loss=SPIKY), 100),
    "spike_size": (ended(loss=SPIKY), 50),
    "training_steps": (ended(), 7),
    "step_seconds": (ended(), 2),
    "trained_parameters": (ended(), 11),
    "training_flops": (ended(), 35),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_an_observable_of_the_end_has_its_known_value(name: str) -> None:
    ending, expected = ENDINGS[name]
    found = of_ending(name, ending)
    if isinstance(expected, Measurement):
        assert found == expected
    else:
        assert found == pytest.approx(expected)


@pytest.mark.parametrize(("train", "test", "label"), [(EARLY, LATE, 0), (EARLY, NEVER, 2), (NEVER, NEVER, 3)])
def test_phases_are_numbered(train: Curve, test: Curve, label: int) -> None:
    assert of_ending("phase", accuracies(train, test)) == label


def test_a_late_generalisation_is_grokking() -> None:
    late = Curve((0, 10, 5000), (0.1, 0.2, 0.95))
    assert of_ending("phase", accuracies(EARLY, late)) == 1


SHAPES: Mapping[str, Callable[[float], float]] = {
    "sigmoid": lambda t: 3 - 2 / (1 + (max(t, 1e-9) / 300) ** -4),
    "exponential": lambda t: 0.5 + 2 * math.exp(-t / 300),
    "power": lambda t: 0.5 + 2 * (t + 1) ** -0.4,
    "log_power": lambda t: 0.1 + 2 * math.log(t + math.e) ** -1.5,
}


@pytest.mark.parametrize(("label", "name"), list(enumerate(SHAPES)))
def test_a_curve_is_told_its_family(label: int, name: str) -> None:
    steps = tuple(float(step) for step in range(0, 2001, 25))
    ending = ended(loss=Curve(steps, tuple(map(SHAPES[name], steps))))
    assert of_ending("curve_family", ending) == label
    assert of_ending("curve_fit", ending) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize(("V", "entropy"), ZIPF.items())
def test_the_floor_of_zipfs_law_is_subtracted(V: int, entropy: float) -> None:
    p = torch.arange(1, V + 1, dtype=torch.float64).reciprocal()
    floor = float(torch.special.entr(p / p.sum()).sum())
    assert floor == pytest.approx(entropy, abs=5e-4)
    assert of_ending(
        "excess_loss", replace(ended(loss=Curve((1,), (math.log(V),))), floor=floor)
    ) == pytest.approx(math.log(V) - floor)


def test_no_observable_is_left_without_a_known_value() -> None:
    elsewhere = {"tail_distance", "curve_family", "curve_fit"}
    assert set(CASES) | set(ENDINGS) | elsewhere == set(observables())
