"""Trainings with their curves, each trained once: what rules for stopping are replayed on.

    digits             150 configurations of `configs/digits.yaml`, 20 epochs; the final validation loss
    modular_addition   150 configurations of `configs/modular_addition.yaml`, 2,000 steps; the final test loss
    lcbench            2,000 published configurations a task (predictions of a surrogate; the accuracy alone)

Beside the metrics of the tasks, the stack measures at every logged step what tells of a network beyond its losses:
of digits size and entropy of the outputs and the margin; of modular addition also norm and Fourier concentration
of the embedding. Trainings are kept in the user's cache folder, outside of the repository.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from physai_inverse.errors import TrialFailed
from physai_inverse.files import write_text
from physai_inverse.observations import Curve, Metric
from physai_inverse.seeds import child
from physai_inverse.space import Space
from physai_inverse.space.sampling import sample_units
from physai_inverse.spec import load_spec

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.batched import BatchedTrainer, Finished

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "physai-inverse" / "mediators"
TRAININGS = 150
VERSION = 1
"""Of what is measured; another one trains anew."""


@dataclass(frozen=True)
class Recording:
    """Trainings of one task, in the order in which they were drawn.

    Args:
        name: of the task.
        metric: its final value is what counts.
        maximize: whether large values are good.
        space: the space.
        units: ``[n, d]`` the configurations.
        steps: ``[t]`` the steps at which curves were measured, the same for all.
        curves: observable to its curves ``[n, t]``; NaN from where a training diverged on.
        finals: ``[n]`` final values; NaN where a training diverged.
    """

    name: str
    metric: str
    maximize: bool
    space: Space
    units: np.ndarray = field(repr=False)
    steps: np.ndarray = field(repr=False)
    curves: Mapping[str, np.ndarray] = field(repr=False)
    finals: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.finals)

    def take(self, rows: np.ndarray) -> "Recording":
        """Keep some trainings, in this order."""
        curves = {name: values[rows] for name, values in self.curves.items()}
        return replace(self, units=self.units[rows], curves=curves, finals=self.finals[rows])


def trained(name: str, *, trainings: int = TRAININGS, cache: Path = CACHE) -> Recording:
    """Give the trainings of a built-in task: from the cache, or trained now, which takes minutes.

    Args:
        name: `digits` or `modular_addition`.
        trainings: how many.
        cache: where they are kept.
    """
    spec = load_spec(ROOT / "configs" / f"{name}.yaml")
    path = cache / f"{name}-{trainings}-{VERSION}.json"
    units = sample_units(spec.space, trainings, seed=child(0, "mediators", name), method="sobol")
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        began = time.process_time()
        batched = _digits() if name == "digits" else _modular_addition()
        configs = spec.space.decode(units)
        found = batched(configs, [child(0, "training", name, row) for row in range(trainings)])
        seconds = time.process_time() - began
        write_text(path, json.dumps({"seconds": seconds, "curves": [_plain(metrics) for metrics in found]}))
    rows = json.loads(path.read_text())["curves"]
    steps = max((row["steps"] for row in rows), key=len)
    if name == "digits":  # measured after every epoch, which has other steps for other batch sizes
        steps = list(range(1, len(steps) + 1))
    names = list(dict.fromkeys(key for row in rows for key in row["values"]))
    curves = {key: np.full((trainings, len(steps)), np.nan) for key in names}
    for place, row in enumerate(rows):
        for key, values in row["values"].items():
            curves[key][place, : len(values)] = values
    metric = "val_loss" if name == "digits" else "test_loss"
    finals = curves[metric][:, -1].copy()
    return Recording(name, metric, False, spec.space, units, np.array(steps, dtype=float), curves, finals)


def published(instance: str) -> Recording:
    """Give the curves of one task of lcbench: the accuracy after 1 to 52 epochs."""
    from benchmarks.regret.problems import DATA, LCBENCH, config_of, numbers, read

    epochs = (1, 2, 4, 8, 12, 20, 30, 40, 52)
    rows = [row for row in read(DATA / "yahpo_tables" / "lcbench.csv.gz") if row["instance"] == instance]
    values = np.stack([numbers(rows, f"val_accuracy_e{epoch}") for epoch in epochs], axis=1)
    units = LCBENCH.encode([config_of(LCBENCH, row) for row in rows])
    return Recording(
        f"lcbench/{instance}",
        "val_accuracy",
        True,
        LCBENCH,
        units,
        np.array(epochs, dtype=float),
        {"val_accuracy": values},
        values[:, -1],
    )


def _plain(metrics: "Mapping[str, Metric] | TrialFailed") -> dict[str, Any]:
    if isinstance(metrics, TrialFailed):
        return {"steps": [], "values": {}}
    # `loss` is measured between two points, the others at them.
    curves = {name: curve for name, curve in metrics.items() if isinstance(curve, Curve) and name != "loss_curve"}
    return {
        "steps": list(next(iter(curves.values())).steps),
        "values": {name.removesuffix("_curve"): list(curve.values) for name, curve in curves.items()},
    }


def _digits() -> "BatchedTrainer":
    from physai_inverse.trainers import load_task

    trainer = load_task("digits", {"epochs": 20, "device": "cpu"}).batched()
    measure = trainer.measure
    assert measure is not None

    def more(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
        images, labels, others, _ = given
        logits = module(images)
        return {
            **measure(module, given),
            **_outputs(logits, labels),
            "val_entropy": _entropy(module(others)).mean(),
        }

    return replace(trainer, measure=more, finish=_curves)


def _modular_addition() -> "BatchedTrainer":
    from physai_inverse.trainers import load_task

    trainer = load_task("modular_addition", {"p": 31, "steps": 2000, "settle": 0, "device": "cpu"}).batched()
    measure = trainer.measure
    assert measure is not None

    def more(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
        import torch

        parts = {name.rpartition(".")[2]: part for name, part in module.named_parameters()}
        power = torch.fft.rfft(parts["embedding"], dim=0).abs().square().sum(dim=1)[1:]
        first, second, answers, _ = given
        return {
            **measure(module, given),
            **_outputs(module(first, second), answers),
            "embedding_norm": parts["embedding"].norm(),
            "weight_norm": sum(part.square().sum() for part in parts.values()).sqrt(),  # type: ignore[union-attr]
            "fourier_concentration": power.topk(4).values.sum() / power.sum(),
        }

    return replace(trainer, measure=more, finish=_curves)


def _outputs(logits: "torch.Tensor", labels: "torch.Tensor") -> "dict[str, torch.Tensor]":
    import torch

    right = logits.gather(1, labels[:, None])[:, 0]
    others = torch.where(torch.nn.functional.one_hot(labels, logits.shape[1]) > 0, -torch.inf, logits)
    return {
        "output_size": logits.square().mean().sqrt(),
        "entropy": _entropy(logits).mean(),
        "margin": (right - others.max(dim=1).values).mean(),
    }


def _entropy(logits: "torch.Tensor") -> "torch.Tensor":
    import torch

    logs = torch.log_softmax(logits, dim=1)
    return -(logs.exp() * logs).sum(dim=1)


def _curves(finished: "Finished") -> dict[str, Curve]:
    return {f"{name}_curve": curve for name, curve in finished.curves.items()}
