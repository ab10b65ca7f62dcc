import itertools

import numpy as np
import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.forward import Column, Dataset
from physai_inverse.space import Choice, Float, Integer, Ordinal, Space
from physai_inverse.surrogates import GaussianProcess, LawProcess
from physai_inverse.surrogates.laws.fitted import fit_law
from physai_inverse.surrogates.laws.grid import bounded_least_squares, profile
from physai_inverse.surrogates.laws.law import Law, Term
from physai_inverse.surrogates.laws.model import LawModel
from physai_inverse.surrogates.laws.search import log_prior
from physai_inverse.surrogates.laws.sizes import Sizes, is_size
from tests.surrogates.problems import dataset


def sizes(seed: int, num: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return 10 ** random.uniform(7, 10, num), 10 ** random.uniform(9, 12, num)


def chinchilla(params: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    return np.asarray(1.69 + 406.4 * params**-0.34 + 410.7 * tokens**-0.28)


def ladder() -> Space:
    return Space(params=Float(1e7, 1e11, log=True), tokens=Float(1e9, 1e13, log=True))


def learned(
    space: Space, configs: list[dict[str, float]], values: np.ndarray, *, seed: int = 0, **more: np.ndarray
) -> LawModel:
    data = dataset(space, space.encode(configs), values, **more)
    model = LawProcess().fit(data, seed=seed).model("y")
    assert isinstance(model, LawModel)
    return model


def configs_of(params: np.ndarray, tokens: np.ndarray) -> list[dict[str, float]]:
    return [{"params": float(n), "tokens": float(d)} for n, d in zip(params, tokens, strict=True)]


def test_a_law_without_noise_is_recovered() -> None:
    params, tokens = sizes(0, 40)
    law = fit_law({"params": params, "tokens": tokens}, chinchilla(params, tokens)).law
    assert law.floor == pytest.approx(1.69, rel=1e-6)
    found = {next(iter(term.powers)): (term.coefficient, next(iter(term.powers.values()))) for term in law.terms}
    assert found["params"] == pytest.approx((406.4, -0.34), rel=1e-6)
    assert found["tokens"] == pytest.approx((410.7, -0.28), rel=1e-6)


@pytest.mark.parametrize(
    ("truth", "exponent"),
    [(Law(0.5, (Term(3e4, {"x": 1.5}),)), 1.5), (Law(0.9, (Term(-20.0, {"x": -0.2}),)), -0.2)],
    ids=["what grows", "what nears a ceiling"],
)
def test_other_shapes_are_recovered(truth: Law, exponent: float) -> None:
    inputs = {"x": np.geomspace(1e5, 1e9, 20)}
    found = fit_law(inputs, truth(inputs)).law
    assert found.terms[0].powers["x"] == pytest.approx(exponent, rel=1e-6)
    np.testing.assert_allclose(found(inputs), truth(inputs), rtol=1e-6)


def test_the_same_law_is_found_in_products_and_in_ratios_of_the_inputs() -> None:
    params, tokens = sizes(1, 30)
    values = chinchilla(params, tokens)
    beyond = {"params": 1e12, "tokens": 1e14, "multiple": 1e2}
    inputs = {"params": params, "tokens": tokens, "multiple": tokens / params}
    for pair in itertools.combinations(inputs, 2):
        law = fit_law({name: inputs[name] for name in pair}, values).law
        assert float(law(beyond)) == pytest.approx(float(chinchilla(np.array(1e12), np.array(1e14))), rel=1e-4)


def test_an_exponent_that_the_rows_do_not_tell_is_named() -> None:
    random = np.random.default_rng(0)
    x = 10 ** random.uniform(8, 8.4, 12)
    vague = fit_law({"x": x}, (2 + 3 * (x / 1e8) ** -0.4) * np.exp(0.03 * random.standard_normal(12)))
    assert vague.open == ("x",)
    assert not vague.identifiable
    assert "not identifiable" in str(vague)
    wide = np.geomspace(1e6, 1e10, 30)
    clear = fit_law({"x": wide}, (2 + 3 * (wide / 1e8) ** -0.4) * np.exp(0.003 * random.standard_normal(30)))
    assert clear.identifiable
    low, _, high = clear.exponents[0]
    assert low < 0.4 < high < low + 0.1


def test_numbers_without_a_law_get_a_bare_level() -> None:
    values = np.random.default_rng(1).standard_normal(40)
    fitted = fit_law({"x": np.geomspace(1, 1e4, 40)}, values)
    assert fitted.law.terms == ()
    assert fitted.law.floor == pytest.approx(values.mean())


def test_a_wild_value_hardly_moves_a_law() -> None:
    params, tokens = sizes(2, 40)
    values = chinchilla(params, tokens) * np.exp(0.002 * np.random.default_rng(2).standard_normal(40))
    values[5] *= 3.0
    law = fit_law({"params": params, "tokens": tokens}, values).law
    far = {"params": 1e11, "tokens": 1e13}
    assert float(law(far)) == pytest.approx(float(chinchilla(np.array(1e11), np.array(1e13))), rel=0.01)


@pytest.mark.parametrize(
    ("inputs", "values", "message"),
    [
        ({}, [1.0] * 5, "at least one input"),
        ({"x": [1.0, 2.0, 3.0]}, [1.0, 2.0, 3.0], "at least 4"),
        ({"x": [1.0, 2.0, 3.0, 0.0]}, [1.0] * 4, "above zero"),
        ({"x": [1.0, 2.0]}, [1.0] * 4, "one number a value"),
    ],
)
def test_what_no_law_can_be_fitted_to_is_refused(
    inputs: dict[str, list[float]], values: list[float], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        fit_law(inputs, values)


def test_bounded_least_squares_meet_the_conditions_of_optimality() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        columns, values = random.standard_normal((8, 3)), random.standard_normal(8)
        found = bounded_least_squares(columns, values)
        slope = columns.T @ (columns @ found - values)
        assert (found >= 0).all()
        assert (slope > -1e-9).all()  # nothing is gained by raising a coefficient
        np.testing.assert_allclose(slope[found > 0], 0.0, atol=1e-9)


def test_the_profile_over_a_grid_is_least_squares_where_the_prior_says_nothing() -> None:
    random = np.random.default_rng(1)
    columns = random.standard_normal((5, 20, 3))
    values = columns[0] @ [1.0, 2.0, 3.0] + 0.1 * random.standard_normal(20)
    across = np.swapaxes(columns, 1, 2)
    found = profile(
        across @ columns,
        across @ values,
        float(values @ values),
        20,
        mean=np.zeros(3),
        precision=np.full(3, 1e-12),
        bounded=False,
        least=0.1,
    )
    for row, design in zip(found.coefficients, columns, strict=True):
        np.testing.assert_allclose(row, np.linalg.lstsq(design, values, rcond=None)[0], atol=1e-8)
    assert int(np.argmax(found.score)) == 0


@pytest.mark.parametrize("num", [1, 2, 3])
def test_the_prior_of_the_exponents_is_a_density(num: int) -> None:
    axis = np.linspace(-6.0, 4.0, 60)
    logs = np.stack([part.ravel() for part in np.meshgrid(*[axis] * num)], axis=1)
    total = np.sum(np.exp(log_prior(logs))) * (axis[1] - axis[0]) ** num
    assert total == pytest.approx(1.0, abs=1e-3)


def test_sizes_are_told_from_other_parameters() -> None:
    space = Space(
        params=Float(1e6, 1e9, log=True),
        steps=Integer(100, 10_000, log=True),
        ladder=Ordinal([1e6, 1e7, 1e8]),
        dropout=Float(0.0, 0.5),
        momentum=Float(0.8, 0.99, log=True),
        kind=Choice(["a", "b"]),
        depth=Float(1.0, 100.0, log=True, when={"kind": "a"}),
    )
    assert [name for name, one in zip(space.names, space.free, strict=True) if is_size(one)] == [
        "params",
        "steps",
        "ladder",
    ]


def test_of_flops_parameters_and_tokens_two_are_kept() -> None:
    params, tokens = sizes(3, 20)
    space = Space(
        params=Float(1e6, 1e12, log=True), tokens=Float(1e8, 1e14, log=True), flops=Float(1e15, 1e26, log=True)
    )
    units = space.encode(
        [{**config, "flops": 6 * config["params"] * config["tokens"]} for config in configs_of(params, tokens)]
    )
    assert Sizes.of(space, units).names == ("params", "tokens")


def test_a_law_extrapolates_where_the_process_alone_cannot() -> None:
    random = np.random.default_rng(4)
    params, tokens = sizes(4, 30)
    params = np.minimum(params, 3e9)
    space, values = ladder(), chinchilla(params, tokens) * np.exp(0.003 * random.standard_normal(30))
    far = space.encode([{"params": 7e10, "tokens": 5e12}])
    truth = float(chinchilla(np.array(7e10), np.array(5e12)))
    model = learned(space, configs_of(params, tokens), values)
    plain = (
        GaussianProcess().fit(dataset(space, space.encode(configs_of(params, tokens)), values), seed=0).model("y")
    )
    miss = abs(model.predict(far).quantiles[0.5][0] / truth - 1)
    assert miss < 0.02
    assert miss < 0.3 * abs(plain.predict(far).quantiles[0.5][0] / truth - 1)
    assert model.law is not None
    assert model.declined is None


def test_uncertainty_grows_away_from_the_rows() -> None:
    params, tokens = sizes(5, 16)
    params = np.minimum(params, 1e9)
    values = chinchilla(params, tokens) * np.exp(0.01 * np.random.default_rng(5).standard_normal(16))
    space = ladder()
    model = learned(space, configs_of(params, tokens), values)
    away = [{"params": n, "tokens": 1e11} for n in (3e8, 3e9, 3e10, 9e10)]
    deviation = model.predict(space.encode(away), noise=False).standard_deviation
    assert (np.diff(deviation) > 0).all()
    assert deviation[-1] > 2 * deviation[0]


def test_nine_tenths_of_extrapolated_values_lie_inside_their_interval() -> None:
    inside = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        params, tokens = sizes(seed, 24)
        floor, alpha, beta = random.uniform(0.5, 2.0), random.uniform(0.2, 0.5), random.uniform(0.2, 0.5)
        values = floor + 2 * (params / 1e8) ** -alpha + 1.5 * (tokens / 1e10) ** -beta
        values = values * np.exp(0.01 * random.standard_normal(24))
        small = params < 1e9
        space = ladder()
        model = learned(space, configs_of(params[small], tokens[small]), values[small])
        found = model.predict(space.encode(configs_of(params[~small], tokens[~small]))).quantiles
        inside.append(np.mean((found[0.05] <= values[~small]) & (values[~small] <= found[0.95])))
    assert float(np.mean(inside)) >= 0.8


def test_new_values_among_few_rows_of_a_law_mostly_lie_inside_their_interval() -> None:
    grid = np.meshgrid(np.geomspace(2e8, 1.3e9, 4), np.geomspace(4e9, 2.5e11, 4))
    params, tokens = (axis.ravel() for axis in grid)
    space, inside = Space(params=Float(1e8, 2e9, log=True), tokens=Float(1e9, 1e12, log=True)), []
    for seed in range(8):
        random = np.random.default_rng(seed)
        others = np.exp(random.uniform(np.log([2e8, 4e9]), np.log([1.3e9, 2.5e11]), (60, 2))).T
        values = chinchilla(params, tokens) * np.exp(0.004 * random.standard_normal(16))
        truth = chinchilla(*others) * np.exp(0.004 * random.standard_normal(60))
        model = learned(space, configs_of(params, tokens), values)
        found = model.predict(space.encode(configs_of(*others))).quantiles
        inside.append(np.mean((found[0.05] <= truth) & (truth <= found[0.95])))
    assert np.mean(inside) > 0.7  # 0.64 where the numbers of the law counted for nothing


def test_without_an_input_like_a_size_the_process_is_the_plain_one() -> None:
    random = np.random.default_rng(6)
    space = Space(a=Float(0.0, 1.0), b=Choice(["x", "y"]))
    units = space.snap(random.random((20, 2)))
    data = dataset(space, units, np.sin(4 * units[:, 0]) + units[:, 1])
    model, plain = (recipe.fit(data, seed=1).model("y") for recipe in (LawProcess(), GaussianProcess()))
    assert isinstance(model, LawModel)
    assert model.declined is not None
    assert "size" in model.declined
    for one, other in zip(model.latent(units), plain.latent(units), strict=True):
        np.testing.assert_array_equal(one, other)
    assert model.held_out().log_density == plain.held_out().log_density
    np.testing.assert_array_equal(model.predict(units).mean, plain.predict(units).mean)


def test_a_valley_over_a_log_scale_is_no_law() -> None:
    space = Space(lr=Float(1e-5, 1.0, log=True))
    units = np.linspace(0, 1, 24)[:, None]
    model = LawProcess().fit(dataset(space, units, 1.0 + (units[:, 0] - 0.5) ** 2), seed=0).model("y")
    assert isinstance(model, LawModel)
    middle = model.predict(units).quantiles[0.5]
    np.testing.assert_allclose(middle, 1.0 + (units[:, 0] - 0.5) ** 2, atol=0.01)


@pytest.mark.parametrize("num", [1, 2, 3, 4, 5, 7])
def test_few_rows_give_a_finite_model(num: int) -> None:
    params, tokens = sizes(7, num)
    space = ladder()
    model = learned(space, configs_of(params, tokens), chinchilla(params, tokens))
    points = space.encode(configs_of(*sizes(8, 10)))
    prediction = model.predict(points)
    assert np.isfinite(prediction.mean).all()
    assert (prediction.standard_deviation > 0).all()
    assert model.held_out().rows == num


def test_the_joint_posterior_has_the_moments_of_the_single_points_also_with_pending_ones() -> None:
    params, tokens = sizes(9, 25)
    values = chinchilla(params, tokens) * np.exp(0.01 * np.random.default_rng(9).standard_normal(25))
    space = ladder()
    model = learned(space, configs_of(params, tokens), values)
    assert model.law is not None
    points, pending = (space.encode(configs_of(*sizes(seed, 6))) for seed in (10, 11))
    for one in (model, model.conditioned(pending), model.conditioned(pending[:2]).conditioned(pending[2:])):
        mean, covariance = one.joint(points)
        np.testing.assert_allclose(mean, one.latent(points)[0], atol=1e-9)
        np.testing.assert_allclose(np.sqrt(np.diag(covariance)), one.latent(points)[1], rtol=1e-6)
        assert np.linalg.eigvalsh(covariance).min() > -1e-9
    after = model.conditioned(pending)
    np.testing.assert_array_equal(after.latent(points)[0], model.latent(points)[0])
    assert (after.latent(points)[1] <= model.latent(points)[1] + 1e-12).all()
    assert after.latent(pending)[1].max() < 0.5 * model.latent(pending)[1].max()


def test_a_category_shifts_the_law() -> None:
    random = np.random.default_rng(12)
    params, tokens = sizes(12, 60)
    kind = random.integers(0, 2, 60)
    values = (
        chinchilla(params, tokens) * np.where(kind == 1, 1.2, 1.0) * np.exp(0.003 * random.standard_normal(60))
    )
    space = Space({**ladder().parameters, "kind": Choice(["plain", "worse"])})
    small = params < 1e9
    configs = [
        {**config, "kind": ["plain", "worse"][place]}
        for config, place in zip(configs_of(params, tokens), kind, strict=True)
    ]
    units = space.encode(configs)
    model = LawProcess().fit(dataset(space, units[small], values[small]), seed=0).model("y")
    miss = np.abs(model.predict(units[~small]).quantiles[0.5] / values[~small] - 1)
    assert float(np.median(miss)) < 0.02


def test_leaving_a_row_out_in_closed_form_agrees_with_leaving_it_out() -> None:
    random = np.random.default_rng(13)
    params, tokens = sizes(13, 20)
    values = chinchilla(params, tokens) * np.exp(0.02 * random.standard_normal(20))
    space = ladder()
    configs = configs_of(params, tokens)
    whole = learned(space, configs, values)
    assert whole.law is not None
    misses = []
    for row in range(0, 20, 4):
        rest = [place for place in range(20) if place != row]
        model = learned(space, [configs[place] for place in rest], values[rest])
        misses.append(model.predict(space.encode([configs[row]])).quantiles[0.5][0] / values[row] - 1)
    closed = whole.held_out().predicted[::4] / values[::4] - 1
    np.testing.assert_allclose(closed, misses, atol=0.015)  # the noise is 0.02


def test_the_same_seed_gives_the_same_model() -> None:
    params, tokens = sizes(14, 25)
    values = chinchilla(params, tokens)
    space = ladder()
    points = space.encode(configs_of(*sizes(15, 10)))
    first, second = (learned(space, configs_of(params, tokens), values, seed=3).latent(points) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_censored_rows_and_other_metrics_stay_as_they_were() -> None:
    params, tokens = sizes(16, 25)
    space = ladder()
    units = space.encode(configs_of(params, tokens))
    values = chinchilla(params, tokens)
    zeros = np.zeros(25)
    censored = np.where(values > np.quantile(values, 0.9), 1, 0)
    column = Column(np.minimum(values, np.quantile(values, 0.9)), zeros, censored)
    empty = Column(np.full(25, np.nan), zeros, zeros.astype(int))
    data = Dataset(space, units, {"y": column, "nothing": empty}, zeros.astype(bool))
    forward = LawProcess().fit(data, seed=0)
    assert set(forward.models) == {"y"}
    assert forward.model("y").held_out().rows == int((censored == 0).sum())


@pytest.mark.parametrize("num", [4, 9, 30])
def test_values_over_many_decades_give_a_finite_model(num: int) -> None:
    random = np.random.default_rng(num)
    space = Space({f"x{place}": Float(1e-6, 1.0, log=True) for place in range(6)})
    units = random.random((num, 6))
    model = LawProcess().fit(dataset(space, units, np.exp(40.0 * random.standard_normal(num))), seed=0).model("y")
    prediction = model.predict(random.random((10, 6)))
    assert np.isfinite(prediction.mean).all()
    assert np.isfinite(prediction.standard_deviation).all()
