"""Depth: how sharp the loss of a residual network becomes, and how many directions of it are steep."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from physai_inverse.observations import Config
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture, slope

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.batched import BatchedTrainer, Finished
    from physai_inverse.trainers.observables.curvature import Loss

TASK = "residual_depth"
DEPTHS = (1, 2, 4, 8)
REPEATS = 4
DIMENSION = 10
SPECTRUM_DEPTH, SPECTRA = 2, 3
SHOWN = 2 * DIMENSION**2
"""Eigenvalues in the picture."""
NOTE = (
    "The N^2 steep directions may be N outputs times what the blocks see: N - 1 linear directions of a normalised "
    "stream and the common one of activations that bend. Without normalisation, or with ReLU, the drop was below "
    "1.6."
)


def _measure(seed: int) -> Outcome:
    from physai_inverse.seeds import child
    from physai_inverse.trainers import load_task

    trainer = load_task(TASK, {"precision": "float64", "dimension": DIMENSION}).batched()
    cases = [(depth, repeat) for depth in DEPTHS for repeat in range(REPEATS)]
    configs: list[Config] = [{"depth": depth} for depth, _ in cases]
    spectra: list[list[float]] = []

    def finish(finished: "Finished") -> dict[str, float]:
        if finished.config["depth"] == SPECTRUM_DEPTH and len(spectra) < SPECTRA:
            spectra.append(eigenvalues(trainer, finished))
            return {"sharpness": spectra[-1][0]}
        return {"sharpness": sharpness(trainer, finished)}

    found = replace(trainer, finish=finish)(configs, [child(seed, "run", repeat) for _, repeat in cases])
    values = [float(one["sharpness"]) if isinstance(one, Mapping) else math.nan for one in found]
    table = {depth: [v for v, case in zip(values, cases, strict=True) if case[0] == depth] for depth in DEPTHS}
    return outcome(table, spectra)


def outcome(sharpnesses: Mapping[int, Sequence[float]], spectra: Sequence[Sequence[float]]) -> Outcome:
    """Hold sharpnesses and spectra against the law.

    Args:
        sharpnesses: depth to those of several trainings.
        spectra: eigenvalues of several trainings, largest first, at least `SHOWN`.
    """
    square = DIMENSION**2
    means = {
        depth: math.exp(math.fsum(map(math.log, values)) / len(values)) if min(values) > 0 else math.nan
        for depth, values in sharpnesses.items()
    }
    drops = sorted(spectrum[square - 1] / spectrum[square] for spectrum in spectra)
    grown = 2 ** slope(tuple(means), tuple(means.values()))
    checks = (
        Check(f"growth of the sharpness per doubling of the depth, {DEPTHS[0]} to {DEPTHS[-1]}", grown, 1.8, 2.5),
        Check(f"drop behind the Hessian eigenvalue number {square}", drops[len(drops) // 2], 2.5),
    )
    middle = [
        math.exp(math.fsum(math.log(spectrum[place]) for spectrum in spectra) / len(spectra))
        for place in range(SHOWN)
        if min(spectrum[place] for spectrum in spectra) > 0
    ]
    picture = Picture(
        "depth; number of the eigenvalue",
        "Hessian eigenvalue",
        (
            Line(
                f"spectrum at depth {SPECTRUM_DEPTH}", tuple(map(float, range(1, len(middle) + 1))), tuple(middle)
            ),
            Line("largest over depth", tuple(map(float, means)), tuple(means.values()), "line"),
            Line(f"{DIMENSION} squared", (float(square),) * 2, (min(middle), max(middle)), "dashed"),
        ),
        log_x=True,
        log_y=True,
    )
    single = ", ".join(f"{means[many] / means[few]:.2f}" for few, many in pairwise(DEPTHS))
    return Outcome(checks, picture, f"Single doublings from depth {DEPTHS[0]} on: {single}. {NOTE}")


def loss_of(trainer: "BatchedTrainer", finished: "Finished") -> "Loss":
    """Give the training loss of a finished model as a function of its flat parameters."""
    from torch.func import functional_call

    from physai_inverse.trainers.batched.layout import layout_of

    module, layout = finished.module, layout_of(finished.module)
    like = next(module.parameters())
    assert trainer.views is not None
    assert callable(trainer.views.rows)
    batch = tuple(tensor.to(like) for tensor in trainer.views.rows(finished.config, finished.seed))

    def loss(w: "torch.Tensor") -> "torch.Tensor":
        return trainer.loss(lambda X: functional_call(module, layout.views(w), (X,)), batch).mean()  # type: ignore[arg-type]

    return loss


def sharpness(trainer: "BatchedTrainer", finished: "Finished") -> float:
    """Give the largest eigenvalue of the Hessian of the training loss; NaN where it is not found to 1 %."""
    from physai_inverse.trainers.batched.layout import flat
    from physai_inverse.trainers.observables import curvature

    found = curvature.sharpness(loss_of(trainer, finished), flat(finished.module), seed=0)
    return found.value if found.converged else math.nan


def eigenvalues(trainer: "BatchedTrainer", finished: "Finished") -> list[float]:
    """Give all eigenvalues of the Hessian of the training loss, largest first."""
    from physai_inverse.trainers.batched.layout import flat
    from physai_inverse.trainers.observables import curvature

    found: list[float] = curvature.hessian_eigenvalues(loss_of(trainer, finished), flat(finished.module)).tolist()
    return found


LAWS = (
    Law(
        21,
        "sharpness over depth",
        "The largest Hessian eigenvalue of a residual network grows about linearly with the depth, 1.8- to "
        "2.5-fold per doubling, and behind its N^2 largest eigenvalues there is a drop of at least 2.5, with N "
        "the dimension of the stream.",
        "Teacher and student of one form, trained to a small loss; N = 10, normalisation before the blocks, SiLU, "
        "fit over depths 1 to 8 (drop: at 2), means over four trainings. Single doublings leave these bounds: "
        "growth is slower than linear from one block to two, and faster from four to eight.",
        "Liu 2026, Depth 3, https://kindxiaoming.github.io/blog/2026/depth-3/",
        TASK,
        25.0,
        _measure,
    ),
)
