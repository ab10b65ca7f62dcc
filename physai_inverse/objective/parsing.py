"""One goal from its text, the same in YAML and on the command line."""

import re

from physai_inverse.errors import InvalidInput
from physai_inverse.objective.goals import AtLeast, AtMost, Between, Goal, Maximize, Minimize, Target

_WISH = re.compile(r"\s*(minimi[sz]e|maximi[sz]e)\s+(\S.*?)\s*")
_SIGN = re.compile(r"\s*(<=|>=|==|=|<|>)\s*")
_TOLERANCE = re.compile(r"\s*(?:\+-|\+/-|±)\s*")

_EXPECTED = (
    "Expected one of: 'minimize val_loss', 'maximize accuracy', 'params <= 1e5', 'accuracy >= 0.9', "
    "'0.2 <= x <= 0.4', 'rank = 20 +- 1'; instead of a metric an expression such as 'loss + 0.1 * log10(params)'."
)


def parse_goal(text: str) -> Goal:
    """Read one goal: `minimize X`, `maximize X`, `X <= 1`, `X >= 1`, `1 <= X <= 2`, `X = 1 +- 0.1`.

    `X` is a metric or an expression; the number of a limit may stand on either side.

    Raises:
        InvalidInput: the text is no goal; shows what one looks like.
    """
    if not isinstance(text, str):
        raise InvalidInput(
            f"A goal must be a text such as 'minimize val_loss', not {type(text).__name__} {text!r}."
        )
    wish = _WISH.fullmatch(text)
    if wish:
        return (Minimize if wish[1].startswith("min") else Maximize)(wish[2])
    parts = _SIGN.split(text.strip())
    if not all(parts[::2]):
        raise InvalidInput(f"Cannot read the goal {text!r}. {_EXPECTED}")
    if len(parts) == 3:
        return _relation(parts[0], parts[1], parts[2], text)
    if len(parts) == 5:
        return _band(parts, text)
    raise InvalidInput(f"Cannot read the goal {text!r}. {_EXPECTED}")


def parse_target(text: str) -> Goal:
    """Read a target: `X = 1 +- 0.1`, or the band `0.9 <= X <= 1.1`, whose middle is aimed at.

    Raises:
        InvalidInput: the text is no goal.
    """
    goal = parse_goal(text)
    if isinstance(goal, Between):
        return Target(goal.metric, goal.low + (goal.high - goal.low) / 2, (goal.high - goal.low) / 2)
    return goal


def _relation(left: str, sign: str, right: str, text: str) -> Goal:
    if sign in ("=", "=="):
        value, *tolerance = _TOLERANCE.split(right, maxsplit=1)
        return Target(left, _read(value, text), _read(tolerance[0], text) if tolerance else None)
    below = sign.startswith("<")
    if _is_number(right):
        return (AtMost if below else AtLeast)(left, float(right))
    if _is_number(left):
        return (AtLeast if below else AtMost)(right, float(left))
    raise InvalidInput(
        f"Cannot read the number {right!r} in the goal {text!r}. One side must be a number; two quantities are "
        f"compared by their difference, such as '{left} - {right} {sign} 0'."
    )


def _band(parts: list[str], text: str) -> Between:
    first, sign, quantity, other, last = parts
    if sign[0] != other[0] or sign[0] == "=":
        raise InvalidInput(
            f"Cannot read the band {text!r}: both signs must point the same way, as in 1 <= x <= 2."
        )
    low, high = (first, last) if sign[0] == "<" else (last, first)
    return Between(quantity, _read(low, text), _read(high, text))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read(text: str, goal: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidInput(f"Cannot read the number {text!r} in the goal {goal!r}. {_EXPECTED}") from error
