"""The prior: a landscape is a table of configurations with the values of one metric, as trainings would give it.

A function or two of some of the parameters; a curvature of the scale; perhaps a plateau, a cliff behind which
trainings diverge, values rounded as those of a small test set; noise that is the same everywhere or grows,
now and then an outlier; perhaps thresholds beyond which a value is only known to lie further.
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.pretraining.functions import FUNCTIONS
from benchmarks.pretraining.inputs import Inputs, draw_inputs
from physai_inverse.surrogates.prior_fitted.scale import Scale

LARGEST = 12.0
"""Values further from the centre of the context are drawn in: no metric of use is told by them."""


@dataclass(frozen=True)
class Landscape:
    """One task.

    Args:
        inputs: the configurations, context first.
        values: ``[n]`` on the scale of the context; beyond the context the uncensored truth.
        censored: ``[context]`` integers: 1 where the truth lies above the value, -1 below.
        noise: the median deviation of the noise, on that scale.
    """

    inputs: Inputs
    values: np.ndarray
    censored: np.ndarray
    noise: float


def draw_landscape(random: np.random.Generator, context: int, asked: int) -> Landscape:
    """Draw a landscape.

    Args:
        random: the stream.
        context: number of rows with a value.
        asked: number of rows that are asked for.
    """
    while True:
        inputs = draw_inputs(random, context + asked)
        clean, deviation = _noisy_parts(random, _shaped(random, inputs), inputs)
        values = clean + deviation * _draws(random, len(clean))
        if random.random() < 0.06:
            step = random.uniform(0.05, 0.6)
            values = np.round(values / step) * step
        scale = Scale.of(values[None, :context])
        if scale.spread[0] < 1e-6:
            continue
        values = np.clip(scale.forward(values[None])[0], -LARGEST, LARGEST)
        noise = float(np.median(deviation) / scale.spread[0])
        censored = np.zeros(context, dtype=np.int8)
        if random.random() < 0.08:
            values, censored = _censored(random, values, context)
        return Landscape(inputs, values, censored, noise)


def _function(random: np.random.Generator, V: np.ndarray) -> np.ndarray:
    """Draw one function of some parameters, with mean 0 and spread 1."""
    count = V.shape[1]
    share = random.choice([1.0, 0.7, 0.4])
    acting = np.flatnonzero(random.random(count) < share)
    if not len(acting):
        acting = random.integers(0, count, 1)
    if len(acting) > 6 and random.random() < 0.7:
        acting = random.permutation(acting)[: int(random.integers(1, 7))]
    cuts = np.cumsum([weight for weight, _ in FUNCTIONS])
    chosen = FUNCTIONS[int(np.searchsorted(cuts / cuts[-1], random.random()))][1]
    values = chosen(random, V[:, acting])
    return _standard(values)


def _standard(values: np.ndarray) -> np.ndarray:
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-9))


def _shaped(random: np.random.Generator, inputs: Inputs) -> np.ndarray:
    V = inputs.effective(random)
    values = _function(random, V)
    if random.random() < 0.4:
        other = _function(random, inputs.effective(random))
        if random.random() < 0.75:
            values = _standard(values + np.exp(random.normal(-0.5, 0.7)) * other)
        else:
            values = _standard(values * (1.0 + random.uniform(0.3, 1.0) * other))
    values = values * (1.0 if random.random() < 0.5 else -1.0)
    kind = random.random()
    if kind < 0.25:
        values = np.exp(np.clip(values * random.uniform(0.2, 1.0), -5.0, 3.0))
    elif kind < 0.35:
        values = np.tanh(values * random.uniform(0.5, 2.0) + random.normal(0.0, 0.7))
    elif kind < 0.45:
        values = np.sinh(np.clip(values * random.uniform(0.3, 1.0), -3.0, 3.0))
    values = _standard(values)
    if random.random() < 0.15:
        values = np.minimum(values, np.quantile(values, random.uniform(0.5, 0.95)))
    if random.random() < 0.15:
        gate = _function(random, V)
        edge = np.quantile(gate, random.uniform(0.6, 0.95))
        beyond = gate > edge
        if random.random() < 0.6:
            values = np.where(beyond, random.uniform(1.0, 4.0) + random.uniform(0.0, 0.3) * values, values)
        else:
            values = values + np.where(beyond, random.uniform(0.5, 3.0) * (gate - edge), 0.0)
    return _standard(values) * (1.0 if random.random() < 0.5 else -1.0)


def _noisy_parts(random: np.random.Generator, clean: np.ndarray, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """Give clean values and the deviation ``[n]`` of the noise."""
    kind = random.random()
    level = 1e-3 if kind < 0.15 else float(np.exp(random.uniform(np.log(0.005), np.log(0.3))))
    if kind > 0.85:
        level = random.uniform(0.2, 2.0)
    deviation = np.full(len(clean), level)
    if random.random() < 0.35:
        about = clean if random.random() < 0.5 else _function(random, inputs.effective(random))
        sign = 1.0 if random.random() < 0.5 else -1.0
        deviation = level * np.exp(np.clip(sign * random.uniform(0.2, 1.2) * about, -3.0, 3.0))
    return clean, deviation


def _draws(random: np.random.Generator, num: int) -> np.ndarray:
    draws = random.standard_normal(num)
    kind = random.random()
    if kind < 0.1:
        draws = random.standard_t(3.0, num)
    elif kind < 0.25:
        wild = random.random(num) < random.uniform(0.01, 0.06)
        draws = np.where(wild, draws * random.uniform(5.0, 30.0), draws)
    return np.asarray(draws)


def _censored(random: np.random.Generator, values: np.ndarray, context: int) -> tuple[np.ndarray, np.ndarray]:
    side = 1 if random.random() < 0.5 else -1
    limit = float(np.quantile(side * values[:context], random.uniform(0.6, 0.95)))
    beyond = side * values[:context] > limit
    seen = values.copy()
    seen[:context][beyond] = side * limit
    return seen, (side * beyond).astype(np.int8)
