"""Studies to write reports of: a synthetic training with six parameters, and a small forward map without a fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from physai_inverse.errors import TrialFailed
from physai_inverse.forward import (
    AbstractMetricModel,
    AbstractSuccessModel,
    AbstractSurrogate,
    AbstractWarp,
    Column,
    Dataset,
    ForwardMap,
    Scores,
    normal_quantile,
)
from physai_inverse.normal import ndtr
from physai_inverse.objective import AtMost, Minimize, ObjectiveLike
from physai_inverse.observations import Scalar
from physai_inverse.seeds import generator
from physai_inverse.space import Boolean, Choice, Float, Integer, Ordinal, Space
from physai_inverse.store import Store
from physai_inverse.study import Campaign, Confirmation, Study, best_measured

SPACE = Space(
    lr=Float(1e-4, 1.0, log=True),
    width=Integer(8, 256, log=True),
    optimizer=Choice(["sgd", "adamw", "muon"]),
    momentum=Float(0.0, 0.99, when={"optimizer": ["sgd"]}),
    batch=Ordinal([32, 64, 128, 256]),
    dropout=Boolean(),
)
OBJECTIVE = (Minimize("val_loss"), AtMost("params", 60_000))


def train(config: Mapping[str, Scalar], seed: int = 0) -> dict[str, float]:
    """A training that diverges at large learning rates, runs out of memory when wide, and is noisy."""
    rng = generator(seed, "demo")
    lr, width, batch = (float(config[name]) for name in ("lr", "width", "batch"))
    best = {"sgd": -0.9, "adamw": -2.4, "muon": -1.7}[str(config["optimizer"])]
    off = np.log10(lr) - best
    if off > 1.35:
        raise TrialFailed("loss is nan at step 120", kind="diverged")
    if width * batch > 45_000:
        raise TrialFailed("CUDA out of memory: tried to allocate 2.0 GiB", kind="out_of_memory")
    loss = 0.05 + 0.5 * off**2 + 0.35 * np.log2(256 / width) / 5 + 0.02 * np.log2(batch / 32)
    if config["optimizer"] == "sgd":
        loss += 0.25 * (float(config["momentum"]) - 0.9) ** 2
    loss -= 0.02 * bool(config["dropout"])
    loss = float(loss * np.exp(0.06 * rng.normal()))
    return {
        "val_loss": loss,
        "sharpness": float(40 * np.exp(-1.2 * off + 0.3 * rng.normal())),
        "params": float(64 * width + width**2 + 10 * width),
        "dead_units": float(rng.integers(0, 12)),
    }


@dataclass(frozen=True)
class Scaled(AbstractWarp):
    """Logarithm or identity, then mean zero and variance one."""

    log: bool
    shift: float
    scale: float

    def forward(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            raw = np.log(values) if self.log else np.asarray(values, dtype=float)
        return np.asarray((raw - self.shift) / self.scale)

    def inverse(self, latent: np.ndarray) -> np.ndarray:
        raw = self.shift + self.scale * latent
        return np.asarray(np.exp(np.minimum(raw, 300.0)) if self.log else raw)

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        return -np.log(values * self.scale) if self.log else np.full(len(values), -np.log(self.scale))


NOISE = 0.2


def kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A squared exponential with fixed lengthscales of 0.5."""
    square = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2.0 * first @ second.T
    return np.asarray(np.exp(-2.0 * square))


@dataclass(frozen=True)
class SmallModel(AbstractMetricModel):
    """A Gaussian process with fixed hyperparameters."""

    units: np.ndarray
    values: np.ndarray
    scaled: Scaled
    rows: np.ndarray

    @property
    def warp(self) -> AbstractWarp:
        return self.scaled

    @property
    def noise(self) -> float:
        return NOISE

    def latent(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gram = kernel(self.units, self.units) + NOISE**2 * np.eye(len(self.units))
        cross = kernel(units, self.units)
        solved = np.linalg.solve(gram, cross.T)
        mean = solved.T @ self.scaled.forward(self.values)
        variance = 1.0 - (cross * solved.T).sum(axis=1)
        return mean, np.sqrt(np.maximum(variance, 1e-9))

    def conditioned(self, units: np.ndarray) -> "SmallModel":
        mean, _ = self.latent(units)
        return SmallModel(
            np.concatenate([self.units, units]),
            np.concatenate([self.values, self.scaled.inverse(mean)]),
            self.scaled,
            np.concatenate([self.rows, np.full(len(units), -1)]),
        )

    def held_out(self) -> Scores:
        """Leave one out, by the closed form of Rasmussen & Williams 2006, equations 5.10 to 5.12."""
        gram = kernel(self.units, self.units) + NOISE**2 * np.eye(len(self.units))
        inverse = np.linalg.inv(gram)
        latent = self.scaled.forward(self.values)
        mean = latent - inverse @ latent / np.diag(inverse)
        spread = 1.0 / np.sqrt(np.diag(inverse))

        def inside(level: float) -> float:
            return float((np.abs(latent - mean) <= normal_quantile(0.5 + level / 2) * spread).mean())

        reach = normal_quantile(0.95) * spread
        variance = float(((latent - latent.mean()) ** 2).sum())
        ranks = np.argsort(np.argsort(mean)), np.argsort(np.argsort(latent))
        flat = len(latent) < 3 or variance == 0
        predicted = self.scaled.inverse(mean)
        return Scores(
            rows=len(latent),
            rmse=float(np.sqrt(((predicted - self.values) ** 2).mean())),
            r2=float("nan") if flat else float(1 - ((latent - mean) ** 2).sum() / variance),
            rank_correlation=float("nan") if flat else float(np.corrcoef(*ranks)[0, 1]),
            log_density=0.0,
            coverage_50=inside(0.5),
            coverage_90=inside(0.9),
            crps=0.0,
            places=self.rows,
            ranks=ndtr((latent - mean) / spread),
            predicted=predicted,
            low=self.scaled.inverse(mean - reach),
            high=self.scaled.inverse(mean + reach),
            measured=self.values,
        )


@dataclass(frozen=True)
class SmallSuccess(AbstractSuccessModel):
    """A kernel average of what ended well."""

    units: np.ndarray
    well: np.ndarray

    def probability(self, units: np.ndarray) -> np.ndarray:
        near = kernel(units, self.units) ** 6
        return np.asarray((near @ self.well + 0.5) / (near.sum(axis=1) + 0.5))


@dataclass(frozen=True)
class SmallSurrogate(AbstractSurrogate):
    """The recipe of `SmallModel`; it draws nothing."""

    def fit(self, data: Dataset, *, seed: int, metrics: Sequence[str] | None = None) -> ForwardMap:  # noqa: ARG002  # the contract names it
        models: dict[str, AbstractMetricModel] = {}
        for name in data.columns if metrics is None else metrics:
            column: Column = data.columns[name]
            if len(column.rows):
                values = column.values[column.rows]
                log = bool((values > 0).all())
                raw = np.log(values) if log else values
                scaled = Scaled(log, float(raw.mean()), float(raw.std()) or 1.0)
                models[name] = SmallModel(data.units[column.rows], values, scaled, column.rows)
        success = SmallSuccess(data.units, 1.0 - data.failed) if data.failed.any() else None
        return ForwardMap(data.space, models, success)


def demo_study(
    budget: int = 40,
    *,
    objective: ObjectiveLike = OBJECTIVE,
    space: Space = SPACE,
    store: Store | None = None,
    suffix: str = "",
    seed: int = 1,
    lucky: int = 12,
) -> Study:
    """A study whose later trainings lie near the best of the earlier ones, as a search would have them.

    Args:
        budget: how many trainings.
        objective: what is wanted.
        space: what is configured; needs the parameters of `SPACE` for `train` to work.
        store: where; in memory where it is left out.
        suffix: of the name.
        seed: of everything.
        lucky: trainings drawn at random before the search begins.
    """
    study = Study(
        space,
        objective,
        store=store or ":memory:",
        name="digits" + suffix,
        seed=seed,
        surrogate=SmallSurrogate(),
        method="random",
    )
    rng = generator(seed, "demo", suffix)
    for count in range(budget):
        best = best_measured(study, study.trials) if study.objective.wishes else None
        if count >= lucky and best is not None:
            unit = space.encode(best[0].config)
            moved = np.clip(unit + rng.normal(size=unit.shape) * 0.18, 0, 1)[None]
            points = space.snap(np.where(rng.random(unit.shape) < 0.15, rng.random(unit.shape), moved))
            study.enqueue(space.decode(points))
        [trial] = study.suggest(1)
        try:
            study.observe(trial, train(trial.config, trial.seed or 0), seconds=1.5 + 0.1 * (count % 7))
        except TrialFailed as error:
            study.fail(trial, str(error), kind=error.kind, seconds=0.4)
    return study


def watched_study(budget: int = 40) -> Study:
    """A study with curves: the loss, which starts in noise, one that tells of it early, and one of noise alone."""
    study = Study(Space(lr=Float(1e-4, 1.0, log=True)), "minimize loss", seed=0, method="random")
    rng = generator(3, "watched")
    for trial in study.suggest(budget):
        luck = rng.normal()
        end = float(np.exp(0.3 * (np.log10(float(trial.config["lr"])) + 2) ** 2 + 0.3 * luck))
        steps = range(1, 21)
        curves = {
            "loss_curve": {float(step): end + 3.0 * abs(rng.normal()) * (1 - step / 20) for step in steps},
            "alignment_curve": {float(step): luck + 0.2 * rng.normal() for step in steps},
            "noise_curve": {float(step): rng.normal() for step in steps},
        }
        study.observe(trial, {"loss": end, "alignment": luck + 0.2 * rng.normal(), **curves}, seconds=1.0)
    return study


def demo_campaign(budget: int = 40, fresh: int = 3) -> tuple[Study, Study, Campaign]:
    """A study, random search on the same problem, and both picks trained again."""
    study = demo_study(budget)
    baseline = demo_study(budget, store=study.store, suffix="-random", lucky=budget, seed=2)
    recommendation = study.recommend()
    found = best_measured(baseline, baseline.trials)
    assert found is not None

    def again(config: dict[str, Scalar], number: int, chosen_on: float) -> Confirmation:
        values = tuple(train(config, 10_000 + seed)["val_loss"] for seed in range(fresh))
        return Confirmation(dict(config), number, chosen_on, values)

    campaign = Campaign(
        recommendation=recommendation,
        ours=again(recommendation.config, recommendation.number, recommendation.predictions["val_loss"].median),
        baseline=again(found[0].config, found[0].number, found[1]),
        metric="val_loss",
    )
    return study, baseline, campaign
