"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

StudyFile: TypeAlias = Annotated[Path, typer.Argument(metavar="STUDY", help="The study file (YAML).")]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON, a line for each item of a list, and nothing else.")
]
Grow: TypeAlias = Annotated[
    bool, typer.Option("--grow", help="Take a space that has grown since the study began as its next version.")
]
Token: TypeAlias = Annotated[str | None, typer.Option("--token", help="The token that `suggest` gave.")]
