"""Neural collapse: trained on, a classifier's last features become the corners of a simplex."""

import math
from collections.abc import Mapping, Sequence

from physai_inverse.observations import Config, Curve, Metric
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture

TASK = "neural_collapse"
CLASSES = 4
REPEATS = 3
STEPS = 4000
CONFIG: Config = {"classes": CLASSES, "lr": 0.2, "weight_decay": 5e-3, "noise": 0.2}


def _measure(seed: int) -> Outcome:
    from physai_inverse.seeds import child
    from physai_inverse.trainers import load_task

    seeds = [child(seed, "run", repeat) for repeat in range(REPEATS)]
    found = load_task(TASK, {"steps": STEPS})([CONFIG] * REPEATS, seeds)
    return outcome([metrics if isinstance(metrics, Mapping) else {} for metrics in found])


def outcome(runs: Sequence[Mapping[str, Metric]]) -> Outcome:
    """Hold the worst of several trainings against the law.

    Args:
        runs: metrics of each; one that failed has none.
    """
    cosine = -1 / (CLASSES - 1)

    def worst(name: str, about: float = 0.0) -> float:
        values = [abs(float(run[name]) - about) if name in run else math.nan for run in runs]
        return math.nan if any(map(math.isnan, values)) else max(values)

    fallen = [float(run["nc1"]) / _first(run["nc1_curve"]) if "nc1" in run else math.nan for run in runs]
    checks = (
        Check(
            "distance of the mean cosine between class means from -1/(K-1)", worst("nc2_cosine", cosine), high=0.01
        ),
        Check("spread of these cosines about it (NC2)", worst("nc2_angles"), high=0.05),
        Check("squared distance of weights and means (NC3)", worst("nc3"), high=0.05),
        Check("share of answers that are not the nearest mean (NC4)", worst("nc4"), high=0.0, low=0.0),
        Check(
            "spread within classes at the end over that at the start (NC1)",
            math.nan if any(map(math.isnan, fallen)) else max(fallen),
            high=0.5,
        ),
    )
    lines: list[Line] = []
    for name, label in (("nc1", "NC1"), ("nc2_angles", "NC2, angles"), ("nc3", "NC3")):
        curve = runs[0].get(f"{name}_curve")
        if isinstance(curve, Curve):
            points = [(x, y) for x, y in zip(curve.steps, curve.values, strict=True) if x > 0 and y > 0]
            lines.append(Line(label, tuple(x for x, _ in points), tuple(y for _, y in points), "line"))
    return Outcome(
        checks,
        Picture("step", "sign of collapse", tuple(lines), log_x=True, log_y=True),
        f"The worst of {len(runs)} trainings. NC1 and the spread of the cosines end above zero where the "
        "noise of the inputs is large: the collapse is complete only as far as the network can undo it.",
    )


def _first(curve: object) -> float:
    assert isinstance(curve, Curve)
    return curve.values[0]


LAWS = (
    Law(
        33,
        "neural collapse",
        "Trained on after every sample is right, the cosines between the class means of the last features become "
        "-1/(K-1) (mean within 0.01, spread below 0.05), the last weights become the means (NC3 below 0.05), the "
        "answer is the nearest mean, and the spread within classes falls.",
        "Four balanced Gaussian blobs (noise 0.2) and a ReLU network, 4000 steps of gradient descent with "
        "momentum and weight decay 5e-3 at rate 0.2; the collapse takes about one over rate times weight decay, "
        "and stays incomplete with much noise.",
        "Papyan, Han and Donoho 2020, https://arxiv.org/abs/2008.08186",
        TASK,
        8.0,
        _measure,
    ),
)
