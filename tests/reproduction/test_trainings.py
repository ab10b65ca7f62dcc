import math
import subprocess
import sys

import pytest

from physai_inverse.errors import TrialFailed
from physai_inverse.observations import Curve, Measurement
from physai_inverse.reproduction.trainings import curve_of, seen, train_all


def test_each_configuration_is_trained_with_a_seed_of_its_own() -> None:
    settings = {"steps": 3, "device": "cpu"}
    first, second = train_all("single_neuron", [{}, {}], seed=0, settings=settings)
    assert first["train_loss"] != second["train_loss"]
    again = train_all("single_neuron", [{}, {}], seed=0, settings=settings)
    assert [metrics["train_loss"] for metrics in again] == [first["train_loss"], second["train_loss"]]
    one, other = train_all("single_neuron", [{}, {}], seed=0, settings=settings, streams=[1, 1])
    assert one["train_loss"] == other["train_loss"] == second["train_loss"]


def test_a_training_that_failed_is_raised() -> None:
    with pytest.raises(TrialFailed, match="no parameter `colour`"):
        train_all("single_neuron", [{}, {"colour": 1}], seed=0, settings={"steps": 3, "device": "cpu"})


def test_what_was_not_reached_is_infinite() -> None:
    assert seen(Measurement(7)) == 7
    assert math.isinf(seen(Measurement(7, censored="above")))
    curve = Curve((1,), (2.0,))
    assert curve_of({"loss": curve}, "loss") is curve


def test_listing_laws_imports_no_torch() -> None:
    code = (
        "import importlib, sys\n"
        "for name in ('balancedness', 'batch_size', 'edge_of_stability', 'loss_spikes', 'single_neuron'):\n"
        "    assert importlib.import_module('physai_inverse.reproduction.laws.' + name).LAWS\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
