"""Least squares with as many features as one likes: the test error peaks where they are as many as the samples.

Symbols: `n` samples, `p` features, `d` inputs, `r` repeats; `X` [r, n, p] features of the training rows.
"""

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from physai_inverse.observations import Config, Measurement, Metric
from physai_inverse.seeds import generator
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

DESCRIPTION = (
    "Least squares of minimum norm, or ridge regression, in closed form: the labels are a linear function of "
    "Gaussian inputs with noise, the features are the inputs themselves or ReLUs of random projections of "
    "them. Every metric is a mean over repeats with data of their own. Takes a tenth of a second to some "
    "seconds on one CPU core; nothing is trained by gradient descent."
)
PHENOMENON = (
    "Double descent: `excess_risk` rises without bound as `ratio`, features over samples, nears 1, and falls "
    "again beyond; some `ridge` takes the peak away. For features that are the inputs, `theory_risk` says by "
    "how much."
)
SOURCE = (
    "linear features: Hastie, Montanari, Rosset and Tibshirani 2022, https://arxiv.org/abs/1903.08560; random "
    "ReLU features: Mei and Montanari 2022, https://arxiv.org/abs/1908.05355"
)
KNOBS: dict[str, Knob] = {
    "ratio": {"type": "float", "low": 0.1, "high": 5.0, "log": True, "default": 0.5},
    "noise": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5},
    "signal": {"type": "float", "low": 0.0, "high": 2.0, "default": 1.0},
    "ridge": {"type": "float", "low": 0.0, "high": 2.0, "default": 0.0},
    "features": {"type": "choice", "values": ["linear", "relu"], "default": "linear"},
}
SETTINGS: dict[str, Setting] = {"samples": 100, "inputs": 40, "repeats": 30, "test_rows": 1000}
METRICS: dict[str, str] = {
    "excess_risk": "mean squared distance from the truth on fresh inputs, with its standard error over repeats",
    "train_loss": "mean squared residual on the training rows",
    "coefficient_norm": "Euclidean norm of the coefficients, mean over repeats",
    "theory_risk": "excess risk for infinitely many samples at this ratio; for linear features only",
    "parameters": "number of coefficients, ratio times samples, at least 1",
    "seconds": "wall time of all repeats, in seconds",
}


@dataclass(frozen=True)
class Regression:
    """Fits and judges all repeats of one configuration.

    Args:
        samples: training rows of each repeat.
        inputs: numbers a row, where the features are ReLUs of them; else there are as many as features.
        repeats: fits, each with data of its own.
        test_rows: fresh rows on which ReLU features are judged.
    """

    samples: int
    inputs: int
    repeats: int
    test_rows: int

    def __call__(self, config: Config, seed: int) -> dict[str, Metric]:
        """Give the metrics, means over the repeats."""
        import numpy as np

        start = time.perf_counter()
        values = complete(config, KNOBS)
        linear = values["features"] == "linear"
        p = max(round(values.number("ratio") * self.samples), 1)
        found = [
            self._fit_linear(p, values, generator(seed, "double_descent", repeat))
            if linear
            else self._fit_relu(p, values, generator(seed, "double_descent", repeat))
            for repeat in range(self.repeats)
        ]
        risks, losses, norms = np.array(found).T
        error = float(risks.std(ddof=1) / math.sqrt(self.repeats)) if self.repeats > 1 else None
        metrics: dict[str, Metric] = {
            "excess_risk": Measurement(float(risks.mean()), error),
            "train_loss": float(losses.mean()),
            "coefficient_norm": float(norms.mean()),
        }
        if linear:
            risk = theory_risk(
                p / self.samples, values.number("noise"), values.number("signal"), values.number("ridge")
            )
            if math.isfinite(risk):
                metrics["theory_risk"] = risk
        return {**metrics, "parameters": float(p), "seconds": time.perf_counter() - start}

    def _fit_linear(self, p: int, values: Values, draw: "np.random.Generator") -> tuple[float, float, float]:
        """Give risk, loss and norm; the inputs are isotropic, so that the risk is a squared distance."""
        truth = draw.standard_normal(p)
        truth *= values.number("signal") / math.sqrt(truth @ truth)
        X = draw.standard_normal((self.samples, p))
        y = X @ truth + values.number("noise") * draw.standard_normal(self.samples)
        found = ridge_fit(X, y, values.number("ridge"))
        return _squares(found - truth), _squares(y - X @ found) / self.samples, math.sqrt(_squares(found))

    def _fit_relu(self, p: int, values: Values, draw: "np.random.Generator") -> tuple[float, float, float]:
        """Give risk on fresh rows, loss and norm."""
        import numpy as np

        truth = draw.standard_normal(self.inputs)
        truth *= values.number("signal") / math.sqrt(truth @ truth)
        directions = draw.standard_normal((self.inputs, p))
        directions /= np.sqrt(np.square(directions).sum(axis=0))

        def seen(rows: "Array") -> "Array":
            features: Array = np.maximum(rows @ directions, 0.0)
            return features

        rows = draw.standard_normal((self.samples, self.inputs))
        y = rows @ truth + values.number("noise") * draw.standard_normal(self.samples)
        fresh = draw.standard_normal((self.test_rows, self.inputs))
        X = seen(rows)
        found = ridge_fit(X, y, values.number("ridge"))
        risk = _squares(seen(fresh) @ found - fresh @ truth) / self.test_rows
        return risk, _squares(y - X @ found) / self.samples, math.sqrt(_squares(found))


def ridge_fit(X: "Array", y: "Array", ridge: float) -> "Array":
    """Give the coefficients [p] that minimise `|y - X b|^2 / n + ridge |b|^2`; of least norm at ridge 0.

    Args:
        X: [n, p].
        y: [n].
        ridge: at least 0.
    """
    import numpy as np

    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    kept = s > s[0] * max(X.shape) * np.finfo(float).eps
    s = s[kept]
    found: Array = Vt[kept].T @ ((U[:, kept].T @ y) * (s / (s * s + len(X) * ridge)))
    return found


def theory_risk(ratio: float, noise: float, signal: float, ridge: float) -> float:
    """Give the excess risk of isotropic features in the limit of many samples; infinite at ratio 1 without ridge.

    Source: Hastie et al. 2022, https://arxiv.org/abs/1903.08560, isotropic features, least norm and ridge, with
    `m` the Stieltjes transform of the Marchenko-Pastur law at `-ridge` and `slope` its derivative there.

    Args:
        ratio: features over samples.
        noise: standard deviation of the labels' noise.
        signal: norm of the true coefficients.
        ridge: at least 0.
    """
    if ridge == 0:
        if ratio == 1:
            return math.inf
        if ratio < 1:
            return noise**2 * ratio / (1 - ratio)
        return signal**2 * (1 - 1 / ratio) + noise**2 / (ratio - 1)
    # m solves ratio ridge m^2 + (1 - ratio + ridge) m = 1; in these two forms it keeps its digits at a small ridge
    a = 1 - ratio + ridge
    root = math.sqrt(a * a + 4 * ratio * ridge)
    m = 2 / (a + root) if a > 0 else (root - a) / (2 * ratio * ridge)
    slope = (m + ratio * m * m) / root  # minus the derivative by the ridge, from the same equation
    return (signal * ridge) ** 2 * slope + noise**2 * ratio * (m - ridge * slope)


def _squares(values: "Array") -> float:
    return float(values @ values)


def _trainer(settings: Values) -> Regression:
    names = ("samples", "inputs", "repeats", "test_rows")
    return Regression(*(settings.whole(name) for name in names))


TASK = Task("double_descent", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
