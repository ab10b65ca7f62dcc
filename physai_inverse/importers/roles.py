"""Which column of a table is what: by what the user says, by its name, by its values, by its place."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from physai_inverse.errors import InvalidInput
from physai_inverse.importers.endings import is_ending
from physai_inverse.importers.naming import NAMES, STEP, is_duration, is_seed, likeness, words
from physai_inverse.importers.sheet import Sheet
from physai_inverse.importers.values import (
    is_missing,
    plain_text,
    read_number_value,
    read_seconds_value,
    typed,
)
from physai_inverse.observations import FAILURES, Curve

TARGETS = ("parameter", "metric", "seed", "seconds", "state", "reason", "kind", "step", "name")
"""What `--map` may call a column; `parameter` and `metric` also with `:NAME`."""
PREFIXES = (
    (re.compile(r"(?:config|params?|hparams|hyperparameters|parameters?)[.:/](.+)"), "parameter"),
    (re.compile(r"(?:metrics?|summary|results?)[.:/](.+)"), "metric"),
    (re.compile(r"(standard_error|censored):(.+)"), ""),
    (re.compile(r"(?:tags|user_attrs|system_attrs)[_.:/](.+)"), "left out"),
)
DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")
MANY = 0.9
"""Share of different texts from which a column of texts names its rows."""
MAX_LEVELS = 64
"""Different texts that still make a choice."""


@dataclass(frozen=True)
class Role:
    """What a column is.

    Args:
        role: one of `TARGETS`, `standard_error`, `censored` or `left out`.
        name: of the parameter or metric.
        why: the evidence.
        guessed: whether neither the user nor its name said so.
    """

    role: str
    name: str
    why: str
    guessed: bool = False


def roles(sheet: Sheet, mapping: Mapping[str, str], varying: Collection[str]) -> dict[str, Role]:
    """Find the role of every column.

    Args:
        sheet: the table, a row a training; cells of `varying` columns may be curves.
        mapping: what the user says.
        varying: columns that change within a training.

    Raises:
        InvalidInput: the user names a column that is not there, or something that no column can be.
    """
    missing = [column for column in mapping if column not in sheet.columns]
    if missing:
        raise InvalidInput(
            f"`{sheet.name}` has no column `{missing[0]}` to map; it has {', '.join(sheet.columns)}."
        )
    found: dict[str, Role] = {}
    exported = _exported_by(sheet)
    for column, cells in sheet.columns.items():
        role = (
            _asked(column, mapping)
            or _by_prefix(column, exported)
            or _by_values(column, cells)
            or _field(column, cells, found)
        )
        if role is None and column in varying:
            role = Role("metric", column, "changes within a training")
        if role is None:
            role = _by_name(column, mapping)
        if role is not None:
            renamed = column in mapping and role.role in ("parameter", "metric") and role.why != "as asked"
            found[column] = replace(role, name=mapping[column]) if renamed else role
    prefixed = any(role.why.startswith("prefix") and role.role == "parameter" for role in found.values())
    _by_place(sheet, found, mapping, prefixed=prefixed)
    return {column: found[column] for column in sheet.columns}


def _asked(column: str, mapping: Mapping[str, str]) -> Role | None:
    if column not in mapping:
        return None
    target = mapping[column]
    if not target:
        return Role("left out", "", "as asked")
    word, _, rest = target.partition(":")
    if word in TARGETS:
        if rest and word not in ("parameter", "metric"):
            raise InvalidInput(f"`{column}={target}`: only parameter: and metric: take a name.")
        return Role(word, rest or column, "as asked")
    return None  # another name: the role is inferred


def _exported_by(sheet: Sheet) -> str:
    names = set(sheet.columns)
    if {"number", "state"} <= names and names & {"value", "values_0"}:
        return "optuna"
    if any(name.startswith("rank_test_") for name in names) and any(name.startswith("param_") for name in names):
        return "sklearn"
    return ""


def _by_prefix(column: str, exported: str) -> Role | None:
    if exported == "optuna" and column.startswith("params_"):
        return Role("parameter", column.removeprefix("params_"), "prefix of Optuna's table")
    if exported == "sklearn":
        if column.startswith("param_"):
            return Role("parameter", column.removeprefix("param_"), "prefix of scikit-learn's table")
        if column.startswith(("rank_test_", "split", "std_")) or column in ("params", "mean_score_time"):
            return Role("left out", "", "scikit-learn computes it from the others")
    for pattern, role in PREFIXES:
        match = pattern.fullmatch(column)
        if match:
            if not role:
                return Role(match[1], match[2], "prefix")
            inner = match[1]
            if inner.startswith(("_", "wandb")):
                if inner in ("_runtime", "_wandb.runtime") and role == "metric":
                    return Role("seconds", "seconds", "the runtime that W&B keeps")
                return Role("left out", "", "bookkeeping of the tool")
            if role == "left out":
                return Role(role, "", "a note, neither set nor measured")
            if role == "parameter" and is_seed(inner):
                return Role("seed", "seed", "prefix, and called a seed")
            return Role(role, inner, "prefix")
    return None


def _by_values(column: str, cells: Sequence[object]) -> Role | None:
    """What can hold neither a parameter nor a metric."""
    given = [cell for cell in cells if not is_missing(cell, text=True)]
    if not given:
        return Role("left out", "", "empty in every row")
    texts = [plain_text(cell) for cell in given]
    if all(DATE.fullmatch(text) for text in texts):
        return Role("left out", "", "a date")
    plain = "_".join(words(column))
    whole = all(text.isdigit() for text in texts)
    distinct = len(set(texts)) == len(cells) and len(cells) > 1
    counts = whole and distinct and max(map(int, texts)) - min(map(int, texts)) == len(cells) - 1
    if (column.lower().startswith("unnamed") and whole and distinct) or (counts and column.lower() in STEP):
        return Role("left out", "", "numbers the rows")
    if plain in NAMES and plain not in ("min", "max", "path", "data"):
        if distinct:
            return Role("left out", "", "numbers the rows" if whole else "names the rows")
        if "time" in plain or plain in (
            "created",
            "timestamp",
            "user",
            "host",
            "hostname",
            "notes",
            "tags",
            "comment",
        ):
            return Role("left out", "", "a note, neither set nor measured")
    if column.startswith("_") and plain in ("timestamp", "wandb"):
        return Role("left out", "", "bookkeeping of the tool")
    return None


def _field(column: str, cells: Sequence[object], found: Mapping[str, Role]) -> Role | None:
    taken = {role.role for role in found.values()}
    plain = "_".join(words(column))
    given = [cell for cell in cells if not is_missing(cell)]
    if plain in ("state", "status") and "state" not in taken and all(map(is_ending, given)):
        return Role("state", "state", "says how trainings ended")
    if plain in ("reason", "error_message", "failure_reason") and "reason" not in taken:
        return Role("reason", "reason", "says why trainings failed")
    if plain in ("kind", "failure") and all(plain_text(cell) in FAILURES for cell in given):
        return Role("kind", "kind", "classes of failure")
    if plain == "origin" and "state" in taken:
        return Role("left out", "", "says where configurations came from")
    if is_seed(column) and "seed" not in taken and all(_is_seed_value(cell) for cell in given):
        return Role("seed", "seed", "called a seed, whole numbers")
    if is_duration(column) and all(
        read_seconds_value(cell) is not None for cell in given if not isinstance(cell, Curve)
    ):
        if "seconds" not in taken:
            return Role("seconds", "seconds", "called a duration, no number below 0")
        return Role("metric", column, "another duration")
    return None


def _by_name(column: str, mapping: Mapping[str, str]) -> Role | None:
    name = mapping.get(column) or column
    sign = likeness(name)
    if sign == 0:
        return None
    return Role(
        "metric" if sign > 0 else "parameter", name, f"called like a {'metric' if sign > 0 else 'parameter'}"
    )


def _by_place(sheet: Sheet, found: dict[str, Role], mapping: Mapping[str, str], *, prefixed: bool) -> None:
    """Decide on the columns whose names say nothing, and on those whose names say what their values cannot be."""
    order = list(sheet.columns)
    kinds = {column: typed(sheet.columns[column]) for column in order if column not in found or _by(found[column])}
    for column, shape in kinds.items():
        role = found.get(column)
        if role is not None and role.role == "metric" and shape.kind == "text" and "within" not in role.why:
            del found[column]  # a text is no metric, whatever it is called
    metrics = [order.index(column) for column, role in found.items() if role.role == "metric"]
    first = min(metrics, default=None)
    open_columns = [column for column in order if column not in found]
    numeric = [column for column in open_columns if kinds[column].kind == "number"]
    guess = None
    if first is None and numeric:
        guess = next(
            (column for column in reversed(numeric) if _mostly_distinct(sheet.columns[column])), numeric[-1]
        )
    for column in open_columns:
        name = mapping.get(column) or column
        shape = kinds[column]
        if shape.kind == "text":
            levels = len(set(shape.present))
            if levels > MAX_LEVELS or (levels >= MANY * len(sheet) and len(sheet) > 8):
                found[column] = Role("left out", "", f"{levels} different texts in {len(sheet)} rows: a label")
            else:
                found[column] = Role("parameter", name, "words", guessed=True)
        elif column == guess:
            found[column] = Role("metric", name, "the last column of different numbers: a guess", guessed=True)
        elif prefixed and shape.kind == "number":
            found[column] = Role("metric", name, "no prefix of a parameter")
        elif first is not None and order.index(column) > first and _mostly_distinct(sheet.columns[column]):
            found[column] = Role(
                "metric", name, f"stands after `{order[first]}`, numbers that seldom repeat: a guess", guessed=True
            )
        else:
            side = (
                "no metric by name"
                if first is None or order.index(column) > first
                else f"stands before `{order[first]}`"
            )
            found[column] = Role("parameter", name, f"{side}: a guess", guessed=True)


def _by(role: Role) -> bool:
    return role.why.startswith("called like")


def _is_seed_value(cell: object) -> bool:
    number = read_number_value(cell)
    return number is not None and float(number).is_integer() and 0 <= number < 2**63


def _mostly_distinct(cells: Sequence[object]) -> bool:
    given = [plain_text(cell) for cell in cells if not is_missing(cell)]
    return bool(given) and len(set(given)) > 0.5 * len(given)
