import math

import pytest
import torch

from physai_inverse.trainers import load_task
from physai_inverse.trainers.tasks.networks.gated import FORMS, hidden_layer


@pytest.mark.parametrize(("form", "parameters"), [("plain", 31), ("squared", 31), ("gated", 51)])
def test_a_unit_has_three_parameters_or_five(form: str, parameters: int) -> None:
    assert load_task("polynomial", {"steps": 2})({"form": form, "width": 10}, 0)["parameters"] == parameters


def test_forms_are_what_their_names_say() -> None:
    x = torch.linspace(-1, 1, 7)[:, None]
    networks = {form: hidden_layer(form, 5, "relu") for form in FORMS}
    plain = networks["plain"].hidden(x)
    torch.testing.assert_close(plain, networks["plain"].value(x).relu())
    torch.testing.assert_close(networks["squared"].hidden(x), networks["squared"].value(x).relu() ** 2)
    gated = networks["gated"]
    torch.testing.assert_close(gated.hidden(x), gated.get_submodule("gate")(x).relu() * gated.value(x))
    assert networks["squared"](x).shape == (7, 1)


def test_a_straight_line_is_fitted_by_all_and_a_square_best_by_squares() -> None:
    train = load_task("polynomial", {"steps": 400})
    configs = [{"power": power, "form": form, "lr": 0.03} for power in (1, 2) for form in ("plain", "squared")]
    found = train(configs, [0] * 4)
    line, _, plain, squared = (float(metrics["relative_loss"]) for metrics in found if isinstance(metrics, dict))
    assert line < 1e-3
    assert squared < 0.5 * plain


def test_losses_are_those_of_the_target_and_in_its_variance() -> None:
    metrics = load_task("polynomial", {"steps": 5})({"power": 2}, 0)
    variance = float(torch.linspace(-1, 1, 201).double().square().var(correction=0))
    assert float(metrics["relative_loss"]) == pytest.approx(float(metrics["loss"]) / variance, rel=1e-4)
    assert float(metrics["largest_error"]) ** 2 >= float(metrics["loss"])
    assert not math.isnan(float(metrics["loss"]))


def test_widths_powers_and_rates_of_one_form_train_together() -> None:
    configs = [
        {"form": "gated", "power": 1 + place, "width": 8 + place, "lr": 0.01 * (1 + place)} for place in range(5)
    ]
    (line,) = load_task("polynomial", {"device": "cpu"}).batched().plan(configs, list(range(5)))
    assert line.startswith("together")
