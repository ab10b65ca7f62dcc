"""What was read from another tool's records to a study: a commented study file, and a store with the trainings."""

from pathlib import Path
from typing import TYPE_CHECKING

from physai_inverse.errors import Conflict
from physai_inverse.spec.drafts import SCHEMA_LINES, flow
from physai_inverse.spec.study_file import read_spec

if TYPE_CHECKING:
    from physai_inverse.importers.reading import Reading
    from physai_inverse.study import Study

COMMENT_AT = 64
"""Column at which comments begin, where the line leaves room."""
MAX_COMMENT = 110


def draft_for_reading(reading: "Reading", name: str) -> str:
    """Write a study file that says what was decided, and why.

    Args:
        reading: what was made of a source.
        name: of the study.
    """
    plain = reading.space.as_plain()["parameters"]
    lines = [
        *SCHEMA_LINES,
        f"# From {_comment(reading.title)}: {len(reading.observations)} trainings.",
        "# Everything here was read off those records. Correct what is wrong; the database beside this file holds",
        "# the trainings, and takes a space that has grown (a wider range, another value) with --grow.",
        f"name: {flow(name)}",
        "",
        "# What was configured, with the evidence. A narrower range needs a new import: --out ANOTHER.yaml.",
        "space:",
        *(
            _with_comment(f"  {flow(key)}: {flow(_shown(body))}", reading.why.get(key, ""))
            for key, body in plain.items()
        ),
    ]
    declared = {part for group in reading.space.groups.values() for part in group.parts}
    for group in reading.shares:
        if declared.issuperset(group.names):
            continue
        lines.append(f"# These add up to {group.total:g} in every training: {_comment(', '.join(group.names))}")
    lines += [
        "",
        f"# What is wanted ({_comment(reading.wish.why)}): minimize, maximize, target (rank = 20 +- 1), where.",
        f"objective: {flow(_objective(reading))}",
        "",
        "# What was measured, and the column that it comes from.",
        "metrics:",
        *(f"  {flow(key)}: {flow(_said(reading, key, column))}" for key, column in reading.metrics.items()),
        "",
        "# Add a trainer to train from here (`run`); `suggest` and `observe` need none:",
        '# trainer: {command: "python train.py --lr {lr} --seed {seed}", metrics: stdout}',
        "seed: 0",
        "",
    ]
    return "\n".join(lines)


def write_study(reading: "Reading", path: str | Path) -> "Study":
    """Write a study file and, beside it, a store with the trainings.

    Args:
        reading: what was made of a source.
        path: of the study file; neither it nor its database may be there.

    Returns:
        The study, open for writing.

    Raises:
        Conflict: the study file or its database is there already.
        StoreUnavailable: the folder is missing or cannot be written.
    """
    from physai_inverse.files import write_text

    target = Path(path)
    require_free(target)
    text = draft_for_reading(reading, target.stem)
    spec = read_spec(target, text.encode())
    assert spec.space == reading.space
    study = spec.open_study()
    try:
        study.import_observations(reading.observations)
        write_text(target, text)
    except BaseException:  # also Ctrl-C: a database without its study file would stand in the way of the next try
        study.close()
        for ending in (".db", ".db-wal", ".db-shm"):
            target.with_suffix(ending).unlink(missing_ok=True)
        raise
    return study


def require_free(path: Path) -> None:
    """Check that a study can be written here.

    Raises:
        Conflict: the study file or its database is there already.
    """
    for place in (path, path.with_suffix(".db")):
        if place.exists():
            raise Conflict(
                f"`{place}` is there already and is not replaced. Give another study file with --out, or add the "
                f"trainings to a study that exists: physai-inverse import {path} SOURCE."
            )


def free_path(source: str) -> Path:
    """Name a study file after a source, in the folder in which one works; not so that its database would be it."""
    place = Path(source.rpartition("://")[2])
    stem = place.absolute().name.partition(".")[0] or "study"
    path = Path(f"{stem}.yaml")
    return Path(f"{stem}_study.yaml") if place.name == f"{stem}.db" else path


def _objective(reading: "Reading") -> dict[str, object]:
    wish = reading.wish
    parts = {"minimize": wish.minimize, "maximize": wish.maximize, "where": wish.where}
    return {
        key: names[0] if len(names) == 1 and key != "where" else list(names)
        for key, names in parts.items()
        if names
    }


def _shown(body: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in body.items() if not (key == "log" and value is False)}


def _said(reading: "Reading", name: str, column: str) -> str:
    decision = next(item for item in reading.decisions if item.name == name and item.column == column)
    label = "" if column == name else f"`{column}`: "
    return f"{label}imported {decision.detail}"


def _with_comment(line: str, why: str) -> str:
    comment = _comment(why)[:MAX_COMMENT]
    return f"{line}{' ' * max(2, COMMENT_AT - len(line))}# {comment}" if comment else line


def _comment(text: str) -> str:
    """Give a text that cannot end a comment."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
