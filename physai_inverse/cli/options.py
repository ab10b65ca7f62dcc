"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer


def whole(text: str) -> int:
    """Read a whole number."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"expected a whole number, got {text!r}.") from None


def real(text: str) -> float:
    """Read a number."""
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"expected a number, got {text!r}.") from None


StudyFile: TypeAlias = Annotated[Path, typer.Argument(metavar="STUDY", help="The study file (YAML).")]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON, a line for each item of a list, and nothing else.")
]
Grow: TypeAlias = Annotated[
    bool, typer.Option("--grow", help="Take a space that has grown since the study began as its next version.")
]
Believed: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--belief",
        metavar="TEXT",
        help='What you believe, such as "lr near 1e-3 factor 3"; may be given several times, and may be wrong.',
    ),
]
EarlierStudy: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--earlier",
        metavar="FILE",
        help="An earlier study that shares parameters: its study file or database; may be given several times.",
    ),
]
Token: TypeAlias = Annotated[str | None, typer.Option("--token", help="The token that `suggest` gave.")]
