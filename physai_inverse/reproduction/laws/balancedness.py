"""Balancedness: what gradient flow conserves in deep linear networks, and how far finite steps break it."""

from collections.abc import Sequence

from physai_inverse.observations import Config, Metrics
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture, slope
from physai_inverse.reproduction.trainings import train_all

RATES = (0.003, 0.006, 0.012, 0.024)
DEPTHS = (2, 3)
DURATION = 15.0
SLOPE = (0.9, 1.1)


def _measure(seed: int) -> Outcome:
    configs: list[Config] = [
        {"depth": depth, "lr": rate, "start": "random", "init": 0.05} for depth in DEPTHS for rate in RATES
    ]
    # One seed for all rates of a depth: they must start from the same matrices.
    seeds = [index // len(RATES) for index in range(len(configs))]
    return outcome(train_all("deep_linear", configs, seed=seed, settings={"duration": DURATION}, streams=seeds))


def outcome(results: Sequence[Metrics]) -> Outcome:
    """Hold the drift against the law.

    Args:
        results: metrics of the task at all `DEPTHS` and, within them, all `RATES`.
    """
    checks: list[Check] = []
    lines: list[Line] = []
    for index, depth in enumerate(DEPTHS):
        own = results[index * len(RATES) : (index + 1) * len(RATES)]
        drifts = tuple(float(metrics["balance_drift"]) for metrics in own)
        checks.append(
            Check(f"slope of log drift over log learning rate, depth {depth}", slope(RATES, drifts), *SLOPE)
        )
        checks.append(
            Check(f"loss that is left, depth {depth}", max(float(m["train_loss"]) for m in own), high=0.1)
        )
        straight = tuple(drifts[0] * rate / RATES[0] for rate in RATES)
        lines.append(Line(f"depth {depth}", RATES, drifts))
        lines.append(Line("proportional" if index == 0 else "", RATES, straight, "dashed"))
    picture = Picture("learning rate", "drift of the imbalance", tuple(lines), log_x=True, log_y=True)
    return Outcome(
        tuple(checks), picture, "All rates of a depth start alike and train for the same lr times steps."
    )


LAWS = (
    Law(
        42,
        "balancedness of deep linear networks",
        "Gradient flow conserves W_(l+1)^T W_(l+1) - W_l W_l^T; gradient descent moves it in proportion to the "
        "learning rate (slope 0.9 to 1.1 in logarithms).",
        "Products of 2 and 3 matrices of 5 by 5 with small random first values, no momentum or weight decay, "
        "learning rates 0.003 to 0.024 over the same time (lr times steps 15), in which most is learned.",
        "Arora, Cohen and Hazan 2018, https://arxiv.org/abs/1802.06509; Du, Hu and Lee 2018, "
        "https://arxiv.org/abs/1806.00900",
        "deep_linear",
        10.0,
        _measure,
    ),
)
