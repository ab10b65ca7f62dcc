"""Numbers and findings in words that a reader outside the project understands."""

import math
import unicodedata
from collections.abc import Sequence

from physai_inverse.objective import AtLeast, AtMost, Between, Goal, Maximize, Minimize, Objective, Target, Wish
from physai_inverse.observations import Scalar
from physai_inverse.study import Recommendation

MINUS = "\u2212"
NARROW = "\u202f"
"""A narrow space that no line breaks at."""


def visible(text: str, length: int | None = None) -> str:
    """Give a text that changes nothing around it: no control or direction marks, shortened where it is long."""
    shown = "".join("\ufffd" if unicodedata.category(sign)[0] == "C" else sign for sign in text.replace("\n", " "))
    return shown if length is None or len(shown) <= length else shown[: length - 1] + "…"


def number(value: float | int, digits: int = 3) -> str:
    """Write a number with a few digits, without needless zeros."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**12 else f"{value:.3g}"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == 0:
        return "0"
    size = abs(value)
    if 1e3 <= size < 1e6:
        text = f"{value:,.0f}"
    elif 1e-3 <= size < 1e3:
        text = f"{value:.{digits}g}"
    else:
        text = f"{value:.{digits - 1}e}"
    mantissa, mark, exponent = text.partition("e")
    if mark:
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", MINUS)


def scalar(value: Scalar) -> str:
    """Write the value of a parameter."""
    return visible(value) if isinstance(value, str) else number(value, digits=4)


def percent(share: float) -> str:
    """Write a share; never 0 or 100 % for what is only close to it."""
    if not math.isfinite(share):
        return "—"
    if 0 < share < 0.01:
        return f"under 1{NARROW}%"
    if 0.99 < share < 1:
        return f"over 99{NARROW}%"
    return f"{100 * share:.0f}{NARROW}%"


def interval(low: float, high: float) -> str:
    """Write the ends of an interval."""
    return f"{number(low)} to {number(high)}"


def duration(seconds: float) -> str:
    """Write a duration."""
    if seconds < 120:
        return f"{number(seconds, 2)} s"
    return f"{number(seconds / 60, 2)} min" if seconds < 7200 else f"{number(seconds / 3600, 2)} h"


def goal_text(goal: Goal) -> str:
    """Write one goal."""
    name = goal.metric
    if isinstance(goal, Target):
        return f"{name} = {number(goal.value)} ± {number(goal.half_width)}"
    if isinstance(goal, Between):
        return f"{number(goal.low)} ≤ {name} ≤ {number(goal.high)}"
    if isinstance(goal, AtMost | AtLeast):
        return f"{name} {'≤' if isinstance(goal, AtMost) else '≥'} {number(goal.bound)}"
    return f"{'minimize' if isinstance(goal, Minimize) else 'maximize'} {name}"


def goals(objective: Objective) -> str:
    """Write the objective as a sentence without its full stop."""
    wishes = " and ".join(
        f"{'reach ' if isinstance(wish, Target) else ''}{goal_text(wish)}" for wish in objective.wishes
    )
    limits = " and ".join(goal_text(limit) for limit in objective.limits)
    text = f"{wishes} with {limits}" if wishes and limits else wishes or f"meet {limits}"
    return visible(text[0].upper() + text[1:])


def better(wish: Wish, ours: float, theirs: float) -> str:
    """Compare two values of a wish: what ours is, beside theirs."""
    if isinstance(wish, Target):
        ours, theirs = abs(ours - wish.value), abs(theirs - wish.value)
        near = "nearer to" if ours < theirs else "farther from" if ours > theirs else "as near to"
        return f"{near} the target ({number(ours)} off, against {number(theirs)})"
    if ours == theirs:
        return "the same"
    word = "lower" if ours < theirs else "higher"
    good = (ours < theirs) == isinstance(wish, Minimize)
    verdict = "better" if good else "worse"
    if ours > 0 and theirs > 0 and max(ours, theirs) < 20 * min(ours, theirs):
        return f"{percent(abs(ours - theirs) / theirs)} {word}, which is {verdict}"
    return f"{number(abs(ours - theirs))} {word}, which is {verdict}"


def arrow(wish: Wish) -> str:
    """Say which way is better."""
    if isinstance(wish, Target):
        return "nearer to the target is better"
    return "higher is better" if isinstance(wish, Maximize) else "lower is better"


def chance(recommendation: Recommendation, objective: Objective) -> str:
    """Write the probability of a recommendation with its meaning."""
    meaning = recommendation.meaning
    for goal in objective.goals:
        meaning = meaning.replace(str(goal), goal_text(goal))
    return visible(f"{percent(recommendation.probability)} {meaning}")


def digits(value: float) -> str:
    """Write a score with two digits."""
    return f"{value:.2f}".replace("-", MINUS) if math.isfinite(value) else "—"


def counted(count: int, noun: str) -> str:
    """Write a number of things."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listing(items: Sequence[str], most: int = 4) -> str:
    """Join a few items with commas, saying how many more there are."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more
